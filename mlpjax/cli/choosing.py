"""The choice of a model from its options to its folder, told as it goes."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from mlpjax import metrics, plots
from mlpjax.cli import output, tables
from mlpjax.cli.output import literal
from mlpjax.cli.running import named_after
from mlpjax.cli.tables import number
from mlpjax.network import MLP
from mlpjax.plots import selection as pictures
from mlpjax.runs import DataOptions, Options, Prepared, folder, options, prepare, selecting
from mlpjax.runs.selecting import Grid
from mlpjax.selection.chunks import Callback
from mlpjax.selection.cross_validation import CrossValidation

REPORT, PICTURE = "select.json", "select.png"
MOST_LISTED = 30
"""How many models the table shows, the best of them."""


class Wanted(NamedTuple):
    """What to choose among: the data, how to train, the models, and the data as they were named."""

    data: DataOptions
    options: Options
    grid: Grid
    typed: DataOptions


def run(wanted: Wanted, out: Path | None, as_json: bool) -> int:
    """Measure the models, choose one, write it all down, and return the exit code.

    Args:
        wanted: what to choose among.
        out: the folder, if it is not to be named after the data.
        as_json: whether the report is for machines.

    Raises:
        ValueError, OSError: something cannot be used or written; the message says what to do.
    """
    say = output.voice(as_json)
    options.check(wanted.options)
    if out is not None:
        folder.check_free(out)
    prepared = prepare(wanted.data, wanted.options)
    mlp = selecting.network(prepared, wanted.options, wanted.grid)
    _describe(say, prepared, wanted)
    usual = named_after(wanted.data.data)
    with folder.claimed(out or usual.with_name(usual.name.replace("-", "-select-", 1)), rename=out is None) as path:
        with output.plain_warnings(), progress(say) as callback:
            found = selecting.select(prepared, wanted.options, wanted.grid, callback)
        about = {"folder": str(path), **_about(prepared, mlp, wanted, found)}
        folder.write_json(path / REPORT, about)
        with output.drawing():
            pictures.selection_map(path / PICTURE, f"{prepared.name}: held-out {mlp.loss.name}", found)
        if found.epochs.min() < wanted.options.epochs:
            say.print(
                f"interrupted after {found.epochs.min():,} of {wanted.options.epochs:,} epochs, which is what the table is of"
            )
        _show(say, mlp, found, about)
        say.print(f"written to [bold]{literal(path)}[/bold]: {REPORT}, {PICTURE}")
    if as_json:
        output.print_json(about)
    if found.best is None:
        output.fail("every network diverged: try a smaller --learning-rate, or smaller penalties", 1)
    return 130 if found.epochs.min() < wanted.options.epochs else 0


def _describe(say: Console, prepared: Prepared, wanted: Wanted) -> None:
    grid, asked = wanted.grid, options.settled(wanted.options, prepared)
    repeated = f", {grid.repeats} times" * (grid.repeats > 1)
    say.print(
        f"[bold]{literal(prepared.name)}[/bold]: {prepared.rows:,} training examples in {grid.folds} folds{repeated}; "
        f"{len(prepared.test.x):,} test examples, which are not looked at"
    )
    for note in prepared.notes:
        say.print(f"  {literal(note)}")
    axes = {"hidden layers": grid.depths, "units": grid.widths, "l2": grid.l2, "l1": grid.l1}
    listed = "; ".join(f"{name} {', '.join(f'{value:g}' for value in values)}" for name, values in axes.items())
    say.print(f"models: {listed}; {asked.activation}, {asked.loss}")
    say.print(f"training: {asked.optimizer}, learning rate {asked.learning_rate:g}, {asked.epochs:,} epochs")


@contextmanager
def progress(say: Console) -> Iterator[Callback]:
    """A bar on a terminal, and a line for each tenth elsewhere."""
    columns = (BarColumn(None), TextColumn("{task.percentage:.0f} %"), TextColumn("{task.description}"), TimeRemainingColumn())
    told = 0
    with Progress(*columns, console=say, disable=not say.is_terminal, expand=True) as bar:
        task = bar.add_task("compiling", total=None)

        def show(done: int, wanted: int) -> None:
            nonlocal told
            bar.update(task, completed=done, total=wanted, description="of all epochs")
            tenth = 10 * done // wanted
            if not say.is_terminal and tenth > told:
                told = tenth
                say.print(f"{10 * tenth} % of all epochs")

        yield show


def _about(prepared: Prepared, mlp: MLP, wanted: Wanted, found: CrossValidation) -> dict:
    """What there is to know, as JSON holds it."""
    rows = models(found)
    trains = None if found.chosen is None else selecting.chosen(wanted.options, found, found.chosen)
    return {
        "data": prepared.name,
        "training_examples": prepared.rows,
        "test_examples": len(prepared.test.x),
        "folds": wanted.grid.folds,
        "repeats": wanted.grid.repeats,
        "loss": mlp.loss.name,
        "score": metrics.score_name(mlp.loss),
        "epochs": int(found.epochs.min()),
        "models": rows,
        "best": None if found.best is None else rows[found.best],
        "chosen": None if found.chosen is None else rows[found.chosen],
        "command": None if trains is None else selecting.command(wanted.typed, trains),
    }


def models(found: CrossValidation) -> list[dict]:
    """The columns of the record as a row for each model."""
    columns = {name: column.tolist() for name, column in found._asdict().items() if isinstance(column, np.ndarray)}
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    return [{"layers": [row["width"]] * row["depth"], **row} for row in rows]


def _show(say: Console, mlp: MLP, found: CrossValidation, about: dict) -> None:
    order = np.lexsort((found.training_loss, found.loss)).tolist()
    penalties = [name for name in ("l1", "l2") if len(set(getattr(found, name))) > 1]
    score = plots.SCORES[metrics.score_name(mlp.loss)]
    headings = ["layers", *penalties, "loss", score, "training", ""]
    rows = [_cells(found, row, penalties) for row in order[:MOST_LISTED]]
    say.print(tables.table("", headings, rows))
    if len(order) > MOST_LISTED:
        say.print(f"… and {len(order) - MOST_LISTED} more models, all of them in {REPORT}")
    say.print(
        "loss and score on what was held out, ± the standard error over the folds, and the loss in training; without penalties"
    )
    if found.chosen is not None:
        say.print(_verdict(found))
        say.print(f"to train it on all the training examples, and to test it:\n\n    {literal(about['command'])}\n")


def _cells(found: CrossValidation, row: int, penalties: list[str]) -> list[str]:
    named = [
        pictures.shape_name(int(found.depth[row]), int(found.width[row])),
        *(f"{getattr(found, p)[row]:g}" for p in penalties),
    ]
    marks = [word for word, marked in (("best", found.best), ("chosen", found.chosen)) if row == marked]
    if not np.isfinite(found.loss[row]):
        why = f"{found.diverged[row]} diverged" if found.diverged[row] else "interrupted"
        return [*named, why, "", "", ""]
    measured = [f"{number(a[row])} ± {b[row]:.2g}" for a, b in ((found.loss, found.loss_error), (found.score, found.score_error))]
    return [*named, *measured, number(found.training_loss[row]), ", ".join(marks)]


def _verdict(found: CrossValidation) -> str:
    if found.chosen == found.best:
        return "chosen: the best model, since no simpler one is within one standard error of it"
    return "chosen: the simplest model within one standard error of the best"
