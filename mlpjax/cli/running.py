"""A run from its options to its folder, told as it goes."""

import contextlib
import os
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from rich.console import Console

from mlpjax import metrics, optimizers, plots
from mlpjax.callbacks import JsonLines, ProgressBar
from mlpjax.cli import output, tables
from mlpjax.cli.output import literal
from mlpjax.fitting import Checkpoints
from mlpjax.fitting.driver import Callback
from mlpjax.network import MLP
from mlpjax.runs import Config, Model, Options, Prepared, Report, Trained, folder, options, prepare, report
from mlpjax.runs import training as runs
from mlpjax.runs.preparing import STDIN

SECONDS_BETWEEN_CHECKPOINTS = 30.0
EXIT_CODES = {"diverged": 1, "interrupted": 130}


class Run(NamedTuple):
    """What is known of a run before it trains."""

    prepared: Prepared
    mlp: MLP
    config: Config
    path: Path

    @property
    def options(self) -> Options:
        """How it trains."""
        return self.config.options


def run(config: Config, resume: Path | None, out: Path | None, as_json: bool) -> int:
    """Train, report and write, and return the exit code.

    Args:
        config: what is asked for.
        resume: the folder of the run that is to go on, if it is not a new one.
        out: the folder of a new run, if it is not to be named after the data.
        as_json: whether the report is for machines.

    Raises:
        ValueError, OSError: something cannot be used or written; the message says what to do.
    """
    say = output.voice(as_json)
    options.check(config.options)
    if out is not None and resume is None:
        folder.check_free(out)
    path = resume or out or _named_after(config.data.data)
    prepared = prepare(config.data, config.options, _scratch(path))
    asked = options.settled(config.options, prepared)
    mlp = options.network(prepared, asked)
    options.check_with_data(mlp, asked, prepared)
    place = contextlib.nullcontext(path) if resume else folder.claimed(path, rename=out is None)
    with place as path:
        run = Run(prepared, mlp, Config(config.data, asked), path)
        if resume is None:
            folder.write_config(path, run.config)
        _describe(say, run)
        trained, error = _train(say, run, resuming=resume is not None)
        with _kept_in_checkpoints(path):
            _finish(say, run, trained, error, as_json)
    return EXIT_CODES.get(trained.history.stopped, 0)


def _named_after(data: str) -> Path:
    name = "stdin" if data == STDIN else Path(data).name.partition(".")[0] or "run"
    return Path("runs") / f"{name}-{time.strftime('%Y%m%d-%H%M%S')}"


def _scratch(path: Path) -> Path | None:
    """Where a stream keeps its temporary file: on the disk of the run, since /tmp may lie in memory."""
    if "TMPDIR" in os.environ:
        return None
    return next(parent for parent in path.absolute().parents if parent.is_dir())


def _describe(say: Console, run: Run) -> None:
    prepared, mlp, target = run.prepared, run.mlp, run.prepared.preprocessing.target
    many = f"{len(target.names)} numbers" if len(target.names) > 1 else "a number"
    what = f"{len(target.classes)} classes" if target.classes else f"{many} to predict"
    how = ", read as a stream" if prepared.streamed else ""
    validation = f", {len(prepared.validation.x):,} validation" if prepared.validation else ""
    features = len(prepared.preprocessing.features)
    say.print(
        f"[bold]{literal(prepared.name)}[/bold]: {prepared.rows:,} training{validation} and {len(prepared.test.x):,} test "
        f"examples{how}, {features} feature{'s' * (features > 1)}, {what}"
    )
    for note in prepared.notes:
        say.print(f"  {literal(note)}")
    units = " → ".join(str(size) for size in mlp.sizes)
    hidden = f"{mlp.activations[0].name}, " if mlp.activations else "no hidden layer, "
    say.print(f"network: {units}, {hidden}{mlp.loss.name}, {mlp.parameter_count:,} parameters")


def _checked_gradient(say: Console, run: Run, params) -> float:
    asked = run.options
    error = runs.gradient_error(run.mlp, params, run.prepared, asked)
    say.print(
        f"gradient: {asked.gradient} against jax.grad on {asked.batch_size} examples in float64: "
        f"largest relative error [bold]{error:.1e}[/bold]"
    )
    if not error <= runs.EXACT_TO.get(asked.gradient, 1e-9):
        output.fail("the gradient is wrong; please report this with the options that you used", 1)
    return error


def _train(say: Console, run: Run, resuming: bool) -> tuple[Trained, float]:
    """Train, with a bar on a terminal and ten lines elsewhere, a log and checkpoints; and say how exact the gradient is."""
    asked, prepared = run.options, run.prepared
    params, key = runs.start(run.mlp, asked)
    error = _checked_gradient(say, run, params)
    say.print(f"training: {_plan(asked)}")
    score = f"{_held_out(prepared)} {plots.SCORES[metrics.score_name(run.mlp.loss)]}"
    checkpoints = Checkpoints(run.path / folder.CHECKPOINTS, seconds=SECONDS_BETWEEN_CHECKPOINTS, keep=2)
    noted = _Noted(run.path, run.config)
    with warnings.catch_warnings(record=True) as said, ProgressBar(asked.epochs, prepared.rows, score, say) as bar:
        warnings.simplefilter("always", RuntimeWarning)
        callbacks: list[Callback] = [bar, _Log(run.path / folder.LOG), noted]
        with _same_training(run.path):
            trained = runs.train(run.mlp, params, key, prepared, asked, callbacks, checkpoints)
    for warning in said:
        output.warn(str(warning.message))
    if trained.history.stopped == "patience":
        say.print(f"stopped: {trained.history.message}")
    if resuming and not noted.called:
        say.print(f"nothing was left to train after {trained.history.epochs} epochs; for more, raise --epochs")
    return trained, error


@contextlib.contextmanager
def _same_training(path: Path) -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        if "another training" not in str(error):
            raise
        raise ValueError(f"{path} cannot go on: the data are not those that it began with ({error})") from None


class _Log:
    """A line for each epoch, as long as there is room on the disk: the training is worth more than its log."""

    def __init__(self, path: Path):
        self._path = path
        self._write: Callback = JsonLines(path)

    def __call__(self, epoch: int, state, history) -> None:
        try:
            self._write(epoch, state, history)
        except OSError as error:
            self._write = _nothing
            message = f"{self._path} cannot be written: {error.strerror}. Training goes on without it"
            warnings.warn(message, RuntimeWarning, stacklevel=2)


def _nothing(epoch: int, state, history) -> None: ...


class _Noted:
    """Once a run that goes on has learned more, its folder says what it was asked to do now."""

    def __init__(self, path: Path, config: Config):
        self._path, self._config, self.called = path, config, False

    def __call__(self, epoch: int, state, history) -> None:
        if not self.called and folder.read_config(self._path) != self._config:
            folder.write_config(self._path, self._config)
        self.called = True


def _plan(asked: Options) -> str:
    alone = asked.optimizer in optimizers.FULL_BATCH
    rate = "" if alone else f", learning rate {asked.learning_rate:g}" + ", cosine" * (asked.schedule == "cosine")
    clip = "" if asked.clip is None else f", gradients clipped to {asked.clip:g}"
    batches = f"all {asked.batch_size:,} examples at once" if alone else f"batches of {asked.batch_size:,}"
    return f"{asked.optimizer}{rate}{clip}, {batches}, {asked.epochs:,} epochs, penalties l1 {asked.l1:g} and l2 {asked.l2:.2g}"


def _held_out(prepared: Prepared) -> str:
    return "test" if prepared.validation is None else "validation"


@contextlib.contextmanager
def _kept_in_checkpoints(path: Path) -> Iterator[None]:
    """Whatever goes wrong after the training, what was learned can be had."""
    advice = f"What was learned is in the checkpoints: mlpjax train --resume {path} reports it"
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OSError(f"{error.strerror or error}. {advice}") from None
    except KeyboardInterrupt:
        output.fail(f"interrupted. {advice}", 130)


def _finish(say: Console, run: Run, trained: Trained, error: float, as_json: bool) -> None:
    model = Model(run.mlp, trained.params, run.prepared.preprocessing)
    found = report(model, run.prepared.test, run.prepared)
    about = _about(run, trained, error)
    folder.write_results(run.path, model, trained.history, found, about)
    _report(say, run.prepared, trained, found)
    try:
        _draw(run, trained, found)
    except OSError as reason:
        output.warn(f"the picture could not be drawn: {reason.strerror or reason}")
    say.print(f"written to [bold]{literal(run.path)}[/bold]: {', '.join(sorted(file.name for file in run.path.iterdir()))}")
    if as_json:
        output.print_json({"folder": str(run.path), **folder.as_dict(found, about)})


def _about(run: Run, trained: Trained, error: float) -> dict:
    prepared, history = run.prepared, trained.history
    return {
        "data": prepared.name,
        "training_examples": prepared.rows,
        "validation_examples": len(prepared.validation.x) if prepared.validation else 0,
        "test_examples": len(prepared.test.x),
        "sizes": run.mlp.sizes,
        "loss": run.mlp.loss.name,
        "parameters": run.mlp.parameter_count,
        "gradient_error": error,
        "epochs": history.epochs,
        "best_epoch": history.best_epoch,
        "stopped": history.stopped,
        "seconds": trained.seconds,
    }


def _report(say: Console, prepared: Prepared, trained: Trained, found: Report) -> None:
    tables.metrics(say, prepared.preprocessing, found, "test")
    say.print(f"trained in {trained.seconds:.1f} s")
    weights = [np.asarray(layer.W) for layer in trained.params]
    zeros, total = sum(int((W == 0).sum()) for W in weights), sum(W.size for W in weights)
    if zeros:
        say.print(f"weights that are exactly 0: {zeros:,} of {total:,}")


def _draw(run: Run, trained: Trained, found: Report) -> None:
    history, mlp, target = trained.history, run.mlp, run.prepared.preprocessing.target
    if not history.epochs or history.validation_loss is None or history.validation_score is None:
        return
    held_out = _held_out(run.prepared)
    hidden = mlp.activations[0].name if mlp.activations else "linear"
    plots.training_picture(
        run.path / folder.PICTURE,
        f"{run.prepared.name}, {'-'.join(map(str, mlp.sizes))}, {hidden}",
        {"training, penalty included" if run.options.l2 else "training": history.loss, held_out: history.validation_loss},
        {held_out: history.validation_score},
        metrics.score_name(mlp.loss),
        history.gradient_norms,
        found.truth,
        found.prediction,
        target.names[0],
        target.classes,
    )
