"""Bias and variance over depth and penalty on the lecture's function `y = 2 sin(x^2) + sqrt(5 x) + noise`."""

from typing import Any

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array

from mlpjax.network import MLP
from mlpjax.selection.bias_variance import BiasVariance, bias_variance
from mlpjax.selection.splits import consecutive
from mlpjax.types import Data, PRNGKey

END = 3.0
"""The inputs are uniform from 0 to here."""

adam = optax.adam(0.01)
"""One object, so that it compiles once."""


def function(x: Data) -> Array:
    """The lecture's complex function, `2 sin(x^2) + sqrt(5 x)`, for x of 0 or more.

    >>> function(jnp.array([[0.0], [1.0]])).round(3).tolist()
    [[0.0], [3.919]]

    Lecture, section 5.
    """
    return 2 * jnp.sin(x**2) + jnp.sqrt(5 * x)


def u_curve(
    key: PRNGKey, *, training_sets: int = 30, examples: int = 20, noise: float = 0.7, test_examples: int = 200, **options: Any
) -> BiasVariance:
    """The parts of the test error over depth and L2 penalty, of many networks on as many small training sets.

    With more layers bias falls and variance rises, and their sum is least in between; a larger penalty does the reverse.

    Args:
        key: the randomness.
        training_sets: how many.
        examples: in each of them.
        noise: its standard deviation.
        test_examples: how many.
        options: as in `bias_variance`; 0 to 4 layers of 16 units, penalties from 0 to 0.1, 1,000 epochs unless given.

    Returns:
        A row for each model.

    Lecture, section 13.
    """
    keys = jax.random.split(key, 3)
    x, y, _ = _drawn(keys[0], training_sets * examples, noise)
    x_test, y_test, truth = _drawn(keys[1], test_examples, noise)
    usual = {"depths": (0, 1, 2, 3, 4), "widths": (16,), "l2": (0, 1e-3, 1e-2, 1e-1), "epochs": 1000, "optimizer": adam}
    split = consecutive(training_sets, examples)
    return bias_variance(MLP((1, 1, 1), "tanh"), x, y, split, x_test, y_test, key=keys[2], truth=truth, **(usual | options))


def _drawn(key: PRNGKey, n: int, noise: float) -> tuple[Array, Array, Array]:
    """Inputs at mean 0 and spread 1, noisy targets and their means."""
    of_x, of_noise = jax.random.split(key)
    x = jax.random.uniform(of_x, (n, 1), maxval=END)
    truth = function(x)
    return (x - END / 2) / (END / 12**0.5), truth + noise * jax.random.normal(of_noise, (n, 1)), truth
