"""Finite differences: the definition of a derivative, with a small step instead of a limit."""

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree

from mlpjax.gradients.method import gradient_method
from mlpjax.network import MLP, batch, forward_pass, objective
from mlpjax.types import Data, Params, Penalty, Scalar


@gradient_method
def finite_difference(
    mlp: MLP, params: Params, x: Data, y: Data, *, weights: Data | None = None, penalty: Penalty | None = None
) -> tuple[Scalar, Params]:
    """The loss and its gradient by central differences (FD).

    `dL/dp = (L(p + h) - L(p - h)) / 2h` for one parameter after another: two forward passes a parameter, in float64
    whatever the dtype of the parameters. The truncation error grows as h^2 and the rounding error as 1/h, so that
    `h = eps^(1/3) max(1, |p|)`, 6e-6, is about the best and leaves an error near 1e-10.

    Arguments, result and errors are those of `backprop`. At a kink the result lies between the two slopes.

    >>> from mlpjax import Layer
    >>> params, x = (Layer(jnp.array([[2.0]]), jnp.zeros(1)),), jnp.ones((1, 1))
    >>> value, gradient = finite_difference(MLP((1, 1)), params, x, 0 * x)
    >>> value.item(), round(gradient[0].W.item(), 5)
    (4.0, 4.0)

    Nocedal and Wright, Numerical optimization, 2006, section 8.1.
    """
    dtype = params[0].W.dtype
    examples = batch(mlp, params, x, y, weights)

    @jax.custom_batching.sequential_vmap  # batching it from outside would leave float64 behind
    def in_float64(params, examples, penalty):
        with jax.enable_x64(True):
            params, examples, penalty = _float64((params, examples, penalty))

            def value(params):
                return objective(mlp, params, forward_pass(mlp, params, examples.x), examples, penalty)

            return jax.tree.map(lambda leaf: leaf.astype(dtype), (value(params), _central(value, params)))

    return in_float64(params, examples, penalty)


def _float64(tree):
    def widen(leaf):
        return jnp.asarray(leaf, jnp.float64) if jnp.issubdtype(jnp.result_type(leaf), jnp.floating) else leaf

    return jax.tree.map(widen, tree)


def _central(value, params: Params) -> Params:
    flat, unravel = ravel_pytree(params)
    h = jnp.finfo(flat.dtype).eps ** (1 / 3) * jnp.maximum(1, jnp.abs(flat))

    def slope(p):
        up, down = flat.at[p].add(h[p]), flat.at[p].add(-h[p])
        return (value(unravel(up)) - value(unravel(down))) / (up[p] - down[p])

    return unravel(jax.lax.map(slope, jnp.arange(flat.size)))
