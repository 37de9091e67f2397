"""Checkpoints: where a training has come to, on disk, so that one that was killed goes on as if it had not been.

Each is written whole or not at all, with a digest of its numbers and a description of the training that it is from. One that
is damaged or from another training is refused, and the one before it used.

Needs orbax-checkpoint: pip install 'mlpjax[checkpoints]'.
"""

import json
import math
import os
import time
import warnings
from dataclasses import dataclass

from mlpjax.fitting import packing
from mlpjax.fitting.epochs import Rules
from mlpjax.fitting.folder import Folder
from mlpjax.fitting.history import History
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

    >>> import jax, tempfile
    >>> import numpy as np
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
        for name, number in (("epochs", 1 if self.epochs is None else self.epochs), ("keep", self.keep)):
            if not (isinstance(number, int) and number >= 1):
                raise ValueError(f"{name} must be a whole number of 1 or more, got {number!r}")
        if self.seconds is not None and not self.seconds > 0:
            raise ValueError(f"seconds must be above 0, got {self.seconds!r}")


class Saver:
    """The callback that writes the checkpoints of one training, and reads them when it begins.

    Args:
        checkpoints: where and when.
        training: what tells this training from others, as JSON can hold it.
        rules: what ends it early. A training that ended by other rules goes on.
    """

    def __init__(self, checkpoints: Checkpoints, training: dict, rules: Rules):
        self.every = checkpoints.epochs
        self._checkpoints, self._training = checkpoints, json.loads(json.dumps(training))
        self._rules = [str(rule) for rule in rules]
        self._folder = Folder(checkpoints.folder, checkpoints.keep)
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
        for number in reversed(self._folder.numbers()):
            try:
                found = self._read(number, like, history)
            except ValueError as error:
                refused.append(f"checkpoint {number}: {_one_line(error)}")
                continue
            self._saved = _position(*found)
            for sentence in refused:
                warnings.warn(f"{sentence}. Going on from checkpoint {number}", RuntimeWarning, stacklevel=4)
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
        old = seconds is not None and time.monotonic() - self._last >= seconds
        due = self.every is not None and epoch > 0 and epoch % self.every == 0 and not _batches(state)
        if old or due or history.stopped:
            self._save(state, history)

    def finish(self, state: State, history: History) -> None:
        """Write what is not written yet, and let go of the folder."""
        self._save(state, history)
        self._folder.close()

    def _save(self, state: State, history: History) -> None:
        position = _position(state, history)
        if position == self._saved:
            return
        try:
            self._write(state, history)
            self._saved = position
        except Exception as error:
            warnings.warn(
                f"a checkpoint could not be written to {self._checkpoints.folder}: {_one_line(error)}. Training goes on",
                RuntimeWarning,
                stacklevel=4,
            )
        self._last = time.monotonic()

    def _write(self, state: State, history: History) -> None:
        arrays = packing.arrays_of(state) | packing.arrays_of_history(history)
        content = packing.packed(arrays)
        about = {
            "format": FORMAT,
            "training": self._training,
            "rules": self._rules,
            "arrays": packing.layout(arrays),
            "epochs": history.epochs,
            "recorded": len(history.health_steps),
            "stopped": history.stopped,
            "message": history.message,
            "best_epoch": history.best_epoch,
            "watched": _watched(history, self._training["monitor"]),
        }
        self._folder.write(content, {**about, "digest": packing.digest_of(content, about)})

    def _read(self, number: int, like: State, history: History) -> tuple[State, History]:
        said = self._folder.about(number)
        if said.get("format") != FORMAT:
            raise ValueError(f"it is not of this version of mlpjax: its format is {said.get('format')!r}, not {FORMAT!r}")
        _check_same("training", said.get("training"), self._training)
        arrays = packing.arrays_of(like) | packing.history_like(history, said.get("epochs"), said.get("recorded", 0))
        _check_same("arrays", said.get("arrays"), packing.layout(arrays))
        content = self._folder.content(number, sum(array.nbytes for array in arrays.values()))
        if packing.digest_of(content, said) != said.get("digest"):
            raise ValueError("it is damaged: the digest of what it holds is not the one that was written with it")
        found = packing.unpacked(content, arrays)
        return packing.state_from(like, found), self._still_stopped(packing.history_from(history, found, said), said)

    def _still_stopped(self, history: History, said: dict) -> History:
        if history.stopped in ("converged", "patience") and said.get("rules") != self._rules:
            return history._replace(stopped="", message="")
        return history


def _watched(history: History, monitor: str | None) -> float | None:
    """The number that says which checkpoint is best, small being good; `None` if it is none."""
    column = getattr(history, monitor or "loss")
    value = float(column[-1]) if len(column) else math.nan
    signed = -value if monitor == "validation_score" else value
    return signed if math.isfinite(signed) else None


def _batches(state: State) -> int:
    """How many batches of the present epoch are done, where they are streamed."""
    return 0 if state.cursor is None else int(state.cursor.batches)


def _position(state: State, history: History) -> tuple[int, int, str]:
    return history.epochs, _batches(state), history.stopped


def _check_same(what: str, theirs, ours: dict) -> None:
    if not isinstance(theirs, dict):
        raise ValueError(f"it is damaged: it does not say what its {what} are")
    for name in sorted(ours.keys() | theirs.keys()):
        there, here = (entries.get(name, "absent") for entries in (theirs, ours))
        if there != here:
            raise ValueError(f"it is from another training: its {name} is {there}, here it is {here}")


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split())
    return (text[:300] + " …" if len(text) > 300 else text) or type(error).__name__
