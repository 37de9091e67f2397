"""From the cells of a table to the features of a network: a pure function, which jit, vmap and export take.

A cell arrives as one float64: a number, or the place of a category in its column's list; NaN stands for a missing one.
Which columns there are is static, their means and spreads are arrays.

>>> columns = Column("age", NUMERIC, missing=True), Column("city", CATEGORICAL, ("Lima", "Paris"))
>>> feature_names(columns)
('age', 'age is missing', 'city=Lima', 'city=Paris')
>>> statistics = Statistics(np.array([40.0]), np.array([10.0]))
>>> encode(columns, statistics, np.array([[60.0, 1.0], [np.nan, -1.0]])).tolist()
[[2.0, 0.0, 0.0, 1.0], [0.0, 1.0, 0.0, 0.0]]
"""

from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jax import export

from mlpjax.types import Data

NUMERIC, CATEGORICAL = "numeric", "categorical"
KINDS = (NUMERIC, CATEGORICAL)


@dataclass(frozen=True)
class Column:
    """What a column of a table stands for.

    Attributes:
        name: as in the table.
        kind: "numeric" or "categorical".
        categories: of a categorical column, in the order of its features.
        missing: whether cells were missing in training, and so whether a feature says that one is.

    Raises:
        ValueError: an empty name, an unknown kind, categories where there can be none, none where there must be, or one twice.
    """

    name: str
    kind: str
    categories: tuple[str, ...] = ()
    missing: bool = False

    def __post_init__(self):
        if not self.name or self.kind not in KINDS:
            raise ValueError(f"a column needs a name and a kind, {' or '.join(KINDS)}; got {self.name!r} and {self.kind!r}")
        if self.kind == NUMERIC and self.categories:
            raise ValueError(f"column {self.name!r} is numeric and can have no categories; got {len(self.categories)}")
        if self.kind == CATEGORICAL and (not self.categories or len(set(self.categories)) < len(self.categories)):
            raise ValueError(f"column {self.name!r} must have one or more categories, each once; got {self.categories!r:.200}")


Columns: TypeAlias = tuple[Column, ...]
"""The columns of a table that a network sees, in the order of its raw cells. Static under jit."""


class Statistics(NamedTuple):
    """Where numbers lie and how far they spread, an entry for each numeric column (or for each target): float64.

    Attributes:
        mean: of the numbers that are present.
        scale: their spread, `sqrt(mean((x - mean)**2))`, more than 0.
    """

    mean: Data
    scale: Data


export.register_namedtuple_serialization(Statistics, serialized_name="mlpjax.Statistics")


class _Layout(NamedTuple):
    """Where each feature comes from: indices into the raw cells, and for the one-hot ones the category that they stand for."""

    numeric: np.ndarray
    indicated: np.ndarray
    owner: np.ndarray
    category: np.ndarray
    absent: np.ndarray


def _layout(columns: Columns) -> _Layout:
    numeric = [i for i, column in enumerate(columns) if column.kind == NUMERIC]
    indicated = [i for i in numeric if columns[i].missing]
    hot = [
        (i, category, len(column.categories))
        for i, column in enumerate(columns)
        if column.kind == CATEGORICAL
        for category in range(len(column.categories) + column.missing)
    ]
    return _Layout(*(np.array(part, int) for part in (numeric, indicated, *(list(zip(*hot, strict=True)) or [()] * 3))))


def feature_names(columns: Columns) -> tuple[str, ...]:
    """What the features are called, in the order of `encode`: numbers, their indicators, then categories.

    >>> feature_names((Column("size", CATEGORICAL, ("L", "M"), missing=True), Column("age", NUMERIC)))
    ('age', 'size=L', 'size=M', 'size is missing')
    """
    numeric = [column for column in columns if column.kind == NUMERIC]
    names = [column.name for column in numeric] + [f"{column.name} is missing" for column in numeric if column.missing]
    for column in columns:
        if column.kind == CATEGORICAL:
            names += [f"{column.name}={category}" for category in column.categories]
            names += [f"{column.name} is missing"] * column.missing
    return tuple(names)


def encode(columns: Columns, statistics: Statistics, raw: Data) -> jax.Array:
    """The features of raw cells: standardised numbers (ENCODE-standardise), imputed where they are missing (ENCODE-impute),
    and categories one-hot (ENCODE-one_hot).

    It computes in the type of `raw`, so that under x64 a year or an identity number loses nothing, and never gives NaN.

    Args:
        columns: what the cells stand for; static.
        statistics: of the numeric columns, in their order.
        raw: cells, shape (..., columns), from `raw` in `mlpjax.data.cells`: NaN where missing, -1 for an unknown category.

    Returns:
        Features, shape (..., len(feature_names(columns))).

    Raises:
        ValueError: there are more or fewer cells in a row than columns.
    """
    raw = jnp.asarray(raw)
    if raw.ndim == 0 or raw.shape[-1] != len(columns):
        raise ValueError(f"raw must have a cell for each of {len(columns)} columns on its last axis, got shape {raw.shape}")
    raw = raw.astype(jnp.result_type(raw, float))
    layout = _layout(columns)
    mean, scale = (jnp.asarray(array).astype(raw.dtype) for array in statistics)
    values = raw[..., layout.numeric]
    standardised = (jnp.where(jnp.isfinite(values), values, mean) - mean) / scale
    missing = ~jnp.isfinite(raw[..., layout.indicated])
    cells = raw[..., layout.owner]
    one_hot = jnp.where(jnp.isnan(cells), layout.absent, cells) == layout.category
    return jnp.concatenate([standardised, missing.astype(raw.dtype), one_hot.astype(raw.dtype)], axis=-1)
