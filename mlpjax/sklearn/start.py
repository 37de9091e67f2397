"""How the estimators start."""

from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np

from mlpjax.initializers import Initializer
from mlpjax.network import MLP, init
from mlpjax.types import Layer, Params

FACTORS = {"identity": 6.0, "tanh": 6.0, "relu": 6.0, "logistic": 2.0}
"""The activations of scikit-learn, and the numerators of the variances of their weights, times 3."""


def drawn(mlp: MLP, activation, initializer: Initializer | str | None, random_state: np.random.RandomState, dtype) -> Params:
    """Parameters by an initialiser; without one as scikit-learn draws them, to the bit, for the activations that it has."""
    if initializer is None and isinstance(activation, str) and activation in FACTORS:
        return tuple(_uniform(random_state, FACTORS[activation], *fans, dtype) for fans in pairwise(mlp.sizes))
    return init(mlp, jax.random.key(random_state.randint(np.iinfo(np.int32).max)), initializer, dtype)


def _uniform(random_state: np.random.RandomState, factor: float, fan_in: int, fan_out: int, dtype) -> Layer:
    """Weights and biases from one interval. Glorot and Bengio, AISTATS 2010, have biases of 0."""
    bound = np.sqrt(factor / (fan_in + fan_out))
    W = random_state.uniform(-bound, bound, (fan_in, fan_out))
    return Layer(jnp.asarray(W, dtype), jnp.asarray(random_state.uniform(-bound, bound, fan_out), dtype))
