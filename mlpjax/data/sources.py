"""Tables wherever they are, as record batches: files, standard input, data frames and arrays."""

import contextlib
import io
import os
import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from mlpjax.data import archives, cells, delimited
from mlpjax.data.cells import Batch

CSV = [".csv", ".tsv", ".txt"]
PARQUET = [".parquet", ".pq"]
ARROW = [".arrow", ".feather", ".ipc"]
NPZ = [".npz"]


class Source(NamedTuple):
    """A table that can be read again and again, a batch of rows at a time.

    Attributes:
        name: for messages.
        names: the columns; blanks around a name are left off, and line breaks in it become blanks.
        rows: how many there are; for CSV an estimate from its beginning.
        size: about how many bytes it takes in memory.
        batches: opens it anew and gives its `pyarrow.RecordBatch`es, of plain columns as `cells.plain`.
    """

    name: str
    names: tuple[str, ...]
    rows: int
    size: int
    batches: Callable[[], Iterator[Batch]]


def open_source(table: Any, *, delimiter: str | None = None, memory: int = 2**30) -> Source:
    """Find out what a table is and how to read it.

    Args:
        table: the path of a CSV (.csv, .tsv, .txt, compressed or not), Parquet, Arrow (.arrow, .feather, .ipc) or NumPy
            (.npz) file; a binary file object with CSV in it, such as `sys.stdin.buffer`, which is first copied to a temporary
            file; a data frame of pandas, polars or any other library with the Arrow interface; or a mapping from names to
            columns; an array of two axes is as many columns as in an .npz file: x of shape (n, 3) gives x0, x1 and x2.
            A `Source` is returned as it is.
        delimiter: of CSV; the commonest of comma, semicolon, tab and | in the header unless given, or what a first line
            such as sep=; says.
        memory: the most bytes that the arrays of an .npz file may take.

    Raises:
        ValueError: the table cannot be read, is empty, or has a column twice; the message says what and where.
        OSError: the file is not there or may not be read.
        TypeError: the argument is none of these.

    >>> source = open_source({"age": [31, 45], "city": ["Lima", "Paris"]})
    >>> source.names, source.rows
    (('age', 'city'), 2)
    """
    if isinstance(table, Source):
        return table
    if isinstance(table, str | os.PathLike):
        source = _file(Path(table), delimiter, memory)
    elif hasattr(table, "read"):
        source = _spooled(table, delimiter)
    elif isinstance(table, Mapping) or hasattr(table, "__arrow_c_stream__"):
        source = _in_memory(table)
    else:
        raise TypeError(f"a table must be a path, a binary file, a data frame or a mapping of arrays, got {type(table).__name__}")
    return _checked(source)


def _checked(source: Source) -> Source:
    import pyarrow as pa

    names = [" ".join(name.split()) or f"column {number}" for number, name in enumerate(source.names, 1)]
    twice = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    if not names:
        raise ValueError(f"{source.name} has no columns")
    if twice:
        raise ValueError(f"{source.name} has more than one column named {', '.join(map(repr, twice))}: rename them")

    def batches():
        with readable(source.name):
            for batch in source.batches():
                batch.validate(full=True)  # text that is UTF-8, indices that lie in their dictionaries
                yield pa.RecordBatch.from_arrays([cells.plain(array) for array in batch.columns], names=names)

    return Source(source.name, tuple(names), source.rows, source.size, batches)


@contextlib.contextmanager
def readable(name: str):
    """What goes wrong inside Arrow, as an error of ours."""
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, UnicodeDecodeError, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # the operating system's own: no data at fault
        reason = " ".join(str(error).split())
        raise ValueError(f"{name} cannot be read: {reason:.300}") from None


def _file(path: Path, delimiter: str | None, memory: int) -> Source:
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder; name a file in it")
    with path.open("rb") as file:  # the operating system's own word on what is not there or not allowed
        beginning = file.read(1)
    ending = _ending(path)
    if not beginning:
        raise ValueError(f"{path} is empty")
    if ending in CSV:
        return _csv(str(path), path, delimiter)
    with readable(str(path)):
        if ending in NPZ:
            return _in_memory(archives.load(path, memory), str(path))
        return _parquet(path) if ending in PARQUET else _arrow(path)


def _ending(path: Path) -> str:
    """What the name of a file says it is; only CSV may be compressed."""
    endings = [ending.lower() for ending in path.suffixes] or [""]
    compressed = endings[-1] in (".gz", ".bz2", ".zst", ".lz4")
    known = CSV if compressed else CSV + PARQUET + ARROW + NPZ
    ending = endings[-2] if compressed and len(endings) > 1 else endings[-1]
    if ending not in known:
        raise ValueError(f"{path}: the name of the file must end in one of {' '.join(known)} to say what it is")
    return ending


def _csv(name: str, path: Path, delimiter: str | None) -> Source:
    with readable(name):
        layout = delimited.layout(name, path, delimiter)
    return Source(name, layout.names, layout.rows, layout.size, lambda: delimited.batches(name, path, layout))


def _spooled(file: Any, delimiter: str | None) -> Source:
    """Standard input can be read only once: it is copied to a temporary file, which goes with the last reference to it."""
    name = getattr(file, "name", None)
    name = name if isinstance(name, str) else "the input"
    if isinstance(file, io.TextIOBase):
        raise TypeError(f"{name} gives text: pass a binary file, such as sys.stdin.buffer")
    descriptor, copy = tempfile.mkstemp(prefix="mlpjax-", suffix=".csv")

    def batches():
        yield from source.batches()

    weakref.finalize(batches, os.unlink, copy)
    try:
        with open(descriptor, "wb") as opened:
            shutil.copyfileobj(file, opened)
    except OSError as error:
        raise OSError(f"{name} cannot be copied to {copy}: {error.strerror}; make room, or set TMPDIR") from None
    source = _csv(name, Path(copy), delimiter)
    return source._replace(batches=batches)


def _rows_per_batch(columns: int) -> int:
    return min(max(2**20 // max(columns, 1), 256), 65536)


def _in_memory(table: Any, name: str = "the table") -> Source:
    import pyarrow as pa

    try:
        arrow = _from_frame(table)
    except (pa.ArrowException, OverflowError) as error:
        raise ValueError(f"{name} cannot be turned into columns: {' '.join(str(error).split()):.300}") from None
    rows = _rows_per_batch(arrow.num_columns)
    return Source(name, tuple(arrow.column_names), arrow.num_rows, arrow.nbytes, lambda: iter(arrow.to_batches(rows)))


def _from_frame(table: Any) -> Any:
    import pyarrow as pa

    if type(table).__module__.partition(".")[0] == "pandas":
        return pa.Table.from_pandas(table, preserve_index=False)  # an index is no column
    if isinstance(table, Mapping):
        columns: dict[str, Any] = {}
        for name, values in table.items():
            flat = getattr(values, "ndim", 0) != 2
            columns |= {str(name): _plain(values)} if flat else archives.spread(str(name), np.asarray(values))
        return pa.table(columns)
    return pa.table(table)


def _plain(values: Any) -> Any:
    return np.asarray(values) if np.ndim(values) == 1 else values


def _parquet(path: Path) -> Source:
    import pyarrow.parquet as pq

    def opened():
        return pq.ParquetFile(path, memory_map=False, pre_buffer=False, buffer_size=2**20)

    def batches():
        with opened() as file:
            yield from file.iter_batches(_rows_per_batch(len(file.schema_arrow)))

    with opened() as file:
        metadata, names = file.metadata, tuple(file.schema_arrow.names)
        groups = (metadata.row_group(number) for number in range(metadata.num_row_groups))
        size = max(sum(group.total_byte_size for group in groups), 8 * metadata.num_rows * len(names))
        return Source(str(path), names, metadata.num_rows, size, batches)


def _arrow(path: Path) -> Source:
    import pyarrow as pa

    def opened():
        try:
            file = pa.ipc.open_file(path)
            return file.schema, (file.get_batch(number) for number in range(file.num_record_batches))
        except pa.ArrowInvalid:
            stream = pa.ipc.open_stream(path)
            return stream.schema, iter(stream)

    def batches():
        schema, found = opened()
        rows = _rows_per_batch(len(schema))
        for batch in found:
            yield from (batch.slice(start, rows) for start in range(0, batch.num_rows, rows))

    schema, found = opened()
    return Source(str(path), tuple(schema.names), sum(batch.num_rows for batch in found), 2 * path.stat().st_size, batches)
