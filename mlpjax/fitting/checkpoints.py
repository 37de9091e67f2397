"""Checkpoints: where a training has come to, on disk, so that one that was killed goes on as if it had not been.

Each is written with Orbax, whole or not at all, with a digest of its numbers and a description of the training that it is
from. One that is damaged or from another training is refused, and the one before it used.

Needs orbax-checkpoint: pip install 'mlpjax[checkpoints]'.
"""

import json
import math
import operator
import os
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mlpjax.fitting.history import History, columns
from mlpjax.fitting.packing import arrays_of, check_same_arrays, digest_of, history_from, history_like, state_from
from mlpjax.training import State

FORMAT = "mlpjax checkpoint 1"


@dataclass(frozen=True)
class Checkpoints:
    """A folder for the checkpoints of one training, and when to write them.

    Given to `fit`, training writes there, and goes on from what it finds there: the same call after a crash ends with the
    very bits that it would have ended with.

    Attributes:
        folder: made if need be; one folder a training.
        epochs: write after each so many epochs.
        seconds: write when the last one is older than this.
        keep: how many of the latest to keep; the best by what `fit` monitors is kept besides.

    Raises:
        ValueError: a number is below 1.

    >>> import jax, optax, tempfile
    >>> from mlpjax import MLP, fit, init
    >>> mlp, x, y = MLP((1, 4, 1), "tanh"), np.ones((8, 1)), np.ones((8, 1))
    >>> params = init(mlp, jax.random.key(0))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     kept = Checkpoints(folder, epochs=1)
    ...     _ = fit(mlp, params, x, y, key=jax.random.key(1), epochs=3, checkpoints=kept)
    ...     state, history = fit(mlp, params, x, y, key=jax.random.key(1), epochs=5, checkpoints=kept)
    >>> history.epochs
    5
    """

    folder: str | os.PathLike
    epochs: int | None = None
    seconds: float | None = 60.0
    keep: int = 3

    def __post_init__(self):
        for name in ("epochs", "keep"):
            number = getattr(self, name)
            if number is not None and not (isinstance(number, int) and number >= 1):
                raise ValueError(f"{name} must be a whole number of 1 or more, got {number!r}")
        if self.seconds is not None and not self.seconds > 0:
            raise ValueError(f"seconds must be above 0, got {self.seconds!r}")


class Saver:
    """The callback that writes the checkpoints of one training, and reads them when it begins."""

    def __init__(self, checkpoints: Checkpoints, training: dict):
        self.every = checkpoints.epochs
        self._checkpoints, self._training = checkpoints, json.loads(json.dumps(training))
        self._manager = _manager(checkpoints)
        self._last = time.monotonic()
        self._saved: tuple[int, int, str] | None = None

    def latest(self, like: State, history: History) -> tuple[State, History] | None:
        """The newest checkpoint that can be used, or `None` if the folder has none at all.

        Args:
            like, history: of the training as it starts, which say what arrays to expect.

        Raises:
            ValueError: there are checkpoints, but none can be used; the message says why not.
        """
        refused = []
        for step in sorted(self._manager.all_steps(), reverse=True):
            try:
                found = self._read(step, like, history)
            except Exception as error:
                refused.append(f"checkpoint {step}: {_one_line(error)}")
                continue
            for sentence in refused:
                warnings.warn(f"{sentence}. Going on from checkpoint {step}", RuntimeWarning, stacklevel=4)
            return found
        if refused:
            older = f", nor can the {len(refused) - 1} before it" if len(refused) > 1 else ""
            raise ValueError(
                f"the newest checkpoint in {self._checkpoints.folder} cannot be used{older}: {refused[0]}. "
                "Choose another folder, or move this one away to start afresh"
            )
        return None

    def __call__(self, epoch: int, state: State, history: History) -> None:
        """Write a checkpoint if one is due."""
        seconds = self._checkpoints.seconds
        due = self.every is not None and epoch % self.every == 0 and _position(state, history) != self._saved
        if due or history.stopped or (seconds is not None and time.monotonic() - self._last >= seconds):
            self._save(state, history)

    def finish(self, state: State, history: History) -> None:
        """Write what is not written yet, and let go of the folder."""
        self._save(state, history)
        self._manager.close()

    def _save(self, state: State, history: History) -> None:
        position = _position(state, history)
        if position == self._saved:
            return
        try:
            _write(self._manager, state, history, self._training)
            self._saved = position
        except Exception as error:
            warnings.warn(
                f"a checkpoint could not be written to {self._checkpoints.folder}: {_one_line(error)}. Training goes on",
                RuntimeWarning,
                stacklevel=4,
            )
        self._last = time.monotonic()

    def _read(self, step: int, like: State, history: History) -> tuple[State, History]:
        import orbax.checkpoint as ocp

        said = self._manager.restore(step, args=ocp.args.Composite(about=ocp.args.JsonRestore()))["about"]
        _check_same_training(said, self._training)
        expected = {**arrays_of(like), **history_like(history, said["epochs"])}
        present = {name: array for name, array in expected.items() if array.size}
        found = self._manager.item_metadata(step)["arrays"].tree
        check_same_arrays({name: (tuple(entry.shape), np.dtype(entry.dtype)) for name, entry in found.items()}, present)
        as_numpy = {name: ocp.RestoreArgs(restore_type=np.ndarray) for name in present}
        arrays = self._manager.restore(step, args=ocp.args.Composite(arrays=ocp.args.PyTreeRestore(restore_args=as_numpy)))[
            "arrays"
        ]
        if digest_of(arrays) != said["digest"]:
            raise ValueError("its numbers are damaged: their digest is not the one that was written with them")
        arrays = {**expected, **arrays}
        return state_from(like, arrays), history_from(arrays, said)


def _manager(checkpoints: Checkpoints):
    try:
        import orbax.checkpoint as ocp
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"checkpoints need {error.name}: pip install 'mlpjax[checkpoints]'", name="orbax-checkpoint"
        ) from None
    policies = ocp.checkpoint_managers
    watched = operator.itemgetter("watched")
    best = policies.BestN(get_metric_fn=watched, reverse=True, n=1, keep_checkpoints_without_metrics=False)
    options = ocp.CheckpointManagerOptions(
        best_fn=watched,
        best_mode="min",
        preservation_policy=policies.AnyPreservationPolicy([policies.LatestN(checkpoints.keep), best]),
        enable_async_checkpointing=False,
        cleanup_tmp_directories=True,
    )
    handlers = {"arrays": ocp.PyTreeCheckpointHandler(), "about": ocp.JsonCheckpointHandler()}
    with _clear_os_errors(checkpoints.folder):
        return ocp.CheckpointManager(Path(checkpoints.folder).absolute(), options=options, item_handlers=handlers)


@contextmanager
def _clear_os_errors(folder) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OSError(f"checkpoints cannot be kept in {folder}: {error.strerror or error}") from None


def _write(manager, state: State, history: History, training: dict) -> None:
    import orbax.checkpoint as ocp

    kept = {**arrays_of(state), **{f"history.{name}": column for name, column in columns(history).items()}}
    arrays = {name: array for name, array in kept.items() if array.size}  # Orbax takes none without entries
    about = {
        "format": FORMAT,
        "training": training,
        "epochs": history.epochs,
        "stopped": history.stopped,
        "message": history.message,
        "best_epoch": history.best_epoch,
        "digest": digest_of(arrays),
    }
    items = ocp.args.Composite(arrays=ocp.args.PyTreeSave(arrays), about=ocp.args.JsonSave(about))
    step = max(manager.all_steps(), default=-1) + 1
    manager.save(step, args=items, metrics={"watched": _watched(history, training["monitor"])}, force=True)


def _watched(history: History, monitor: str | None) -> float:
    """The number that says which checkpoint is best: small is good."""
    column = getattr(history, monitor or "loss")
    value = float(column[-1]) if len(column) else math.inf
    signed = -value if monitor == "validation_score" else value
    return signed if math.isfinite(signed) else math.inf


def _position(state: State, history: History) -> tuple[int, int, str]:
    return history.epochs, 0 if state.cursor is None else int(state.cursor.batches), history.stopped


def _check_same_training(said: dict, training: dict) -> None:
    if not isinstance(said, dict) or said.get("format") != FORMAT:
        raise ValueError(f"it was not written by this version of mlpjax: its format is {_format(said)!r}, not {FORMAT!r}")
    theirs = said["training"]
    for name, ours in training.items():
        if theirs.get(name) != ours:
            raise ValueError(f"it is from another training: its {name} is {theirs.get(name)!r}, here it is {ours!r}")


def _format(said) -> str:
    return str(said.get("format", "unknown")) if isinstance(said, dict) else "unknown"


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split())
    return (text[:300] + " …" if len(text) > 300 else text) or type(error).__name__
