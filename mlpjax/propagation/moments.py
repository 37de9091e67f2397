"""What an activation makes of a normal pre-activation: means over the normal distribution, by quadrature.

>>> from mlpjax import activations
>>> after = moments(activations.selu)
>>> abs(after.mean.item()) < 1e-6, round(after.variance.item(), 5)
(True, 1.0)
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from mlpjax.activations import Activation
from mlpjax.types import Scalar

NODES, WEIGHTS = np.polynomial.legendre.leggauss(128)
FAR = 10.0
"""How many standard deviations out the quadrature goes; beyond them lie 2e-23 of the distribution."""


class Moments(NamedTuple):
    """A mean and a variance."""

    mean: Scalar
    variance: Scalar


def expectation(g: Callable[[jax.Array], jax.Array], mean: float | Scalar = 0.0, variance: float | Scalar = 1.0) -> Scalar:
    """E[g(z)] for one normal z (VARIANCE-moments).

    Gauss–Legendre on either side of z = 0, since that is where activations have their kinks: the nodes of Gauss–Hermite do not
    see one, and converge slowly.

    Args:
        g: an elementwise function, smooth but for z = 0.
        mean, variance: of z, scalars; the variance is 0 or more.

    Returns:
        A scalar, of JAX's default floating point type unless the mean or the variance has another.

    >>> round(expectation(lambda z: z**2, mean=1.0, variance=4.0).item(), 4)
    5.0
    """
    mean, variance = jnp.asarray(mean, float), jnp.asarray(variance, float)
    spread = jnp.sqrt(variance)
    zero = jnp.clip(-mean / jnp.where(spread > 0, spread, 1), -FAR, FAR)
    return _between(g, -FAR, zero, mean, spread) + _between(g, zero, FAR, mean, spread)


def _between(g, low, high, mean, spread) -> Scalar:
    """The part of the expectation from `low` to `high` standard deviations around the mean."""
    half = (high - low) / 2
    u = low + half * (1 + NODES)
    density = jnp.exp(-0.5 * u**2) / jnp.sqrt(2 * jnp.pi)
    return jnp.sum(half * WEIGHTS * density * g(mean + spread * u))


def moments(f: Activation, mean: float | Scalar = 0.0, variance: float | Scalar = 1.0) -> Moments:
    """The mean and the variance of f(z) for a normal z (VARIANCE-moments).

    Args:
        f: an activation.
        mean, variance: of z, scalars.

    Returns:
        `Moments(mean, variance)`.

    >>> from mlpjax import activations
    >>> [round(one.item(), 4) for one in moments(activations.relu)]
    [0.3989, 0.3408]
    """
    centre = expectation(f, mean, variance)
    return Moments(centre, expectation(lambda z: (f(z) - centre) ** 2, mean, variance))
