"""Files that are written whole or not at all."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO


def write_whole(path: str | os.PathLike, content: bytes) -> None:
    """Write a file, or leave the one that is there as it is.

    Raises:
        OSError: it cannot be written, for instance because the disk is full; nothing half-written is left behind.
    """
    with whole(path) as file:
        file.write(content)


@contextmanager
def whole(path: str | os.PathLike) -> Iterator[IO[bytes]]:
    """A file to write to that takes the place of `path` when all has gone well, and is gone when not.

    Raises:
        OSError: it cannot be written.
    """
    path = Path(path)
    try:
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:100]}.")
    except OSError as error:
        raise OSError(error.errno, f"{path} cannot be written: {error.strerror}") from None
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~umask())
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def umask() -> int:
    """The permissions that this process leaves off new files."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
