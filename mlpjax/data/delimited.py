"""CSV: every cell is read as text and its meaning found later, so that a file means the same at every size."""

import codecs
import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from mlpjax.data.cells import Batch
from mlpjax.data.spellings import MISSING, number

_BLOCK = 2**22
_HEAD = 2**20


class Layout(NamedTuple):
    """How a CSV file is laid out.

    Attributes:
        delimiter: between cells.
        names: from the header.
        rows: how many there are, estimated from the beginning of the file.
        size: about how many bytes its cells take in memory.
        skip: whether a line such as sep=; stands before the header.
    """

    delimiter: str
    names: tuple[str, ...]
    rows: int
    size: int
    skip: bool = False


def layout(name: str, path: Path, delimiter: str | None = None) -> Layout:
    """Look at the beginning of a CSV file.

    Raises:
        ValueError: it is not UTF-8, or has no header that names the columns.
    """
    if delimiter is not None and (len(delimiter) != 1 or not delimiter.isascii() or delimiter in '"\r\n\0'):
        raise ValueError(f"a delimiter must be one ASCII character other than a quote or a line break, got {delimiter!r}")
    head = _head(name, path)
    beginning = head.lstrip(b"\xef\xbb\xbf \r\n")
    if not beginning:
        raise ValueError(f"{name} is empty")
    lines = beginning.splitlines()
    said = re.fullmatch(rb'"?sep=([!-~\t])"?', lines[0], re.IGNORECASE)  # Excel's own word on the delimiter
    header = lines[1] if said and len(lines) > 1 else lines[0]
    delimiter = delimiter or (said[1].decode() if said else max(",;\t|", key=lambda mark: header.count(mark.encode())))
    names = _names(name, path, delimiter, said is not None)
    _check_header(name, names, header)
    size = path.stat().st_size * (4 if len(head) == _HEAD and path.suffix not in (".csv", ".tsv", ".txt") else 1)
    rows = size * max(beginning.count(b"\n") - 1, 1) // len(head)
    return Layout(delimiter, names, rows, size + 4 * rows * len(names), said is not None)


def _head(name: str, path: Path) -> bytes:
    import pyarrow as pa

    with pa.input_stream(str(path)) as file:  # by its name, of a compressed file too
        head = bytes(file.read(_HEAD))
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise ValueError(f"{name} is in UTF-16: {_ADVICE}")
    return head


def _check_header(name: str, names: tuple[str, ...], header: bytes) -> None:
    if all(number(text.strip()) == number(text.strip()) for text in names):
        raise ValueError(
            f"{name} must begin with a header that names the columns; its first line is {header[:80].decode(errors='replace')}"
        )


def _names(name: str, path: Path, delimiter: str, skip: bool) -> tuple[str, ...]:
    with _reader(name, path, delimiter, skip=skip) as reader:
        return tuple(reader.schema.names)


def batches(name: str, path: Path, layout: Layout) -> Iterator[Batch]:
    """The rows of a CSV file, all columns text.

    Raises:
        ValueError: a row has too many or too few cells, or the file is not UTF-8; the message says where.
    """
    with _reader(name, path, layout.delimiter, layout.names, layout.skip) as reader:
        yield from reader


@contextlib.contextmanager
def _reader(name: str, path: Path, delimiter: str, names: tuple[str, ...] = (), skip: bool = False):
    import pyarrow as pa
    from pyarrow import csv

    try:
        with csv.open_csv(
            pa.input_stream(str(path)),
            csv.ReadOptions(block_size=_BLOCK, use_threads=False, skip_rows=int(skip)),
            csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
            csv.ConvertOptions(
                column_types={name: pa.string() for name in names},
                null_values=sorted(MISSING),
                strings_can_be_null=True,
                quoted_strings_can_be_null=True,
            ),
        ) as reader:
            yield reader
    except (pa.ArrowInvalid, UnicodeDecodeError) as error:
        raise ValueError(_what_is_wrong(name, path, str(error))) from None


def _what_is_wrong(name: str, path: Path, error: str) -> str:
    ragged = re.search(r"(?:Row #(\d+): )?Expected (\d+) columns, got (\d+)", error)
    if ragged:
        place = f"row {ragged[1]}, the header counted," if ragged[1] else "a row"
        return f"{name}: {place} has {ragged[3]} cells where the header names {ragged[2]} columns"
    return _not_utf8(name, path) or f"{name} cannot be read: {' '.join(error.split()):.300}"


_ADVICE = "save it as UTF-8, for instance with iconv -f latin1 -t utf-8 (or -f utf-16)"


def _not_utf8(name: str, path: Path) -> str:
    """Where the first byte is that is not; empty if all are."""
    import pyarrow as pa

    decoder, line = codecs.getincrementaldecoder("utf-8")(), 1
    with pa.input_stream(str(path)) as file:
        while chunk := file.read(_HEAD):
            try:
                decoder.decode(chunk)
            except UnicodeDecodeError as error:
                line += error.object[: error.start].count(b"\n")
                return f"{name} is not UTF-8: line {line} holds the byte 0x{error.object[error.start]:02x}; {_ADVICE}"
            line += chunk.count(b"\n")
    return ""
