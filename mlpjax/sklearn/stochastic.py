"""The host's part in stochastic training: the orders of the examples, and calls of several epochs each."""

from collections.abc import Iterator
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from sklearn.model_selection import train_test_split
from sklearn.utils import shuffle

from mlpjax.sklearn.descent import descend
from mlpjax.sklearn.progress import Examples, Plan, Progress
from mlpjax.sklearn.rules import Rates
from mlpjax.sklearn.thin import densified, thinned

AT_ONCE = 50
"""Epochs in one call at most, unless that is a long call: Ctrl-C is heard between calls."""

WORK = 2**33
"""Examples times parameters in one call, about a second's work."""


class Batches(NamedTuple):
    """How the examples are cut: `steps` mini-batches of `size`, the last filled up with rows after the `n` that count."""

    n: int
    size: int
    steps: int

    @property
    def rows(self) -> int:
        return self.size * self.steps

    @property
    def shares(self) -> np.ndarray:
        return np.clip(self.n - self.size * np.arange(self.steps), 0, self.size) / self.n


def batches(n: int, size: int) -> Batches:
    """Batches of a size; a single one in a multiple of 8, so that folds of nearly one size share a compilation."""
    return Batches(n, size, -(-n // size)) if size < n else Batches(n, -(-n // 8) * 8, 1)


def padded(x, y: np.ndarray, weights: np.ndarray | None, rows: int) -> Examples:
    """The examples, an array or a sparse matrix, with rows of 0 at their ends, those without weight."""
    n, dtype = x.shape[0], x.dtype
    weights = np.ones(n, dtype) if weights is None else weights.astype(dtype)

    def filled(array):
        return jnp.asarray(np.pad(array, [(0, rows - n)] + [(0, 0)] * (array.ndim - 1)))

    thin = None if isinstance(x, np.ndarray) else thinned(x, rows)
    return Examples(filled(densified(x)) if thin is None else thin, filled(y), filled(weights), jnp.asarray(np.asarray(n, dtype)))


def split(x, y, weights, fraction: float, strata, random_state):
    """The examples to train on and those to judge by, each as x, y and weights, drawn as scikit-learn draws them.

    Raises:
        ValueError: fewer than two are left to judge by.
    """
    arrays = [x, y] if weights is None else [x, y, weights]
    parts = train_test_split(*arrays, random_state=random_state, test_size=fraction, stratify=strata)
    train, held_out = ((*parts[side::2], None)[:3] for side in (0, 1))
    if held_out[0].shape[0] < 2:
        raise ValueError("The validation set is too small. Increase 'validation_fraction' or the size of your dataset.")
    return train, held_out


class Orders:
    """The order of the examples in each epoch, by the same draws as scikit-learn's, or none where they are not shuffled."""

    def __init__(self, cut: Batches, random_state: np.random.RandomState | None):
        self.cut, self.random_state, self.last = cut, random_state, np.arange(cut.n)

    def draw(self, epochs: int) -> list[np.ndarray]:
        """One order an epoch, each shuffled from the one before."""
        drawn = []
        for _ in range(epochs):
            if self.random_state is not None:
                self.last = shuffle(self.last, random_state=self.random_state)
            drawn.append(self.last)
        return drawn

    def spent(self):
        """What `rewind` needs to come back to this moment."""
        return self.last, self.random_state and self.random_state.get_state()

    def rewind(self, moment, epochs: int) -> None:
        """Go back, and on by as many epochs as were used: a generator shared with others is where theirs would be."""
        self.last, state = moment
        if self.random_state is not None:
            self.random_state.set_state(state)
        self.draw(epochs)

    def on_device(self, drawn: list[np.ndarray], at_once: int) -> np.ndarray:
        """The rows of each mini-batch, shape (at_once, steps, size), with those that fill up at the end."""
        rows = np.zeros((at_once, self.cut.rows), np.int32)
        rows[:, self.cut.n :] = np.arange(self.cut.n, self.cut.rows)
        rows[: len(drawn), : self.cut.n] = drawn
        return rows.reshape(at_once, self.cut.steps, self.cut.size)


class Leg(NamedTuple):
    """Some epochs: the progress after them, and the loss and score of each."""

    progress: Progress
    losses: list[float]
    scores: list[float]


def legs(
    plan: Plan,
    rates: Rates,
    progress: Progress,
    examples: Examples,
    validation: Examples | None,
    orders: Orders,
    epochs: int,
    one_by_one: bool = False,
) -> Iterator[Leg]:
    """Train, and say how it goes every few epochs, or after each one, until the stopping rule or the epochs end it."""
    at_once = int(np.clip(WORK // (orders.cut.rows * plan.mlp.parameter_count), 1, AT_ONCE))
    examples = examples._replace(shares=jnp.asarray(orders.cut.shares.astype(examples.weights.dtype)))
    stop = False
    while epochs and not stop:
        moment, drawn = orders.spent(), orders.draw(1 if one_by_one else min(epochs, at_once))
        rows = orders.on_device(drawn, at_once)
        progress, done, curves = descend(plan, rates, progress, examples, validation, rows, len(drawn))
        host, done, curves = jax.device_get((progress, done, curves))
        if done < len(drawn):
            orders.rewind(moment, int(done))
        epochs, stop = epochs - int(done), bool(host.stop)
        losses, scores = curves[:done].T.tolist()
        yield Leg(host, losses, scores)
