"""Newton's method for a network that has no room for a matrix: conjugate gradients on Gauss-Newton products, damped.

>>> import jax
>>> found = race(jax.random.key(0), steps=10)
>>> bool(found.newton[-1] < found.descent[-1])
True
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax.scipy.sparse.linalg import cg
from jaxtyping import Array, Float

from mlpjax.gradients.backprop import backprop
from mlpjax.gradients.gauss_newton import ggnvp
from mlpjax.network import MLP, init, loss
from mlpjax.types import Data, Params, PRNGKey, Scalar


class Minimum(NamedTuple):
    """Where Newton's method has come to.

    Attributes:
        params: the parameters.
        loss: the loss, and half the decay times the squares, before each step and at the end, shape (steps + 1,).
        damping: of each step, shape (steps,).
    """

    params: Params
    loss: Float[Array, " steps+1"]
    damping: Float[Array, " steps"]


@functools.partial(jax.jit, static_argnames=("mlp", "steps", "iterations"))
def newton_cg(
    mlp: MLP,
    params: Params,
    x: Data,
    y: Data,
    *,
    steps: int = 30,
    damping: float | Scalar = 1.0,
    decay: float | Scalar = 0.0,
    iterations: int = 50,
) -> Minimum:
    """Minimise the loss on all examples, `loss + decay ||params||^2 / 2`, by damped Gauss-Newton steps.

    A step solves `(G + (decay + damping) I) step = -gradient` by conjugate gradients, G by `ggnvp` (GGN-product). It is taken if
    the loss falls. The damping falls by a factor where the loss fell nearly as much as the quadratic model said,
    `-<gradient, step> / 2`, and rises where it fell much less: Levenberg and Marquardt's rule.

    Args:
        mlp, params, x, y: as in `loss`.
        steps: how many.
        damping: of the first step.
        decay: how strongly the squares of all parameters are penalised, biases too.
        iterations: of conjugate gradients in a step, at most.

    Returns:
        `Minimum`.

    Martens, Deep learning via Hessian-free optimization, ICML 2010; Nocedal and Wright, Numerical optimization, 2006, chapter 7.
    """

    def objective(params):
        return loss(mlp, params, x, y) + decay / 2 * optax.tree.norm(params, squared=True)

    def step(carry, _):
        params, value, damping = carry
        gradient = optax.tree.add_scale(backprop(mlp, params, x, y)[1], decay, params)

        def curved(v):
            return optax.tree.add_scale(ggnvp(mlp, params, x, y, v), decay + damping, v)

        move, _ = cg(curved, optax.tree.scale(-1, gradient), maxiter=iterations)
        moved = optax.tree.add(params, move)
        after = objective(moved)
        gain = (value - after) / (-optax.tree.vdot(gradient, move) / 2)
        falls = after < value
        params = jax.tree.map(lambda new, old: jnp.where(falls, new, old), moved, params)
        factor = jnp.where(gain > 0.75, 1 / 3, jnp.where(gain > 0.25, 1.0, 3.0))
        return (params, jnp.where(falls, after, value), damping * factor), (value, damping)

    start = objective(params)
    (params, end, _), (values, dampings) = jax.lax.scan(step, (params, start, jnp.asarray(damping, start.dtype)), length=steps)
    return Minimum(params, jnp.append(values, end), dampings)


class Race(NamedTuple):
    """Two methods from the same start.

    Attributes:
        newton: the loss of Newton-CG before each step and at the end, shape (steps + 1,).
        descent: that of gradient descent with as many steps as Newton-CG took products, at the end of as many each.
    """

    newton: Float[Array, " steps+1"]
    descent: Float[Array, " steps+1"]


def race(key: PRNGKey, *, steps: int = 30, iterations: int = 50, learning_rate: float = 0.1) -> Race:
    """Newton-CG and gradient descent fit `sin(3x)`: a narrow valley, in which descent goes to and fro and Newton's step does not.

    Descent takes `iterations` steps for each of Newton's, so that both compute about as many products with the weights.

    Args:
        key: the start.
        steps: of Newton-CG.
        iterations: of conjugate gradients in each.
        learning_rate: of descent.

    Returns:
        `Race`.
    """
    mlp = MLP((1, 16, 16, 1), "tanh", "l2_loss")
    x = jnp.linspace(-2, 2, 60)[:, None]
    y, params = jnp.sin(3 * x), init(mlp, key)

    def one_step(params, _):
        value, gradient = backprop(mlp, params, x, y)
        return jax.tree.map(lambda p, g: p - learning_rate * g, params, gradient), value

    end, values = jax.lax.scan(one_step, params, length=steps * iterations)
    descent = jnp.append(values[::iterations], loss(mlp, end, x, y))
    return Race(newton_cg(mlp, params, x, y, steps=steps, iterations=iterations).loss, descent)
