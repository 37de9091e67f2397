"""Gauss-Newton and Fisher matrices times a vector: the curvature of the loss at the logits, seen from the parameters.

All of them are `sum_i share_i J_i^T M_i J_i`, with J_i how the logits of example i move with the parameters and M_i a matrix of
k times k: push the vector forward to the logits, multiply there by M, propagate back. What differs is M.
"""

from collections.abc import Callable

import jax.numpy as jnp
from jaxtyping import Array, Float

from mlpjax import checks, penalties
from mlpjax.gradients.backprop import backwards_from
from mlpjax.gradients.forward_mode import direction, push_forward
from mlpjax.gradients.method import differentiable
from mlpjax.gradients.schedule import weighted
from mlpjax.losses import Loss, inner
from mlpjax.network import MLP, batch, compiled, forward_pass, shares
from mlpjax.types import Data, Params, Penalty

Logits = Float[Array, "n k"]


@compiled
@differentiable
def ggnvp(
    mlp: MLP, params: Params, x: Data, y: Data, v: Params, *, weights: Data | None = None, penalty: Penalty | None = None
) -> Params:
    """The generalised Gauss-Newton matrix times a vector, `sum_i share_i J_i^T H_i J_i v` plus the penalty's (GGN-product).

    H_i is the loss's curvature at the logits of example i. What the Hessian has besides, the curvature of the network, of its
    activations and of the products of its weights, is left out: so the matrix has no negative eigenvalue wherever the loss is
    convex in the logits, and conjugate gradients can solve with it. For the losses with `likelihood`, but for those of an
    activated output, it is the Fisher matrix.

    Args:
        mlp, params, x, y, weights, penalty: as in `loss`.
        v: a direction, of the type and shapes of the parameters.

    Returns:
        The product, of the type, shapes and dtype of the parameters.

    Raises:
        ValueError, TypeError: as `backprop`; and a direction whose shapes are not those of the parameters.

    >>> from mlpjax import Layer
    >>> params = v = (Layer(jnp.array([[2.0]]), jnp.zeros(1)),)
    >>> ggnvp(MLP((1, 1)), params, 3 * jnp.ones((1, 1)), jnp.zeros((1, 1)), v)[0].W.item()
    36.0

    Schraudolph, Fast curvature matrix-vector products for second-order gradient descent, Neural Computation 14, 2002.
    """
    examples, v = batch(mlp, params, x, y, weights), direction(params, v)
    product = _sandwich(mlp, params, examples.x, examples.share, v, lambda z, dz: mlp.loss.curvature(z, examples.y, dz))
    return penalties.curvature_added(penalty, v, product)


@compiled
@differentiable
def fisher_vector_product(mlp: MLP, params: Params, x: Data, v: Params, *, weights: Data | None = None) -> Params:
    """The Fisher information matrix times a vector (FISHER): the true one, whose targets are the model's own.

    `sum_i share_i E[g g^T] v`, g the gradient of the loss at (x_i, y) and y drawn from the likelihood that the loss is the
    logarithm of. The expectation is exact and costs nothing: the curvature at y = `inverse_link(z)`, the mean. A penalty has
    no part in it. With the given targets in place of drawn ones it is `empirical_fisher_vector_product`, another matrix.

    Args:
        mlp, params, x, weights: as in `loss`.
        v: a direction, of the type and shapes of the parameters.

    Returns:
        The product, of the type, shapes and dtype of the parameters.

    Raises:
        ValueError, TypeError: as `ggnvp`; and a loss that is no likelihood.

    >>> from mlpjax import Layer
    >>> params = v = (Layer(jnp.zeros((1, 1)), jnp.ones(1)),)
    >>> fisher_vector_product(MLP((1, 1), loss="poisson_loss"), params, jnp.ones((2, 1)), v)[0].b.tolist()
    [2.718]

    Amari, Natural gradient works efficiently in learning, Neural Computation 10, 1998; Martens, New insights and perspectives
    on the natural gradient method, Journal of Machine Learning Research 21, 2020.
    """
    check_likelihood(mlp.loss)
    checks.check_params(mlp, params)
    checks.check_inputs(mlp, x)
    checks.check_weights(x, weights)
    x = jnp.asarray(x, params[0].W.dtype)
    share = shares(weights, x.shape[0], x.dtype)

    def information(z: Logits, dz: Logits) -> Logits:
        return mlp.loss.curvature(z, expected_target(mlp.loss, z), dz)

    return _sandwich(mlp, params, x, share, direction(params, v), information)


@compiled
@differentiable
def empirical_fisher_vector_product(
    mlp: MLP, params: Params, x: Data, y: Data, v: Params, *, weights: Data | None = None
) -> Params:
    """The empirical Fisher matrix times a vector, `sum_i share_i g_i g_i^T v`, g_i the gradient of example i (FISHER).

    The second moment of the gradients at the given targets, for any loss, and no approximation of the Hessian: near a
    minimum with small errors it vanishes where the true Fisher does not. A penalty has no part in it.

    Arguments, result and errors are those of `ggnvp`.

    >>> from mlpjax import Layer
    >>> params = v = (Layer(jnp.array([[2.0]]), jnp.zeros(1)),)
    >>> empirical_fisher_vector_product(MLP((1, 1)), params, jnp.ones((1, 1)), jnp.zeros((1, 1)), v)[0].W.item()
    32.0

    Kunstner, Balles and Hennig, Limitations of the empirical Fisher approximation for natural gradient descent, NeurIPS 2019.
    """
    examples = batch(mlp, params, x, y, weights)

    def of_given_targets(z: Logits, dz: Logits) -> Logits:
        delta = mlp.loss.delta(z, examples.y)
        return delta * inner(delta, dz)

    return _sandwich(mlp, params, examples.x, examples.share, direction(params, v), of_given_targets)


def _sandwich(
    mlp: MLP,
    params: Params,
    x: Float[Array, "n d"],
    share: Float[Array, " n"],
    v: Params,
    middle: Callable[[Logits, Logits], Logits],
) -> Params:
    """`sum_i share_i J_i^T M_i J_i v`, with `middle(z, u) = M u`."""
    trace = forward_pass(mlp, params, x)
    dz = push_forward(mlp, params, trace, v)
    delta = weighted(middle(trace.z[-1], dz), share)
    return tuple(reversed(list(backwards_from(mlp, params, trace, delta))))


def expected_target(loss: Loss, z: Logits) -> Array:
    """A target at which the curvature of a likelihood is what it is on average: the mean, or any label."""
    return jnp.argmax(z, axis=1) if loss.target.labels else loss.inverse_link(z)


def check_likelihood(loss: Loss) -> None:
    """The loss is the negative logarithm of a likelihood.

    Raises:
        ValueError: it is not.
    """
    if not loss.likelihood:
        raise ValueError(
            f"{loss.name} is not the negative log-likelihood of an exponential family, and has no Fisher matrix here: use "
            "ggnvp or empirical_fisher_vector_product, or a loss such as squared_error or softmax_cross_entropy"
        )
