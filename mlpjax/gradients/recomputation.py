"""Backpropagation in less memory: keep every k-th layer of the trace and compute the others again when they are needed.

With D layers and segments of k, D / k outputs are kept and k are there at a time, which is least at k = sqrt(D): the memory of
the trace grows with the root of the depth, for the price of one more forward pass (RECOMPUTE).

Griewank, Achieving logarithmic growth of temporal and spatial complexity in reverse automatic differentiation, 1992; Chen, Xu,
Zhang and Guestrin, Training deep nets with sublinear memory cost, 2016.
"""

import functools
import math
import operator
from collections.abc import Iterator

import jax.numpy as jnp
from jaxtyping import Array, Float

from mlpjax import penalties
from mlpjax.gradients.backprop import delta_before, last_delta
from mlpjax.gradients.method import differentiable
from mlpjax.gradients.schedule import later
from mlpjax.network import MLP, Batch, batch, compiled, forward_pass, objective
from mlpjax.types import Data, GradFn, Layer, Params, Penalty, Scalar, Trace


@functools.cache
def recomputing(every: int | None = None) -> GradFn:
    """`backprop` that keeps the input of every k-th layer alone, and computes the rest of the trace a second time (RECOMPUTE).

    Args:
        every: how many layers a segment has; the root of their number, rounded up, unless given.

    Returns:
        A gradient method: the same object for the same `every`, so that what uses it compiles once.

    Raises:
        ValueError: `every` is below 1.

    >>> import jax
    >>> from mlpjax import backprop, init
    >>> mlp = MLP((8,) * 17, "tanh")
    >>> params, x = init(mlp, jax.random.key(0)), jax.random.normal(jax.random.key(1), (5, 8))
    >>> (value, gradient), (same, again) = backprop(mlp, params, x, x), recomputing(4)(mlp, params, x, x)
    >>> bool(jnp.allclose(gradient[0].W, again[0].W, rtol=1e-4))
    True
    """
    if every is not None and operator.index(every) < 1:
        raise ValueError(f"every must be the number of layers in a segment, 1 or more; got {every}")

    @compiled
    @differentiable
    def recomputing_backprop(
        mlp: MLP, params: Params, x: Data, y: Data, *, weights: Data | None = None, penalty: Penalty | None = None
    ) -> tuple[Scalar, Params]:
        examples = batch(mlp, params, x, y, weights)
        segments = _segments(len(params), every)
        kept = _kept(mlp, params, examples.x, segments)
        last = _pass(mlp, params, kept[-1], segments[-1])
        gradient = tuple(reversed(list(_backwards(mlp, params, kept, segments, last, examples))))
        return objective(mlp, params, last, examples, penalty), penalties.added(penalty, params, gradient)

    return recomputing_backprop


def _segments(layers: int, every: int | None) -> list[range]:
    every = every or math.ceil(math.sqrt(layers))
    return [range(first, min(first + every, layers)) for first in range(0, layers, every)]


def _kept(mlp: MLP, params: Params, x: Float[Array, "n d"], segments: list[range]) -> list[Float[Array, "n _"]]:
    """The input of each segment."""
    kept = [x]
    for segment in segments[:-1]:
        kept.append(_pass(mlp, params, kept[-1], segment).a[-1])
    return kept


def _pass(mlp: MLP, params: Params, a: Float[Array, "n _"], segment: range) -> Trace:
    """The trace from the input of a segment to that of the next, or to the logits."""
    first, end = segment.start, segment.stop
    part = MLP(mlp.sizes[first : end + 1], mlp.activations[first : end - 1], mlp.loss)
    outputs, z = forward_pass(part, params[first:end], a)
    return Trace((*outputs, *(f(z[-1]) for f in mlp.activations[end - 1 : end])), z)


def _backwards(
    mlp: MLP, params: Params, kept: list[Float[Array, "n _"]], segments: list[range], last: Trace, examples: Batch
) -> Iterator[Layer]:
    """BP1 to BP4, the last layer first, each segment computed again once the delta after it is known."""
    (_, z), delta = last, last_delta(mlp, last, examples)
    for start, segment in zip(reversed(kept), reversed(segments), strict=True):
        a = last.a
        if segment is not segments[-1]:
            a, z = _pass(mlp, params, later(delta, start), segment)
            delta = delta_before(mlp.activations[segment[-1]], params[segment[-1] + 1].W, z[-1], a[-1], delta)
        for place, l in reversed(list(enumerate(segment))):
            yield Layer(W=a[place].T @ delta, b=jnp.sum(delta, axis=0))
            if place:
                delta = delta_before(mlp.activations[l - 1], params[l].W, z[place - 1], a[place], delta)
