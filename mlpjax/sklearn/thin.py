"""Sparse examples: kept as such, and made dense where they are computed with, one mini-batch or block at a time."""

import os
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np


class Thin(NamedTuple):
    """Rows of as many numbers each, those that are not 0 and, after them, some that are.

    Attributes:
        columns: where the numbers stand, shape (n, most in a row); 0 for those that fill up.
        values: the numbers.
    """

    columns: jax.Array
    values: jax.Array


def thinned(X, rows: int) -> Thin | None:
    """A sparse matrix with rows of 0 at its end; `None` where one of its rows is so full that dense ones take less memory."""
    X = X.tocsr()
    counts = np.diff(X.indptr)
    width = -(-int(counts.max()) // 8) * 8  # a multiple, so that folds share a compilation
    if width * (X.dtype.itemsize + 4) > X.shape[1] * X.dtype.itemsize:
        return None
    filled = np.arange(width) < np.pad(counts, (0, rows - len(counts)))[:, None]
    columns, values = np.zeros(filled.shape, np.int32), np.zeros(filled.shape, X.dtype)
    columns[filled], values[filled] = X.indices, X.data
    return Thin(jnp.asarray(columns), jnp.asarray(values))


def dense(x: jax.Array | Thin, features: int) -> jax.Array:
    """The examples as an array of shape (n, features)."""
    if not isinstance(x, Thin):
        return x
    zeros = jnp.zeros((len(x.values), features), x.values.dtype)
    return zeros.at[jnp.arange(len(zeros))[:, None], x.columns].add(x.values, mode="promise_in_bounds")


def densified(X) -> np.ndarray:
    """Examples as one array, which must fit into memory.

    Raises:
        ValueError: it would take more than half of this machine's memory.
    """
    if isinstance(X, np.ndarray):
        return X
    size, memory = X.shape[0] * X.shape[1] * X.dtype.itemsize, _memory()
    if size > memory / 2:
        raise ValueError(
            f"the sparse examples, of shape {X.shape}, would take {size / 2**30:.1f} GiB as a dense array, more than half of "
            f"the {memory / 2**30:.1f} GiB of memory: reduce the features, for instance with TruncatedSVD, or train on slices "
            "of the examples with partial_fit"
        )
    return X.toarray()


def _memory() -> float:
    """The bytes of this machine's memory, infinity where the system does not say."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return float("inf")
