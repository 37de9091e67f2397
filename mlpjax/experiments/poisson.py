"""A partial differential equation solved by a network: Poisson's, on the unit square, with a solution that is known."""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from mlpjax.experiments.minimising import grid, minimised
from mlpjax.gradients.laplacian import laplacian
from mlpjax.network import MLP, forward, init, loss
from mlpjax.types import Data, Params, PRNGKey, Scalar

NETWORK = MLP((2, 32, 32, 1), "tanh")
"""The network unless another is given."""


class Poisson(NamedTuple):
    """A network u that solves `-laplacian u = source` in the unit square and is 0 on its edge, or nearly.

    Attributes:
        params: its parameters.
        loss: before each step, shape (steps,).
        error: the largest difference to the exact solution, which is at most 1, over a grid.
        residual: the largest difference of the two sides of the equation over the grid.
        edge: the largest |u| on the edge.
    """

    params: Params
    loss: Float[Array, " steps"]
    error: Scalar
    residual: Scalar
    edge: Scalar

    @property
    def bound(self) -> Scalar:
        """What the error is at most, as the residual and the edge say without the solution (POISSON)."""
        return self.edge + self.residual / 8


def poisson_loss(mlp: MLP, params: Params, x: Data, source: Data) -> Scalar:
    """How far the network is from Poisson's equation: `mean (laplacian u(x) + source)^2` (POISSON).

    Args:
        mlp: the network.
        params: its parameters.
        x: points, shape (n, sizes[0]).
        source: the right side of `-laplacian u = source` there, shape (n, sizes[-1]).

    >>> params = init(MLP((2, 1)), jax.random.key(0))
    >>> poisson_loss(MLP((2, 1)), params, jnp.zeros((1, 2)), 3 * jnp.ones((1, 1))).item()
    9.0

    Raissi, Perdikaris and Karniadakis, Physics-informed neural networks, Journal of Computational Physics 378, 2019.
    """
    return jnp.mean((laplacian(mlp, params, x) + source) ** 2)


def solution(x: Float[Array, "n 2"]) -> Float[Array, "n 1"]:
    """`sin(pi x_1) sin(pi x_2)`: 0 on the edge of the unit square, and its source is `2 pi^2` times itself (POISSON)."""
    return jnp.prod(jnp.sin(jnp.pi * x), axis=1, keepdims=True)


@functools.partial(jax.jit, static_argnames=("mlp", "points", "steps"))
def poisson(
    key: PRNGKey,
    *,
    mlp: MLP = NETWORK,
    edge_weight: float | Scalar = 100.0,
    points: int = 256,
    steps: int = 1000,
) -> Poisson:
    """Solve `-laplacian u = 2 pi^2 sin(pi x_1) sin(pi x_2)` on the unit square, u = 0 on its edge.

    It minimises `poisson_loss` at points drawn in the square plus a weight times the mean of u² at 64 points of the edge.

    Args:
        key: of the parameters and of the points.
        mlp: two inputs, one output.
        edge_weight: what the edge counts against the equation.
        points: drawn in the square.
        steps: of L-BFGS.

    Returns:
        `Poisson`.

    >>> found = poisson(jax.random.key(0))
    >>> bool(found.error < found.bound)
    True

    Raissi, Perdikaris and Karniadakis, Physics-informed neural networks, Journal of Computational Physics 378, 2019.
    """
    of_params, of_points = jax.random.split(key)
    inside, edge = jax.random.uniform(of_points, (points, 2)), _edge(16)

    def source(x):
        return 2 * jnp.pi**2 * solution(x)

    def objective(params):
        return poisson_loss(mlp, params, inside, source(inside)) + edge_weight * loss(
            mlp, params, edge, jnp.zeros((len(edge), 1))
        )

    params, losses = minimised(objective, init(mlp, of_params), steps)
    x = grid(33, 0, 1)
    u, at_edge = (forward(mlp, params, at).z[-1] for at in (x, _edge(65)))
    residual = laplacian(mlp, params, x) + source(x)
    return Poisson(params, losses, *(jnp.max(jnp.abs(one)) for one in (u - solution(x), residual, at_edge)))


def _edge(n: int) -> Float[Array, "_ 2"]:
    """n points on each side of the unit square."""
    along = jnp.linspace(0, 1, n)
    sides = [(along, 0 * along), (along, 0 * along + 1), (0 * along, along), (0 * along + 1, along)]
    return jnp.concatenate([jnp.stack(side, axis=1) for side in sides])
