"""The map of a choice, the pictures of bias and variance and of a regularisation path: what is in them."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mlpjax import MLP, Penalty
from mlpjax.experiments.regularization import regularization_path
from mlpjax.plots import style
from mlpjax.plots.regularization import path_picture
from mlpjax.plots.selection import bias_variance_picture, selection_map
from mlpjax.selection.bias_variance import BiasVariance, Parts
from mlpjax.selection.cross_validation import CrossValidation


@pytest.fixture
def drawn(monkeypatch):
    figures = []
    monkeypatch.setattr(style, "save", lambda figure, path: figures.append(figure))
    return figures


def choice(l1=(0.0,), l2=(0.0, 0.1), shapes=((0, 0), (1, 8), (2, 8)), best=3, chosen=1, bad=()):
    one, two, shape = (np.array(column, float) for column in zip(*itertools.product(l1, l2, range(len(shapes))), strict=True))
    depth, width = np.array(shapes)[shape.astype(int)].T
    n = len(depth)
    loss = 1 + np.arange(n, dtype=float)
    loss[list(bad)] = np.inf
    zeros = np.zeros(n)
    return CrossValidation(one, two, depth, width, loss, zeros, zeros, zeros, zeros, zeros, zeros, zeros[:, None], best, chosen)


def texts(axes):
    return [text.get_text() for text in axes.texts]


def test_the_map_holds_every_model_at_its_place(drawn):
    found = choice(bad=[4])
    selection_map("map.png", "ten $", found)
    axes = drawn[0].axes[0]
    assert drawn[0].get_suptitle() == r"ten \$"
    assert [label.get_text() for label in axes.get_yticklabels()] == ["none", "8", "8, 8"]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["0", "0.1"]
    assert axes.get_xlabel() == "penalty l2"
    np.testing.assert_array_equal(axes.images[0].get_array().filled(np.nan), [[1, 4], [2, np.nan], [3, 6]])
    assert texts(axes) == ["1", "2", "3", "4 ★", "×", "6"]
    (frame,) = axes.patches
    assert frame.get_center() == pytest.approx([0, 1])


def test_the_map_of_two_penalties_or_of_one(drawn):
    selection_map("map.png", "", choice(l1=(0.0, 0.01)))
    selection_map("map.png", "", choice(l1=(0.0, 0.01), l2=(0.5,)))
    both, one = (figure.axes[0] for figure in drawn)
    assert [label.get_text() for label in both.get_xticklabels()] == ["0, 0", "0, 0.1", "0.01, 0", "0.01, 0.1"]
    assert both.get_xlabel() == "penalties l1, l2"
    assert [label.get_text() for label in one.get_xticklabels()] == ["0", "0.01"]
    assert one.get_xlabel() == "penalty l1"


def test_a_large_map_marks_the_best_alone(drawn):
    found = choice(l2=tuple(np.arange(30) / 10), best=50, chosen=50)
    selection_map("map.png", "", found)
    assert texts(drawn[0].axes[0]) == ["★"]


def test_a_map_on_which_all_diverged(tmp_path):
    selection_map(tmp_path / "map.png", "", choice(best=None, chosen=None, bad=range(6)))
    assert (tmp_path / "map.png").read_bytes().startswith(b"\x89PNG")


def test_huge_losses_leave_colours_for_the_others(drawn):
    found = choice()._replace(loss=np.array([1.0, 2.0, 3.0, 1e12, 5.0, 6.0]))
    selection_map("map.png", "", found)
    norm = drawn[0].axes[0].images[0].norm
    assert norm.vmax == 1000
    assert 0.1 < norm(5.0) < 0.5


def parts_of(n, noise=0.5):
    return Parts(*(np.arange(n) + place for place in (1.0, 2.0, 3.0)), np.full(n, noise), np.zeros(n))


@pytest.mark.parametrize(
    ("noise", "expected"), [(0.5, ["error", "bias²", "variance", "noise"]), (np.nan, ["error", "bias² and noise", "variance"])]
)
def test_bias_and_variance_over_the_depth(drawn, noise, expected):
    l2, depth = np.repeat([0.0, 0.1], 3), np.tile([0, 1, 2], 2)
    found = BiasVariance(0 * l2, l2, depth, 8 * (depth > 0), parts_of(6, noise), Parts(*np.zeros((5, 6))))
    bias_variance_picture("u.png", "the U", found)
    assert len(drawn[0].axes) == 2
    assert all(axes.get_ylim()[0] == 0 and axes.get_ylim()[1] > 8 for axes in drawn[0].axes)
    for axes, heading, first in zip(drawn[0].axes, ("l2 0", "l2 0.1"), (0, 3), strict=True):
        assert axes.get_title() == heading
        assert axes.get_xlabel() == "hidden layers"
        assert [label.get_text() for label in axes.get_xticklabels()] == ["0", "1", "2"]
        assert axes.get_legend_handles_labels()[1] == expected
        np.testing.assert_array_equal(axes.containers[0].lines[0].get_ydata(), first + 1 + np.arange(3))


def test_bias_and_variance_over_the_penalty_and_what_it_cannot_be_over(drawn, tmp_path, monkeypatch):
    l2 = np.array([0.1, 0.0, 1.0])
    found = BiasVariance(0 * l2, l2, np.ones(3, int), np.full(3, 8), parts_of(3), parts_of(3))
    bias_variance_picture("u.png", "", found, over="l2")
    (axes,) = drawn[0].axes
    assert [label.get_text() for label in axes.get_xticklabels()] == ["0", "0.1", "1"]
    np.testing.assert_array_equal(axes.containers[0].lines[0].get_ydata(), [2, 1, 3])
    with pytest.raises(ValueError, match="over must be one of l1, l2, depth, width; got 'penalty'"):
        bias_variance_picture("u.png", "", found, over="penalty")
    monkeypatch.undo()
    bias_variance_picture(tmp_path / "u.png", "", found, over="l2")
    assert (tmp_path / "u.png").read_bytes().startswith(b"\x89PNG")


def test_a_linear_model_is_in_the_panels_of_all_widths(drawn):
    depth, width = np.array([0, 1, 1, 2, 2]), np.array([0, 4, 8, 4, 8])
    found = BiasVariance(np.zeros(5), np.zeros(5), depth, width, parts_of(5), parts_of(5))
    bias_variance_picture("u.png", "", found)
    bias_variance_picture("u.png", "", found, over="width")
    for figure, headings, places, lines in (
        (drawn[0], ["width 4", "width 8"], ["0", "1", "2"], [[1, 2, 4], [1, 3, 5]]),
        (drawn[1], ["depth 1", "depth 2"], ["4", "8"], [[2, 3], [4, 5]]),
    ):
        assert [axes.get_title() for axes in figure.axes] == headings
        for axes, line in zip(figure.axes, lines, strict=True):
            assert [label.get_text() for label in axes.get_xticklabels()] == places
            np.testing.assert_array_equal(axes.containers[0].lines[0].get_ydata(), line)


def test_a_regularisation_path_in_the_order_of_its_strengths(drawn, tmp_path, monkeypatch):
    x = jax.random.normal(jax.random.key(0), (20, 3))
    y = x @ jnp.array([[2.0], [0.0], [-1.0]])
    strengths = [0.5, 0.0, 9.0, 0.1]
    found = regularization_path(MLP((3, 1)), jax.random.key(1), x, y, (x, y), Penalty(l1=jnp.array(strengths)), epochs=100)
    path_picture("path.png", "", found)
    loss, zeros, weights = drawn[0].axes
    order = np.argsort(strengths)
    for line, values in zip(loss.lines, (found.loss, found.held_out_loss), strict=True):
        np.testing.assert_array_equal(line.get_xdata(), np.sort(strengths))
        np.testing.assert_array_equal(line.get_ydata(), np.asarray(values)[order])
    assert [text.get_text() for text in loss.get_legend().get_texts()] == ["training", "held out"]
    np.testing.assert_array_equal(zeros.lines[0].get_ydata(), np.asarray(found.sparsity)[order])
    assert zeros.lines[0].get_ydata()[-1] == 1
    assert [line.get_ydata()[-1] for line in weights.lines] == [0, 0, 0]
    assert {axes.get_xlabel() for axes in drawn[0].axes} == {"penalty l1"}
    with pytest.raises(ValueError, match=r"some of them above 0; got shape \(4,\)"):
        path_picture("path.png", "", found._replace(penalty=Penalty(np.zeros(4), np.zeros(4))))
    monkeypatch.undo()
    path_picture(tmp_path / "path.png", "a path", found)
    assert (tmp_path / "path.png").read_bytes().startswith(b"\x89PNG")
