"""Gradients that vanish with depth: Nielsen's norms by layer, and the lecture's own numbers.

>>> import jax
>>> found = nielsen(jax.random.key(0), hidden_layers=3, seeds=20)
>>> bool((found.typical[1:] > 3 * found.typical[:-1]).all())
True
"""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from mlpjax import activations, losses
from mlpjax.gradients.backprop import backprop
from mlpjax.initializers import Initializer
from mlpjax.network import MLP, forward, init
from mlpjax.types import Data, Layer, PRNGKey


class Norms(NamedTuple):
    """The norm of each layer's mean delta at the start, over seeds.

    Attributes:
        norms: one by one, shape (seeds, layers).
        typical: their geometric means, shape (layers,).
        low: one twentieth of them lie below it, likewise.
        high: one twentieth of them lie above it, likewise.
    """

    norms: Float[Array, "seeds layers"]
    typical: Float[Array, " layers"]
    low: Float[Array, " layers"]
    high: Float[Array, " layers"]


def delta_norms(
    mlp: MLP, key: PRNGKey, x: Data, y: Data, *, seeds: int = 300, initializer: Initializer | str | None = None
) -> Norms:
    """How long the mean delta of each layer is at the start: the norm of dL/db.

    Args:
        mlp: the network.
        key: the randomness.
        x, y: the examples, as in `backprop`.
        seeds: how many starts.
        initializer: as in `init`.

    Returns:
        `Norms`, input to output.

    Raises:
        ValueError: there is no seed; and as `init` and `backprop`.
        TypeError: as `backprop`.
    """
    if seeds < 1:
        raise ValueError(f"seeds must be 1 or more, got {seeds}")

    def one(key):
        _, gradient = backprop(mlp, init(mlp, key, initializer), x, y)
        return jnp.stack([jnp.linalg.norm(layer.b) for layer in gradient])

    norms = jax.lax.map(one, jax.random.split(key, seeds), batch_size=min(seeds, 50))
    low, high = jnp.percentile(norms, jnp.array([5.0, 95.0]), axis=0)
    return Norms(norms, jnp.exp(jnp.mean(jnp.log(norms), axis=0)), low, high)


def nielsen(key: PRNGKey, hidden_layers: int = 2, seeds: int = 300) -> Norms:
    """The gradient norms of the hidden layers in Nielsen's chapter 5, at the start, on scikit-learn's digits for MNIST.

    Sigmoid layers of 30 units, a sigmoid output of 10 with cross-entropy, weights from `N(0, 1 / fan_in)` and biases from
    `N(0, 1)`, and the mean delta over 1,000 images. Published, for one start each: 0.07 and 0.31 for two hidden layers; 0.012,
    0.060 and 0.283 for three; 0.003, 0.017, 0.070 and 0.285 for four.

    Args:
        key: the randomness.
        hidden_layers: 1 or more.
        seeds: how many starts.

    Returns:
        `Norms` of the hidden layers.

    Raises:
        ModuleNotFoundError: scikit-learn is not installed.

    Nielsen, Neural networks and deep learning, 2015, chapter 5.
    """
    from sklearn.datasets import load_digits

    digits = load_digits()
    x, y = digits.data[:1000] / 16, jax.nn.one_hot(digits.target[:1000], 10)
    mlp = MLP((64, *(30,) * hidden_layers, 10), "sigmoid", "sigmoid_binary_cross_entropy")
    found = delta_norms(mlp, key, x, y, seeds=seeds, initializer="nielsen")
    return Norms(*(array[..., :-1] for array in found))


class Chain(NamedTuple):
    """A chain of sigmoids, one a layer, for several depths; in float64, since 100 layers underflow float32.

    Attributes:
        layers: how deep.
        largest_factor: the largest `|f'(z) w|` by which a delta is multiplied on its way back.
        gradient: dL/dw of the first weight.
        bound: what its size cannot exceed: `2 |x| |w|^(layers - 1) / 4^layers`.
        after: the first weight after one step.
    """

    layers: np.ndarray
    largest_factor: np.ndarray
    gradient: np.ndarray
    bound: np.ndarray
    after: np.ndarray


def sigmoid_chain(
    depths: Sequence[int] = (2, 4, 10, 12, 20, 100), *, first: float = 2.5, weight: float = 1.0, learning_rate: float = 1.0
) -> Chain:
    """The lecture's vanishing gradient: `w_new = 2.5 - learning_rate dL/dw` behind ever more sigmoids.

    One input, 1, one sigmoid a layer, the squared error against 0, no biases to start with.

    Args:
        depths: numbers of layers.
        first: the weight of the first.
        weight: those of the others; with 1 or less each layer multiplies a delta by at most 0.25.
        learning_rate: of the step.

    Returns:
        `Chain`, arrays of shape (depths,).

    >>> found = sigmoid_chain((4, 12, 100))
    >>> [f"{value:.8f}" for value in found.after]
    ['2.49906850', '2.49999999', '2.50000000']

    Lecture, section 12.
    """
    with jax.enable_x64(True):
        rows = [_one_chain(layers, first, weight, learning_rate) for layers in depths]
    return Chain(np.asarray(depths), *(np.array(column) for column in zip(*rows, strict=True)))


def _one_chain(layers: int, first: float, weight: float, learning_rate: float) -> tuple[float, ...]:
    mlp = MLP((1,) * (layers + 1), "sigmoid", losses.at_output(losses.squared_error, activations.sigmoid))
    weights = [first, *[weight] * (layers - 1)]
    params = tuple(Layer(jnp.array([[w]]), jnp.zeros(1)) for w in weights)
    x, y = jnp.ones((1, 1)), jnp.zeros((1, 1))
    slopes = [activations.sigmoid.df(z, activations.sigmoid(z)) for z in forward(mlp, params, x).z]
    factors = [abs(w * slope.item()) for w, slope in zip(weights[1:], slopes[:-1], strict=True)]
    _, gradient = backprop(mlp, params, x, y)
    g = gradient[0].W.item()
    return max(factors, default=0.0), g, 2 * abs(weight) ** (layers - 1) / 4**layers, first - learning_rate * g
