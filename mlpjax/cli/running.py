"""A run from its options to its folder, told as it goes."""

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console

from mlpjax import metrics, plots
from mlpjax.callbacks import JsonLines, ProgressBar
from mlpjax.cli import output, reporting
from mlpjax.cli.interrupts import between_stretches
from mlpjax.cli.recording import Noted
from mlpjax.cli.reporting import Run
from mlpjax.fitting import Checkpoints
from mlpjax.fitting.driver import Callback
from mlpjax.runs import Config, Trained, folder, options, prepare
from mlpjax.runs import training as runs
from mlpjax.runs.preparing import STDIN

SECONDS_BETWEEN_CHECKPOINTS = 30.0
EXIT_CODES = {"diverged": 1, "interrupted": 130}


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
    path = resume or out or named_after(config.data.data)
    prepared = prepare(config.data, config.options, _scratch(path))
    asked = options.settled(config.options, prepared)
    mlp = options.network(prepared, asked)
    options.check_with_data(mlp, asked, prepared)
    place = contextlib.nullcontext(path) if resume else folder.claimed(path, rename=out is None)
    with place as path:
        run = Run(prepared, mlp, Config(config.data, asked), path)
        if resume is None:
            folder.write_config(path, run.config)
        reporting.describe(say, run)
        trained, error = _train(say, run, resuming=resume is not None)
        with _kept_in_checkpoints(path):
            reporting.finish(say, run, trained, error, as_json)
    return EXIT_CODES.get(trained.history.stopped, 0)


def named_after(data: str) -> Path:
    """The folder of a run on these data, if no other is asked for."""
    name = "stdin" if data == STDIN else Path(data).name.partition(".")[0] or "run"
    return Path("runs") / f"{name}-{time.strftime('%Y%m%d-%H%M%S')}"


def _scratch(path: Path) -> Path | None:
    """Where a stream keeps its temporary file: on the disk of the run, since /tmp may lie in memory."""
    if "TMPDIR" in os.environ:
        return None
    return next(parent for parent in path.absolute().parents if parent.is_dir())


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
    params, key = runs.start(run.mlp, asked, run.prepared)
    error = _checked_gradient(say, run, params)
    say.print(f"training: {reporting.plan(asked)}")
    score = f"{reporting.held_out(prepared)} {plots.SCORES[metrics.score_name(run.mlp.loss)]}"
    checkpoints = Checkpoints(run.path / folder.CHECKPOINTS, seconds=SECONDS_BETWEEN_CHECKPOINTS, keep=2)
    noted = Noted(run.path, run.config)
    with output.plain_warnings(), ProgressBar(asked.epochs, prepared.rows, score, say) as bar, between_stretches() as check:
        callbacks: list[Callback] = [bar, JsonLines(run.path / folder.LOG), noted, check]
        with _same_training(run.path):
            trained = runs.train(run.mlp, params, key, prepared, asked, callbacks, checkpoints)
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
