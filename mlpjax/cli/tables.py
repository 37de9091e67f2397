"""The tables that the commands print."""

from collections.abc import Sequence

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table

from mlpjax.cli.output import literal
from mlpjax.data import Preprocessing
from mlpjax.runs import Report

WORDS = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "f1": "F1, mean of the classes",
    "log_loss": "log loss",
    "auc": "area under the ROC curve",
    "r2": "R²",
    "rmse": "root mean square error",
    "mae": "mean absolute error",
}
MOST_CLASSES = 12


def table(title: str, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """A table whose first column is text and whose others are numbers."""
    drawn = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    for place, heading in enumerate(headings):
        drawn.add_column(literal(heading), justify="right" if place else "left", overflow="fold")
    for row in rows:
        drawn.add_row(*(literal(cell) for cell in row))
    return drawn


def metrics(say: Console, preprocessing: Preprocessing, found: Report, part: str) -> None:
    """What a model is worth beside the baselines, and which classes it takes for which.

    Args:
        say: where to print.
        preprocessing: of the model, for the names of the classes.
        found: what is printed.
        part: of the data that it was measured on, such as "test".
    """
    names = {"constant": "a constant", "linear": "a linear model"}
    headings = [f"{part}, {len(found.truth):,} examples", "this model", *(names[name] for name in found.baselines)]
    rows = [
        [WORDS[name], number(value), *(number(baseline[name]) for baseline in found.baselines.values())]
        for name, value in found.metrics.items()
    ]
    say.print(table("", headings, rows))
    classes = preprocessing.target.classes
    if 0 < len(classes) <= MOST_CLASSES:
        say.print(_confusion(classes, found.truth, found.prediction))


def _confusion(classes: Sequence[str], truth: np.ndarray, prediction: np.ndarray) -> Table:
    counts = np.zeros((len(classes), len(classes)), int)
    np.add.at(counts, (truth, prediction), 1)
    rows = [[name, *(f"{count:,}" if count else "·" for count in row)] for name, row in zip(classes, counts, strict=True)]
    return table("", ["true ↓  predicted →", *classes], rows)


def number(value: float) -> str:
    """Four digits that count.

    >>> number(0.97223), number(12345.678), number(0.0000123)
    ('0.9722', '12,346', '1.23e-05')
    """
    if not np.isfinite(value):
        return str(value)
    if value and abs(value) < 1e-3:
        return f"{value:.3g}"
    return f"{value:,.4f}" if abs(value) < 10 else f"{value:,.{max(0, 5 - len(str(int(abs(value)))))}f}"
