"""Predictions as ONNX models, run by ONNX Runtime."""

import jax.numpy as jnp
import numpy as np
import pytest
from foreign import X, float32, same
from support import ACTIVATIONS, LOSSES, problem

from mlpjax import MLP, Activation, interop, losses, predict

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")


def run(model, x):
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (found,) = session.run(["prediction"], {"x": x})
    return found


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_activation(name):
    mlp = MLP((3, 4, 5, 2), (ACTIVATIONS[name], ACTIVATIONS["tanh"]))
    params = float32(mlp)
    same(run(interop.to_onnx(mlp, params), X), predict(mlp, params, X))


@pytest.mark.parametrize("name", LOSSES)
def test_the_prediction_of_every_loss_for_any_number_of_rows(name):
    mlp = MLP((3, 2), loss=LOSSES[name])
    params = float32(mlp)
    model = interop.to_onnx(mlp, params)
    for rows in (X, X[:1]):
        same(run(model, rows), predict(mlp, params, rows))


def test_float64():
    mlp = MLP((3, 4, 2), "tanh")
    params = problem(mlp)[0]
    found = run(interop.to_onnx(mlp, params), X.astype(np.float64))
    np.testing.assert_allclose(found, predict(mlp, params, X.astype(np.float64)), rtol=1e-13)


def test_what_onnx_has_not():
    cube = Activation("cube", lambda z: z**3, lambda z, a: 3 * z**2, lambda z, a: 6 * z)
    mlp = MLP((3, 4, 2), cube)
    with pytest.raises(ValueError, match="ONNX has nothing that computes the activation 'cube'; it has sigmoid, tanh"):
        interop.to_onnx(mlp, float32(mlp))
    logistic_tanh = losses.at_output(losses.sigmoid_binary_cross_entropy, ACTIVATIONS["tanh"])
    mlp = MLP((3, 2), loss=logistic_tanh)
    with pytest.raises(ValueError, match="ONNX has no operator for the prediction of sigmoid_binary_cross_entropy@tanh"):
        interop.to_onnx(mlp, float32(mlp))
    with pytest.raises(ValueError, match="params must have 2 layers"):
        interop.to_onnx(MLP((3, 4, 2)), (float32(MLP((3, 2)))[0],))


def test_the_model_is_checked_and_says_where_it_comes_from():
    model = interop.to_onnx(MLP((3, 2)), float32(MLP((3, 2))))
    assert (model.producer_name, [node.op_type for node in model.graph.node]) == ("mlpjax", ["Gemm"])
    assert jnp.shape(onnx.numpy_helper.to_array(model.graph.initializer[0])) == (3, 2)
