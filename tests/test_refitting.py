"""A preprocessing fitted anew on a part of its rows: the same as if nothing else had ever been there."""

import jax
import numpy as np
import pytest
from commands import columns

from mlpjax import losses
from mlpjax.data import Choices, bundled, inference, labelled, load_table, open_source, ready
from mlpjax.data.examples import Examples, joined
from mlpjax.data.refitting import refitted
from mlpjax.data.survey import survey
from mlpjax.runs.selecting import pooled
from mlpjax.selection.splits import folds

TABLE = columns("size", "rooms", "city", "garden", "age", "price")


def fitted(table, choices, rows):
    """The features of all the rows of a table, by name, with a preprocessing that was truly fitted on some of them."""
    source, chosen = open_source(table), np.zeros(len(table["price"]), bool)
    chosen[rows] = True
    preprocessing, _ = inference.fit_preprocessing(survey(source, choices, chosen.__getitem__), choices)
    x = ready(preprocessing, joined(list(labelled(preprocessing, source, training=True)))).x
    return dict(zip(preprocessing.features, x.T, strict=True))


def compare(table, rows, absent=()):
    choices = Choices("price")
    every = np.arange(len(table["price"]))
    whole = fitted(table, choices, every)
    preprocessing, _ = inference.fit_preprocessing(survey(open_source(table), choices), choices)
    got = dict(zip(whole, refitted(preprocessing, np.stack(list(whole.values()), 1), rows).T, strict=True))
    expected = fitted(table, choices, rows)
    assert set(got) - set(expected) == set(absent)
    for name, column in got.items():
        np.testing.assert_allclose(column, expected.get(name, np.zeros(len(every))), atol=2e-6, err_msg=name)


def test_it_is_the_preprocessing_of_these_rows():
    compare(TABLE, np.arange(30, 110))


def test_what_is_the_same_in_these_rows_says_nothing():
    table = {**TABLE, "city": ["Lima"] * 20 + ["Paris"] * 130, "size": [0.1] * 20 + TABLE["size"][20:]}
    table["age"] = [7 if age is None else age for age in TABLE["age"][:20]] + TABLE["age"][20:]
    compare(table, np.arange(20), absent={"city=Lima", "city=Paris", "size", "age is missing"})


def test_a_column_that_is_missing_in_all_of_these_rows_is_0():
    table = {**TABLE, "age": [None] * 15 + TABLE["age"][15:]}
    data = load_table(table, Choices("price"))
    names, rows = data.features, np.flatnonzero(data.x_train[:, data.features.index("age is missing")] > 0)
    got = refitted(data.preprocessing, data.x_train, rows)
    assert not got[:, names.index("age")].any()
    assert np.isfinite(got).all()
    assert got.dtype == data.x_train.dtype


def test_pixels_go_on_sharing_one_spread():
    data = bundled("digits")
    got = refitted(data.preprocessing, data.x_train, np.arange(500))
    before, after = (x[:500].std(axis=0) for x in (data.x_train, got))
    varying = before > 1e-9
    assert np.ptp(after[varying] / before[varying]) < 1e-9
    assert np.mean(got[:500] ** 2) == pytest.approx(1)
    assert got[:500].mean(axis=0) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("loss", [losses.squared_error, losses.poisson_loss], ids=lambda loss: loss.name)
def test_no_fold_knows_what_it_holds_out(loss):
    """What is trained on is the same, whatever stands in the rows held out."""
    data = load_table(
        {**TABLE, "visits": columns("visits")["visits"]}, Choices("visits", "numbers", standardise=loss is losses.squared_error)
    )
    split = folds(jax.random.key(0), len(data.x_train), 3)
    rng = np.random.default_rng(0)
    for fold in range(3):
        held_out = split.held_out[fold][split.held_out[fold] >= 0]
        x, y = data.x_train.copy(), data.y_train.copy()
        x[held_out, :3] += rng.normal(size=(len(held_out), 3))
        y[held_out] += 5
        before, after = (
            pooled(data.preprocessing, Examples(*arrays, None), split, loss) for arrays in ((data.x_train, data.y_train), (x, y))
        )
        train, there = (part[fold][part[fold] >= 0] for part in before.split)
        np.testing.assert_array_equal(before.examples.x[train], after.examples.x[train])
        np.testing.assert_array_equal(before.examples.y[train], after.examples.y[train])
        assert before.examples.x[train, 0].mean() == pytest.approx(0, abs=1e-6)
        assert before.examples.x[train, 0].std() == pytest.approx(1)
        assert np.abs(before.examples.x[there] - after.examples.x[there]).max() > 0.1
        if loss is losses.squared_error:
            assert before.examples.y[train].mean() == pytest.approx(0, abs=1e-6)
        else:
            np.testing.assert_array_equal(before.examples.y[train], data.y_train[split.train[fold][split.train[fold] >= 0]])
