"""Rows of numbers in a temporary file, where any of them is found by its place."""

import contextlib
import tempfile
import threading
import weakref
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

CHUNK = 2**18
"""The bytes that are read at once: a disk gives neighbours as fast as a single row."""


@dataclass(frozen=True, eq=False)
class Store:
    """Rows of float64 in a file that has no name, and so is gone when the process ends, however it ends.

    Attributes:
        rows: how many.
        width: the numbers in a row.
        chunk: the rows in a chunk; the last chunk may have fewer.
    """

    rows: int
    width: int
    chunk: int
    _file: IO[bytes]
    _lock: Any

    def count(self, chunks: np.ndarray) -> int:
        """The number of rows in some chunks."""
        return int(np.minimum((chunks + 1) * self.chunk, self.rows).sum() - (chunks * self.chunk).sum())

    def read(self, chunks: np.ndarray) -> np.ndarray:
        """The rows of some chunks, shape (rows, width)."""
        found = np.empty((self.count(chunks), self.width))
        filled = 0
        for chunk in chunks.tolist():
            count = min(self.chunk, self.rows - chunk * self.chunk)
            with self._lock:
                self._file.seek(chunk * self.chunk * self.width * 8)
                self._file.readinto(found[filled : filled + count])  # type: ignore[attr-defined]
            filled += count
        return found


def stored(blocks: Iterable[np.ndarray], width: int, folder: Path | None = None) -> Store:
    """Write blocks of rows, one after the other, to a temporary file.

    Args:
        blocks: arrays of shape (any, width).
        width: the numbers in a row.
        folder: where the file goes; the system's temporary folder unless given.

    Raises:
        OSError: the file cannot be written; the message says where it was to go.
    """
    place = folder or tempfile.gettempdir()
    try:
        file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115
    except OSError as error:
        raise OSError(f"no temporary file can be made in {place}: {error.strerror}") from None
    rows = 0
    try:
        for block in blocks:
            _write(file, np.ascontiguousarray(block, np.float64), place)
            rows += len(block)
    except BaseException:
        _close(file)
        raise
    store = Store(rows, width, max(CHUNK // (width * 8), 1), file, threading.Lock())
    weakref.finalize(store, _close, file)
    return store


def _write(file: IO[bytes], block: np.ndarray, place: Any) -> None:
    try:
        file.write(block.data)
        file.flush()
    except OSError as error:
        raise OSError(
            f"the temporary copy of the table cannot be written to {place}: {error.strerror}. It takes 8 bytes a cell: "
            "make room, or set TMPDIR to a folder that has it"
        ) from None


def _close(file: IO[bytes]) -> None:
    with contextlib.suppress(OSError):  # the last bytes did not fit either
        file.close()
