"""A loss of the parameters alone, minimised: for losses that no `Loss` record can say, as those of derivatives."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

from mlpjax.types import Params, Scalar


class Minimum(NamedTuple):
    """Where a descent ended.

    Attributes:
        params: the parameters there.
        loss: before each step, shape (steps,).
    """

    params: Params
    loss: Float[Array, " steps"]


def minimised(loss: Callable[[Params], Scalar], params: Params, steps: int) -> Minimum:
    """Take steps of L-BFGS, in one loop on the device.

    Args:
        loss: of the parameters.
        params: where to start.
        steps: how many.

    >>> from mlpjax import Layer
    >>> start = (Layer(jnp.ones((1, 1)), jnp.zeros(1)),)
    >>> minimised(lambda params: (params[0].W[0, 0] - 3) ** 2, start, 5).params[0].W.round(3).tolist()
    [[3.0]]

    Liu and Nocedal, On the limited memory BFGS method for large scale optimization, 1989.
    """
    optimizer = optax.lbfgs()
    value_and_gradient = optax.value_and_grad_from_state(loss)

    def step(carry, _):
        params, state = carry
        value, gradient = value_and_gradient(params, state=state)
        updates, state = optimizer.update(gradient, state, params, value=value, grad=gradient, value_fn=loss)
        return (optax.apply_updates(params, updates), state), value

    (params, _), losses = jax.lax.scan(step, (params, optimizer.init(params)), length=steps)
    return Minimum(params, losses)


def grid(n: int, low: float, high: float) -> Float[Array, "_ 2"]:
    """n by n points of a square, its corners among them."""
    along = jnp.linspace(low, high, n)
    return jnp.stack(jnp.meshgrid(along, along), axis=-1).reshape(-1, 2)
