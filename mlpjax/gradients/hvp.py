"""The Hessian of the loss times a vector, by the R-operator, and the whole Hessian of a small network.

Write R for the derivative along v, `R{p} = d/dr p(params + r v)` at r = 0. Applied to the equations of the forward pass it
gives FM1 and FM2; applied to those of the backward pass, BP1 to BP4, it gives the Hessian times v, for about the price of two
more gradients and never forming the Hessian:

- HVP-forward: `R{z[l]}` and `R{a[l]}` by FM1 and FM2
- HVP-backward: `R{delta[-1]} = share H R{z[-1]}`, `R{delta[l - 1]} = (R{delta[l]} W[l]^T + delta[l] V[l]^T) * f'(z[l - 1]) +
  (delta[l] W[l]^T) * f''(z[l - 1]) * R{z[l - 1]}`, `R{dL/dW[l]} = a[l]^T R{delta[l]} + R{a[l]}^T delta[l]`

Pearlmutter, Fast exact multiplication by the Hessian, Neural Computation 6, 1994.
"""

from collections.abc import Callable, Iterator

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float

from mlpjax import penalties
from mlpjax.activations import Activation
from mlpjax.gradients.backprop import Delta, last_delta
from mlpjax.gradients.forward_mode import direction, tangents
from mlpjax.gradients.method import differentiable
from mlpjax.gradients.schedule import after, later, transposed, weighted
from mlpjax.network import MLP, Batch, batch, compiled, forward_pass, objective
from mlpjax.types import Data, Layer, Params, Penalty, Scalar, Trace


@compiled
@differentiable
def hvp(
    mlp: MLP, params: Params, x: Data, y: Data, v: Params, *, weights: Data | None = None, penalty: Penalty | None = None
) -> tuple[Scalar, Params, Params]:
    """The loss, its gradient, and its Hessian times a vector, exactly (HVP-forward, HVP-backward).

    Where a loss or an activation has a kink, its curvature is taken as 0 there, as in its record; under `jit`, what is not used
    of the three is not computed.

    Args:
        mlp, params, x, y, weights, penalty: as in `loss`.
        v: a direction, of the type and shapes of the parameters.

    Returns:
        The loss, a scalar; the gradient and the product, of the type, shapes and dtype of the parameters.

    Raises:
        ValueError, TypeError: as `backprop`; and a direction whose shapes are not those of the parameters.

    >>> params = v = (Layer(jnp.array([[2.0]]), jnp.zeros(1)),)
    >>> value, gradient, product = hvp(MLP((1, 1)), params, 3 * jnp.ones((1, 1)), jnp.zeros((1, 1)), v)
    >>> value.item(), gradient[0].W.item(), product[0].W.item()
    (36.0, 36.0, 36.0)
    """
    examples, v = batch(mlp, params, x, y, weights), direction(params, v)
    trace = forward_pass(mlp, params, examples.x)
    gradient, product = zip(*reversed(list(_backwards(mlp, params, trace, examples, v))), strict=True)
    value = objective(mlp, params, trace, examples, penalty)
    return value, penalties.added(penalty, params, gradient), penalties.curvature_added(penalty, v, product)


def _backwards(mlp: MLP, params: Params, trace: Trace, examples: Batch, v: Params) -> Iterator[tuple[Layer, Layer]]:
    """BP1 to BP4 and what R makes of them, the last layer first; what can wait waits, so that less is there at a time."""
    moved = tangents(mlp, params, trace, v)
    delta = last_delta(mlp, trace, examples)
    rdelta = weighted(mlp.loss.curvature(trace.z[-1], examples.y, moved.z[-1]), examples.share)
    for l in range(len(params) - 1, -1, -1):
        a, ra = trace.a[l], moved.a[l]
        a_transposed = transposed(a, delta) if l else a.T
        gradient, product = a_transposed @ delta, a_transposed @ rdelta
        if l:
            product += transposed(ra, product) @ delta
        yield Layer(gradient, jnp.sum(delta, axis=0)), Layer(product, jnp.sum(rdelta, axis=0))
        if l:
            delta, rdelta = after(gradient, delta), after(product, rdelta)
            f, W, V, z = mlp.activations[l - 1], params[l].W, v[l].W, trace.z[l - 1]
            back, slope = delta @ W.T, f.df(z, a)
            rdelta = (rdelta @ W.T + delta @ V.T) * slope
            if not f.piecewise_linear:
                rdelta += back * _moved_slope(f, z, a, moved.z[l - 1], ra)
            delta = later(rdelta, back * slope)


def _moved_slope(f: Activation, z: Delta, a: Delta, rz: Delta, ra: Delta) -> Delta:
    """`R{f'(z)} = f''(z) R{z}`, from `R{a} = f'(z) R{z}` where that will do."""
    return f.d2f(z, a) * rz if f.bend is None else f.bend(z, a) * ra


@compiled
def hessian(
    mlp: MLP, params: Params, x: Data, y: Data, *, weights: Data | None = None, penalty: Penalty | None = None
) -> Float[Array, "p p"]:
    """The Hessian of the loss, for a small network: `hvp` of every direction at once (HVP-forward, HVP-backward).

    Arguments and errors are those of `backprop`.

    Returns:
        A symmetric matrix of as many rows as there are parameters, in the order of `jax.flatten_util.ravel_pytree(params)`:
            layer by layer, W row by row and then b.

    >>> params = (Layer(jnp.array([[2.0]]), jnp.zeros(1)),)
    >>> hessian(MLP((1, 1)), params, 3 * jnp.ones((1, 1)), jnp.zeros((1, 1))).tolist()
    [[18.0, 6.0], [6.0, 2.0]]
    """
    return dense(lambda v: hvp(mlp, params, x, y, v, weights=weights, penalty=penalty)[2], params)


def dense(product: Callable[[Params], Params], params: Params) -> Float[Array, "p p"]:
    """The matrix of a linear map from parameters to parameters, in the order of `jax.flatten_util.ravel_pytree(params)`.

    Args:
        product: such as `lambda v: ggnvp(mlp, params, x, y, v)`.
        params: any parameters of the shapes that it takes.

    >>> dense(lambda v: jax.tree.map(lambda leaf: 2 * leaf, v), (Layer(jnp.ones((1, 1)), jnp.ones(1)),)).tolist()
    [[2.0, 0.0], [0.0, 2.0]]
    """
    flat, unravel = ravel_pytree(params)
    columns = jax.vmap(lambda unit: ravel_pytree(product(unravel(unit)))[0])(jnp.eye(flat.size, dtype=flat.dtype))
    return columns.T
