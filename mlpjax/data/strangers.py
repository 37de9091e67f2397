"""What a new table holds that training did not have: told, since a prediction goes on without it."""

import warnings
from collections.abc import Mapping
from typing import NamedTuple, TypeAlias

import numpy as np

from mlpjax.data.cells import Batch
from mlpjax.data.columns import CATEGORICAL, NUMERIC, Columns
from mlpjax.data.spellings import key


class Strange(NamedTuple):
    """How many cells of a column hold categories that training did not have, the first of them, and how many are missing."""

    unknown: int = 0
    example: str | None = None
    missing: int = 0


Found: TypeAlias = Mapping[str, Strange]
"""What is strange so far, by the name of the column."""


def counted(found: Found, columns: Columns, batch: Batch, raw: np.ndarray) -> Found:
    """What is strange so far, with another batch: the table's own cells, and the same as `cells.raw`."""
    more = {}
    for place, column in enumerate(columns):
        values, before = raw[:, place], found.get(column.name, Strange())
        unknown = values == -1 if column.kind == CATEGORICAL else np.zeros(len(values), bool)
        missing = 0 if column.missing else int(np.isnan(values).sum())
        example = before.example
        if example is None and unknown.any():
            example = key(batch.column(column.name)[int(np.argmax(unknown))].as_py())
        more[column.name] = Strange(before.unknown + int(unknown.sum()), example, before.missing + missing)
    return more


def tell(found: Found, columns: Columns) -> None:
    """A RuntimeWarning for each column that holds something strange."""
    numeric = {column.name for column in columns if column.kind == NUMERIC}
    for name, (unknown, example, missing) in found.items():
        if unknown:
            what = f"{_cells(unknown)} that training did not have, such as {example!r:.80}: taken as none of the known categories"
            warnings.warn(f"column {name!r} has {what}", RuntimeWarning, stacklevel=3)
        if missing:
            taken = "the mean" if name in numeric else "none of the known categories"
            what = f"{missing:,} missing cell{'s' * (missing > 1)}, and training had none: taken as {taken}"
            warnings.warn(f"column {name!r} has {what}", RuntimeWarning, stacklevel=3)


def _cells(count: int) -> str:
    return "1 cell with a value" if count == 1 else f"{count:,} cells with values"
