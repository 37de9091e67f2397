"""The gradient of each example by itself: its norm, its products with others, and if need be the gradient itself.

An example's own loss is `weight value(z, y)`, with weight 1 unless `weights` are given: not divided by the number of examples,
and not by the sum of the weights, so that what an example's gradient is does not depend on who else is in the batch. A penalty
is no example's: the functions here take none. For a layer with inputs a, one row an example, and with the deltas of the
examples' own losses:

- `g[i] = a[i]^T delta[i]`, an outer product, in W and `delta[i]` in b
- PX-norm: `||g[i]||^2 = ||delta[i]||^2 (||a[i]||^2 + 1)`
- PX-gram: `<g[i], h[j]> = (a[i] . c[j] + 1) (delta[i] . epsilon[j])`, for examples of two batches

summed over the layers: norms and products without the gradients, which would take the room of n networks.

Goodfellow, Efficient per-example gradient computations, 2015.
"""

from typing import TypeAlias

import jax.numpy as jnp
from jaxtyping import Array, Float

from mlpjax.gradients.backprop import Deltas, all_deltas
from mlpjax.gradients.method import check_differentiable
from mlpjax.gradients.norms import norm, wide
from mlpjax.network import MLP, batch, compiled, forward_pass
from mlpjax.types import Data, Layer, Params, Trace

Examples: TypeAlias = tuple[Data, Data] | tuple[Data, Data, Data]
"""`(x, y)` or `(x, y, weights)`."""


def own_deltas(mlp: MLP, params: Params, x: Data, y: Data, weights: Data | None = None) -> tuple[Trace, Deltas]:
    """The forward pass, and the deltas of each example's own loss: with its weight, without its share in a mean."""
    check_differentiable(mlp)
    examples = batch(mlp, params, x, y, weights)
    own = jnp.ones_like(examples.share) if weights is None else jnp.asarray(weights, examples.share.dtype)
    trace = forward_pass(mlp, params, examples.x)
    return trace, all_deltas(mlp, params, trace, examples._replace(share=own))


@compiled
def per_example_gradients(mlp: MLP, params: Params, x: Data, y: Data, *, weights: Data | None = None) -> Params:
    """The gradient of each example's own loss.

    n times the memory of a gradient: `per_example_norms`, `gram` and `clipped_gradient` do without it.

    Args:
        mlp: the network.
        params: its parameters.
        x: the examples, shape (n, sizes[0]).
        y: the targets, shape (n, sizes[-1]), or (n,) integers for integer labels.
        weights: one weight for each example's loss, shape (n,).

    Returns:
        The gradients, of the type and dtype of the parameters with an axis of n before each shape. Their sum over the sum of
            the weights, their mean where there are none, is the gradient of `backprop` without a penalty.

    Raises:
        ValueError: a shape does not fit, or an activation has no slope.
        TypeError: x, y or labels are of the wrong type.

    >>> zero = (Layer(jnp.zeros((1, 1)), jnp.zeros(1)),)
    >>> x, y = jnp.array([[1.0], [2.0]]), jnp.array([[1.0], [-1.0]])
    >>> per_example_gradients(MLP((1, 1), loss="l2_loss"), zero, x, y)[0].W.tolist()
    [[[-1.0]], [[2.0]]]
    """
    trace, deltas = own_deltas(mlp, params, x, y, weights)
    return tuple(Layer(W=a[:, :, None] * delta[:, None, :], b=delta) for a, delta in zip(trace.a, deltas, strict=True))


@compiled
def per_example_layer_norms(
    mlp: MLP, params: Params, x: Data, y: Data, *, weights: Data | None = None
) -> Float[Array, "n layers"]:
    """The norm of the gradient of each example's own loss in each layer, W and b together (PX-norm).

    Arguments and errors are those of `per_example_gradients`.

    Returns:
        Shape (n, layers), in float32 at least.

    >>> from mlpjax import Layer
    >>> params = (Layer(jnp.ones((2, 1)), jnp.zeros(1)), Layer(jnp.array([[2.0]]), jnp.zeros(1)))
    >>> x, y = jnp.array([[2.0, 2.0]]), jnp.array([[7.0]])
    >>> per_example_layer_norms(MLP((2, 1, 1), loss="l2_loss"), params, x, y).round(3).tolist()
    [[6.0, 4.123]]
    """
    return layer_norms(*own_deltas(mlp, params, x, y, weights))


@compiled
def per_example_norms(mlp: MLP, params: Params, x: Data, y: Data, *, weights: Data | None = None) -> Float[Array, " n"]:
    """The norm of the gradient of each example's own loss, over all layers (PX-norm).

    It takes little more than a `backprop`, and no gradient is made. `per_example_layer_norms` are the same layer by layer.

    Arguments and errors are those of `per_example_gradients`.

    Returns:
        Shape (n,), in float32 at least.

    >>> zero = (Layer(jnp.zeros((2, 1)), jnp.zeros(1)),)
    >>> x, y = jnp.array([[2.0, 2.0], [0.0, 0.0]]), jnp.array([[1.0], [-5.0]])
    >>> per_example_norms(MLP((2, 1), loss="l2_loss"), zero, x, y).tolist()
    [3.0, 5.0]

    Goodfellow, Efficient per-example gradient computations, 2015.
    """
    return norm(layer_norms(*own_deltas(mlp, params, x, y, weights)), axis=1)


def layer_norms(trace: Trace, deltas: Deltas) -> Float[Array, "n layers"]:
    """`||delta|| sqrt(||a||^2 + 1)` for each example and layer (PX-norm)."""
    rows = [norm(delta, axis=1) * jnp.sqrt(jnp.sum(wide(a) ** 2, axis=1) + 1) for a, delta in zip(trace.a, deltas, strict=True)]
    return jnp.stack(rows, axis=1)


@compiled
def gram(mlp: MLP, params: Params, first: Examples, second: Examples | None = None) -> Float[Array, "n m"]:
    """The inner product of the gradients of any two examples' own losses, `<g[i], h[j]>` (PX-gram).

    A positive entry says that a small step against the one gradient lowers the loss of the other example too. For squared
    error it is the residuals of the two times their neural tangent kernel.

    Args:
        mlp, params: as in `per_example_gradients`.
        first: `(x, y)` or `(x, y, weights)`, n examples.
        second: the same for m others; the first unless given.

    Returns:
        Shape (n, m), in float32 at least.

    Raises:
        ValueError, TypeError: as `per_example_gradients`.

    >>> zero = (Layer(jnp.zeros((1, 1)), jnp.zeros(1)),)
    >>> train, test = (jnp.array([[1.0], [2.0]]), jnp.array([[1.0], [-1.0]])), (jnp.array([[3.0]]), jnp.array([[1.0]]))
    >>> gram(MLP((1, 1), loss="l2_loss"), zero, train, test).tolist()
    [[4.0], [-7.0]]

    Jacot, Gabriel and Hongler, Neural tangent kernel, NeurIPS 2018.
    """
    one, delta = own_deltas(mlp, params, *first)
    other, epsilon = (one, delta) if second is None else own_deltas(mlp, params, *second)
    layers = zip(one.a, delta, other.a, epsilon, strict=True)
    terms = [(wide(a) @ wide(c).T + 1) * (wide(d) @ wide(e).T) for a, d, c, e in layers]
    return sum(terms[1:], start=terms[0])
