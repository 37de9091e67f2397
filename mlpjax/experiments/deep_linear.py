"""A network of two linear layers learns each mode of its data along a sigmoid in time: Saxe's solution, and gradient descent.

>>> import jax
>>> found = trajectories(jax.random.key(0), strengths=(3.0, 1.0), learning_rate=0.01, steps=600)
>>> bool(abs(found.descent - found.theory).max() < 0.1)
True
"""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from mlpjax.gradients.backprop import backprop
from mlpjax.network import MLP
from mlpjax.types import Layer, Params, PRNGKey, Scalar


class Trajectories(NamedTuple):
    """How the modes of a deep linear network grow.

    Attributes:
        time: learning rate times steps, shape (steps + 1,).
        descent: the strength of each mode after so many steps of gradient descent, shape (steps + 1, modes).
        theory: what Saxe's formula says, likewise.
    """

    time: Float[Array, " times"]
    descent: Float[Array, "times modes"]
    theory: Float[Array, "times modes"]


def strength(time, s, u0):
    """How far a mode has been learned: `u(t) = s exp(2 s t) / (exp(2 s t) - 1 + s / u0)` (LINEAR-saxe).

    It solves `du/dt = 2 u (s - u)` from u(0) = u0: a sigmoid, from u0 to s in a time of about log(s / u0) / (2 s).

    Args:
        time: the learning rate times the number of steps on `losses.l2_loss`; twice that on `losses.squared_error`.
        s: the singular value of the data, above 0.
        u0: where the mode starts, above 0.

    Returns:
        An array of the shape to which the three broadcast.

    >>> strength(0.0, 3.0, 0.01).round(4).item(), strength(1e3, 3.0, 0.01).item()
    (0.01, 3.0)

    Saxe, McClelland and Ganguli, Exact solutions to the nonlinear dynamics of learning in deep linear networks, ICLR 2014.
    """
    return s / (1 + (s / u0 - 1) * jnp.exp(-2 * s * jnp.asarray(time)))


class Problem(NamedTuple):
    """Examples with known modes, and a balanced start along them: `x^T x / n = I` and `x^T y / n = V diag(s) U^T`."""

    x: Float[Array, "n modes"]
    y: Float[Array, "n modes"]
    V: Float[Array, "modes modes"]
    U: Float[Array, "modes modes"]
    params: Params


def problem(key: PRNGKey, strengths: Sequence[float] | Float[Array, " modes"], u0: float | Scalar) -> Problem:
    """Draw the directions of the modes, white inputs of mean 0, and hidden units as many as modes."""
    s = jnp.asarray(strengths, float)
    k, n = len(s), 4 * len(s) + 1
    keys = jax.random.split(key, 4)
    V, U, R = (jax.random.orthogonal(one, k) for one in keys[:3])
    columns = jnp.column_stack([jnp.ones(n), jax.random.normal(keys[3], (n, k))])
    x = jnp.sqrt(n) * jnp.linalg.qr(columns)[0][:, 1:]
    half = jnp.sqrt(u0) * R
    params = (Layer(V @ half, jnp.zeros(k)), Layer(half.T @ U.T, jnp.zeros(k)))
    return Problem(x, x @ V @ (s[:, None] * U.T), V, U, params)


def trajectories(
    key: PRNGKey,
    strengths: Sequence[float] | Float[Array, " modes"] = (4.0, 3.0, 2.0, 1.0),
    *,
    u0: float = 1e-3,
    learning_rate: float = 1e-3,
    steps: int = 6000,
) -> Trajectories:
    """Gradient descent by `backprop` on two linear layers, beside the closed form (LINEAR-saxe).

    The loss is `losses.l2_loss`, half the squared error, as in the paper. The two differ by a multiple of the learning rate:
    descent takes steps where the formula flows.

    Args:
        key: the directions of the modes and the examples.
        strengths: their singular values, above 0.
        u0: where each of them starts.
        learning_rate: of the steps.
        steps: how many.

    Returns:
        `Trajectories`.
    """
    mlp = MLP((len(strengths),) * 3, "identity", "l2_loss")
    x, y, V, U, start = problem(key, strengths, u0)

    def one_step(params, _):
        _, gradient = backprop(mlp, params, x, y)
        return jax.tree.map(lambda p, g: p - learning_rate * g, params, gradient), _modes(params, V, U)

    end, descent = jax.lax.scan(one_step, start, length=steps)
    time = learning_rate * jnp.arange(steps + 1)
    theory = strength(time[:, None], jnp.asarray(strengths, float), u0)
    return Trajectories(time, jnp.vstack([descent, _modes(end, V, U)]), theory)


def _modes(params: Params, V, U) -> Float[Array, " modes"]:
    """The diagonal of `V^T W[0] W[1] U`."""
    return jnp.diagonal(V.T @ params[0].W @ params[1].W @ U)
