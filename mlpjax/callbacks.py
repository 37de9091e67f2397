"""What can follow a training: a bar, a log of JSON lines, TensorBoard.

A callback is any function of the number of complete epochs, the state and the history so far. One that has an attribute
`every` is called at the multiples of it too.

>>> import jax, json, pathlib, tempfile
>>> import numpy as np
>>> from mlpjax import MLP, callbacks, fit, init
>>> mlp, x = MLP((1, 1)), np.ones((4, 1))
>>> params = init(mlp, jax.random.key(0))
>>> with tempfile.TemporaryDirectory() as folder:
...     path = pathlib.Path(folder) / "log.jsonl"
...     log = callbacks.JsonLines(path)
...     _ = fit(mlp, params, x, x, key=jax.random.key(1), epochs=3, callback=log)
...     [json.loads(line)["epoch"] for line in path.read_text().splitlines()]
[1, 2, 3]
"""

import json
import math
import os
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mlpjax.fitting.history import History, columns
from mlpjax.training import State


def finite(content):
    """What JSON can hold: null for a number that is not finite."""
    if isinstance(content, dict):
        return {key: finite(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [finite(value) for value in content]
    return None if isinstance(content, float) and not math.isfinite(content) else content


def _rows(history: History, after: int) -> Iterator[dict]:
    for place in range(after, history.epochs):
        yield {"epoch": place + 1, **{name: column[place].tolist() for name, column in columns(history).items()}}


@contextmanager
def _installed(extra: str) -> Iterator[None]:
    """What is imported within, or an error that names what to install."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(f"this needs {error.name}: pip install 'mlpjax[{extra}]'", name=error.name) from None


class JsonLines:
    """Write one line of JSON for each epoch, as soon as it is known, and as long as there is room on the disk.

    The first call writes the whole history, so that a training that goes on from a checkpoint leaves one line an epoch.

    Args:
        path: the file, written anew.
    """

    def __init__(self, path: str | os.PathLike):
        self._path = Path(path)
        self._written: int | None = None
        self._given_up = False

    def __call__(self, epoch: int, state: State, history: History) -> None:
        """Write the epochs that are not there yet."""
        if self._given_up:
            return
        lines = [json.dumps(finite(row), allow_nan=False) + "\n" for row in _rows(history, self._written or 0)]
        try:
            with self._path.open("w" if self._written is None else "a") as file:
                file.writelines(lines)
        except OSError as error:
            self._given_up = True  # the training is worth more than its log
            message = f"{self._path} cannot be written: {error.strerror}. Training goes on without it"
            warnings.warn(message, RuntimeWarning, stacklevel=2)
        self._written = history.epochs


class TensorBoard:
    """Write the history for TensorBoard: loss, validation loss and score, change, and each layer's gradient norm.

    Args:
        folder: where TensorBoard looks for it.

    Raises:
        ModuleNotFoundError: tensorboardX is not installed: pip install 'mlpjax[tensorboard]'.
    """

    def __init__(self, folder: str | os.PathLike):
        with _installed("tensorboard"):
            from tensorboardX import SummaryWriter
        self._writer, self._written = SummaryWriter(str(folder), purge_step=1, flush_secs=5), 0

    def __call__(self, epoch: int, state: State, history: History) -> None:
        """Write the epochs that are not there yet."""
        for row in _rows(history, self._written):
            number, norms = row.pop("epoch"), row.pop("gradient_norms")
            layers = {f"gradient_norm/layer_{layer}": norm for layer, norm in enumerate(norms, 1)}
            for name, value in {**row, **layers}.items():
                self._writer.add_scalar(name, value, number)
        self._written = history.epochs
        if history.stopped:
            self._writer.close()  # its flush does not wait for what is still in its queue


class ProgressBar:
    """A bar with the loss, the validation score and the speed on a terminal, and ten lines elsewhere.

    Args:
        epochs: how many there will be.
        examples: how many one epoch has, for the speed, and for how far the present epoch of a stream has come.
        score: what to call the validation score.
        console: a `rich.console.Console` to print to.

    Raises:
        ModuleNotFoundError: rich is not installed: pip install 'mlpjax[cli]'.
    """

    def __init__(self, epochs: int, examples: int | None = None, score: str = "validation score", console=None):
        with _installed("cli"):
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        self._console = console or Console(highlight=False)
        counted = TextColumn("{task.completed:g}/{task.total:g}  {task.description}")
        columns = (BarColumn(None), counted, TimeRemainingColumn())
        self._bar = Progress(*columns, console=self._console, disable=not self._console.is_terminal, expand=True)
        self._task = self._bar.add_task("compiling", total=epochs)
        self._epochs, self._examples, self._score = epochs, examples, score
        self.every = None if self._console.is_terminal else max(1, epochs // 10)
        self._seen: list[tuple[float, float]] = []
        self._printed = 0

    def __enter__(self) -> "ProgressBar":
        self._bar.start()
        return self

    def __exit__(self, *_) -> None:
        self._bar.stop()

    def __call__(self, epoch: int, state: State, history: History) -> None:
        """Show how far training has come."""
        begun = 0 if state.cursor is None else int(state.cursor.examples)
        done = epoch + (begun / self._examples if self._examples else 0)
        if not done or (begun and not self._examples):
            return
        if not self._seen or done != self._seen[-1][1]:
            self._seen = [*self._seen[-20:], (time.perf_counter(), done)]
        line = self._line(float(state.cursor.loss if state.cursor and begun else history.loss[-1]), history)
        narrow = line.replace(" examples/s", "/s")
        self._bar.update(self._task, completed=round(done, 2), description=narrow)
        tenth = int(10 * done / self._epochs)
        if not self._console.is_terminal and tenth > self._printed:
            self._printed = tenth
            self._console.print(f"epoch {round(done, 2):g}/{self._epochs}  {line}")

    def _line(self, loss: float, history: History) -> str:
        parts = [f"loss {loss:.4f}"]
        if history.validation_score is not None and history.epochs:
            parts.append(f"{self._score} {history.validation_score[-1]:.4f}")
        (began, first), (now, last) = self._seen[0], self._seen[-1]
        if self._examples and last > first:
            parts.append(f"{(last - first) * self._examples / (now - began):,.0f} examples/s")
        return "  ".join(parts)
