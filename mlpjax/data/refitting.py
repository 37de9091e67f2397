"""A preprocessing fitted anew on some of its training rows, so that nothing is known of the rows held out from them.

It works on features, not on cells: what does not depend on the unit of a column does not depend on how the column was
standardised before (ENCODE-standardise).
"""

import numpy as np

from mlpjax.data.columns import NUMERIC
from mlpjax.data.preprocessing import Preprocessing


def refitted(preprocessing: Preprocessing, x: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """The features as they would be if the preprocessing had been fitted on some of their rows.

    Numbers have mean 0 and spread 1 over these rows, and a missing one is 0; columns that share one spread, such as pixels,
    go on sharing one. What is the same in all of these rows says nothing, and its feature is 0 everywhere: a number of one
    value, a category or a missing cell that is in none of them or in all.

    Args:
        preprocessing: that made the features.
        x: the features of the training examples, shape (n, features).
        rows: the numbers of those to fit on.

    Returns:
        All of them anew, in the same shape and type.

    >>> from mlpjax.data.columns import Column, Statistics
    >>> from mlpjax.data.preprocessing import Target
    >>> none = Statistics(np.zeros(1), np.ones(1))
    >>> preprocessing = Preprocessing((Column("age", NUMERIC),), none, Target(("price",)), none)
    >>> refitted(preprocessing, np.array([[1.0], [3.0], [7.0]]), np.array([0, 1])).tolist()
    [[-1.0], [1.0], [5.0]]
    """
    numeric = [column for column in preprocessing.columns if column.kind == NUMERIC]
    values, switches = np.array(x[:, : len(numeric)], float), x[:, len(numeric) :]
    missing = np.array([column.missing for column in numeric], bool)
    values[:, missing] = np.where(switches[:, : missing.sum()] > 0, np.nan, values[:, missing])
    mean, spread = _moments(values[rows])
    if len(numeric) > 1 and np.ptp(preprocessing.statistics.scale) == 0:
        spread = np.full_like(spread, np.sqrt(np.mean(spread**2)))
    standardised = np.where(np.isnan(values) | (spread == 0), 0, values - mean) / np.where(spread == 0, 1, spread)
    varying = np.ptp(switches[rows], axis=0) > 0
    return np.concatenate([standardised, switches * varying], axis=1).astype(x.dtype)


def _moments(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The mean and the spread of each column, of what is not missing."""
    present = ~np.isnan(values)
    least = np.where(present, values, np.inf).min(axis=0)
    least = np.where(np.isfinite(least), least, 0)
    shifted = np.where(present, values - least, 0)  # so that rounding leaves no spread in a constant column
    counts = np.maximum(present.sum(axis=0), 1)
    mean = shifted.sum(axis=0) / counts
    return least + mean, np.sqrt(np.sum(present * (shifted - mean) ** 2, axis=0) / counts)
