"""Gradients that explode with depth: how training ends, and what clipping does for it."""

import warnings
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float

from mlpjax.fitting import fit
from mlpjax.gradients.backprop import backprop
from mlpjax.network import MLP, init
from mlpjax.propagation import measured
from mlpjax.types import PRNGKey


class Explosion(NamedTuple):
    """Training behind layers that multiply their deltas by a gain.

    Attributes:
        factors: the rms of each layer's delta over that of the one after it at the start, shape (layers - 1,).
        gradient: the norm of the whole gradient at the start.
        loss: of each epoch that ended with finite numbers.
        stopped: "diverged", or "epochs".
        message: where it diverged, and what to try.
    """

    factors: Float[Array, " layers-1"]
    gradient: float
    loss: np.ndarray
    stopped: str
    message: str


def explosion(
    key: PRNGKey,
    *,
    gain: float = 2.0,
    layers: int = 10,
    clip: float | None = None,
    learning_rate: float = 0.01,
    epochs: int = 100,
) -> Explosion:
    """The lecture's exploding gradient: gradient descent behind rectifiers that start at He's weights times a gain.

    A network of 32 units a layer learns the mean of its 8 inputs from 64 examples. He's weights keep deltas level, so that the
    gain is the factor by which a layer multiplies them.

    Args:
        key: the randomness.
        gain: 1 trains, 2 diverges.
        layers: of weights.
        clip: the norm that the gradient is cut to, if any.
        learning_rate: of the steps.
        epochs: how many steps to take, all the examples in each.

    Returns:
        `Explosion`.

    >>> found = explosion(jax.random.key(0))
    >>> found.stopped, bool(found.factors.mean() > 1)
    ('diverged', True)

    Lecture, section 12; for the clipping: Pascanu, Mikolov and Bengio, On the difficulty of training recurrent neural networks,
    ICML 2013.
    """
    key_params, key_x, key_fit = jax.random.split(key, 3)
    mlp = MLP((8, *(32,) * (layers - 1), 1), "relu")
    params = jax.tree.map(lambda array: gain * array, init(mlp, key_params, "he_normal"))
    x = jax.random.normal(key_x, (64, 8))
    y = jnp.mean(x, axis=1, keepdims=True)
    rms = jnp.sqrt(measured(mlp, params, x, y).delta)
    descent = optax.sgd(learning_rate)
    optimizer = descent if clip is None else optax.chain(optax.clip_by_global_norm(clip), descent)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # that it diverges is the result
        _, history = fit(mlp, params, x, y, key=key_fit, optimizer=optimizer, epochs=epochs, batch_size=len(x))
    gradient = optax.tree.norm(backprop(mlp, params, x, y)[1]).item()
    return Explosion(rms[:-1] / rms[1:], gradient, history.loss, history.stopped, history.message)
