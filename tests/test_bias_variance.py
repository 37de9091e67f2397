"""Bias, variance and noise: the identity, unbiasedness, linear models in closed form, the lecture's function."""

import itertools

import jax
import numpy as np
import optax
import pytest

from mlpjax import MLP
from mlpjax.data import bundled
from mlpjax.experiments.bias_variance import function, u_curve
from mlpjax.selection import predictions, sweep
from mlpjax.selection.bias_variance import bias_variance, decomposed
from mlpjax.selection.splits import bootstrap, consecutive

KEY = jax.random.key(0)
RNG = np.random.default_rng(0)


@pytest.mark.parametrize("shape", [(2, 1, 1), (7, 5, 3)])
def test_the_parts_are_the_whole(shape):
    """BIAS-VARIANCE: error = bias² + variance + noise + cross, to rounding, whatever the numbers; without the truth too."""
    prediction, y, truth = RNG.normal(size=shape), RNG.normal(size=shape[1:]), RNG.normal(size=shape[1:])
    parts, _ = decomposed(prediction, y, truth)
    by_hand = np.mean([np.sum((one - y) ** 2) / shape[1] for one in prediction])
    assert parts.error == pytest.approx(by_hand, rel=1e-12)
    assert parts.bias + parts.variance + parts.noise + parts.cross == pytest.approx(by_hand, rel=1e-12)
    parts, errors = decomposed(prediction, y)
    assert parts.bias + parts.variance == pytest.approx(by_hand, rel=1e-12)
    assert np.isnan(parts.noise)
    assert np.isnan(errors.noise)
    assert parts.cross == 0


def test_bias_and_variance_are_unbiased():
    """BIAS-VARIANCE: over every equally likely pair of networks the estimates have the very means that they estimate."""
    every, truth = np.array([[[0.0], [1.0]], [[2.0], [1.5]], [[4.0], [-3.0]]]), np.array([[1.0], [1.0]])
    pairs = [decomposed(every[list(pair)], truth, truth)[0] for pair in itertools.product(range(3), repeat=2)]
    mean = every.mean(axis=0)
    assert np.mean([parts.bias for parts in pairs]) == pytest.approx(((mean - truth) ** 2).mean(), rel=1e-12)
    assert np.mean([parts.variance for parts in pairs]) == pytest.approx(((every - mean) ** 2).mean(), rel=1e-12)


def test_the_standard_errors_are_how_far_the_parts_scatter():
    """BIAS-VARIANCE: over many repetitions of everything that is random."""
    R, n = 25, 40
    truth = np.linspace(0, 1, n)[:, None]

    def once(rng, y):
        prediction = 0.7 + truth + rng.normal(0, 0.5, (R, 1, 1)) + rng.normal(0, 0.3, (R, n, 1))
        return decomposed(prediction, y, truth)

    rng = np.random.default_rng(1)
    fixed = truth + rng.normal(0, 0.4, (n, 1))
    over_networks = [once(rng, fixed) for _ in range(1500)]
    over_noise = [once(rng, truth + rng.normal(0, 0.4, (n, 1))) for _ in range(1500)]
    for name, drawn in (
        *((name, over_networks) for name in ("error", "bias", "variance")),
        ("noise", over_noise),
        ("cross", over_noise),
    ):
        values = [getattr(parts, name) for parts, _ in drawn]
        told = np.sqrt(np.mean([getattr(errors, name) ** 2 for _, errors in drawn]))
        assert np.std(values) == pytest.approx(told, rel=0.1), name


def test_one_test_example_has_no_scatter_of_noise():
    """BIAS-VARIANCE."""
    parts, errors = decomposed(RNG.normal(size=(3, 1, 1)), np.ones((1, 1)), np.zeros((1, 1)))
    assert np.isfinite([*parts]).all()
    assert np.isnan([errors.noise, errors.cross]).all()
    assert np.isfinite([errors.error, errors.bias, errors.variance]).all()


def test_ridge_regression_in_closed_form():
    """BIAS-VARIANCE: at fixed inputs the prediction is H y, so bias is (H - 1) truth and variance noise² tr(H H')."""
    sets, n, noise = 200, 10, 0.5
    x = np.linspace(-1.5, 1.5, n)[:, None]
    truth = 1 + x + x**2
    y = truth + noise * RNG.normal(size=(sets, n, 1))
    y_test = truth + noise * RNG.normal(size=(n, 1))
    options = {"l2": (0.0, 0.5), "optimizer": optax.sgd(0.2), "epochs": 150, "batch_size": n}
    found = bias_variance(
        MLP((1, 1)), np.tile(x, (sets, 1)), y.reshape(-1, 1), consecutive(sets, n), x, y_test, key=KEY, truth=truth, **options
    )
    for row, l2 in enumerate((0.0, 0.5)):
        H = np.full((n, n), 1 / n) + x @ x.T / (np.sum(x**2) + n * l2)
        expected = {"bias": np.mean((H @ truth - truth) ** 2), "variance": noise**2 * np.sum(H**2) / n}
        for name, value in expected.items():
            got, error = getattr(found.parts, name)[row], getattr(found.standard_errors, name)[row]
            assert abs(got - value) < 3.5 * error
            assert error < 0.12 * value
        assert found.parts.noise[row] == pytest.approx(np.mean((y_test - truth) ** 2))
    assert found.parts.variance[1] < found.parts.variance[0]
    assert found.parts.bias[1] > found.parts.bias[0]


@pytest.mark.slow
def test_the_u_curve_of_the_lecture_s_function():
    """BIAS-VARIANCE: with more layers bias falls, variance rises, the error is least in between; and over the penalty."""
    found = u_curve(jax.random.key(0), l2=(0.0, 1e-2, 1e-1), depths=(0, 1, 4), epochs=800)
    parts, errors = found.parts, found.standard_errors
    assert (np.abs(parts.cross) < 3.5 * errors.cross).all()
    whole = parts.bias + parts.variance + parts.noise
    assert (np.abs(parts.error - whole) < 3.5 * errors.cross).all()
    assert abs(parts.noise[0] - 0.7**2) < 3.5 * errors.noise[0]
    linear, shallow, deep = range(3)  # without a penalty
    assert parts.bias[linear] > 1 > 0.2 > parts.bias[shallow] > parts.bias[deep]
    assert parts.variance[linear] < parts.variance[shallow] < parts.variance[deep]
    assert parts.error[linear] > parts.error[shallow] < parts.error[deep]
    free, held, stiff = deep, 5, 8  # four layers, under ever larger penalties
    assert parts.variance[free] > parts.variance[held] > parts.variance[stiff]
    assert parts.bias[free] < parts.bias[held] < parts.bias[stiff]
    assert parts.error[free] > parts.error[held] < parts.error[stiff]


@pytest.mark.slow
def test_classes_have_the_brier_score_of_each_network():
    """BIAS-VARIANCE: on real data, by bootstrap; the noise is in the bias."""
    data = bundled("wine")
    mlp = MLP((13, 3), loss="softmax_cross_entropy_with_integer_labels")
    split = bootstrap(KEY, len(data.x_train), 4)
    options = {"key": KEY, "l2": (0, 0.1), "epochs": 5}
    found = bias_variance(mlp, data.x_train, data.y_train, split, data.x_test, data.y_test, **options)
    p = predictions(sweep(mlp, data.x_train, data.y_train, split=split, **options), data.x_test)
    of_networks = np.mean(np.sum((p.astype(float) - np.eye(3)[data.y_test]) ** 2, axis=2), axis=1)
    np.testing.assert_allclose(found.parts.error, of_networks.reshape(2, 4).mean(axis=1), rtol=1e-9)
    np.testing.assert_allclose(found.parts.error, found.parts.bias + found.parts.variance, rtol=1e-9)
    assert np.isnan(found.parts.noise).all()
    assert (found.l2.tolist(), found.depth.tolist(), found.width.tolist()) == ([0, 0.1], [0, 0], [0, 0])


def test_a_bootstrap_sample_holds_two_thirds_of_the_examples():
    one, other = bootstrap(KEY, 2000, 2).train
    assert len(one) == 2000
    assert (one.min() >= 0, one.max() < 2000) == (True, True)
    assert [len(set(rows)) / 2000 for rows in (one.tolist(), other.tolist())] == pytest.approx([1 - 1 / np.e] * 2, abs=0.03)
    assert not np.array_equal(one, other)
    with pytest.raises(ValueError, match="one example and one replicate or more are needed, got 5 and 0"):
        bootstrap(KEY, 5, 0)


def test_networks_that_diverge_have_no_parts():
    x = RNG.normal(size=(12, 1))
    found = bias_variance(
        MLP((1, 1)), x, x, consecutive(3, 4), x, x, key=KEY, l2=(1e6, 0.0), optimizer=optax.sgd(0.1), epochs=300
    )
    assert found.l2.tolist() == [0, 1e6]
    assert np.isfinite([found.parts.error[0], found.parts.bias[0], found.parts.variance[0]]).all()
    assert not np.isfinite([found.parts.error[1], found.parts.bias[1], found.parts.variance[1]]).any()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"split": consecutive(1, 12)}, "variance needs two replicates or more, .* got 1 replicates"),
        ({"seeds": 2}, "in place of seeds; got 3 replicates and 2 seeds"),
        ({"truth": np.ones(5)}, r"truth must have shape \(5, 1\), the mean of each target; got \(5,\)"),
        ({"y_test": np.ones((4, 1))}, r"y must have shape \(5, 1\)"),
        ({"l2": (-1.0,)}, "l2 must be"),
    ],
)
def test_what_cannot_be_split_into_parts(change, message):
    given = {"x": np.ones((12, 1)), "y": np.ones((12, 1)), "split": consecutive(3, 4)}
    given |= {"x_test": np.ones((5, 1)), "y_test": np.ones((5, 1)), "key": KEY}
    with pytest.raises(ValueError, match=message):
        bias_variance(MLP((1, 1)), **given | change)


def test_the_lecture_s_function():
    x = np.array([[0.0], [np.sqrt(np.pi)], [3.0]])
    np.testing.assert_allclose(function(x)[:, 0], [0, np.sqrt(5 * np.sqrt(np.pi)), 2 * np.sin(9) + np.sqrt(15)], atol=1e-12)
