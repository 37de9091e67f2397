"""How sure a network is of what it says: Laplace's approximation of the posterior, by the Gauss-Newton matrix.

>>> import jax
>>> found = gap(jax.random.key(0))
>>> bool(found.deviation[50] > 2 * found.deviation[25])  # in the middle of a gap between the examples, and among them
True
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float

from mlpjax.experiments.newton_cg import newton_cg
from mlpjax.gradients.forward_mode import push_forward
from mlpjax.gradients.gauss_newton import check_likelihood, ggnvp
from mlpjax.gradients.hvp import dense
from mlpjax.network import MLP, compiled, forward, init, predict
from mlpjax.types import Data, Params, PRNGKey, Scalar


@compiled
def laplace(
    mlp: MLP,
    params: Params,
    x: Data,
    y: Data,
    *,
    prior_precision: float | Scalar = 1.0,
    noise_precision: float | Scalar = 1.0,
) -> Float[Array, "p p"]:
    """The covariance of the parameters once the examples are known, `(n beta G + alpha I)^-1` (LAPLACE).

    Args:
        mlp: the network; its loss is a likelihood.
        params: where `n beta loss + alpha ||params||^2 / 2` is least: what `newton_cg` finds with `decay=alpha / (n beta)`.
        x, y: the examples that they were found with, as in `loss`.
        prior_precision: alpha, one over the variance of every parameter beforehand.
        noise_precision: beta, by which the loss of all examples is multiplied: one over the variance of the noise for
            `l2_loss`, half of that for `squared_error`, and 1 for the others.

    Returns:
        A matrix of as many rows as there are parameters, in the order of `jax.flatten_util.ravel_pytree(params)`.

    Raises:
        ValueError, TypeError: as `ggnvp`; and a loss that is no likelihood.

    MacKay, A practical Bayesian framework for backpropagation networks, Neural Computation 4, 1992; Daxberger et al., Laplace
    redux, NeurIPS 2021.
    """
    check_likelihood(mlp.loss)
    G = dense(lambda v: ggnvp(mlp, params, x, y, v), params)
    return jnp.linalg.inv(len(x) * noise_precision * G + prior_precision * jnp.eye(len(G), dtype=G.dtype))


@compiled
def predictive_variance(mlp: MLP, params: Params, x: Data, covariance: Float[Array, "p p"]) -> Float[Array, "n k"]:
    """The variance of the logits at x, `diag(J covariance J^T)` (LAPLACE); that of a new target has the noise's besides.

    Args:
        mlp, params: as in `laplace`.
        x: new inputs, shape (n, sizes[0]).
        covariance: what `laplace` returned.

    Returns:
        Shape (n, sizes[-1]).
    """
    trace = forward(mlp, params, x)
    flat, unravel = ravel_pytree(params)
    J = jax.vmap(lambda unit: push_forward(mlp, params, trace, unravel(unit)))(jnp.eye(flat.size, dtype=flat.dtype))
    return jnp.einsum("pnk,pq,qnk->nk", J, covariance, J)


class Gap(NamedTuple):
    """What a network says where it has seen examples and where it has not.

    Attributes:
        x: inputs from -2 to 2, shape (n,).
        mean: the prediction, shape (n,).
        deviation: the root of its variance, shape (n,).
    """

    x: Float[Array, " n"]
    mean: Float[Array, " n"]
    deviation: Float[Array, " n"]


def gap(key: PRNGKey, *, noise: float = 0.1, prior_precision: float = 1.0) -> Gap:
    """A network learns a sine from examples on either side of a gap, and is less sure inside it.

    Args:
        key: the examples' noise and the start.
        noise: the standard deviation of the targets.
        prior_precision: one over the variance of every parameter beforehand.

    Returns:
        `Gap`, at 101 inputs; the examples are 40 and lie from -1.5 to -0.5 and from 0.5 to 1.5.

    >>> gap(jax.random.key(0)).x.shape
    (101,)
    """
    key_noise, key_params = jax.random.split(key)
    mlp, beta = MLP((1, 16, 1), "tanh", "l2_loss"), noise**-2
    x = jnp.concatenate([jnp.linspace(-1.5, -0.5, 20), jnp.linspace(0.5, 1.5, 20)])[:, None]
    y = jnp.sin(3 * x) + noise * jax.random.normal(key_noise, x.shape)
    params = newton_cg(mlp, init(mlp, key_params), x, y, decay=prior_precision / (len(x) * beta)).params
    covariance = laplace(mlp, params, x, y, prior_precision=prior_precision, noise_precision=beta)
    grid = jnp.linspace(-2, 2, 101)[:, None]
    variance = predictive_variance(mlp, params, grid, covariance)
    return Gap(grid[:, 0], predict(mlp, params, grid)[:, 0], jnp.sqrt(variance[:, 0]))
