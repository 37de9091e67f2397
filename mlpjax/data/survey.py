"""One pass over a table: what its columns hold, and which of its rows can be learned from."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from mlpjax import names
from mlpjax.data import cells, summaries
from mlpjax.data.cells import Batch
from mlpjax.data.sources import Source
from mlpjax.data.summaries import Summary

CLASSES, NUMBERS = "classes", "numbers"


@dataclass(frozen=True)
class Choices:
    """What the columns of a table are for, as far as the user says so.

    Attributes:
        target: the column to predict, or several of numbers.
        task: "classes" or "numbers"; `None` to look at the target.
        numeric: the columns that are to be taken as numbers, whatever they look like.
        categorical: those that are to be taken as categories.
        drop: the columns to leave out.
        weights: the column that says how much each example counts.
        standardise: whether targets that are numbers are brought to mean 0 and spread 1; counts must keep their own unit.

    Raises:
        ValueError: no target, an unknown task, or a column that is to be two things at once.

    >>> Choices("price", drop=("id",)).targets
    ('price',)
    """

    target: str | Sequence[str]
    task: str | None = None
    numeric: str | Sequence[str] = ()
    categorical: str | Sequence[str] = ()
    drop: str | Sequence[str] = ()
    weights: str | None = None
    standardise: bool = True

    def __post_init__(self):
        for name in ("target", "numeric", "categorical", "drop"):
            given = getattr(self, name)
            object.__setattr__(self, name, (given,) if isinstance(given, str) else tuple(given))
        if not self.targets:
            raise ValueError("a target is needed: the name of the column to predict")
        if self.task not in (None, CLASSES, NUMBERS):
            raise ValueError(names.nearest("task", self.task, (CLASSES, NUMBERS)))
        roles = [
            *self.targets,
            *set(self.numeric),
            *set(self.categorical),
            *set(self.drop),
            *([self.weights] if self.weights else []),
        ]
        twice = sorted({name for name in roles if roles.count(name) > 1})
        if twice:
            raise ValueError(f"column {twice[0]!r} can be only one of target, numeric, categorical, drop and weights")

    @property
    def targets(self) -> tuple[str, ...]:
        """The target columns."""
        return tuple(self.target)

    def check(self, columns: Sequence[str]) -> None:
        """Every column that is named is there.

        Raises:
            ValueError: one is not; the message suggests the nearest and lists them all.
        """
        for name in (*self.targets, *self.numeric, *self.categorical, *self.drop, *([self.weights] if self.weights else [])):
            if name not in columns:
                raise ValueError(names.nearest("column", name, columns))

    def features(self, columns: Sequence[str]) -> list[str]:
        """The columns that are neither target nor weights nor left out."""
        return [name for name in columns if name not in (*self.targets, *self.drop, self.weights)]


class Survey(NamedTuple):
    """What a pass over a table has found.

    Attributes:
        rows: how many there are.
        labelled: how many of them have every target.
        columns: features and targets in the rows that have every target, by name: they say what kind a column is.
        training: the same in those among them that are to be trained on: they give means, spreads and categories.
    """

    rows: int
    labelled: int
    columns: dict[str, Summary]
    training: dict[str, Summary]


def survey(source: Source, choices: Choices, training: Callable[[np.ndarray], np.ndarray] | None = None) -> Survey:
    """Read a table once, batch by batch.

    Args:
        source: the table.
        choices: which columns are targets and which are left out.
        training: says of row numbers, from 0, whether they are trained on; all are unless given.

    Raises:
        ValueError: a column that `choices` names is not there, a target cannot be used, or the table has no rows, or none
            with a target.
    """
    choices.check(source.names)
    names = [*choices.features(source.names), *choices.targets]
    trained, others = ({name: summaries.start(True) for name in names} for _ in range(2))
    rows = labelled = 0
    for batch in source.batches():
        kept, numbers = _labelled(choices, batch, rows)
        chosen = np.ones(len(numbers), bool) if training is None else training(numbers)
        trained = _add(trained, _rows(kept, chosen), numbers[chosen])
        others = _add(others, _rows(kept, ~chosen), numbers[~chosen])
        rows, labelled = rows + batch.num_rows, labelled + kept.num_rows
    if not rows:
        raise ValueError(f"{source.name} has a header but no rows" if source.names else f"{source.name} is empty")
    if not labelled:
        raise ValueError(f"{source.name}: no row has a value for the target {', '.join(choices.targets)}")
    columns = {name: summaries.together(trained[name], others[name]) for name in names}
    return Survey(rows, labelled, columns, trained)


def _add(found: dict[str, Summary], batch: Batch, rows: np.ndarray) -> dict[str, Summary]:
    return {name: summaries.add(summary, batch.column(name), rows) for name, summary in found.items()}


def _labelled(choices: Choices, batch: Batch, first_row: int) -> tuple[Batch, np.ndarray]:
    """The rows that have every target, and their numbers."""
    present = np.ones(batch.num_rows, bool)
    for name in choices.targets:
        array = batch.column(name)
        if cells.refusal(array):
            raise ValueError(f"the target {name!r} {cells.refusal(array)}: turn it into a number or into categories first")
        present &= cells.present(cells.plain(array))
    return _rows(batch, present), first_row + np.flatnonzero(present)


def _rows(batch: Batch, chosen: np.ndarray) -> Batch:
    import pyarrow as pa

    if chosen.all():
        return batch
    return batch.filter(pa.array(chosen))
