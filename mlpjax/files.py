"""Files that are written whole or not at all."""

import errno
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

    It keeps the permissions of the file whose place it takes; where `path` is a link, that is the file it leads to.

    Raises:
        OSError: it cannot be written.
    """
    place = Path(os.path.realpath(path))
    try:
        descriptor, temporary = tempfile.mkstemp(dir=place.parent, prefix=f".{place.name[:50]}.")
    except OSError as error:
        raise _unwritable(path, error) from None
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, _permissions(place))
        os.replace(temporary, place)
    except BaseException as error:
        os.unlink(temporary)
        if isinstance(error, OSError) and (error.errno in FULL or error.filename == temporary):
            raise _unwritable(path, error) from None
        raise


FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""What the operating system says where a file can grow no further."""


def _unwritable(path: str | os.PathLike, error: OSError) -> OSError:
    return OSError(error.errno, f"{path} cannot be written: {error.strerror}")


def _permissions(path: Path) -> int:
    """Those of the file that is replaced, or of any new file."""
    return path.stat().st_mode & 0o777 if path.exists() else 0o666 & ~umask()


def umask() -> int:
    """The permissions that this process leaves off new files."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
