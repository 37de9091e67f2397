"""Double descent where it can be computed: linear regression with more features than examples.

The test error of the least-squares solution explodes where the features are as many as the examples, and falls again beyond,
though nothing regularises but the choice of the solution of least norm, which is the one that gradient descent finds.
"""

import functools
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from mlpjax.gradients.backprop import backprop
from mlpjax.network import MLP
from mlpjax.types import Layer, PRNGKey


class DoubleDescent(NamedTuple):
    """The excess risk of least squares for k numbers of features: the mean of `(x w - x w*)^2` over new examples.

    Attributes:
        features: p, shape (k,), as are all the others.
        ratio: p / n, gamma in the formulas.
        risk: measured, the mean over the draws.
        standard_error: of that mean.
        expected: `expected_risk`, the exact mean for this n and p; infinite for n - 1, n and n + 1 features.
        limit: `limiting_risk`, what it tends to for large n and p of this ratio.
    """

    features: Int[np.ndarray, " k"]
    ratio: Float[np.ndarray, " k"]
    risk: Float[np.ndarray, " k"]
    standard_error: Float[np.ndarray, " k"]
    expected: Float[np.ndarray, " k"]
    limit: Float[np.ndarray, " k"]


def double_descent(key: PRNGKey, features: Sequence[int], *, n: int = 20, noise: float = 0.5, draws: int = 200) -> DoubleDescent:
    """Measure the risk of the least-squares solution of least norm over random training sets, beside its closed forms.

    A training set has n examples of p independent standard normal features and `y = x w* + noise e`, with e standard normal
    and w* of norm 1. As new examples are like the old, the excess risk of w is `||w - w*||^2`.

    Args:
        key: of the draws.
        features: the numbers of features.
        n: the number of examples.
        noise: the standard deviation of the noise, sigma in the formulas.
        draws: the number of training sets; fewer features are the first of them in the same sets.

    Returns:
        The measured and the expected risks.

    Raises:
        ValueError: there are fewer than one feature or example, or fewer than two draws.

    >>> record = double_descent(jax.random.key(0), features=(5, 20, 80), draws=50)
    >>> bool(record.risk[0] < record.risk[1] > record.risk[2]), record.expected.round(3).tolist()
    (True, [0.089, inf, 0.835])

    Belkin, Hsu, Ma and Mandal, Reconciling modern machine-learning practice and the classical bias-variance trade-off, PNAS
    116, 2019.
    """
    if min(n, *features) < 1 or draws < 2:
        raise ValueError(f"expected n and features of 1 or more and draws of 2 or more, got {n}, {tuple(features)} and {draws}")
    p, ratio = np.array(features), np.array(features) / n
    risks = np.asarray(_risks(key, p, n, int(p.max()), noise, draws))
    spread = risks.std(axis=1, ddof=1) / np.sqrt(draws)
    return DoubleDescent(p, ratio, risks.mean(axis=1), spread, expected_risk(n, p, noise), limiting_risk(ratio, noise))


@functools.partial(jax.jit, static_argnames=("n", "most", "draws"))
def _risks(key: PRNGKey, features, n: int, most: int, noise, draws: int) -> Float[Array, "k draws"]:
    """Of each number of features, the first ones of the same training sets; the others are made 0, and so are their weights."""
    of_x, of_noise = jax.random.split(key)
    x = jax.random.normal(of_x, (draws, n, most))
    truth = jnp.zeros((most, 1)).at[0].set(1)  # any direction will do: the features are alike in all of them
    y = x @ truth + noise * jax.random.normal(of_noise, (draws, n, 1))

    def with_features(p):
        w = jax.vmap(minimum_norm)(jnp.where(jnp.arange(most) < p, x, 0), y)
        return jnp.sum((w - truth) ** 2, axis=(1, 2))

    return jax.lax.map(with_features, features)


@jax.jit
def minimum_norm(x: Float[Array, "n p"], y: Float[Array, "n k"]) -> Float[Array, "p k"]:
    """Of all the weights with the least squared error those of the least norm, by the pseudoinverse (LINEAR-minimum_norm).

    >>> minimum_norm(jnp.array([[1.0, 2.0]]), jnp.array([[5.0]])).round(6).tolist()
    [[1.0], [2.0]]
    """
    return jnp.linalg.pinv(x) @ y


@functools.partial(jax.jit, static_argnames="steps")
def descend_from_zero(x: Float[Array, "n p"], y: Float[Array, "n k"], steps: int = 5000) -> Float[Array, "p k"]:
    """The weights of a neuron without a bias after gradient descent by `backprop` from zeros (LINEAR-minimum_norm).

    They tend to `minimum_norm(x, y)`, also where many other weights fit as well. The learning rate is 1 over the largest
    curvature, `n / ||x||_2^2` for half the mean squared error; x must not be all zeros.

    >>> descend_from_zero(jnp.array([[1.0, 2.0]]), jnp.array([[5.0]])).round(6).tolist()
    [[1.0], [2.0]]
    """
    mlp = MLP((x.shape[1], y.shape[1]), loss="l2_loss")
    learning_rate, bias = len(x) / jnp.linalg.norm(x, 2) ** 2, jnp.zeros(y.shape[1], x.dtype)

    def one(_, W):
        _, (gradient,) = backprop(mlp, (Layer(W, bias),), x, y)
        return W - learning_rate * gradient.W

    return jax.lax.fori_loop(0, steps, one, jnp.zeros((x.shape[1], y.shape[1]), x.dtype))


def expected_risk(n, p, noise=0.5):
    """The mean excess risk of least squares of least norm with n examples of p normal features (LINEAR-double_descent).

    `sigma^2 p / (n - p - 1)` for p < n - 1 and `1 - n/p + sigma^2 n / (p - n - 1)` for p > n + 1, exact; between them infinite.

    >>> expected_risk(n=40, p=[20, 40, 80], noise=1.0).round(3).tolist()
    [1.053, inf, 1.526]
    """
    n, p = np.asarray(n, float), np.asarray(p, float)
    return _risk(n / p, np.minimum(n, p), np.maximum(np.abs(n - p) - 1, 0), noise)


def limiting_risk(ratio, noise=0.5):
    """What the excess risk tends to for many examples and features, `p / n = ratio` (LINEAR-double_descent).

    `sigma^2 ratio / (1 - ratio)` below 1 and `1 - 1/ratio + sigma^2 / (ratio - 1)` above.

    >>> limiting_risk([0.5, 1.0, 2.0], noise=1.0).tolist()
    [1.0, inf, 1.5]

    Hastie, Montanari, Rosset and Tibshirani, Surprises in high-dimensional ridgeless least squares interpolation, 2019.
    """
    ratio = np.asarray(ratio, float)
    return _risk(1 / ratio, np.minimum(ratio, 1), np.abs(ratio - 1), noise)


def _risk(seen, directions, freedom, noise):
    """The share of w* that the examples do not see, and the noise in the directions that they do."""
    with np.errstate(divide="ignore"):
        variance = noise**2 * (directions / freedom) if noise else 0.0
    return np.maximum(1 - seen, 0) + variance
