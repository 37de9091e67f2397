"""Which examples are trained on and which are held out: folds for cross-validation, bootstrap samples.

>>> import jax
>>> split = folds(jax.random.key(0), n=5, k=2)
>>> split.train.shape, split.held_out.shape
((2, 3), (2, 3))
"""

import operator

import jax
import numpy as np

from mlpjax.selection.ensemble import Split
from mlpjax.types import Data, PRNGKey


def folds(key: PRNGKey, n: int, k: int, *, labels: Data | None = None, repeats: int = 1) -> Split:
    """Cut n examples at random into k parts, each of which is held out once (SELECT-folds).

    The parts differ in size by at most 1, and so do, with labels, their numbers of examples of each class.

    Args:
        key: the randomness.
        n: the number of examples.
        k: the number of parts, from 2 to n, which leaves one example out at a time.
        labels: the class of each example, shape (n,), whose proportions each part keeps.
        repeats: how often to cut anew.

    Returns:
        Repeats times k replicates, those of one repeat after the other, filled up with -1.

    Raises:
        ValueError: k, the number of repeats or the shape of the labels is not possible.
    """
    if not 2 <= operator.index(k) <= n:
        raise ValueError(f"folds must be from 2 to {n}, the number of examples; got {k}")
    if operator.index(repeats) < 1:
        raise ValueError(f"repeats must be 1 or more, got {repeats}")
    strata = np.zeros(n, int) if labels is None else np.asarray(labels)
    if strata.shape != (n,):
        raise ValueError(f"labels must have shape ({n},), one for each example; got {strata.shape}")
    parts = [_parts(one, strata, k) for one in jax.random.split(key, repeats)]
    return Split(*(_filled([side(part == fold) for part in parts for fold in range(k)]) for side in (_others, np.flatnonzero)))


def _parts(key: PRNGKey, strata: np.ndarray, k: int) -> np.ndarray:
    """The part of each example: dealt out in turn, class after class, in a random order within each."""
    order = np.lexsort((np.asarray(jax.random.permutation(key, len(strata))), strata))
    parts = np.empty(len(strata), int)
    parts[order] = np.arange(len(strata)) % k
    return parts


def _others(held_out: np.ndarray) -> np.ndarray:
    return np.flatnonzero(~held_out)


def _filled(rows: list[np.ndarray]) -> np.ndarray:
    longest = max(map(len, rows))
    return np.stack([np.pad(one, (0, longest - len(one)), constant_values=-1) for one in rows])


def bootstrap(key: PRNGKey, n: int, replicates: int) -> Split:
    """Draw as many of n examples as there are, with replacement, once for each replicate.

    A sample of a sample: it differs from the data about as the data differ from what they are a sample of (Efron, Bootstrap
    methods: another look at the jackknife, 1979). Each holds about 1 - 1/e = 63 % of the examples, some of them repeatedly.

    Args:
        key: the randomness.
        n: the number of examples.
        replicates: how many samples to draw.

    Returns:
        The samples, with nothing held out.

    Raises:
        ValueError: there is no example, or no replicate is asked for.

    >>> bootstrap(jax.random.key(0), n=4, replicates=3).train.shape
    (3, 4)
    """
    if operator.index(n) < 1 or operator.index(replicates) < 1:
        raise ValueError(f"one example and one replicate or more are needed, got {n} and {replicates}")
    return Split(np.asarray(jax.random.randint(key, (replicates, n), 0, n)), None)


def consecutive(replicates: int, n: int) -> Split:
    """So many training sets of n examples each, which stand one after the other.

    >>> consecutive(2, 3).train.tolist()
    [[0, 1, 2], [3, 4, 5]]
    """
    return Split(np.arange(replicates * n).reshape(replicates, n), None)
