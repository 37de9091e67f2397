"""The nouns that flow through every function: layers, parameters, traces, penalties.

All of them are NamedTuples of arrays, hence pytrees: `jax.tree`, `optax` and `jax.vmap` work on them unchanged.
"""

from collections.abc import Callable
from typing import NamedTuple, Protocol, TypeAlias, runtime_checkable

import jax
import numpy as np
from jax import export
from jaxtyping import Array, Float, Key, Shaped

Data: TypeAlias = Array | np.ndarray
"""What a public function takes for examples, targets and weights: a JAX or a NumPy array of any shape, checked by hand."""

Scalar: TypeAlias = Float[Array, ""]
PRNGKey: TypeAlias = Key[Array, ""] | Shaped[Array, "2"]


class Layer(NamedTuple):
    """One layer of neurons: `z = a @ W + b`.

    Column j of `W` holds the weights of neuron j: `W[i, j]` runs from input i to neuron j, the notes' w_ij.

    Attributes:
        W: the weights, shape (fan_in, fan_out).
        b: the biases, shape (fan_out,).
    """

    W: Float[Array, "fan_in fan_out"]
    b: Float[Array, " fan_out"]


Params: TypeAlias = tuple[Layer, ...]
"""The parameters of a network, input to output. A gradient has the same type."""


class Trace(NamedTuple):
    """What the forward pass remembers for the backward pass.

    `a[0] = x`, `z[l] = a[l] @ W[l] + b[l]` and `a[l + 1] = f(z[l])`; rows are examples. The network ends linear, so
    `z` and `a` have one entry a layer and the last one, `z[-1]`, holds the logits.

    Attributes:
        a: what goes into each layer of weights, `a[l]` of shape (n, sizes[l]).
        z: the pre-activations that come out of it, `z[l]` of shape (n, sizes[l + 1]).
    """

    a: tuple[Float[Array, "n _"], ...]
    z: tuple[Float[Array, "n _"], ...]


class Penalty(NamedTuple):
    """How strongly large weights are penalised: `l1 * sum(|W|) + l2 * sum(W**2)` over all layers, biases left free.

    Both are traced scalars: a grid of them is one `jax.vmap` and one compilation.

    Attributes:
        l1: the strength of the L1 penalty, 0 or more.
        l2: the strength of the L2 penalty, 0 or more.
    """

    l1: float | Scalar = 0.0
    l2: float | Scalar = 0.0


for _noun in (Layer, Trace, Penalty):
    export.register_namedtuple_serialization(_noun, serialized_name=f"mlpjax.{_noun.__name__}")

Elementwise: TypeAlias = Callable[[Float[Array, "*shape"]], Float[Array, "*shape"]]
Slope: TypeAlias = Callable[[Float[Array, "*shape"], Float[Array, "*shape"]], Float[Array, "*shape"]]


@runtime_checkable
class GradFn(Protocol):
    """The signature shared by every way to compute the loss and its gradient.

    `method(mlp, params, x, y, *, weights=None, penalty=None)` returns the loss, a scalar, and the gradient, of the type and
    shapes of `params`; `backprop` describes the arguments.
    """

    __name__: str

    def __call__(
        self,
        mlp,
        params: Params,
        x: Data,
        y: Data,
        *,
        weights: Data | None = None,
        penalty: Penalty | None = None,
    ) -> tuple[jax.Array, Params]: ...
