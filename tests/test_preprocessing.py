"""From cells to features and from predictions back: the equations, the record, and what a damaged record is answered."""

import functools
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import export

from mlpjax.data import Column, Preprocessing, Statistics, Target, decode, describe, encode, feature_names, restore, summaries
from mlpjax.data.cells import raw
from mlpjax.data.columns import CATEGORICAL, NUMERIC
from mlpjax.data.examples import features, targets

COLUMNS = (
    Column("city", CATEGORICAL, ("Lima", "Paris"), missing=True),
    Column("age", NUMERIC, missing=True),
    Column("size", CATEGORICAL, ("S", "M", "L")),
    Column("year", NUMERIC),
)
STATISTICS = Statistics(np.array([40.0, 2000.0]), np.array([10.0, 4.0]))
RECORD = Preprocessing(COLUMNS, STATISTICS, Target(("price", "rent")), Statistics(np.array([10.0, 1.0]), np.array([2.0, 0.5])))
CLASSES = Preprocessing(COLUMNS, STATISTICS, Target(("kind",), ("a", "b", "c")), Statistics(np.empty(0), np.empty(0)))


def cells(n: int = 50) -> np.ndarray:
    rng = np.random.default_rng(0)
    columns = [rng.integers(-1, 2, n), rng.normal(40, 10, n), rng.integers(-1, 3, n), rng.normal(2000, 4, n)]
    found = np.stack(columns, axis=1).astype(float)
    found[rng.random((n, 4)) < 0.2] = np.nan
    return found


def reference(found: np.ndarray) -> np.ndarray:
    """The features cell by cell, in plain Python."""
    rows = []
    for city, age, size, year in found:
        numbers = [0.0 if np.isnan(age) else (age - 40) / 10, 0.0 if np.isnan(year) else (year - 2000) / 4]
        rows.append([*numbers, np.isnan(age), city == 0, city == 1, np.isnan(city), size == 0, size == 1, size == 2])
    return np.array(rows, float)


def test_encode_is_the_reference():
    """ENCODE-standardise, ENCODE-impute, ENCODE-one_hot: definition."""
    np.testing.assert_allclose(encode(COLUMNS, STATISTICS, cells()), reference(cells()), rtol=1e-15)
    assert len(feature_names(COLUMNS)) == reference(cells()).shape[1]


def test_the_features_are_named_in_their_order():
    one = np.array([[0.0, np.nan, 2.0, 2004.0], [np.nan, 50.0, -1.0, np.nan]])
    named = [dict(zip(feature_names(COLUMNS), row, strict=True)) for row in np.asarray(encode(COLUMNS, STATISTICS, one))]
    assert {name for name, value in named[0].items() if value} == {"city=Lima", "age is missing", "size=L", "year"}
    assert {name for name, value in named[1].items() if value} == {"city is missing", "age"}


@settings(max_examples=50, deadline=None)
@given(st.lists(st.one_of(st.floats(width=32), st.floats(-5, 5), st.integers(-3, 5).map(float)), min_size=4, max_size=4))
def test_encode_never_gives_nan(row):
    assert np.isfinite(np.asarray(encode(COLUMNS, STATISTICS, np.array([row])))).all()


def test_encode_under_jit_vmap_and_export():
    apply, found = functools.partial(encode, COLUMNS), cells()
    expected = np.asarray(apply(STATISTICS, found))
    np.testing.assert_allclose(jax.jit(encode, static_argnums=0)(COLUMNS, STATISTICS, found), expected, rtol=1e-15)
    np.testing.assert_allclose(jax.vmap(apply, in_axes=(None, 0))(STATISTICS, found), expected, rtol=1e-15)
    (n,) = export.symbolic_shape("n")
    shapes = (Statistics(*(jax.ShapeDtypeStruct((2,), float) for _ in range(2))), jax.ShapeDtypeStruct((n, 4), float))
    again = export.deserialize(export.export(jax.jit(apply))(*shapes).serialize())
    np.testing.assert_allclose(again.call(STATISTICS, found), expected, rtol=1e-15)


def test_encode_computes_in_the_type_of_the_cells():
    columns, statistics = (Column("id", NUMERIC),), Statistics(np.array([1e9]), np.array([1.0]))
    assert encode(columns, statistics, np.array([[1e9 + 1]])).item() == 1
    assert encode(columns, statistics, jnp.zeros((1, 1), jnp.float32)).dtype == jnp.float32
    assert encode(columns, statistics, np.array([[1000000002]])).item() == 2
    with jax.enable_x64(False):
        record = Preprocessing(columns, statistics, Target(("y",)), Statistics(np.zeros(1), np.ones(1)))
        assert features(record, np.array([[1e9 + 1]])).tolist() == [[1.0]]


def test_encode_wants_a_cell_for_each_column():
    with pytest.raises(ValueError, match=r"a cell for each of 4 columns on its last axis, got shape \(2, 3\)"):
        encode(COLUMNS, STATISTICS, np.zeros((2, 3)))


@pytest.mark.parametrize("count", [0, 1, 15, 16, 17, 1000])
def test_features_of_any_number_of_rows(count):
    got = features(RECORD, cells(count))
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, reference(cells(count)).reshape(count, 9), rtol=1e-7)


def test_standardised_numbers_have_mean_0_and_spread_1_in_any_unit():
    """ENCODE-standardise."""
    values = np.random.default_rng(0).normal(3, 2, (100, 1))
    encoded = []
    for alpha, beta in ((1.0, 0.0), (1000.0, -7.0)):
        found = summaries.moments((alpha * values + beta)[:, 0])
        statistics = Statistics(np.array([found.mean]), np.array([found.scale]))
        encoded.append(np.asarray(encode((Column("x", NUMERIC),), statistics, alpha * values + beta)))
    np.testing.assert_allclose(encoded[0], encoded[1], atol=1e-12)
    assert abs(encoded[0].mean()) < 1e-12
    assert abs(np.mean(encoded[0] ** 2) - 1) < 1e-12


@settings(max_examples=50, deadline=None)
@given(st.lists(st.lists(st.floats(-1e6, 1e6) | st.just(np.nan), max_size=8), max_size=6))
def test_moments_do_not_depend_on_the_batches(parts):
    """ENCODE-moments."""
    got = functools.reduce(summaries.merged, (summaries.moments(np.array(part)) for part in parts), summaries.Moments())
    values = np.array([value for part in parts for value in part if value == value])
    assert got.n == len(values)
    if len(values):
        np.testing.assert_allclose([got.mean, got.low, got.high], [values.mean(), values.min(), values.max()], atol=1e-9)
        np.testing.assert_allclose(got.scale, values.std(), atol=1e-9 * max(1, np.abs(values).max()))


def test_moments_keep_their_digits_far_from_zero():
    """ENCODE-moments."""
    values = 1e9 + np.arange(1000.0)
    got = functools.reduce(summaries.merged, (summaries.moments(part) for part in np.split(values, 10)))
    assert abs(got.scale / values.std() - 1) < 1e-12


def test_decode_undoes_the_targets():
    """DECODE."""
    numbers = np.random.default_rng(0).normal(size=(5, 2))
    table = decode(RECORD, targets(RECORD, numbers).astype(float))
    assert table.column_names == ["price", "rent"]
    np.testing.assert_allclose(np.stack([table["price"], table["rent"]], axis=1), numbers, atol=1e-6)


def test_decode_of_classes():
    """DECODE."""
    table = decode(CLASSES, np.array([[0.1, 0.7, 0.2], [0.4, 0.4, 0.2]]), probabilities=True)
    assert table["kind"].to_pylist() == ["b", "a"]
    assert table["probability of c"].to_pylist() == [0.2, 0.2]
    assert decode(CLASSES, np.array([[0.1, 0.7, 0.2]])).column_names == ["kind"]
    two = Preprocessing(COLUMNS, STATISTICS, Target(("kind",), ("no", "yes")), CLASSES.target_statistics)
    table = decode(two, np.array([[0.25], [0.75]]), probabilities=True)
    assert table["kind"].to_pylist() == ["no", "yes"]
    assert table["probability of no"].to_pylist() == [0.75, 0.25]


@pytest.mark.parametrize(("classes", "values"), [
    (("0", "-7", "12"), [12, -7]),
    (("0", "-7", "1.5"), ["1.5", "-7"]),
    (("0", "-7", "012"), ["012", "-7"]),
    (("0", "-7", str(2**63)), [str(2**63), "-7"]),
])  # fmt: skip
def test_classes_that_are_whole_numbers_come_out_as_numbers(classes, values):
    """DECODE."""
    record = Preprocessing(COLUMNS, STATISTICS, Target(("kind",), classes), CLASSES.target_statistics)
    table = decode(record, np.array([[0.1, 0.2, 0.7], [0.1, 0.8, 0.1]]))
    assert table["kind"].to_pylist() == values
    assert decode(record, np.empty((0, 3))).schema == table.schema


def test_decode_refuses_what_is_no_prediction():
    with pytest.raises(ValueError, match=r"shape \(n, 3\), got \(4, 2\)"):
        decode(CLASSES, np.zeros((4, 2)))
    with pytest.raises(ValueError, match="price, rent is a number: it has no probabilities"):
        decode(RECORD, np.zeros((4, 2)), probabilities=True)


@pytest.mark.parametrize("record", [RECORD, CLASSES])
def test_describe_and_restore(record):
    description, arrays = describe(record)
    again = restore(json.loads(json.dumps(description)), arrays)
    assert (again.columns, again.target) == (record.columns, record.target)
    for got, expected in zip(
        (*again.statistics, *again.target_statistics), (*record.statistics, *record.target_statistics), strict=True
    ):
        np.testing.assert_array_equal(got, expected)


def damaged():
    """Each way to damage a description, by what the answer says."""
    yield "'columns' as list, got None", lambda d, a: d.pop("columns")
    yield "'columns' as list, got 3", lambda d, a: d.update(columns=3)
    yield "'name' as str, got None", lambda d, a: d["columns"].append("age")
    yield "'missing' as bool, got 1", lambda d, a: d["columns"][0].update(missing=1)
    yield "a list of texts", lambda d, a: d["columns"][0].update(categories=["a", 1])
    yield "each once; got", lambda d, a: d["columns"][0].update(categories=["a", "a"])
    yield "numeric or categorical; got 'city' and 'text'", lambda d, a: d["columns"][0].update(kind="text")
    yield "is numeric and can have no categories", lambda d, a: d["columns"][1].update(categories=["a"])
    yield "a name of their own", lambda d, a: d["columns"][0].update(name="age")
    yield "a name of their own", lambda d, a: d["target"].update(names=["age", "rent"])
    yield "one or more column names, each once", lambda d, a: d["target"].update(names=[])
    yield "classes are two or more", lambda d, a: d["target"].update(classes=["a"])
    yield "classes are two or more", lambda d, a: d["target"].update(classes=["a", "b"])
    yield "the array 'mean' in float64, got None", lambda d, a: a.pop("mean")
    yield "the array 'mean' in float64, got dtype", lambda d, a: a.update(mean=a["mean"].astype(np.float32))
    yield "need as many means and scales", lambda d, a: a.update(mean=a["mean"][:1])
    yield "finite and positive", lambda d, a: a.update(scale=0 * a["scale"])
    yield "finite and positive", lambda d, a: a.update(target_scale=np.inf * a["scale"])
    yield "must be finite", lambda d, a: a.update(mean=np.nan * a["mean"])


@pytest.mark.parametrize(("message", "damage"), [pytest.param(*case, id=f"{i}") for i, case in enumerate(damaged())])
def test_a_damaged_record_is_refused(message, damage):
    description, arrays = describe(RECORD)
    damage(description, arrays)
    with pytest.raises(ValueError, match=message):
        restore(description, arrays)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["name", "kind", "columns", "names", "classes", "target", "missing"]), inner, max_size=4
        )
    ),
    max_leaves=10,
)


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.sampled_from(["columns", "target"]), json_values))
def test_restore_of_anything_is_a_clear_error(description):
    with pytest.raises(ValueError, match="need"):
        restore(description, describe(RECORD)[1])


def test_cells_of_any_type_mean_the_same():
    import pyarrow as pa

    columns = (Column("n", NUMERIC), Column("c", CATEGORICAL, ("3", "true", "x")))
    expected = np.array([[3.0, 0.0], [np.nan, np.nan], [-1.0, -1.0]])
    for numbers in (
        pa.array([3, None, -1]), pa.array([3.0, float("nan"), -1.0], pa.float32()), pa.array(["3", "NA", " -1.0 "]),
        pa.array([3, None, -1]).cast(pa.decimal128(30, 2)), pa.array(["3", None, "-1"]).dictionary_encode(),
        pa.array(["3", "?", "-1e0"], pa.large_string()), pa.array(["3.", "", "-1"], pa.string_view()),
        pa.array([3, None, -1], pa.int8()).dictionary_encode(), pa.array([3, None, -1], pa.float16()),
    ):  # fmt: skip
        for categories in (pa.array(["3", None, "y"]), pa.array([3.0, np.nan, 4.5]), pa.array([3, None, 4]).dictionary_encode()):
            batch = pa.record_batch({"more": categories, "c": categories, "n": numbers})
            np.testing.assert_array_equal(raw(columns, batch), expected)
    truths = pa.record_batch({"n": pa.array([True, False, None]), "c": pa.array([True, False, None])})
    np.testing.assert_array_equal(raw(columns, truths), [[1, 1], [0, -1], [np.nan, np.nan]])
    empty = pa.record_batch({"n": pa.nulls(2), "c": pa.nulls(2)})
    assert np.isnan(raw(columns, empty)).all()


def test_cells_that_are_refused():
    import pyarrow as pa

    columns = (Column("n", NUMERIC), Column("c", CATEGORICAL, ("a",)))
    good = pa.array(["a", "b"])
    with pytest.raises(ValueError, match="lacks column 'n', which training had; it has column 'c'"):
        raw(columns, pa.record_batch({"c": good}))
    with pytest.raises(ValueError, match=r"column 'n' must hold finite numbers; row 12 holds 'b'"):
        raw(columns, pa.record_batch({"c": good, "n": ["1", "b"]}), first_row=10)
    with pytest.raises(ValueError, match="row 1 holds 'inf'"):
        raw(columns, pa.record_batch({"c": good, "n": [np.inf, 0.0]}))
    with pytest.raises(ValueError, match="column 'n' holds dates or times; it was numeric in training"):
        raw(columns, pa.record_batch({"c": good, "n": pa.array([0, 1], pa.timestamp("s"))}))
    with pytest.raises(ValueError, match=r"column 'c' holds list<item: int64> in its cells; it was categorical"):
        raw(columns, pa.record_batch({"n": [1, 2], "c": [[1], [2]]}))
    with pytest.raises(ValueError, match="column 'c' holds bytes"):
        raw(columns, pa.record_batch({"n": [1, 2], "c": [b"a", b"b"]}))
