"""How sharply the loss curves: the largest eigenvalue of its Hessian, and how gradient descent drives it to 2 / learning rate.

>>> import jax
>>> from mlpjax import MLP, init
>>> mlp, x = MLP((2, 3, 1), "tanh"), jax.random.normal(jax.random.key(1), (20, 2))
>>> value = sharpness(mlp, init(mlp, jax.random.key(0)), x, x[:, :1] * x[:, 1:])
>>> bool(value > 0)
True
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float

from mlpjax.gradients.backprop import backprop
from mlpjax.gradients.hvp import hvp
from mlpjax.network import MLP, init, loss
from mlpjax.types import Data, Params, Penalty, PRNGKey, Scalar


@functools.partial(jax.jit, static_argnames=("mlp", "iterations"))
def sharpness(
    mlp: MLP,
    params: Params,
    x: Data,
    y: Data,
    *,
    weights: Data | None = None,
    penalty: Penalty | None = None,
    iterations: int = 100,
) -> Scalar:
    """The largest eigenvalue of the Hessian of the loss, from Hessian-vector products alone (HVP-forward, HVP-backward).

    By LOBPCG, which takes one product an iteration and stops when it has the eigenvalue to the precision of the dtype.

    Args:
        mlp, params, x, y, weights, penalty: as in `loss`; the network has 5 parameters or more.
        iterations: at most.

    Returns:
        A scalar. Plain gradient descent is stable on a quadratic of this curvature up to a learning rate of 2 over it.

    Raises:
        ValueError, TypeError: as `backprop`.

    Knyazev, Toward the optimal preconditioned eigensolver, SIAM Journal on Scientific Computing 23, 2001.
    """
    from jax.experimental.sparse.linalg import lobpcg_standard

    flat, unravel = ravel_pytree(params)

    def product(column):
        return ravel_pytree(hvp(mlp, params, x, y, unravel(column), weights=weights, penalty=penalty)[2])[0]

    start = jax.random.normal(jax.random.key(0), (flat.size, 1), flat.dtype)
    return lobpcg_standard(jax.vmap(product, in_axes=1, out_axes=1), start, m=iterations)[0][0]


class Edge(NamedTuple):
    """Gradient descent and the sharpness of the loss where it is.

    Attributes:
        loss: at each look.
        sharpness: the largest eigenvalue of the Hessian there.
        limit: 2 / learning rate, above which a step on a quadratic goes up.
    """

    loss: Float[Array, " looks"]
    sharpness: Float[Array, " looks"]
    limit: float


def edge_of_stability(key: PRNGKey, *, learning_rate: float = 0.1, steps: int = 3000, every: int = 100) -> Edge:
    """Gradient descent on all examples of a cubic: the loss sharpens until descent is barely stable, and stays there.

    Args:
        key: the start.
        learning_rate: of the steps.
        steps: how many.
        every: how many steps lie between two looks.

    Returns:
        `Edge`, one look after every so many steps.

    Cohen, Kaur, Li, Kolter and Talwalkar, Gradient descent on neural networks typically occurs at the edge of stability, ICLR
    2021.
    """
    mlp = MLP((1, 24, 24, 1), "tanh", "l2_loss")
    x = jnp.linspace(-1, 1, 20)[:, None]
    y = 4 * x**3 - 3 * x

    def one_step(params, _):
        _, gradient = backprop(mlp, params, x, y)
        return jax.tree.map(lambda p, g: p - learning_rate * g, params, gradient), None

    def one_look(params, _):
        value = loss(mlp, params, x, y), sharpness(mlp, params, x, y)
        return jax.lax.scan(one_step, params, length=every)[0], value

    _, (values, sharp) = jax.lax.scan(one_look, init(mlp, key), length=steps // every)
    return Edge(values, sharp, 2 / learning_rate)
