"""What every training has in common, wherever its data come from: history, callbacks, checkpoints, Ctrl-C.

A training is an iterator of stretches: some epochs, or a part of one, after each of which all that it has learned is at hand.
"""

import warnings
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import closing
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from mlpjax.fitting import interrupts
from mlpjax.fitting.checkpoints import Checkpoints, Saver
from mlpjax.fitting.epochs import STOPPED, Rows, Rules, Task
from mlpjax.fitting.history import History, empty, extended
from mlpjax.fitting.options import check_every
from mlpjax.training import State

Callback = Callable[[int, State, History], None]
"""Called between stretches with the number of complete epochs, the state and the history so far."""


class Stretch(NamedTuple):
    """What came of some epochs: the state after them, a row of history for each, and, if training ends, why."""

    state: State
    rows: dict[str, np.ndarray]
    stopped: str = ""
    message: str = ""


NextStop = Callable[[int], int | None]
"""From the number of complete epochs to the next one at which someone wants to be called, if anyone does."""

Stretches = Callable[[State, int, int, NextStop], Generator[Stretch, None, None]]
"""From a state, the number of complete epochs, the number wanted and the next stop to the training itself."""


class Options(NamedTuple):
    """How long to train, and who is told of it; as in `fit`."""

    epochs: int
    callback: Callback | Sequence[Callback] | None
    every: int | None
    checkpoints: Checkpoints | None

    @property
    def callbacks(self) -> tuple[Callback, ...]:
        """All of them."""
        if self.callback is None:
            return ()
        return (self.callback,) if callable(self.callback) else tuple(self.callback)


class Progress(NamedTuple):
    """How far a training has come."""

    state: State
    history: History


def run(
    begun: State, stretches: Stretches, options: Options, validated: bool, rules: Rules, description: Callable[[], dict]
) -> tuple[State, History]:
    """Train from a state, or from the latest checkpoint, and return what has been learned, however it ends.

    Args:
        begun: the state before the first epoch.
        stretches: the training.
        options: how long it lasts, and who is told.
        validated: whether there is a validation set.
        rules: what ends it early.
        description: of the training, for its checkpoints.

    Raises:
        ValueError: the checkpoints are of another training, or have more epochs than are wanted.
    """
    check_every(options.every)
    dtype = jnp.promote_types(begun.params[0].W.dtype, jnp.float32)
    progress = Progress(begun, empty(len(begun.params), validated, dtype))
    saver = Saver(options.checkpoints, description(), rules) if options.checkpoints else None
    if saver:
        progress = Progress(*(saver.latest(*progress) or progress))
        _check_more(progress.history, options)
    callbacks: list[Callback] = [*options.callbacks, *([saver] if saver else [])]
    goes_on = stretches(progress.state, progress.history.epochs, options.epochs, _next_stop(callbacks, options.every))
    progress = _through(progress, goes_on, options.epochs, callbacks, saver)
    if progress.history.stopped in ("diverged", "interrupted"):
        warnings.warn(progress.history.message, RuntimeWarning, stacklevel=3)
    return _with_best(*progress)


def _check_more(history: History, options: Options) -> None:
    if history.epochs > options.epochs and options.checkpoints:
        raise ValueError(
            f"{options.checkpoints.folder} holds {history.epochs} epochs of this training already, more than the "
            f"{options.epochs} asked for: raise epochs, or choose another folder"
        )


def _complete(history: History, epochs: int) -> bool:
    return history.stopped in STOPPED[1:] or history.epochs >= epochs


def _through(
    progress: Progress,
    stretches: Generator[Stretch, None, None],
    epochs: int,
    callbacks: Sequence[Callback],
    saver: Saver | None,
) -> Progress:
    """Go through the stretches; whatever ends them, an error in a callback too, what was learned is saved."""
    try:
        with closing(stretches), interrupts.noted(interrupts.ctrl_c()) as check:
            for stretch in stretches if not _complete(progress.history, epochs) else ():
                progress = _further(progress, stretch)
                for callback in callbacks:
                    callback(progress.history.epochs, *progress)
                check()
    except KeyboardInterrupt:
        message = f"training was interrupted after {progress.history.epochs} of {epochs} epochs"
        progress = progress._replace(history=progress.history._replace(stopped="interrupted", message=message))
    finally:
        if saver:
            saver.finish(*progress)
    return progress


def _further(progress: Progress, stretch: Stretch) -> Progress:
    history = extended(progress.history, stretch.rows)._replace(stopped=stretch.stopped, message=stretch.message)
    best = stretch.state.best
    if best is not None and best.params is not None and int(best.epoch):
        history = history._replace(best_epoch=int(best.epoch))
    return Progress(stretch.state, history)


def _with_best(state: State, history: History) -> tuple[State, History]:
    if history.best_epoch is None or state.best is None or state.best.params is None:
        return state, history
    return state._replace(params=state.best.params), history


def _next_stop(callbacks: Iterable[Callback], every: int | None) -> NextStop:
    intervals = [interval for interval in (every, *(getattr(one, "every", None) for one in callbacks)) if interval]
    return lambda done: min((done - done % interval + interval for interval in intervals), default=None)


def why(stopped: str, task: Task, rules: Rules, epoch: int, state: State) -> str:
    """Why training stopped early by a rule, as a sentence; empty if it did not."""
    if stopped == "converged":
        return f"epoch {epoch} changed the parameters by no more than {rules.tol:g} of their norm"
    if stopped != "patience" or state.best is None or task.monitor is None:
        return ""
    watched = "training loss" if task.monitor == "loss" else task.monitor.replace("_", " ")
    kept = "" if state.best.params is None else ", whose parameters are kept"
    best = f"the best was epoch {int(state.best.epoch)}{kept}" if int(state.best.epoch) else "it never was a finite number"
    return f"the {watched} has not improved for {rules.patience} epochs; {best}"


def filled(rows: Rows, count: int) -> dict[str, np.ndarray]:
    """The first rows as columns of a history."""
    return {name: np.asarray(column)[:count] for name, column in rows._asdict().items() if column is not None}
