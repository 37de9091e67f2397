"""What a run says of itself, and what it leaves in its folder."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from rich.console import Console

from mlpjax import metrics, optimizers, plots
from mlpjax.cli import health, output, tables
from mlpjax.cli.output import literal
from mlpjax.network import MLP
from mlpjax.runs import Config, Model, Options, Prepared, Report, Trained, folder, report


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


def describe(say: Console, run: Run) -> None:
    """Say what the data and the network are."""
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


def plan(asked: Options) -> str:
    """How a network is trained, in one line."""
    alone = asked.optimizer in optimizers.FULL_BATCH
    rate = "" if alone else f", learning rate {asked.learning_rate:g}" + ", cosine" * (asked.schedule == "cosine")
    clip = "" if asked.clip is None else f", gradients clipped to {asked.clip:g}"
    batches = f"all {asked.batch_size:,} examples at once" if alone else f"batches of {asked.batch_size:,}"
    how = asked.optimizer if asked.init is None else f"{asked.init} start, {asked.optimizer}"
    return f"{how}{rate}{clip}, {batches}, {asked.epochs:,} epochs, penalties l1 {asked.l1:g} and l2 {asked.l2:.2g}"


def held_out(prepared: Prepared) -> str:
    """Which part of the data is looked at after each epoch."""
    return "test" if prepared.validation is None else "validation"


def finish(say: Console, run: Run, trained: Trained, error: float, as_json: bool) -> None:
    """Measure what was learned, write it to the folder of the run and say how good it is.

    Args:
        say: where to.
        run: what was trained.
        trained: what it has learned.
        error: of its gradient.
        as_json: whether machines are told too.

    Raises:
        OSError: the results cannot be written.
    """
    model = Model(run.mlp, trained.params, run.prepared.preprocessing)
    found = report(model, run.prepared.test, run.prepared)
    about = _about(run, trained, error)
    folder.write_results(run.path, model, trained.history, found, about)
    _report(say, run.prepared, trained, found)
    with output.drawing():
        _draw(run, trained, found)
    fared = health.report(say, run.path, model, run.prepared, trained.history)
    say.print(f"written to [bold]{literal(run.path)}[/bold]: {', '.join(sorted(file.name for file in run.path.iterdir()))}")
    if as_json:
        output.print_json({"folder": str(run.path), **folder.as_dict(found, about), **fared})


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
    part = held_out(run.prepared)
    hidden = mlp.activations[0].name if mlp.activations else "linear"
    plots.training_picture(
        run.path / folder.PICTURE,
        f"{run.prepared.name}, {'-'.join(map(str, mlp.sizes))}, {hidden}",
        {"training, penalty included" if run.options.l2 else "training": history.loss, part: history.validation_loss},
        {part: history.validation_score},
        metrics.score_name(mlp.loss),
        history.gradient_norms,
        found.truth,
        found.prediction,
        target.names[0],
        target.classes,
    )
