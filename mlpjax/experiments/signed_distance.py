"""A signed distance from the points of a curve: a network whose gradient in the input has length 1 everywhere."""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

from mlpjax.experiments.minimising import grid, minimised
from mlpjax.experiments.sobolev import sobolev_loss
from mlpjax.gradients.inputs import input_gradient
from mlpjax.network import MLP, init, loss
from mlpjax.types import Data, Params, PRNGKey, Scalar

NETWORK = MLP((2, 32, 32, 1), "softplus")
"""The network unless another is given."""


class SignedDistance(NamedTuple):
    """A network that has learned the distance from a circle, negative inside.

    Attributes:
        params: its parameters.
        loss: before each step, shape (steps,).
        error: the root mean square difference to |x| - radius over a grid of the square [-1, 1]².
        slope_error: the root of `eikonal_loss` there.
    """

    params: Params
    loss: Float[Array, " steps"]
    error: Scalar
    slope_error: Scalar


def eikonal_loss(mlp: MLP, params: Params, x: Data) -> Scalar:
    """How far the gradient in the input is from length 1: `mean (|grad u(x)| - 1)^2` (EIKONAL).

    Arguments and errors are those of `input_gradient`, for a network with one output.

    >>> from mlpjax import Layer
    >>> params = (Layer(W=jnp.array([[3.0], [4.0]]), b=jnp.zeros(1)),)
    >>> eikonal_loss(MLP((2, 1)), params, jnp.zeros((1, 2))).item()
    16.0

    Gropp, Yariv, Haim, Atzmon and Lipman, Implicit geometric regularization for learning shapes, ICML 2020.
    """
    length = optax.safe_norm(input_gradient(mlp, params, x), 0, axis=1)
    return jnp.mean((length - 1) ** 2)


@functools.partial(jax.jit, static_argnames=("mlp", "points", "steps"))
def circle(
    key: PRNGKey,
    *,
    mlp: MLP = NETWORK,
    radius: float | Scalar = 0.5,
    strength: float | Scalar = 1.0,
    points: int = 256,
    steps: int = 500,
) -> SignedDistance:
    """Learn the distance from a circle, of which the network sees a few points and the normals there.

    It minimises `mean u^2 + mean |grad u - normal|^2` over 16 points of the circle, plus the strength times `eikonal_loss` over
    points drawn in the square, where no distance is given.

    Args:
        key: of the parameters and of the points.
        mlp: two inputs, one output.
        radius: of the circle around the origin.
        strength: 0 leaves what is off the circle to the network.
        points: drawn in the square.
        steps: of L-BFGS.

    Returns:
        `SignedDistance`.

    >>> found = circle(jax.random.key(0))
    >>> bool(found.error < 0.05)
    True

    Gropp, Yariv, Haim, Atzmon and Lipman, Implicit geometric regularization for learning shapes, ICML 2020.
    """
    of_params, of_points = jax.random.split(key)
    angle = jnp.linspace(0, 2 * jnp.pi, 16, endpoint=False)
    normal = jnp.stack([jnp.cos(angle), jnp.sin(angle)], axis=1)
    anywhere = jax.random.uniform(of_points, (points, 2), minval=-1, maxval=1)

    def objective(params):
        on_circle = sobolev_loss(mlp, params, radius * normal, jnp.zeros((16, 1)), normal)
        return on_circle + strength * eikonal_loss(mlp, params, anywhere)

    params, losses = minimised(objective, init(mlp, of_params), steps)
    x = grid(33, -1, 1)
    distance = jnp.linalg.norm(x, axis=1, keepdims=True) - radius
    return SignedDistance(params, losses, jnp.sqrt(loss(mlp, params, x, distance)), jnp.sqrt(eikonal_loss(mlp, params, x)))
