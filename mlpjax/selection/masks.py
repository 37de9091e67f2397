"""Networks of several depths and widths as one: the largest of them, in which the smaller ones are masked.

A hidden layer that a member lacks passes on what it is given, an identity, and a unit that it lacks gives 0. What is masked
has the gradient 0, so that it stays as it started, and what is left is the small network, with its loss and its gradient.
"""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from mlpjax import penalties
from mlpjax.gradients.backprop import last_delta
from mlpjax.gradients.schedule import after, transposed
from mlpjax.network import MLP, batch, objective
from mlpjax.types import Data, Layer, Params, Penalty, Scalar, Trace


class Mask(NamedTuple):
    """Which part of the largest network a member is.

    Attributes:
        depth: its number of hidden layers.
        width: the number of units in each.
    """

    depth: Int[Array, ""]
    width: Int[Array, ""]


def largest(mlp: MLP, depths: tuple[int, ...], widths: tuple[int, ...]) -> MLP:
    """The network that holds all the members.

    Where one of them has no hidden layer, the inputs must pass through all of them, and so each is as wide as those.

    >>> largest(MLP((4, 8, 1)), (0, 1, 2), (2, 3)).sizes
    (4, 4, 4, 1)
    """
    width = max(*widths, mlp.sizes[0] if 0 in depths else 1)
    return small(mlp, max(depths), width)


def small(mlp: MLP, depth: int, width: int) -> MLP:
    """A member as a network of its own."""
    sizes = (mlp.sizes[0], *(width,) * depth, mlp.sizes[-1])
    return MLP(sizes, mlp.activations[0] if depth else (), mlp.loss, mlp.precision)


def embedded(mlp: MLP, params: Params) -> Params:
    """The parameters of a member in those of the largest network, which are 0 elsewhere; leading axes are kept.

    Args:
        mlp: the largest network.
        params: of the small one.
    """
    *hidden, output = params
    lead = output.b.shape[:-1]
    sizes = list(zip(mlp.sizes[:-1], mlp.sizes[1:], strict=True))
    absent = [(np.zeros((*lead, 0, 0), output.b.dtype), np.zeros((*lead, 0), output.b.dtype))] * (len(sizes) - len(params))
    layers = zip((*hidden, *absent, output), sizes, strict=True)
    return tuple(Layer(_filled_up(W, shape), _filled_up(b, shape[1:])) for (W, b), shape in layers)


def _filled_up(array, shape: tuple[int, ...]):
    kept = array.ndim - len(shape)
    missing = [wanted - there for wanted, there in zip(shape, array.shape[kept:], strict=True)]
    return np.pad(array, [(0, 0)] * kept + [(0, more) for more in missing])


def extracted(mlp: MLP, params: Params, depth: int, width: int) -> Params:
    """The parameters of a member out of those of the largest network: what `embedded` put in."""
    sizes = small(mlp, depth, width).sizes
    layers = (*params[:depth], params[-1])
    return tuple(
        Layer(W[:fan_in, :fan_out], b[:fan_out]) for (W, b), fan_in, fan_out in zip(layers, sizes[:-1], sizes[1:], strict=True)
    )


def masked_forward(mlp: MLP, mask: Mask, params: Params, x: Float[Array, "n d"]) -> Trace:
    """The forward pass of a member within the largest network (MASK-depth, MASK-width).

    `a[l + 1] = f(z[l])` in the units and layers that the member has, 0 in the units and `a[l]` in the layers that it lacks.
    """
    a, z = [x], []
    for l, (f, (W, b)) in enumerate(zip(mlp.activations, params[:-1], strict=True)):
        z.append(a[-1] @ W + b)
        a.append(jnp.where(l < mask.depth, jnp.where(_units(mask, W), f(z[-1]), 0), _through(a[-1], W)))
    z.append(a[-1] @ params[-1].W + params[-1].b)
    return Trace(tuple(a), tuple(z))


def _through(a: Float[Array, "n d"], W: Array) -> Float[Array, "n k"]:
    """What a layer gives that passes on what it is given; inputs that are too many for that are never passed on."""
    more = W.shape[1] - a.shape[1]
    return jnp.pad(a, ((0, 0), (0, more))) if more >= 0 else a[:, :more]


def _units(mask: Mask, W: Array) -> Bool[Array, " units"]:
    return jnp.arange(W.shape[1]) < mask.width


def masked_backprop(
    mlp: MLP, mask: Mask, params: Params, x: Data, y: Data, *, weights: Data | None = None, penalty: Penalty | None = None
) -> tuple[Scalar, Params]:
    """The loss of a member and its gradient, in the shape of the largest network: BP1 to BP4 with masks (MASK-depth, MASK-width).

    In a layer that the member lacks delta is 0, and what comes from behind it goes on before it as it is.

    Arguments and result are those of `backprop`; `mask` says which member.
    """
    examples = batch(mlp, params, x, y, weights)
    trace = masked_forward(mlp, mask, params, examples.x)
    delta = last_delta(mlp, trace, examples)
    gradient, slope = [_layer(trace.a[-1], delta)], delta @ params[-1].W.T
    for l in range(len(params) - 2, -1, -1):
        there = (l < mask.depth) & _units(mask, params[l].W)
        delta = jnp.where(there, slope * mlp.activations[l].df(trace.z[l], trace.a[l + 1]), 0)
        gradient.append(_layer(trace.a[l], delta))
        if l:
            slope = jnp.where(l < mask.depth, after(gradient[-1].W, delta) @ params[l].W.T, slope)
    reverse = tuple(reversed(gradient))
    return objective(mlp, params, trace, examples, penalty), penalties.added(penalty, params, reverse)


def _layer(a: Float[Array, "n d"], delta: Float[Array, "n k"]) -> Layer:
    return Layer(W=transposed(a, delta) @ delta, b=jnp.sum(delta, axis=0))
