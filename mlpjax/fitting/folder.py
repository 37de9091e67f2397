"""A folder of checkpoints on disk: numbered, written whole or not at all by Orbax, the latest and the best kept."""

import logging
import math
import os
import tempfile
import threading
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

CONTENT, ABOUT = "content", "about"


class Folder:
    """The checkpoints of a folder, each of which has bytes, and says something about them that JSON can hold.

    Args:
        path: made if need be.
        keep: how many of the latest to keep, besides the one whose "watched" number is the smallest.

    Raises:
        OSError: nothing can be written there.
        ModuleNotFoundError: Orbax is not installed.
    """

    def __init__(self, path: str | os.PathLike, keep: int):
        try:
            import orbax.checkpoint as ocp
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(
                f"checkpoints need {error.name}: pip install 'mlpjax[checkpoints]'", name="orbax-checkpoint"
            ) from None
        _check_writable(path)
        self._ocp, self._keep, self._next = ocp, keep, _first_free(Path(path))
        options = ocp.CheckpointManagerOptions(
            preservation_policy=self, enable_async_checkpointing=False, cleanup_tmp_directories=True
        )
        handlers = {CONTENT: ocp.PyTreeCheckpointHandler(use_ocdbt=False), ABOUT: ocp.JsonCheckpointHandler()}
        with _quiet():
            self._manager = ocp.CheckpointManager(Path(path).absolute(), options=options, item_handlers=handlers)
        self._watched = {number: self._watched_then(number) for number in self.numbers()}

    def numbers(self) -> list[int]:
        """The numbers of the checkpoints, oldest first."""
        return sorted(self._manager.all_steps())

    def about(self, number: int) -> dict:
        """What a checkpoint says about its bytes.

        Raises:
            ValueError: it is damaged.
        """
        with _quiet(), _damage():
            said = self._manager.restore(number, args=self._ocp.args.Composite(**{ABOUT: self._ocp.args.JsonRestore()}))[ABOUT]
            return dict(said)

    def content(self, number: int, size: int) -> np.ndarray:
        """The bytes of a checkpoint.

        Raises:
            ValueError: it is damaged, or there are not so many.
        """
        args, as_numpy = self._ocp.args, {CONTENT: self._ocp.RestoreArgs(restore_type=np.ndarray)}
        with _quiet(), _damage():
            found = self._manager.item_metadata(number)[CONTENT].tree[CONTENT]
            if (tuple(found.shape), np.dtype(found.dtype)) != ((size,), np.uint8):
                raise ValueError(f"it holds {found.dtype} of shape {found.shape}, not {size} bytes")
            tree = args.PyTreeRestore(restore_args=as_numpy)
            return self._manager.restore(number, args=args.Composite(**{CONTENT: tree}))[CONTENT][CONTENT]

    def write(self, content: np.ndarray, about: dict) -> None:
        """Write one more checkpoint, and let go of those that need not be kept."""
        args, number = self._ocp.args, self._next
        self._next += 1  # also where it fails: what is left of one that failed is in the way of another of its number
        items = {CONTENT: args.PyTreeSave({CONTENT: content}), ABOUT: args.JsonSave(about)}
        self._watched[number] = _number(about)
        with _quiet():
            self._manager.save(number, args=args.Composite(**items), force=True)

    def close(self) -> None:
        """Let go of the folder."""
        with _quiet():
            self._manager.close()

    def should_preserve(self, checkpoints: Sequence, *, context) -> list[bool]:
        """Which checkpoints to keep, as Orbax asks."""
        numbers = [checkpoint.step for checkpoint in checkpoints]
        best = min(numbers, key=lambda number: self._watched.get(number, math.inf))
        return [number == best or number in numbers[-self._keep :] for number in numbers]

    def _watched_then(self, number: int) -> float:
        try:
            return _number(self.about(number))
        except ValueError:
            return math.inf


def _number(about: dict) -> float:
    watched = about.get("watched")
    return watched if isinstance(watched, float) and math.isfinite(watched) else math.inf


def _check_writable(path: str | os.PathLike) -> None:
    try:
        Path(path).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=Path(path)):
            pass
    except OSError as error:
        raise OSError(f"checkpoints cannot be kept in {path}: {error.strerror or error}") from None


def _first_free(path: Path) -> int:
    """A number that no checkpoint has, nor a part of one."""
    heads = [entry.name.split(".")[0] for entry in path.iterdir()]
    return max((int(head) for head in heads if head.isdecimal()), default=-1) + 1


@contextmanager
def _quiet() -> Iterator[None]:
    """Without Orbax's log: what goes wrong is said once, in our own words."""
    logger = logging.getLogger("absl")
    level, before = logger.level, set(threading.enumerate())
    logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    except Exception:
        _FAILED.update(set(threading.enumerate()) - before)  # some have yet to complain
        logger.addFilter(_not_of_failed)
        raise
    finally:
        logger.setLevel(level)


_FAILED: weakref.WeakSet[threading.Thread] = weakref.WeakSet()


def _not_of_failed(record: logging.LogRecord) -> bool:
    return threading.current_thread() not in _FAILED


@contextmanager
def _damage() -> Iterator[None]:
    """Whatever goes wrong in reading a damaged file, as a ValueError."""
    try:
        yield
    except Exception as error:
        raise ValueError(f"it is damaged: {error!r}") from None
