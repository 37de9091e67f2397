"""Fitted scikit-learn networks to ours and back: the same outputs to 1e-6, and what is not the same is refused by name."""

import numpy as np
import pytest
from foreign import X, float32, same
from sklearn.neural_network import MLPClassifier, MLPRegressor

from mlpjax import MLP, interop, predict


@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
def test_a_fitted_regressor(activation):
    for y in (X[:, 0], X[:, :2]):
        model = MLPRegressor(hidden_layer_sizes=(5, 4), activation=activation).partial_fit(X, y)
        mlp, params = interop.from_sklearn(model)
        expected = model.predict(X)
        same(predict(mlp, params, X), expected if expected.ndim == 2 else expected[:, None])
        again = interop.to_sklearn(mlp, params)
        same(again.predict(X), expected)


@pytest.mark.parametrize("labels", [2, 3])
def test_a_fitted_classifier(labels):
    classes = np.array(["low", "mid", "top"][:labels])
    y = classes[np.arange(7) % labels]
    model = MLPClassifier(hidden_layer_sizes=(5,)).partial_fit(X, y, classes=classes)
    mlp, params = interop.from_sklearn(model)
    expected = model.predict_proba(X)
    same(predict(mlp, params, X), expected if labels > 2 else expected[:, 1:])
    again = interop.to_sklearn(mlp, params, classes)
    same(again.predict_proba(X), expected)
    assert again.predict(X).tolist() == model.predict(X).tolist()


def test_a_classifier_of_several_labels_at_once():
    y = (np.arange(21).reshape(7, 3) % 2).astype(int)
    model = MLPClassifier(hidden_layer_sizes=(5,), max_iter=3)
    with pytest.warns(Warning, match="hasn't converged"):
        model.fit(X, y)
    mlp, params = interop.from_sklearn(model)
    same(predict(mlp, params, X), model.predict_proba(X))
    same(interop.to_sklearn(mlp, params).predict_proba(X), model.predict_proba(X))


def test_what_scikit_learn_has_not():
    with pytest.raises(ValueError, match=r"MLPRegressor\(\) has no parameters yet: fit it first"):
        interop.from_sklearn(MLPRegressor())
    for mlp, message in {
        MLP(
            (3, 4, 2), "gelu"
        ): "scikit-learn, whose hidden layers are all alike, has nothing that computes the activation 'gelu'",
        MLP((3, 4, 4, 2), ["relu", "tanh"]): "has nothing that computes the activation 'tanh'",
        MLP((3, 2), loss="softmax_cross_entropy"): "use sigmoid_binary_cross_entropy",
        MLP((3, 2), loss="hinge_loss"): "no network of 2 outputs with the prediction of hinge_loss",
    }.items():
        with pytest.raises(ValueError, match=message):
            interop.to_sklearn(mlp, float32(mlp))
    three = MLP((3, 3), loss="softmax_cross_entropy")
    with pytest.raises(ValueError, match="classes must be 3, all different and in rising order"):
        interop.to_sklearn(three, float32(three), ["b", "a", "c"])
