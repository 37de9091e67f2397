"""Automatic differentiation: the oracle that the methods by hand are held to."""

import jax

from mlpjax.gradients.method import gradient_method
from mlpjax.network import MLP, loss
from mlpjax.types import Data, Params, Penalty, Scalar


@gradient_method
def autodiff(
    mlp: MLP, params: Params, x: Data, y: Data, *, weights: Data | None = None, penalty: Penalty | None = None
) -> tuple[Scalar, Params]:
    """The loss and its gradient by `jax.value_and_grad`.

    Arguments, result and errors are those of `backprop`.

    >>> import jax.numpy as jnp
    >>> from mlpjax import Layer
    >>> params, x = (Layer(jnp.array([[2.0]]), jnp.zeros(1)),), jnp.ones((1, 1))
    >>> value, gradient = autodiff(MLP((1, 1)), params, x, 0 * x)
    >>> value.item(), gradient[0].W.item()
    (4.0, 4.0)
    """
    return jax.value_and_grad(loss, argnums=1)(mlp, params, x, y, weights=weights, penalty=penalty)
