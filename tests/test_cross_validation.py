"""Cross-validation: folds, the estimate and its standard error, the choice of a model."""

import jax
import numpy as np
import optax
import pytest

from mlpjax import MLP
from mlpjax.selection import Split, models, sweep
from mlpjax.selection.cross_validation import cross_validate, mean_and_error, one_standard_error, simplicity
from mlpjax.selection.splits import folds

KEY = jax.random.key(0)
X = np.random.default_rng(0).normal(size=(24, 2))
Y = X @ [[1.0], [-2.0]] + np.random.default_rng(1).normal(size=(24, 1)) + 3
LABELS = np.repeat([0, 1], [18, 6])


def present(rows):
    return [row[row >= 0] for row in np.asarray(rows)]


@pytest.mark.parametrize(("n", "k", "repeats"), [(10, 5, 1), (11, 4, 2), (7, 7, 1), (30, 4, 3)])
@pytest.mark.parametrize("classes", [1, 3])
def test_folds_are_a_partition_as_even_as_can_be(n, k, repeats, classes):
    """SELECT-folds: every example is held out once in each repeat; sizes, and those of each class, differ by at most 1."""
    from sklearn.model_selection import KFold, StratifiedKFold

    labels = np.random.default_rng(n).permutation(np.arange(n) % classes) if classes > 1 else None
    split = folds(KEY, n, k, labels=labels, repeats=repeats)
    assert len(split.train) == len(split.held_out) == k * repeats
    assert split.train.shape[1] == n - n // k
    assert split.held_out.shape[1] == -(-n // k)
    for train, held_out in zip(present(split.train), present(split.held_out), strict=True):
        assert sorted([*train, *held_out]) == list(range(n))
    for first in range(0, k * repeats, k):
        parts = present(split.held_out[first : first + k])
        assert sorted(np.concatenate(parts)) == list(range(n))
        assert sorted(map(len, parts)) == sorted(len(test) for _, test in KFold(k).split(range(n)))
        for label in range(classes if classes > 1 and n / classes >= k else 0):
            theirs = [(labels[test] == label).sum() for _, test in StratifiedKFold(k).split(labels, labels)]
            assert sorted((labels[part] == label).sum() for part in parts) == sorted(theirs)


def test_folds_are_random_and_the_key_says_how():
    one, same, other = (folds(jax.random.key(seed), 20, 4, repeats=2) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one.held_out, same.held_out)
    assert not np.array_equal(one.held_out, other.held_out)
    assert not np.array_equal(one.held_out[:4], one.held_out[4:])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"k": 11}, "folds must be from 2 to 10, the number of examples; got 11"),
        ({"k": 1}, "folds must be from 2 to 10"),
        ({"k": 2, "repeats": 0}, "repeats must be 1 or more, got 0"),
        ({"k": 2, "labels": np.zeros(9)}, r"labels must have shape \(10,\), one for each example; got \(9,\)"),
    ],
)
def test_folds_that_cannot_be(options, message):
    with pytest.raises(ValueError, match=message):
        folds(KEY, 10, **options)


def test_mean_and_standard_error_by_hand():
    """SELECT-cross_validation: the standard error of the mean of the folds; a repeat does not make it smaller."""
    from scipy import stats

    measured = np.random.default_rng(0).normal(size=(3, 2, 5))
    mean, error = mean_and_error(measured)
    np.testing.assert_allclose(mean, measured.reshape(3, 10).mean(axis=1))
    np.testing.assert_allclose(error, np.sqrt((stats.sem(measured, axis=2) ** 2).mean(axis=1)))
    _, once = mean_and_error(measured[:, :1])
    _, twice = mean_and_error(np.repeat(measured[:, :1], 2, axis=1))
    np.testing.assert_allclose(twice, once)


def test_the_standard_error_is_that_of_independent_folds():
    """SELECT-cross_validation: its square is on average the variance of the mean, where the folds are independent."""
    measured = np.random.default_rng(0).exponential(size=(20_000, 1, 4))
    mean, error = mean_and_error(measured)
    squares = error**2
    assert abs(squares.mean() - 1 / 4) < 4 * squares.std() / np.sqrt(len(squares))
    assert mean.var() == pytest.approx(1 / 4, rel=0.05)


def test_ridge_regression_is_scikit_learn_s():
    """SELECT-cross_validation: a linear model with an L2 penalty, held out fold by fold."""
    from sklearn.linear_model import Ridge
    from sklearn.model_selection import PredefinedSplit, cross_val_score

    split = folds(KEY, 24, 4)
    fold = np.empty(24, int)
    for number, rows in enumerate(split.held_out):
        fold[rows] = number
    found = cross_validate(
        MLP((2, 1)), X, Y, key=KEY, folds=split, l2=(0.0, 0.5), optimizer=optax.sgd(0.1), epochs=400, batch_size=18
    )
    assert found.depth.tolist() == found.width.tolist() == [0, 0]
    for row, l2 in enumerate((0.0, 0.5)):
        scores = {
            name: cross_val_score(Ridge(alpha=18 * l2), X, Y[:, 0], cv=PredefinedSplit(fold), scoring=name)
            for name in ("neg_mean_squared_error", "r2")
        }
        np.testing.assert_allclose(found.fold_losses[row], -scores["neg_mean_squared_error"], rtol=1e-5)
        assert found.loss[row] == pytest.approx(-scores["neg_mean_squared_error"].mean(), rel=1e-5)
        assert found.loss_error[row] == pytest.approx(scores["neg_mean_squared_error"].std(ddof=1) / 2, rel=1e-5)
        assert found.score[row] == pytest.approx(scores["r2"].mean(), rel=1e-5)
        assert found.score_error[row] == pytest.approx(scores["r2"].std(ddof=1) / 2, rel=1e-5)
    assert (found.best, found.diverged.tolist(), found.epochs.tolist()) == (0, [0, 0], [400, 400])


def test_simplicity_is_layers_then_units_then_penalties():
    """SELECT-one_standard_error: against the sorting of Python."""
    rng = np.random.default_rng(0)
    l1, l2 = rng.choice([0, 0.1, 1.0], (2, 40))
    depth, width = rng.integers(0, 3, (2, 40))
    places = simplicity(l1, l2, depth, width)
    assert sorted(places) == list(range(40))
    ordered = [(depth[row], width[row], -l1[row], -l2[row]) for row in np.argsort(places)]
    assert ordered == sorted(ordered)


@pytest.mark.parametrize(
    ("loss", "error", "best", "chosen"),
    [
        ([3.0, 2.0, 1.0], [0.1, 0.1, 0.1], 2, 2),  # no simpler one is near
        ([3.0, 2.0, 1.0], [0.1, 0.1, 1.0], 2, 1),  # exactly one standard error away is near
        ([3.0, 2.0, 1.0], [9.0, 9.0, 0.5], 2, 2),  # the error of the best counts, not theirs
        ([1.0, 1.0, 1.0], [0.0, 0.0, 0.0], 0, 0),  # of equals the simplest is the best
        ([np.inf, np.nan, 1.0], [np.nan, np.nan, 9.0], 2, 2),
        ([1.0, np.inf, np.nan], [9.0, np.nan, np.nan], 0, 0),
        ([-np.inf, 2.0, 1.0], [np.nan, 0.1, 0.1], 2, 2),
        ([np.inf, np.nan, np.inf], [np.nan] * 3, None, None),
    ],
)
def test_the_simplest_within_one_standard_error(loss, error, best, chosen):
    """SELECT-one_standard_error: by hand; the places are those of simplicity, in any order of the rows."""
    for order in ([0, 1, 2], [2, 0, 1], [1, 2, 0]):
        choice = one_standard_error(np.array(loss)[order], np.array(error)[order], np.array(order))
        expected = [None if row is None else order.index(row) for row in (best, chosen)]
        assert [*choice] == expected


def test_a_single_model_is_best_and_chosen():
    """SELECT-one_standard_error."""
    assert one_standard_error(np.array([2.0]), np.array([0.1]), np.array([0])) == (0, 0)


@pytest.mark.slow
def test_repeats_and_seeds_are_averaged_in_their_order(monkeypatch):
    kept = []
    monkeypatch.setattr(models, "sweep", lambda *arrays, **options: kept.append(sweep(*arrays, **options)) or kept[-1])
    options = {"l2": (0.0, 0.1), "depths": (0, 1), "widths": (2, 3), "seeds": 2, "epochs": 2}
    found = cross_validate(MLP((2, 4, 1)), X, Y, key=KEY, folds=3, repeats=2, **options)
    assert [len(record.loss) for record in kept] == [2 * 2 * 6 * 2, 2 * 6 * 2]
    assert list(zip(found.l2, found.depth, found.width, strict=True)) == [
        (l2, *shape) for l2 in (0.0, 0.1) for shape in ((0, 0), (1, 2), (1, 3))
    ]
    for row in range(6):
        record = kept[int(found.depth[row] == 0)]
        own = (record.l2 == found.l2[row]) & ((record.width == found.width[row]) | (found.depth[row] == 0))
        of_folds = [record.held_out_loss[own & (record.replicate == r)].mean() for r in range(6)]
        np.testing.assert_allclose(found.fold_losses[row], of_folds, rtol=1e-6)
        assert found.loss[row] == pytest.approx(np.mean(of_folds))
        assert found.score[row] == pytest.approx(record.held_out_score[own].mean())
        assert found.training_loss[row] == pytest.approx(record.loss[own].mean())
        assert found.loss_error[row] == pytest.approx(mean_and_error(np.reshape(of_folds, (1, 2, 3)))[1].item())


def test_the_classes_keep_their_proportions(monkeypatch):
    """SELECT-folds: in cross-validation without being asked."""
    asked = []
    monkeypatch.setattr(models, "sweep", lambda *arrays, **options: asked.append(options["split"]) or sweep(*arrays, **options))
    mlp = MLP((2, 2), loss="softmax_cross_entropy_with_integer_labels")
    found = cross_validate(mlp, X, LABELS, key=KEY, folds=6, epochs=1)
    assert [LABELS[rows].sum() for rows in asked[0].held_out] == [1] * 6
    assert ((found.score >= 0) & (found.score <= 1)).all()


def test_networks_that_diverge_are_counted_and_never_chosen():
    """SELECT-one_standard_error: with the L2 penalty too strong for the learning rate, every step makes the weights larger."""
    options = {"optimizer": optax.sgd(0.1), "epochs": 200, "folds": 3}
    found = cross_validate(MLP((2, 1)), X, Y, key=KEY, l2=(1e6, 0.1), **options)
    assert (found.l2.tolist(), found.diverged.tolist()) == ([0.1, 1e6], [0, 3])
    assert (found.best, found.chosen) == (0, 0)
    assert found.loss[1] == np.inf
    assert np.isnan([found.loss_error[1], found.score[1], found.score_error[1]]).all()
    nothing = cross_validate(MLP((2, 1)), X, Y, key=KEY, l2=(1e6,), **options)
    assert (nothing.best, nothing.chosen) == (None, None)


@pytest.mark.slow
def test_what_ctrl_c_has_left(monkeypatch):
    """Models without all their epochs are told and not chosen; without the networks of one model there is nothing to tell."""

    def cut(networks, complete):
        def interrupted(*arrays, **options):
            record = sweep(*arrays, **options)
            epochs = np.where(np.arange(networks) < complete, 5, 3)
            columns = {name: column[:networks] for name, column in record._asdict().items() if isinstance(column, np.ndarray)}
            return record._replace(**columns | {"epochs": epochs})

        monkeypatch.setattr(models, "sweep", interrupted)
        return cross_validate(MLP((2, 1)), X, Y, key=KEY, folds=3, l2=(1.0, 0.1, 0.0), epochs=5)

    found = cut(networks=8, complete=4)
    assert (found.l2.tolist(), found.epochs.tolist()) == ([0.1, 1.0], [3, 5])
    assert np.isfinite(found.loss).tolist() == [False, True]
    assert (found.best, found.diverged.tolist()) == (1, [0, 0])
    assert np.isfinite(cut(networks=9, complete=0).loss).all()  # all were stopped alike
    with pytest.raises(KeyboardInterrupt):
        cut(networks=2, complete=2)


@pytest.mark.slow
def test_after_ctrl_c_no_other_sweep_begins(monkeypatch):
    def interrupted(*arrays, depths, **options):
        assert depths == (1,)
        record = sweep(*arrays, depths=depths, **options)
        return record._replace(epochs=record.epochs - 1)

    monkeypatch.setattr(models, "sweep", interrupted)
    found = cross_validate(MLP((2, 4, 1)), X, Y, key=KEY, folds=2, depths=(0, 1), epochs=2)
    assert (found.depth.tolist(), found.epochs.tolist()) == ([1], [1])


@pytest.mark.slow
def test_progress_is_told_over_both_sweeps():
    told = []
    options = {"folds": 2, "depths": (0, 1), "widths": (2, 3), "l2": (0.0, 0.1), "epochs": 3}
    cross_validate(MLP((2, 4, 1)), X, Y, key=KEY, callback=lambda *progress: told.append(progress), **options)
    networks = 2 * 2 * (2 + 1)
    assert {wanted for _, wanted in told} == {networks * 3}
    done = [done for done, _ in told]
    assert done == sorted(done)
    assert done[-1] == networks * 3
    assert 2 * 2 * 2 * 3 in done  # after the first


@pytest.mark.parametrize(
    ("given", "repeats", "message"),
    [
        (Split(np.arange(24).reshape(2, 12), None), 1, "2 replicates that hold out nothing"),
        (Split(np.arange(24).reshape(3, 8), np.arange(24).reshape(3, 8)), 2, "2 sets of two folds or more .* got 3 replicates"),
        (Split(np.arange(24).reshape(1, 24), np.arange(24).reshape(1, 24)), 1, "got 1 replicates"),
        (25, 1, "folds must be from 2 to 24"),
    ],
)
def test_replicates_that_are_no_folds(given, repeats, message):
    with pytest.raises(ValueError, match=message):
        cross_validate(MLP((2, 1)), X, Y, key=KEY, folds=given, repeats=repeats)


def test_what_sweep_refuses_is_refused():
    with pytest.raises(ValueError, match="y must have shape"):
        cross_validate(MLP((2, 1)), X, Y[:, 0], key=KEY)
    with pytest.raises(ValueError, match=r"depths must be one or more numbers, each once; got \(0, 1, 0\)"):
        cross_validate(MLP((2, 4, 1)), X, Y, key=KEY, depths=(0, 1, 0))
    with pytest.raises(ValueError, match="depths must be one or more numbers"):
        cross_validate(MLP((2, 4, 1)), X, Y, key=KEY, depths=())
    with pytest.raises(ValueError, match="depths must be 0 or more, got -1"):
        cross_validate(MLP((2, 4, 1)), X, Y, key=KEY, depths=(0, -1))
    with pytest.raises(ValueError, match="l2 must be"):
        cross_validate(MLP((2, 1)), X, Y, key=KEY, l2=(-1.0,))
