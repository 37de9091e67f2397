"""Streams: every row once, in an order that a number begins anywhere, in parts that never meet, within its memory."""

import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlpjax.data import Choices, Stream, load_table, open_source, stream
from mlpjax.data.store import stored
from mlpjax.data.streams import TEST, TRAINING, VALIDATION, parts
from mlpjax.runs.examples import of_stream
from mlpjax.runs.options import Options, settled

N = 5000


def table(n: int = N) -> pa.Table:
    """The place of a row can be read off its examples: x, y and the weight all tell it, but for those without a target."""
    row = np.arange(n)
    return pa.table({
        "row": row, "half": row / 2, "kind": np.where(row % 3, "a", "b"), "w": row.astype(float),
        "y": pa.array(row * 2.0, mask=row % 10 == 7),
    })  # fmt: skip


def of(data, **options):
    return stream(data, Choices("y", weights="w"), **({"batch_size": 64, "validation_fraction": 0.1} | options))


def rows_of(data: Stream, batches) -> np.ndarray:
    """The rows that the batches hold, by their weights, after a check that x and y are those of the same rows."""
    x, y, weights = (np.concatenate(arrays) for arrays in zip(*batches, strict=True))
    (mean, *_), (scale, *_) = data.preprocessing.statistics
    np.testing.assert_allclose(x[:, 0] * scale + mean, weights, atol=0.01)
    mean, scale = data.preprocessing.target_statistics
    np.testing.assert_allclose(y[:, 0] * scale + mean, 2 * weights, atol=0.01)
    return weights.astype(int)


@pytest.fixture
def small_chunks(monkeypatch):
    """A file of many chunks and an epoch of many windows, at the size of a test."""
    monkeypatch.setattr("mlpjax.data.store.CHUNK", 2000)
    monkeypatch.setattr("mlpjax.data.streams.WINDOW", 16000)


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("batch_size", [1, 64, 1000, 10000])
def test_an_epoch_has_every_training_row_once(batch_size):
    data = of(table(), batch_size=batch_size)
    batches = list(data.batches(0))
    held_out = np.concatenate([data.validation.weights, data.test.weights]).astype(int)
    rows = rows_of(data, batches)
    everything = [row for row in range(N) if row % 10 != 7]
    assert sorted([*rows, *held_out]) == everything
    assert [len(x) for x, *_ in batches[:-1]] == [batch_size] * (data.steps - 1)
    assert data.rows == len(rows)
    assert all(array.dtype == np.float32 for batch in batches for array in batch)


@pytest.mark.usefixtures("small_chunks")
def test_each_epoch_has_an_order_of_its_own_and_mixes_far_rows():
    data = of(table())
    first, again, second = (rows_of(data, data.batches(epoch)) for epoch in (0, 0, 1))
    assert first.tolist() == again.tolist()
    assert (first == second).mean() < 0.05
    assert not set(first[:64]) & set(second[:64])
    assert sorted(first) == sorted(second)
    other = of(table(), seed=1)
    assert first.tolist() != rows_of(other, other.batches(0)).tolist()
    inside = np.array([batch[2].max() - batch[2].min() for batch in list(data.batches(0))[:-1]])
    assert inside.min() > N / 10


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("start", [0, 1, 10, 37, 54, 55, 56, 57, 100])
def test_a_start_skips_batches(start):
    data = of(table())
    expected = list(data.batches(3))[start:]
    got = list(data.batches(3, start))
    assert len(got) == len(expected) == max(data.steps - start, 0)
    for a, b in zip(got, expected, strict=True):
        for left, right in zip(a, b, strict=True):
            np.testing.assert_array_equal(left, right)


@pytest.mark.usefixtures("small_chunks")
def test_formats_and_batches_of_the_source_do_not_matter(tmp_path):
    expected = list(of(table()).batches(0))
    pa.parquet.write_table(table(), tmp_path / "t.parquet", row_group_size=700)
    table().to_pandas().to_csv(tmp_path / "t.csv", index=False)
    source = open_source(table())._replace(batches=lambda: iter(table().to_batches(123)))
    with (tmp_path / "t.csv").open("rb") as pipe:
        for other in (tmp_path / "t.parquet", tmp_path / "t.csv", source, pipe):
            for a, b in zip(of(other).batches(0), expected, strict=True):
                for left, right in zip(a, b, strict=True):
                    np.testing.assert_allclose(left, right, rtol=1e-6, atol=1e-6)


def test_classes_without_weights():
    data = stream(table(), Choices("kind", drop=("y", "w")), batch_size=100)
    x, y = next(data.batches(0))
    assert (x.shape, y.shape, y.dtype) == ((100, 2), (100,), np.int32)
    assert data.preprocessing.target.classes == ("a", "b")
    assert len(data.validation.x) == 0
    assert data.test.weights is None


def test_the_preprocessing_is_that_of_the_training_rows():
    data = of(table())
    x = np.concatenate([x for x, *_ in data.batches(0)])
    y = np.concatenate([y for _, y, _ in data.batches(0)])
    for column in (x[:, 0], x[:, 1], y[:, 0]):
        assert abs(column.mean(dtype=float)) < 1e-6
        assert abs(np.mean(column.astype(float) ** 2) - 1) < 1e-6
    assert data.preprocessing.features == load_table(table(), Choices("y", weights="w")).features


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**40), st.integers(0, 300_000), st.integers(0, 200_000))
def test_parts_are_a_function_of_the_seed_and_the_row(seed, first, count):
    rows = np.arange(first, first + count)
    whole = parts(seed, rows, 0.1, 0.2)
    np.testing.assert_array_equal(parts(seed, rows[::3], 0.1, 0.2), whole[::3])
    np.testing.assert_array_equal(parts(seed, rows[count // 2 :], 0.1, 0.2), whole[count // 2 :])
    # a test row stays one when the validation part grows
    assert set(rows[parts(seed, rows, 0.5, 0.2) == TEST]) == set(rows[whole == TEST])


def test_parts_have_the_sizes_that_are_asked_for():
    found = np.bincount(parts(0, np.arange(200_000), 0.1, 0.2)) / 200_000
    np.testing.assert_allclose(found[[TRAINING, VALIDATION, TEST]], [0.7, 0.1, 0.2], atol=0.005)


def test_the_held_out_parts_are_no_larger_than_memory_allows(monkeypatch):
    monkeypatch.setattr("mlpjax.data.streams.MOST_HELD_OUT", 100)
    data = of(table())
    assert 50 < len(data.test.x) < 150
    assert 50 < len(data.validation.x) < 150
    assert data.notes[-1].startswith("each part held out is at most 2.00% of the rows")


def test_the_penalty_of_counts_is_that_of_classes():
    data = of_stream(of(table()))
    asked = [settled(Options(loss=loss), data).l2 for loss in (None, "poisson_loss")]
    np.testing.assert_allclose(np.array(asked) * data.rows, [10, 1])


def test_the_first_batch_is_as_long_as_asked():
    data = of_stream(of(table()))
    lengths = [[len(array) for array in data.first_batch(size)] for size in (1, 64, 100, 2 * N)]
    assert lengths == [[1] * 3, [64] * 3, [100] * 3, [data.rows] * 3]
    assert len(data.sample(70).x) == 70


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 0}, "batch_size must be 1 or more, got 0"),
        ({"test_fraction": 0.0}, "fractions that leave something"),
        ({"test_fraction": 0.5, "validation_fraction": 0.5}, "fractions that leave something"),
        ({"validation_fraction": -0.1}, "fractions that leave something"),
    ],
)
def test_options_of_a_stream(options, message):
    with pytest.raises(ValueError, match=message):
        of(table(), **options)


def test_too_few_rows_to_hold_any_out():
    with pytest.raises(ValueError, match="has too few rows with a target, 2, to hold a part of them out"):
        stream({"x": [1.0, 2.0], "y": [1.0, 2.0]}, Choices("y"))


def test_a_full_disk_is_a_clear_error_and_leaves_nothing(tmp_path):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, hard))
    try:
        with pytest.raises(OSError, match=r"temporary copy of the table cannot be written to .* set TMPDIR"):
            of(table(), folder=tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not list(tmp_path.iterdir())
    with pytest.raises(OSError, match="no temporary file can be made in"):
        of(table(), folder=tmp_path / "nowhere")


def test_the_temporary_file_leaves_nothing(tmp_path):
    store = stored([np.ones((3, 2)), np.zeros((2, 2))], 2, tmp_path)
    assert store.read(np.array([0])).sum() == 6
    assert not list(tmp_path.iterdir())


MEASURED = r"""
import re, sys
from pathlib import Path
from mlpjax.data import Choices, stream
def peak():  # not ru_maxrss, which begins at that of the parent process
    return int(re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())[1])
before = peak()
data = stream(sys.argv[1], Choices("y"), memory=2**27)
rows = sum(len(x) for x, y in data.batches(0))
print(rows + len(data.test.x), peak() - before)
"""


def growth(path, blocks: int) -> int:
    """By how many MB a process grows that reads an epoch of a table of so many blocks of 24 MB."""
    schema = pa.schema([(name, pa.float64()) for name in (*(f"x{i}" for i in range(29)), "y")])
    with pa.parquet.ParquetWriter(path, schema, compression="none", use_dictionary=False) as writer:
        for seed in range(blocks):
            writer.write_table(pa.table(list(np.random.default_rng(seed).normal(size=(30, 100_000))), schema=schema))
    result = subprocess.run([sys.executable, "-c", MEASURED, str(path)], capture_output=True, text=True, check=True)
    rows, kilobytes = map(int, result.stdout.split())
    assert rows == blocks * 100_000
    return kilobytes // 1000


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak of memory is read from Linux's /proc")
def test_memory_does_not_grow_with_the_table(tmp_path):
    """216 MB more of table, and hardly more memory; it grows at all by what JAX, pyarrow and the window take."""
    few, many = (growth(tmp_path / "t.parquet", blocks) for blocks in (3, 12))
    assert few < 500
    assert many - few < 80
