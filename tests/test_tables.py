"""Tables of every format to data sets, what their columns are taken for, and what bad ones are answered."""

import decimal
import io
import os
import zipfile
from pathlib import Path

import jax
import numpy as np
import optax
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.csv
import pyarrow.feather
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlpjax import MLP, fit, init, predict
from mlpjax.data import Choices, decode, load_table, open_source, stream, unlabelled
from mlpjax.data.bundled import NAMES, bundled
from mlpjax.data.examples import features, labelled
from mlpjax.data.inference import fit_preprocessing
from mlpjax.data.spellings import natural_order
from mlpjax.data.survey import survey
from mlpjax.runs.examples import of_dataset


def table(n: int = 200) -> pa.Table:
    rng = np.random.default_rng(0)
    missing = rng.random(n) < 0.1
    return pa.table({
        "age": pa.array(rng.normal(40, 10, n).round(2), mask=missing),
        "children": rng.integers(0, 5, n),
        "city": pa.array(rng.choice(["Lima", "Oslo, by the fjord", 'Paris "la belle"', "Zürich\nWest"], n), mask=missing[::-1]),
        "member": rng.random(n) < 0.5,
        "kind": rng.choice(["a", "b", "c"], n),
    })  # fmt: skip


def fitted(data, choices: Choices):
    source = open_source(data)
    return fit_preprocessing(survey(source, choices), choices)


def write_csv(data: pa.Table, path):
    data.to_pandas().to_csv(path, index=False)


def write_npz(data: pa.Table, path):
    frame = data.to_pandas()
    frame["city"] = frame["city"].fillna("NA")
    np.savez(path, **{name: frame[name].to_numpy(str if name in ("city", "kind") else None) for name in frame})


def write_stream(data: pa.Table, path):
    with pa.ipc.new_stream(path, data.schema) as writer:
        writer.write_table(data)


FORMATS = {
    "csv": write_csv, "csv.gz": write_csv, "parquet": pyarrow.parquet.write_table,
    "feather": pyarrow.feather.write_feather, "arrow": write_stream, "npz": write_npz,
}  # fmt: skip
FRAMES = {
    "pandas": pa.Table.to_pandas, "pandas, another index": lambda data: data.to_pandas().set_index(pd.Index(list("ab") * 100)),
    "polars": pl.from_arrow,
    "polars, categorical": lambda data: pl.from_arrow(data).with_columns(pl.col("city").cast(pl.Categorical)),
    "pandas, Arrow types": lambda data: data.to_pandas(types_mapper=pd.ArrowDtype), "mapping": pa.Table.to_pydict,
}  # fmt: skip


def same(got, expected):
    assert (got.features, got.classes) == (expected.features, expected.classes)
    for name in ("x_train", "y_train", "x_test", "y_test"):
        np.testing.assert_array_equal(getattr(got, name), getattr(expected, name))


@pytest.mark.parametrize("ending", FORMATS)
def test_every_format_gives_the_same_data_set(ending, tmp_path):
    FORMATS[ending](table(), str(tmp_path / f"t.{ending}"))
    same(load_table(tmp_path / f"t.{ending}", Choices("kind")), load_table(table(), Choices("kind")))


@pytest.mark.parametrize("name", FRAMES)
def test_every_data_frame_gives_the_same_data_set(name):
    same(load_table(FRAMES[name](table()), Choices("kind")), load_table(table(), Choices("kind")))


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_standard_input_and_the_delimiter(delimiter, tmp_path):
    text = table().to_pandas().to_csv(index=False, sep=delimiter).encode("utf-8-sig")
    (tmp_path / "t.txt").write_bytes(text)
    expected = load_table(table(), Choices("kind"))
    same(load_table(io.BytesIO(text), Choices("kind")), expected)
    same(load_table(tmp_path / "t.txt", Choices("kind")), expected)
    same(load_table(tmp_path / "t.txt", Choices("kind"), delimiter=delimiter), expected)


@pytest.mark.parametrize("first", ["sep=;", '"sep=;"', "SEP=;\r"])
def test_a_first_line_that_names_the_delimiter(first):
    text = table().to_pandas().to_csv(index=False, sep=";")
    same(load_table(io.BytesIO(f"\ufeff{first}\n{text}".encode()), Choices("kind")), load_table(table(), Choices("kind")))


def test_a_mapping_with_an_array_of_two_axes():
    x = np.arange(60.0).reshape(20, 3)
    data = load_table({"x": x, "y": np.arange(20) / 7}, Choices("y"))
    assert data.features == ("x0", "x1", "x2")
    (got,) = unlabelled(data.preprocessing, {"x": x})
    assert got.shape == (20, 3)


def test_the_copy_of_standard_input_goes_with_its_source(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    source = open_source(io.BytesIO(b"a,b\n1,2\n"))
    rows = source.batches()
    assert len(os.listdir(tmp_path)) == 1
    del source
    assert next(rows).to_pylist() == [{"a": "1", "b": "2"}]
    del rows
    assert not os.listdir(tmp_path)


def test_the_preprocessing_is_fitted_on_the_training_part():
    data = load_table(table(), Choices("age"), test_fraction=0.5)
    x, present = data.x_train[:, data.features.index("children")], len(data.x_train)
    assert abs(x.mean()) < 1e-6
    assert abs(np.mean(x**2) - 1) < 1e-6
    assert abs(data.x_test[:, 0].mean()) > 1e-4
    assert abs(data.y_train.mean()) < 1e-6
    assert present + len(data.x_test) == 200 - table()["age"].null_count
    assert data.notes == (
        "target age taken as numbers",
        f"{table()['age'].null_count} of 200 rows have no target and are left out",
        "columns taken as categories: 'city' (4), 'kind' (3)",
    )


def test_the_split_is_seeded_stratified_and_disjoint():
    data = {"row": np.arange(100), "kind": ["a"] * 80 + ["b"] * 20}
    first, again, other = (load_table(data, Choices("kind"), seed=seed) for seed in (1, 1, 2))
    same(first, again)
    assert (first.x_train != other.x_train).any()
    assert np.bincount(first.y_test).tolist() == [16, 4]
    assert len(np.unique(np.concatenate([first.x_train, first.x_test]))) == 100


def test_rare_classes():
    data = {"x": np.arange(100.0), "kind": ["a"] * 60 + ["b"] * 39 + ["z"]}
    loaded = load_table(data, Choices("kind"))
    assert np.bincount(loaded.y_train, minlength=3)[2] == 1
    assert "1 classes have a single example each" in loaded.notes[-1]
    few = load_table({"x": np.arange(9.0), "kind": list("aaabbbccc")}, Choices("kind"), test_fraction=0.1)
    assert "too few to keep the proportions of 3 classes" in few.notes[-1]
    assert few.x_test.shape == (1, 1)


def test_weights():
    data = {"x": np.arange(10.0), "y": np.arange(10.0) / 7, "w": np.arange(10)}
    loaded = load_table(data, Choices("y", weights="w"))
    assert loaded.features == ("x",)
    assert sorted(np.concatenate([loaded.weights_train, loaded.weights_test])) == list(range(10))
    with pytest.raises(ValueError, match="the weights 'w' must be 0 or more; row 3 holds -1"):
        load_table(data | {"w": [1, 1, -1, *range(7)]}, Choices("y", weights="w"))
    with pytest.raises(ValueError, match="the weights 'w' must be 0 or more; row 2 holds no weight"):
        load_table(data | {"w": ["1", "NA", *"12345678"]}, Choices("y", weights="w"))


@pytest.mark.parametrize("read", [load_table, stream])
def test_weights_that_are_all_0(read):
    data = {"x": np.arange(300.0), "y": np.arange(300) / 7, "w": np.zeros(300)}
    with pytest.raises(ValueError, match="the weights 'w' are 0 in all the training rows: one at least must count"):
        read(data, Choices("y", weights="w"))
    data["w"][150] = 1
    with pytest.raises(ValueError, match="the weights 'w' are 0 in all the test rows"):
        read(data, Choices("y", weights="w"), test_fraction=0.01)


def test_validation_rows_whose_weights_are_all_0():
    data = {"x": np.arange(300.0), "y": np.arange(300) / 7, "w": np.ones(300)}
    loaded = load_table(data, Choices("y", weights="w"))
    loaded.weights_train[:5] = 0
    assert of_dataset(loaded, 0.1).validation.weights.sum() == 19
    with pytest.raises(ValueError, match="the weights are 0 in all the validation rows"):
        of_dataset(loaded, 0.02)


def test_kinds_are_inferred_and_notes_given():
    n = 100
    data = {
        "real": np.linspace(0, 1, n), "text numbers": [str(i) for i in range(n)], "truth": [True, False] * 50,
        "truth in words": ["TRUE", "false"] * 50, "city": ["b", "a", None, "10", "9"] * 20, "same": ["x"] * n,
        "one number": np.ones(n), "nothing": [None] * n, "known or not": [5, None] * 50, "y": np.linspace(0, 1, n),
        "decimal": [decimal.Decimal(i) / 2 for i in range(n)],
    }  # fmt: skip
    preprocessing, notes = fitted(data, Choices("y", drop=("real",)))
    kinds = {column.name: column.kind for column in preprocessing.columns}
    assert kinds == {
        "text numbers": "numeric", "truth": "categorical", "truth in words": "categorical", "city": "categorical",
        "known or not": "numeric", "decimal": "numeric",
    }  # fmt: skip
    assert preprocessing.columns[3].categories == ("9", "10", "a", "b")
    assert preprocessing.columns[3].missing
    assert notes == (
        "target y taken as numbers",
        "column 'same' is 'x' in every row and is dropped",
        "column 'one number' is '1' in every row and is dropped",
        "column 'nothing' is missing in every row and is dropped",
        "column 'city' taken as 4 categories",
    )
    encoded = features(preprocessing, next(labelled(preprocessing, open_source(data))).raw)
    assert encoded[:4, preprocessing.features.index("known or not is missing")].tolist() == [0, 1, 0, 1]


def test_overrides():
    data = {"code": [1, 2, 3] * 20, "truth": [True, False, True] * 20, "y": [1.5, 2.5, 3.5] * 20}
    preprocessing, notes = fitted(data, Choices("y", task="classes", categorical="code", numeric=["truth"]))
    assert preprocessing.features == ("truth", "code=1", "code=2", "code=3")
    assert preprocessing.target.classes == ("1.5", "2.5", "3.5")
    assert notes == ()
    assert fitted(data, Choices("code", task="numbers")).preprocessing.target.classes == ()
    assert fitted(data, Choices(("code", "y"))).preprocessing.outputs == 2


@pytest.mark.parametrize(
    ("values", "classes"),
    [
        ([10, 9] * 50, ("9", "10")),
        ([10.0, 9.0] * 50, ("9", "10")),
        (["10", "9.0"] * 50, ("9", "10")),
        (["b", "a"] * 5, ("a", "b")),
        ([True, False] * 5, ("false", "true")),
        ([0.5, 1.5] * 50, ()),
        (list(range(20)) * 9 + list(range(19)), ()),
        (list(range(21)) * 10, ()),
        (list(range(20)) * 10, tuple(map(str, range(20)))),
    ],
)
def test_targets_are_inferred(values, classes):
    data = {"x": np.arange(float(len(values))), "y": values}
    assert fitted(data, Choices("y")).preprocessing.target.classes == classes


@settings(max_examples=100)
@given(st.lists(st.text(max_size=5)))
def test_natural_order_is_an_order(texts):
    ordered = natural_order(texts)
    assert sorted(texts) == sorted(ordered)
    assert natural_order(reversed(ordered)) == ordered


def unusable():
    """Tables and choices that cannot be used, by what the answer says."""
    x, y = list(range(100)), [i / 7 for i in range(100)]
    yield "unknown column 'z'.* Known: x, y", {"x": x, "y": y}, Choices("z")
    yield "unknown column 'prise': did you mean 'price'", {"x": x, "price": y}, Choices("prise")
    yield "unknown column 'k'", {"x": x, "y": y}, Choices("y", drop=("k",))
    yield "the target 'y' is 'a' in every row: two classes or more are needed", {"x": x, "y": ["a"] * 100}, Choices("y")
    yield "the target 'y' is 1.5 in every row", {"x": x, "y": [1.5] * 100}, Choices("y")
    yield "no row has a value for the target y", {"x": x, "y": [None] * 100}, Choices("y")
    yield "has a header but no rows", {"x": [], "y": []}, Choices("y")
    yield "no column is left to learn from", {"x": [1] * 100, "y": y}, Choices("y")
    yield "the target 'y' holds dates or times", {"x": x, "y": pa.array(x, pa.timestamp("s"))}, Choices("y")
    yield "the target 'y' holds inf in row 4", {"x": x, "y": [0.1, None, 0.2, np.inf] * 25}, Choices("y")
    yield "target 'y' must hold numbers; row 3 holds 'q'", {"x": x, "y": ["1", "2", "q", "4"] * 25}, Choices("y", task="numbers")
    yield "classes can be predicted of one target only", {"x": x, "y": y, "z": y}, Choices(("y", "z"), task="classes")
    yield "more than 1000 different values", {"x": list(range(1001)), "y": list(range(1001))}, Choices("y", task="classes")
    yield "'x' holds dates or times .turn them into numbers", {"x": pa.array(x, pa.date32()), "y": y}, Choices("y")
    yield "'x' holds dates as text", {"x": [f"2024-01-{i % 28 + 1:02}" for i in x], "y": y}, Choices("y")
    yield "'x' holds dates as text", {"x": [f"{i + 1000}-01-02 12:00" for i in range(2000)], "y": list(range(2000))}, Choices("y")
    periods = pa.array(pd.period_range("2020-01", periods=100, freq="M"))
    yield r"'x' holds dates or times .*\. Drop them \(drop\)$", {"x": periods, "y": y}, Choices("y")
    yield r"'x' holds list<\w+: int64> in its cells", {"x": [[1]] * 100, "y": y}, Choices("y")
    yield "'x' holds bytes", {"x": [b"a", b"b"] * 50, "y": y}, Choices("y")
    yield "'x' holds inf in row 2", {"x": [1.0, np.inf] * 50, "y": y}, Choices("y")
    yield "'x' holds text of more than 50 kinds, such as 'id0' in row 1", {"x": [f"id{i}" for i in x], "y": y}, Choices("y")
    yield (
        "'x' looks like numbers but holds 'k' in row 51: write plain numbers",
        {"x": [*map(str, x[:50]), "k", *map(str, x[51:])], "y": y},
        Choices("y"),
    )
    yield "numeric but holds '1e.200' in row 2", {"x": [" 1", "1e200"] * 50, "y": y}, Choices("y", numeric=("x",))
    yield "'x' is to be numeric but holds 'b' in row 1", {"x": list("ba") * 50, "y": y}, Choices("y", numeric=("x",))
    yield "'x' has more than 1000 categories", {"x": list(range(2000)), "y": list(range(2000))}, Choices("y", categorical=("x",))
    yield "'x' holds 1e\\+200 in row 2, which is no number", {"x": [1.0, 1e200] * 50, "y": y}, Choices("y")


@pytest.mark.parametrize(("message", "data", "choices"), [pytest.param(*case, id=f"{i}") for i, case in enumerate(unusable())])
def test_unusable_columns_are_clear_errors(message, data, choices):
    with pytest.raises(ValueError, match=message):
        load_table(pa.table(data), choices)


def test_all_the_refused_columns_are_named_at_once():
    data = {"id": [f"id{i}" for i in range(100)], "day": pa.array(range(100), pa.date32()), "y": np.arange(100) / 7}
    with pytest.raises(ValueError, match=r"'id' holds text .*'day' holds dates .*\. Drop them \(drop\), or say what they are"):
        load_table(pa.table(data), Choices("y"))
    assert load_table(pa.table(data | {"x": range(100)}), Choices("y", drop=("id", "day"))).features == ("x",)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"target": ()}, "a target is needed"),
        ({"target": "y", "task": "class"}, "unknown task 'class': did you mean 'classes'"),
        ({"target": "y", "drop": ("y",)}, "column 'y' can be only one of"),
        ({"target": "y", "numeric": ("x",), "categorical": ("x",)}, "column 'x' can be only one of"),
        ({"target": ("y", "y")}, "column 'y' can be only one of"),
    ],
)
def test_choices_that_contradict_each_other(options, message):
    with pytest.raises(ValueError, match=message):
        Choices(**options)


@pytest.mark.parametrize("fraction", [0, 1, -0.1, 1.5, float("nan")])
def test_the_fraction_held_out(fraction):
    with pytest.raises(ValueError, match="more than 0 and less than 1"):
        load_table(table(), Choices("kind"), test_fraction=fraction)
    with pytest.raises(ValueError, match="the table has one row with a target, too few to hold out 20% of them for test"):
        load_table({"x": [1.0], "y": [1.5]}, Choices("y"))


BAD_FILES = {
    "empty.csv": (b"", "is empty"),
    "blank.csv": (b"\n\n", "is empty"),
    "header.csv": (b"a,y\n", "has a header but no rows"),
    "ragged.csv": (b"a,y\n1,2\n3\n", "row 3, the header counted, has 1 cells where the header names 2 columns"),
    "twice.csv": (b"a,a,y\n1,2,3\n", "more than one column named 'a'"),
    "numbers.csv": (b"1,2\n3,4\n", "must begin with a header"),
    "latin.csv": ("a,y\n1,2\n1,é\n".encode("latin1"), "is not UTF-8: line 3 holds the byte 0xe9; save it as UTF-8"),
    "latin header.csv": ("é,y\n1,2\n".encode("latin1"), "is not UTF-8: line 1 holds the byte 0xe9"),
    "utf16.csv": ("a,y\n1,2\n".encode("utf-16"), "is in UTF-16"),
    "t.xlsx": (b"PK", "must end in one of .csv"),
    "t": (b"a,y\n1,2\n", "must end in one of .csv"),
    "t.parquet": (b"a,y\n1,2\n", "t.parquet cannot be read"),
    "t.parquet.gz": (b"a,y\n1,2\n", "must end in one of .csv"),
    "t.csv.gz": (b"a,y\n1,2\n", "t.csv.gz cannot be read"),
    "t.arrow": (b"a,y\n1,2\n", "t.arrow cannot be read"),
    "t.npz": (b"a,y\n1,2\n", "is not a whole .npz file"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_bad_files_are_clear_errors(name, tmp_path):
    content, message = BAD_FILES[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=message) as error:
        load_table(tmp_path / name, Choices("y"))
    assert "\n" not in str(error.value)
    assert not isinstance(error.value, pa.ArrowException)


def test_files_that_are_not_there(tmp_path):
    with pytest.raises(FileNotFoundError):
        open_source(tmp_path / "t.csv")
    with pytest.raises(IsADirectoryError, match="is a folder; name a file in it"):
        open_source(tmp_path)
    with pytest.raises(TypeError, match="a table must be a path, a binary file, a data frame or a mapping of arrays, got int"):
        open_source(3)
    with pytest.raises(TypeError, match="gives text"):
        open_source(io.StringIO("a,y\n1,2\n"))
    with pytest.raises(ValueError, match="the input is empty"):
        open_source(io.BytesIO())
    with pytest.raises(ValueError, match="cannot be turned into columns"):
        open_source(pd.DataFrame({"a": [1, "x", None, {}]}))
    with pytest.raises(ValueError, match="a delimiter must be one ASCII character"):
        open_source(io.BytesIO(b"a,b\n1,2\n"), delimiter=",,")


def test_archives_in_every_shape(tmp_path):
    x = np.random.default_rng(0).normal(size=(60, 3))
    np.savez(tmp_path / "t.npz", x=x, y=np.arange(60) % 3)
    data = load_table(tmp_path / "t.npz", Choices("y"))
    assert (data.features, data.classes) == (("x0", "x1", "x2"), ("0", "1", "2"))
    np.savez(tmp_path / "t.npz", x=x, y=x[:, :2])
    assert load_table(tmp_path / "t.npz", Choices(("y0", "y1"))).y_train.shape == (48, 2)


def bad_archives():
    """Archives that are damaged or hostile, by what the answer says."""
    x = np.zeros(1000)
    yield "which could run code", {"x": np.array([1, None], object)}
    yield "must have one axis, or two", {"x": np.zeros((2, 2, 2))}
    yield "must have one axis, or two", {"x": np.zeros(())}
    yield "as many rows, got", {"x": x, "y": np.zeros(3)}
    yield "unpacks to", {"x": np.zeros(2**20)}


@pytest.mark.parametrize(("message", "arrays"), [pytest.param(*case, id=f"{i}") for i, case in enumerate(bad_archives())])
def test_bad_archives_are_clear_errors(message, arrays, tmp_path):
    np.savez_compressed(tmp_path / "t.npz", **arrays)
    with pytest.raises(ValueError, match=message):
        open_source(tmp_path / "t.npz", memory=2**20)


def test_an_archive_that_lies_about_its_size(tmp_path):
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (10**15,)})
    with zipfile.ZipFile(tmp_path / "t.npz", "w") as archive:
        archive.writestr("x.npy", header.getvalue() + b"\0" * 80)
    with pytest.raises(ValueError, match=r"is damaged: x.npy says it holds shape \(1000000000000000,\)"):
        open_source(tmp_path / "t.npz")


def outcome(action):
    """Nothing but errors of ours may come out of any file."""
    message = ""
    try:
        action()
    except (pa.ArrowException, UnicodeError) as error:
        pytest.fail(f"not an error of ours: {error!r}")
    except (ValueError, TypeError, OSError) as error:
        message = str(error)
    assert "\n" not in message


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=60) | st.text("ay12,;.\"'\n\r\t -eé", max_size=60).map(str.encode))
def test_any_bytes_as_csv(content):
    outcome(lambda: load_table(io.BytesIO(content), Choices("y")))
    outcome(lambda: load_table(io.BytesIO(b"a,y\n" + content), Choices("y")))


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(["npz", "parquet", "feather", "arrow", "csv.gz"]), st.data())
def test_damaged_files(tmp_path_factory, ending, data):
    path = str(tmp_path_factory.mktemp("damaged") / f"t.{ending}")
    FORMATS[ending](table(20), path)
    content = bytearray(Path(path).read_bytes())
    for _ in range(data.draw(st.integers(0, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    content = content[: data.draw(st.integers(0, len(content)))] if data.draw(st.booleans()) else content
    with open(path, "wb") as file:
        file.write(content)
    outcome(lambda: load_table(path, Choices("kind")))


cell = st.none() | st.integers(-(2**40), 2**40) | st.floats() | st.booleans() | st.text(max_size=4) | st.sampled_from("ab1")


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(st.text(max_size=3), st.lists(cell, min_size=8, max_size=8), max_size=4),
    st.lists(cell, min_size=8, max_size=8),
)
def test_any_small_table(columns, target):
    data = {name: [None if value is None else str(value) for value in column] for name, column in columns.items()}
    outcome(lambda: load_table(data | {"y": [None if value is None else str(value) for value in target]}, Choices("y")))
    outcome(lambda: load_table(columns | {"y": target}, Choices("y")))


def test_prediction_takes_columns_in_any_order_and_type():
    data = table()
    preprocessing = load_table(data, Choices("kind")).preprocessing
    (expected,) = unlabelled(preprocessing, open_source(data))
    turned = data.select(["member", "city", "kind", "children", "age"]).append_column("more", data["age"])
    as_text = io.BytesIO(data.drop(["kind"]).to_pandas().to_csv(index=False).encode())
    for other in (turned, turned.set_column(3, "children", data["children"].cast("float")), as_text):
        (got,) = unlabelled(preprocessing, open_source(other))
        np.testing.assert_array_equal(got, expected)
    strange = data.set_column(2, "city", pa.array(["Rome"] * 200))
    told = r"column 'city' has 200 cells with values that training did not have, such as 'Rome': taken as none of the known"
    with pytest.warns(RuntimeWarning, match=told):
        (got,) = unlabelled(preprocessing, open_source(strange))
    assert not got[:, [i for i, name in enumerate(preprocessing.features) if name.startswith("city")]].any()
    with pytest.raises(ValueError, match="lacks columns 'age', 'city', which training had"):
        next(unlabelled(preprocessing, open_source(data.drop(["age", "city"]))))
    with pytest.raises(ValueError, match="column 'age' must hold finite numbers; row 3 holds 'old'"):
        next(unlabelled(preprocessing, open_source(data.set_column(0, "age", pa.array(["1", None, "old", "4"] * 50)))))


def test_from_a_table_to_predictions_in_its_own_words():
    rng = np.random.default_rng(0)
    width, colour = rng.normal(10, 3, 300), rng.choice(["red", "green"], 300)
    kind = np.where((width > 10) ^ (colour == "red"), "apple", "pear")
    data = load_table({"width": width, "colour": colour, "kind": kind}, Choices("kind"))
    mlp = MLP((len(data.features), 8, data.outputs), "tanh", "softmax_cross_entropy_with_integer_labels")
    params = init(mlp, jax.random.key(0), dtype=np.float32)
    optimizer = optax.adam(0.02)
    state, _ = fit(mlp, params, data.x_train, data.y_train, key=jax.random.key(1), optimizer=optimizer, epochs=50)
    fresh = open_source({"colour": ["red", "red", "green", "green"], "width": ["1", "19", "1", "19"]})
    (x,) = unlabelled(data.preprocessing, fresh)
    table = decode(data.preprocessing, predict(mlp, state.params, x), probabilities=True)
    assert table["kind"].to_pylist() == ["apple", "pear", "pear", "apple"]
    total = table["probability of apple"].to_numpy() + table["probability of pear"].to_numpy()
    np.testing.assert_allclose(total, 1, rtol=1e-6)


def test_names_of_columns_are_tidied():
    source = open_source(io.BytesIO(b' a ,"price\n(EUR)",\n1,2,3\n'))
    assert source.names == ("a", "price (EUR)", "column 3")
    assert next(source.batches()).schema.names == list(source.names)


def test_the_first_text_is_named_whatever_the_batches():
    data = pa.table({"x": ["1", "2", "first", "4", "second", "6"], "y": [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]})
    choices = Choices("y", numeric="x")
    for rows in (1, 2, 6):
        source = open_source(data)._replace(batches=lambda rows=rows: iter(data.to_batches(rows)))
        with pytest.raises(ValueError, match="holds 'first' in row 3"):
            fit_preprocessing(survey(source, choices), choices)


def test_evaluation_refuses_unknown_classes():
    preprocessing = load_table(table(), Choices("kind")).preprocessing
    other = table().set_column(4, "kind", pa.array(["a", None, "b", "tulip"] * 50))
    with pytest.raises(ValueError, match="target 'kind' is 'tulip' in row 4, which is none of the classes of training: a, b, c"):
        next(labelled(preprocessing, open_source(other)))


def test_the_summary_does_not_depend_on_the_batches():
    data = table(1000)
    choices = Choices("kind")
    whole = fitted(data, choices).preprocessing
    for rows in (1, 7, 64, 999):
        source = open_source(data)._replace(batches=lambda rows=rows: iter(data.to_batches(rows)))
        other = fit_preprocessing(survey(source, choices), choices).preprocessing
        assert other.columns == whole.columns
        np.testing.assert_allclose(np.array(other.statistics), np.array(whole.statistics), rtol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_bundled_sets_carry_the_preprocessing_that_made_them(name):
    from sklearn import datasets
    from sklearn.model_selection import train_test_split

    data = bundled(name)
    table = getattr(datasets, f"load_{name.replace('-', '_')}")()
    raw, *_ = train_test_split(table.data, test_size=0.2, random_state=0, stratify=table.target if data.classes else None)
    np.testing.assert_allclose(features(data.preprocessing, raw), data.x_train, rtol=1e-6, atol=1e-6)
    assert data.features == tuple(map(str, table.feature_names))
    assert (np.ptp(data.preprocessing.statistics.scale) == 0) == (name == "digits")
