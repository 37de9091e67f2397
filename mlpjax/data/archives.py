"""NumPy's .npz files as columns; nothing in them is unpickled, and no more memory taken than they may."""

import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np


def load(path: Path, memory: int) -> dict[str, np.ndarray]:
    """The columns in an .npz file.

    Two-dimensional arrays give a column each: x of shape (n, 3) gives x0, x1 and x2. One-dimensional ones are columns by
    their own name.

    Args:
        path: the file.
        memory: the most bytes that its arrays may take.

    Raises:
        ValueError: it is damaged, holds Python objects, takes more memory, or its arrays do not fit together.
        OSError: it cannot be read.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            _check_sizes(archive, path, memory)
        with np.load(path, allow_pickle=False) as arrays:
            return _columns(path, {name: arrays[name] for name in arrays.files})
    except (zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, EOFError, RuntimeError, zlib.error) as error:
        raise ValueError(f"{path} is not a whole .npz file: {error}") from None


def spread(name: str, array: np.ndarray) -> dict[str, np.ndarray]:
    """The columns in an array with one axis or two, by name.

    >>> list(spread("x", np.zeros((5, 2))))
    ['x0', 'x1']
    """
    return {name: array} if array.ndim == 1 else {f"{name}{number}": column for number, column in enumerate(array.T)}


def _check_sizes(archive: zipfile.ZipFile, path: Path, memory: int) -> None:
    """What the archive and the headers in it declare, before anything is unpacked."""
    total = sum(member.file_size for member in archive.infolist())
    if total > memory:
        raise ValueError(
            f"{path} unpacks to {total:,} bytes, more than the {memory:,} that it may: raise the limit, or use Parquet"
        )
    for member in archive.infolist():
        with archive.open(member) as file:
            shape, _, dtype = _header(file)
        if dtype.hasobject:
            raise ValueError(f"{path}: {member.filename} holds Python objects, which could run code: save plain numbers or text")
        if int(np.prod([1, *shape], dtype=object)) * dtype.itemsize > member.file_size:
            raise ValueError(f"{path} is damaged: {member.filename} says it holds shape {shape} in {member.file_size} bytes")


def _header(file):
    version = np.lib.format.read_magic(file)
    reader = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    return reader(file)


def _columns(path: Path, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    columns: dict[str, np.ndarray] = {}
    for name, array in arrays.items():
        if array.ndim not in (1, 2):
            raise ValueError(f"{path}: {name} must have one axis, or two with an example a row; it has shape {array.shape}")
        columns |= spread(name, array)
    lengths = {name: len(array) for name, array in arrays.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"{path}: all arrays must have as many rows, got {lengths}")
    return columns
