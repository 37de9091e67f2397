"""The rows of a table as examples, by what was learned in training."""

import functools
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, TypeVar

import jax
import numpy as np

from mlpjax.data import cells, strangers
from mlpjax.data.cells import Batch
from mlpjax.data.columns import CATEGORICAL, NUMERIC, Column, Columns, Statistics, encode
from mlpjax.data.preprocessing import Preprocessing, Target
from mlpjax.data.sources import Source, open_source
from mlpjax.data.spellings import key


class Examples(NamedTuple):
    """Examples ready for training.

    Attributes:
        x: float32, shape (n, features).
        y: int32 labels, shape (n,), or float32 numbers at mean 0 and spread 1, shape (n, targets).
        weights: float32, shape (n,); `None` where all count alike.
    """

    x: np.ndarray
    y: np.ndarray
    weights: np.ndarray | None


@functools.partial(jax.jit, static_argnames="columns")
def _encoded(columns: Columns, statistics: Statistics, cells):
    return encode(columns, statistics, cells).astype("float32")


def features(preprocessing: Preprocessing, raw: np.ndarray) -> np.ndarray:
    """The features of raw cells, shape (n, features), computed in float64 on the host's processor and rounded to float32."""
    count = len(raw)
    step = max(1 << count.bit_length() >> 4, 1)
    if count % step:  # a few sizes, each compiled once, whatever the sizes of the batches
        raw = np.pad(raw, ((0, -count % step), (0, 0)))
    with jax.enable_x64(True), jax.default_device(_host()):
        return np.asarray(_encoded(preprocessing.columns, preprocessing.statistics, raw))[:count]


def _host() -> jax.Device | None:
    try:
        return jax.local_devices(backend="cpu")[0]
    except RuntimeError:  # JAX_PLATFORMS names accelerators only
        return None


def raw_targets(target: Target, batch: Batch, first_row: int = 0) -> np.ndarray:
    """The targets of a batch as they stand in the table.

    Returns:
        Float64, shape (rows, targets): numbers, or the place of a class; NaN where one is missing.

    Raises:
        ValueError: a target is not there, is no number, or is a class that training did not have.
    """
    kind = CATEGORICAL if target.classes else NUMERIC
    values = cells.raw(tuple(Column(name, kind, target.classes) for name in target.names), batch, first_row)
    if target.classes and (values < 0).any():
        row = int(np.argmax(values[:, 0] < 0))
        found = key(batch.column(target.names[0])[row].as_py())
        raise ValueError(
            f"target {target.names[0]!r} is {found!r:.80} in row {first_row + row + 1}, which is none of the classes of "
            f"training: {', '.join(target.classes[:20])}"
        )
    return values


def targets(preprocessing: Preprocessing, raw: np.ndarray) -> np.ndarray:
    """What a network is trained on, from `raw_targets` without missing ones (ENCODE-standardise): see `Examples.y`."""
    if preprocessing.target.classes:
        return raw[:, 0].astype(np.int32)
    mean, scale = preprocessing.target_statistics
    return ((raw - mean) / scale).astype(np.float32)


class Rows(NamedTuple):
    """Some rows of a table that have every target.

    Attributes:
        numbers: which rows they are, from 0.
        raw: their cells, as `cells.raw`.
        targets: as `raw_targets`.
        weights: how much each counts; `None` where all count alike.
    """

    numbers: np.ndarray
    raw: np.ndarray
    targets: np.ndarray
    weights: np.ndarray | None


def numbered(source: Source) -> Iterator[tuple[int, Batch]]:
    """The batches of a table, each with the number of rows before it."""
    first_row = 0
    for batch in source.batches():
        yield first_row, batch
        first_row += batch.num_rows


def unlabelled(preprocessing: Preprocessing, table: Any) -> Iterator[np.ndarray]:
    """The features of each batch of a table, for prediction: no target is needed, and no row is left out.

    What the table holds that training did not have is told at its end, in a RuntimeWarning for each column.

    Args:
        preprocessing: from training.
        table: whatever `open_source` takes.

    Raises:
        ValueError: as `open_source` and `cells.raw`.
    """
    found: strangers.Found = {}
    for first_row, batch in numbered(open_source(table)):
        raw = cells.raw(preprocessing.columns, batch, first_row)
        found = strangers.counted(found, preprocessing.columns, batch, raw)
        yield features(preprocessing, raw)
    strangers.tell(found, preprocessing.columns)


def labelled(preprocessing: Preprocessing, table: Any, weights: str | None = None, training: bool = False) -> Iterator[Rows]:
    """The rows of each batch of a table that have every target.

    Args:
        preprocessing: from training.
        table: whatever `open_source` takes.
        weights: the column of the weights.
        training: whether it is the table of the training; of any other it is told what training did not have, as by
            `unlabelled`.

    Raises:
        ValueError: as `open_source`, `cells.raw` and `raw_targets`; or a weight is missing, negative or not finite.
    """
    found: strangers.Found = {}
    for first_row, batch in numbered(open_source(table)):
        truth = raw_targets(preprocessing.target, batch, first_row)
        present = ~np.isnan(truth).any(axis=1)
        raw = cells.raw(preprocessing.columns, batch, first_row)
        found = found if training else strangers.counted(found, preprocessing.columns, batch, raw)
        counts = None if weights is None else _weights(weights, batch, first_row)[present]
        yield Rows(first_row + np.flatnonzero(present), raw[present], truth[present], counts)
    strangers.tell(found, preprocessing.columns)


def _weights(name: str, batch: Batch, first_row: int) -> np.ndarray:
    values = cells.raw((Column(name, NUMERIC),), batch, first_row)[:, 0]
    wrong = ~(values >= 0)
    if wrong.any():
        row = int(np.argmax(wrong))
        held = "no weight" if np.isnan(values[row]) else f"{values[row]:g}"
        raise ValueError(f"the weights {name!r} must be 0 or more; row {first_row + row + 1} holds {held}")
    return values


def check_weights(name: str | None, part: str, weights: Iterable[np.ndarray | None]) -> None:
    """Some example of a part counts.

    Args:
        name: of the column of the weights; `None` where all count alike.
        part: of the examples, as "training rows".
        weights: of the examples, in one array or in several.

    Raises:
        ValueError: the weights are 0 in every row.
    """
    if name is not None and not any(np.any(some) for some in weights):
        raise ValueError(f"the weights {name!r} are 0 in all the {part}: one at least must count")


def ready(preprocessing: Preprocessing, rows: Rows) -> Examples:
    """Rows as a network takes them."""
    weights = None if rows.weights is None else rows.weights.astype(np.float32)
    return Examples(features(preprocessing, rows.raw), targets(preprocessing, rows.targets), weights)


Part = TypeVar("Part", Examples, Rows)


def joined(parts: list[Part]) -> Part:
    """Several sets of rows or of examples, one after the other."""
    return jax.tree.map(lambda *arrays: np.concatenate(arrays), *parts)
