"""Keras models to networks and back: the same outputs to 1e-6, and what is not the same is refused by name."""

import os

import pytest
from foreign import X, float32, same, same_network
from support import ACTIVATIONS

from mlpjax import MLP, interop, losses, predict

os.environ.setdefault("KERAS_BACKEND", "jax")
keras = pytest.importorskip("keras")
pytestmark = pytest.mark.slow


@pytest.mark.parametrize("name", [name for name in ACTIVATIONS if name not in ("step", "sin", "gelu_tanh")])
def test_keras_there_and_back(name):
    mlp = MLP((3, 4, 5, 2), (ACTIVATIONS[name], ACTIVATIONS["tanh"]))
    params = float32(mlp)
    model = interop.to_keras(mlp, params)
    same(model(X), predict(mlp, params, X))
    same_network(interop.from_keras(model), mlp, params)


def test_keras_defaults_are_its_own():
    dense = keras.layers.Dense
    model = keras.Sequential(
        [
            keras.Input((3,)),
            dense(4, "leaky_relu"),
            dense(4, "swish"),
            dense(5, "gelu", use_bias=False),
            keras.layers.Dropout(0.5),
        ]
    )
    model.add(keras.Sequential([keras.Input((5,)), dense(3, "elu"), dense(2, "softmax")]))
    mlp, params = interop.from_keras(model)
    assert [f.name for f in mlp.activations] == ["leaky_relu(0.2)", "silu", "gelu", "elu(1.0)"]
    assert mlp.loss == losses.softmax_cross_entropy
    same(predict(mlp, params, X), model(X))


def test_what_keras_has_and_we_have_not():
    dense = keras.layers.Dense
    with pytest.raises(ValueError, match=r"layer 2, the activation of 'one', computes none of the activations"):
        interop.from_keras(keras.Sequential([keras.Input((3,)), dense(4, "hard_sigmoid", name="one")]))
    with pytest.raises(ValueError, match=r"layer 3, 'two', is neither linear nor an activation|layer 3, 'two', computes none"):
        interop.from_keras(keras.Sequential([keras.Input((3,)), dense(4), keras.layers.LayerNormalization(name="two")]))
    with pytest.raises(ValueError, match="has no weights yet: build the model, or call it once"):
        interop.from_keras(keras.Sequential([dense(4)]))
    for name in ("step", "sin", "gelu_tanh"):
        mlp = MLP((3, 4, 2), name)
        with pytest.raises(ValueError, match=f"Keras has nothing that computes the activation '{name}'"):
            interop.to_keras(mlp, float32(mlp))
