"""What a network does to small changes of its input: the singular values of its Jacobians."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from mlpjax.gradients.inputs import checked_inputs, product, slopes
from mlpjax.gradients.norms import wide
from mlpjax.network import MLP, compiled, forward_pass
from mlpjax.types import Data, Params


class Spectrum(NamedTuple):
    """The singular values of a network's Jacobians, one row an example, the largest first.

    Attributes:
        layers: of each layer, from its inputs to its outputs, shape (n, the lesser of the two sizes).
        whole: from the inputs of the network to its logits, shape (n, the lesser of the two sizes).
    """

    layers: tuple[Float[Array, "n _"], ...]
    whole: Float[Array, "n _"]


@compiled
def spectrum(mlp: MLP, params: Params, x: Data) -> Spectrum:
    """The singular values of each layer's Jacobian and of the whole network's, example by example (JACOBIAN).

    Where all of them are 1 a delta keeps its length on its way back; where the largest of the whole is tiny no change of
    the input is felt, and no gradient comes through. One singular value decomposition an example and layer: take few examples.

    Arguments and errors are those of `forward`; and an activation that has no slope is refused.

    >>> from mlpjax import init
    >>> mlp = MLP((4, 4, 4), "identity")
    >>> found = spectrum(mlp, init(mlp, jax.random.key(0), "orthogonal"), jnp.ones((1, 4)))
    >>> found.whole.tolist()
    [[1.0, 1.0, 1.0, 1.0]]

    Saxe, McClelland and Ganguli, ICLR 2014; Pennington, Schoenholz and Ganguli, Resurrecting the sigmoid, NeurIPS 2017.
    """
    trace = forward_pass(mlp, params, checked_inputs(mlp, params, x))
    factors = [*slopes(mlp, trace), jnp.ones_like(trace.z[-1])]

    def of_example(factors):
        whole = product(params, factors[:-1])
        return Spectrum(tuple(map(_singular_values, _of_layers(params, factors))), _singular_values(whole))

    return jax.lax.map(of_example, factors)


def _of_layers(params: Params, slopes: list[Float[Array, " _"]]) -> list[Float[Array, "fan_out fan_in"]]:
    return [slope[:, None] * layer.W.T for slope, layer in zip(slopes, params, strict=True)]


def _singular_values(jacobian: Float[Array, "k d"]) -> Float[Array, " _"]:
    return jnp.linalg.svd(wide(jacobian), compute_uv=False)
