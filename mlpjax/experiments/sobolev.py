"""Sobolev training: a network that fits values and slopes at once needs fewer points."""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from mlpjax.experiments.minimising import grid, minimised
from mlpjax.gradients.inputs import input_gradient
from mlpjax.network import MLP, init, loss
from mlpjax.types import Data, Params, PRNGKey, Scalar

NETWORK = MLP((2, 32, 32, 1), "tanh")
"""The network unless another is given."""


class Sobolev(NamedTuple):
    """A network that has learned a function from a few points.

    Attributes:
        params: its parameters.
        loss: before each step, shape (steps,).
        error: the root mean square difference of the values over a grid of the square [-1, 1]².
        slope_error: that of the gradients in the input.
    """

    params: Params
    loss: Float[Array, " steps"]
    error: Scalar
    slope_error: Scalar


def sobolev_loss(mlp: MLP, params: Params, x: Data, y: Data, slope: Data, strength: float | Scalar = 1.0) -> Scalar:
    """The loss of the values plus that of the slopes: `loss + strength mean |grad u(x) - slope|^2` (SOBOLEV).

    Args:
        mlp: a network with one output.
        params: its parameters.
        x: the examples, shape (n, sizes[0]).
        y: the values there, as in `loss`.
        slope: the gradients there, shape (n, sizes[0]).
        strength: what the slopes count against the values.

    >>> from mlpjax import Layer
    >>> params = (Layer(W=jnp.array([[3.0], [4.0]]), b=jnp.zeros(1)),)
    >>> sobolev_loss(MLP((2, 1)), params, jnp.ones((1, 2)), jnp.array([[6.0]]), jnp.array([[3.0, 2.0]])).item()
    5.0

    Czarnecki, Osindero, Jaderberg, Swirszcz and Pascanu, Sobolev training for neural networks, NeurIPS 2017.
    """
    apart = jnp.sum((input_gradient(mlp, params, x) - slope) ** 2, axis=1)
    return loss(mlp, params, x, y) + strength * jnp.mean(apart)


def target(x: Float[Array, " 2"]) -> Scalar:
    """What is learned: `sin(3 x_1) cos(2 x_2)`."""
    return jnp.sin(3 * x[0]) * jnp.cos(2 * x[1])


@functools.partial(jax.jit, static_argnames=("mlp", "side", "steps"))
def sobolev(
    key: PRNGKey,
    *,
    mlp: MLP = NETWORK,
    strength: float | Scalar = 1.0,
    side: int = 4,
    steps: int = 500,
) -> Sobolev:
    """Learn `target` on the square from a few points, with its gradient there or without.

    Args:
        key: of the parameters.
        mlp: two inputs, one output.
        strength: what the gradients count; 0 learns from the values alone.
        side: of the grid of points that it learns from, side² of them.
        steps: of L-BFGS.

    Returns:
        `Sobolev`.

    >>> alone, both = (sobolev(jax.random.key(0), strength=strength) for strength in (0.0, 1.0))
    >>> bool(both.error < alone.error / 2)
    True

    Czarnecki, Osindero, Jaderberg, Swirszcz and Pascanu, Sobolev training for neural networks, NeurIPS 2017.
    """
    x, everywhere = grid(side, -1, 1), grid(33, -1, 1)
    params, losses = minimised(lambda params: sobolev_loss(mlp, params, x, *_taught(x), strength), init(mlp, key), steps)
    y, slope = _taught(everywhere)
    error = loss(mlp, params, everywhere, y)
    slope_error = sobolev_loss(mlp, params, everywhere, y, slope) - error
    return Sobolev(params, losses, jnp.sqrt(error), jnp.sqrt(slope_error))


def _taught(x: Float[Array, "n 2"]) -> tuple[Float[Array, "n 1"], Float[Array, "n 2"]]:
    """The values and the gradients."""
    y, slope = jax.vmap(jax.value_and_grad(target))(x)
    return y[:, None], slope
