"""The chain rule without memoization: a derivative as the sum over every path from a weight to the loss.

The weight w_ij into layer l moves neuron j there, that moves every neuron of the next layer, and so on to the outputs.
Each way through is a product of slopes and weights, and the derivative is the sum of them all:

PATH: `dL/dw_ij = sum over paths j -> j' -> … -> k of a_i f'(z_j) w_jj' f'(z_j') … w_.k delta_k`

There are as many paths as the sizes of the later layers multiplied together: exponentially many in the depth.
Backpropagation sums the same products from the end, sharing what paths have in common.
"""

from collections.abc import Sequence
from itertools import pairwise
from math import prod

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from mlpjax import penalties
from mlpjax.gradients.method import gradient_method
from mlpjax.network import MLP, batch, forward_pass, objective
from mlpjax.types import Data, Layer, Params, Penalty, Scalar

Path = Sequence[Int[Array, " paths"]]

MOST_PATHS = 2**24
"""Above this many paths an example, `path_sum` refuses: their indices and products would fill a gigabyte and more."""


def path_count(mlp: MLP) -> int:
    """How many paths lead from a weight or a bias of the network to an output.

    >>> path_count(MLP((4, 3, 2, 1)))
    41
    """
    return sum((fan_in + 1) * prod(mlp.sizes[l:]) for l, fan_in in enumerate(mlp.sizes[:-1], 1))


def path_multiplications(mlp: MLP, n: int = 1) -> int:
    """How many multiplications `path_sum` does for n examples after the forward pass (COST-path_sum).

    A path from layer l to the output of a network of D layers has a slope and a weight for each of the D - l layers it
    crosses, the delta at its end, and for a weight the input at its start.

    >>> path_multiplications(MLP((4, 3, 2, 1)))
    168
    """
    sizes, layers = mlp.sizes, len(mlp.sizes) - 1
    count = 0
    for l in range(1, layers + 1):
        crossings = 2 * (layers - l)
        count += prod(sizes[l:]) * (sizes[l - 1] * (crossings + 1) + crossings)
    return n * count


@gradient_method
def path_sum(
    mlp: MLP, params: Params, x: Data, y: Data, *, weights: Data | None = None, penalty: Penalty | None = None
) -> tuple[Scalar, Params]:
    """The loss and its gradient as a sum over all paths (PATH), each multiplied out from scratch.

    For small networks: 4-3-2-1 has 41 paths, 64-64-32-10 has 1.4 million. `path_multiplications` says what it
    will cost.

    Arguments, result and errors are those of `backprop`; and ValueError for more than `MOST_PATHS` paths.

    >>> params, x = (Layer(jnp.array([[2.0]]), jnp.zeros(1)),), jnp.ones((1, 1))
    >>> value, gradient = path_sum(MLP((1, 1)), params, x, 0 * x)
    >>> value.item(), gradient[0].W.item()
    (4.0, 4.0)

    Lecture, sections 8 and 15.
    """
    if path_count(mlp) > MOST_PATHS:
        raise ValueError(
            f"a network of sizes {mlp.sizes} has {path_count(mlp):,} paths, more than path_sum will follow "
            f"({MOST_PATHS:,}): use backprop, or a smaller network"
        )
    examples = batch(mlp, params, x, y, weights)
    trace = forward_pass(mlp, params, examples.x)
    delta = mlp.loss.delta(trace.z[-1], examples.y) * examples.share[:, None]
    slopes = tuple(f.df(z, a) for f, z, a in zip(mlp.activations, trace.z[:-1], trace.a[1:], strict=True))

    def one_example(values):
        a, slopes, delta = values
        return tuple(_layer_by_paths(mlp, params, l, a, slopes, delta) for l in range(len(params)))

    per_example = jax.lax.map(one_example, (trace.a, slopes, delta))
    gradient = jax.tree.map(lambda g: jnp.sum(g, axis=0), per_example)
    return objective(mlp, params, trace, examples, penalty), penalties.added(penalty, params, gradient)


def _layer_by_paths(mlp: MLP, params: Params, l: int, a, slopes, delta) -> Layer:
    """The gradient of layer l from one example: a product for every path, added up at the weight it starts from."""
    W, b = params[l]
    i, *path = _paths(mlp.sizes[l:])
    from_weights = a[l][i] * _products(params, l, path, slopes, delta)
    bias_path = _paths(mlp.sizes[l + 1 :])
    from_biases = _products(params, l, bias_path, slopes, delta)
    return Layer(
        W=jnp.zeros_like(W).at[i, path[0]].add(from_weights),
        b=jnp.zeros_like(b).at[bias_path[0]].add(from_biases),
    )


def _paths(sizes: tuple[int, ...]) -> Path:
    """Every way to pick one neuron from each of several layers: an array of neurons for each layer."""
    return jnp.unravel_index(jnp.arange(prod(sizes)), sizes)


def _products(params: Params, l: int, path: Path, slopes, delta) -> Float[Array, " paths"]:
    """`f'(z_j) w_jj' f'(z_j') … delta_k` along each path j, j', …, k of neurons from layer l on."""
    product = delta[path[-1]]
    for m, (here, there) in reversed(list(enumerate(pairwise(path), l))):
        product = product * params[m + 1].W[here, there] * slopes[m][here]
    return product
