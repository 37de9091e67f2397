"""Keras 3: parameters from and to a `Sequential`."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from mlpjax import checks
from mlpjax.activations import Activation
from mlpjax.interop.reading import Dense, Other, Part, network
from mlpjax.interop.writing import member, refused
from mlpjax.losses import Loss
from mlpjax.network import MLP
from mlpjax.types import Params


def from_keras(model: Any, loss: Loss | str | None = None) -> tuple[MLP, Params]:
    """The network that a Keras model is, and its parameters, on any of Keras' backends.

    Args:
        model: a `keras.Sequential` of `Dense` and activation layers, nested or not, that has been built. Dropout is left out.
        loss: of the network; unless given, the one whose prediction the model's last activation is, or squared error.

    Returns:
        The network and copies of its parameters. `predict` gives what the model gives; with a loss of your own over a model that
            ends linear, the logits are what it gives.

    Raises:
        ValueError: a layer is neither dense nor an activation that is known here, the model has not been built, or the loss
            predicts something else.
        ModuleNotFoundError: Keras is not installed, or its backend is not: set KERAS_BACKEND to "jax" before Keras is imported.

    A `Sequential([Input((4,)), Dense(3, "swish"), Dense(2, "softmax")])` becomes `MLP((4, 3, 2), "silu",
    "softmax_cross_entropy")`.
    """
    return network(_stack(model), loss)


def _stack(model: Any) -> Iterator[Part]:
    import keras

    if isinstance(model, keras.Sequential):
        for layer in model.layers:
            yield from _stack(layer)
    elif isinstance(model, keras.layers.Dense):
        if not model.built:
            raise ValueError(f"the layer {model.name!r} has no weights yet: build the model, or call it once")
        yield Dense(_array(model.kernel), None if model.bias is None else _array(model.bias))
        yield Other(f"the activation of {model.name!r}", _on_arrays(model.activation))
    else:
        yield Other(repr(model.name), _on_arrays(model))


def _array(variable: Any) -> np.ndarray:
    import keras

    return keras.ops.convert_to_numpy(keras.ops.convert_to_tensor(variable))


def _on_arrays(function: Callable) -> Callable[[np.ndarray], np.ndarray]:
    import keras

    return lambda x: _array(function(keras.ops.convert_to_tensor(x)))


def to_keras(mlp: MLP, params: Params) -> Any:
    """A Keras model that computes the network's logits: give Keras' losses `from_logits=True`.

    Args:
        mlp: the network.
        params: its parameters, which are copied.

    Returns:
        A built `keras.Sequential` of `Dense` and activation layers, in the dtype of the parameters.

    Raises:
        ValueError: Keras has no layer for an activation, or the parameters do not fit the network.
        ModuleNotFoundError: Keras or its backend is not installed.
    """
    import keras

    checks.check_params(mlp, params)
    dtype = str(params[0].W.dtype)
    model = keras.Sequential([keras.Input((mlp.sizes[0],), dtype=dtype)])
    for l, layer in enumerate(params):
        if l:
            model.add(_activation(mlp.activations[l - 1], dtype))
        model.add(keras.layers.Dense(mlp.sizes[l + 1], dtype=dtype))
        model.layers[-1].set_weights([np.asarray(array) for array in layer])
    return model


PLAIN = ("sigmoid", "tanh", "relu", "selu", "softplus", "softsign", "silu", "gelu")
"""The activations that have the same name in Keras, and compute the same there."""


def _activation(f: Activation, dtype: str) -> Any:
    from keras import layers

    families: dict[str, Callable] = {
        "identity": lambda: layers.Activation("linear", dtype=dtype),
        "leaky_relu": lambda slope: layers.LeakyReLU(slope, dtype=dtype),
        "elu": lambda alpha: layers.ELU(alpha, dtype=dtype),
    }
    name, numbers = member(f)
    if name in PLAIN:
        return layers.Activation(name, dtype=dtype)
    if name not in families:
        raise refused("Keras", f, [*PLAIN, *families])
    return families[name](*numbers)
