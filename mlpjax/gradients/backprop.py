"""Backpropagation: the chain rule, memoized. The library's main function.

The loss is `L = sum_i share_i value(z_i, y_i)`. Write `delta[l]` for dL/dz[l], one row an example. The last one is the
loss's own; an earlier one follows from the one after it, because z[l - 1] acts on L only through a[l] and so through z[l]:

- BP1: `delta[-1] = share value'(z[-1], y)`
- BP2: `delta[l - 1] = (delta[l] W[l]^T) * f'(z[l - 1])`
- BP3: `dL/dW[l] = a[l]^T delta[l]`
- BP4: `dL/db[l] = sum over the examples of delta[l]`

Each delta is computed once and used three times: for W, for b and, but for the first, for the delta before it. That is the
memoization which turns the sum over exponentially many paths (`path_sum`) into one pass at twice the cost of the forward pass.

Rumelhart, Hinton and Williams, Learning representations by back-propagating errors, Nature 323, 1986; Linnainmaa, 1970.
"""

from collections.abc import Callable, Iterator
from itertools import pairwise

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from mlpjax import penalties
from mlpjax.activations import Activation
from mlpjax.gradients.method import check_differentiable, gradient_method
from mlpjax.gradients.schedule import after, transposed, weighted
from mlpjax.network import MLP, Batch, batch, compiled, forward_pass, objective
from mlpjax.types import Data, Layer, Params, Penalty, Scalar, Trace

Delta = Float[Array, "n _"]
Deltas = tuple[Delta, ...]


def last_delta(mlp: MLP, trace: Trace, examples: Batch) -> Delta:
    """The delta of the last layer, `share value'(z[-1], y)`, shape (n, sizes[-1]) (BP1)."""
    return weighted(mlp.loss.delta(trace.z[-1], examples.y), examples.share)


def delta_before(f: Activation, W: Float[Array, "_ _"], z: Delta, a: Delta, delta: Delta) -> Delta:
    """The delta before the weights W, `(delta W^T) * f'(z)` (BP2): of a layer with activation f, pre-activation z, output a."""
    return (delta @ W.T) * f.df(z, a)


@compiled
def deltas(mlp: MLP, params: Params, trace: Trace, y: Data, *, weights: Data | None = None) -> Deltas:
    """The derivative of the mean loss in every pre-activation: BP1 and BP2.

    Args:
        mlp: the network.
        params: its parameters.
        trace: what `forward` remembered.
        y: the targets, as in `loss`.
        weights: one weight for each example, shape (n,).

    Returns:
        One array for each layer, of the shape of `trace.z`.

    Raises:
        ValueError, TypeError: as `loss`; and an activation that has no slope.

    >>> from mlpjax import MLP, init, forward
    >>> mlp = MLP((4, 3, 2, 1))
    >>> params = init(mlp, jax.random.key(0))
    >>> trace = forward(mlp, params, jnp.ones((5, 4)))
    >>> [delta.shape for delta in deltas(mlp, params, trace, jnp.ones((5, 1)))]
    [(5, 3), (5, 2), (5, 1)]
    """
    check_differentiable(mlp)
    return all_deltas(mlp, params, trace, batch(mlp, params, trace.a[0], y, weights))


def all_deltas(mlp: MLP, params: Params, trace: Trace, examples: Batch) -> Deltas:
    """`deltas` without its checks, for functions that have made them."""
    backwards = [last_delta(mlp, trace, examples)]
    for l in range(len(params) - 1, 0, -1):
        f, W = mlp.activations[l - 1], params[l].W
        backwards.append(delta_before(f, W, trace.z[l - 1], trace.a[l], backwards[-1]))
    return tuple(reversed(backwards))


@jax.jit
def layer_gradients(trace: Trace, deltas: Deltas) -> Params:
    """The gradient in the weights and biases from the deltas: BP3 and BP4.

    Args:
        trace: what `forward` remembered.
        deltas: dL/dz for each layer.

    Returns:
        The gradient, of the shape of the parameters.

    >>> trace = Trace(a=(jnp.array([[1.0, 2.0]]),), z=(jnp.array([[0.0]]),))
    >>> layer_gradients(trace, (jnp.array([[3.0]]),))[0].W.tolist()
    [[3.0], [6.0]]
    """
    return tuple(Layer(W=a.T @ delta, b=jnp.sum(delta, axis=0)) for a, delta in zip(trace.a, deltas, strict=True))


@gradient_method
def backprop(
    mlp: MLP, params: Params, x: Data, y: Data, *, weights: Data | None = None, penalty: Penalty | None = None
) -> tuple[Scalar, Params]:
    """The loss and its gradient by backpropagation: forward, deltas, layer gradients (BP1 to BP4).

    It computes what `layer_gradients(trace, deltas(…))` does, in the order that holds the least: the gradient of a layer as
    soon as its delta is known.

    Args:
        mlp: the network.
        params: its parameters.
        x: the examples, shape (n, sizes[0]).
        y: the targets, shape (n, sizes[-1]), or (n,) integers for integer labels.
        weights: one weight for each example, shape (n,).
        penalty: `Penalty(l1, l2)`.

    Returns:
        The loss, a scalar, and its gradient, of the type, shapes and dtype of the parameters.

    Raises:
        ValueError: a shape does not fit, or an activation has no slope to train with.
        TypeError: x, y or labels are of the wrong type.

    >>> from mlpjax import MLP, init, loss
    >>> mlp = MLP((4, 3, 2, 1), "tanh")
    >>> params = init(mlp, jax.random.key(0))
    >>> x, y = jnp.ones((5, 4)), jnp.ones((5, 1))
    >>> value, gradient = backprop(mlp, params, x, y)
    >>> oracle = jax.grad(loss, argnums=1)(mlp, params, x, y)
    >>> bool(jnp.allclose(gradient[0].W, oracle[0].W, rtol=1e-5))
    True

    Lecture, section 10.
    """
    examples = batch(mlp, params, x, y, weights)
    trace = forward_pass(mlp, params, examples.x)
    gradient = tuple(reversed(list(backwards(mlp, params, trace, examples))))
    return objective(mlp, params, trace, examples, penalty), penalties.added(penalty, params, gradient)


def backwards(
    mlp: MLP, params: Params, trace: Trace, examples: Batch, wait: Callable[[Array, Array], Array] = after
) -> Iterator[Layer]:
    """The gradient of each layer as soon as its delta is known, the last first.

    Args:
        mlp, params, trace, examples: as in `deltas`.
        wait: `wait(gradient.W, delta)` is delta, but no sooner than what it is to wait for.
    """
    return backwards_from(mlp, params, trace, last_delta(mlp, trace, examples), wait)


def backwards_from(
    mlp: MLP, params: Params, trace: Trace, delta: Delta, wait: Callable[[Array, Array], Array] = after
) -> Iterator[Layer]:
    """`backwards` from any delta of the last layer: what a vector of the logits becomes in the parameters, layer by layer."""
    for l in range(len(params) - 1, -1, -1):
        W = transposed(trace.a[l], delta) @ delta if l else trace.a[0].T @ delta
        yield Layer(W=W, b=jnp.sum(delta, axis=0))
        if l:
            f, delta = mlp.activations[l - 1], wait(W, delta)
            delta = delta_before(f, params[l].W, trace.z[l - 1], trace.a[l], delta)


def backprop_multiplications(mlp: MLP, n: int = 1) -> int:
    """How many multiplications `backprop` does for n examples after the forward pass (COST-backprop).

    One for each weight and example in BP3 and, but for the first layer, in BP2, which has one for each hidden unit too.
    `path_multiplications` counts the same for the sum over paths.

    >>> backprop_multiplications(MLP((4, 3, 2, 1)))
    33
    """
    weights = [fan_in * fan_out for fan_in, fan_out in pairwise(mlp.sizes)]
    return n * (sum(weights) + sum(weights[1:]) + sum(mlp.sizes[1:-1]))
