"""scikit-learn: parameters from and to a fitted `MLPClassifier` or `MLPRegressor`."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from mlpjax import checks
from mlpjax.interop.reading import Dense, link_of, network
from mlpjax.interop.writing import refused
from mlpjax.network import MLP
from mlpjax.types import Params

NAMES = {"identity": "identity", "logistic": "sigmoid", "tanh": "tanh", "relu": "relu", "softmax": "softmax", "exp": "exp"}
"""What scikit-learn calls its activations, and what they are called here."""


def from_sklearn(model: Any) -> tuple[MLP, Params]:
    """The network that a fitted `MLPClassifier` or `MLPRegressor` is, and its parameters.

    Args:
        model: fitted.

    Returns:
        The network and its parameters, in JAX's default floating point type or that of the model. `predict` gives
            `model.predict(x)` as a column for one number, and `predict_proba` for classes: for two of them, the second alone.

    Raises:
        ValueError: the model is not fitted.

    >>> from sklearn.neural_network import MLPRegressor
    >>> x = np.linspace(-1, 1, 20)[:, None]
    >>> mlp, params = from_sklearn(MLPRegressor(hidden_layer_sizes=(3,), activation="tanh", solver="lbfgs").fit(x, x[:, 0] ** 2))
    >>> mlp.sizes, mlp.activation.name
    ((1, 3, 1), 'tanh')
    """
    if not hasattr(model, "coefs_"):
        raise ValueError(f"{model!r} has no parameters yet: fit it first")
    stack: list = []
    for W, b in zip(model.coefs_, model.intercepts_, strict=True):
        stack += [Dense(W, b), NAMES[model.activation]]
    return network([*stack[:-1], NAMES[model.out_activation_]])


def to_sklearn(mlp: MLP, params: Params, classes: Sequence | np.ndarray | None = None) -> Any:
    """A fitted scikit-learn model that predicts what the network predicts.

    Args:
        mlp: the network; its hidden layers of one activation, which scikit-learn must have, and its loss one that predicts
            numbers or probabilities.
        params: its parameters, which are copied.
        classes: of a classifier, in the order of the outputs; 0, 1, … unless given.

    Returns:
        An `MLPRegressor`, or for sigmoid and softmax an `MLPClassifier`.

    Raises:
        ValueError: scikit-learn has no such network, the classes are not one for each output, or the parameters do not fit.
        ModuleNotFoundError: scikit-learn is not installed.
    """
    checks.check_params(mlp, params)
    theirs = {name: their for their, name in NAMES.items() if name not in ("softmax", "exp")}
    for f in mlp.activations:
        if f.name not in theirs or f is not mlp.activations[0]:
            raise refused("scikit-learn, whose hidden layers are all alike,", f, theirs)
    activation = theirs[mlp.activations[0].name] if mlp.activations else "identity"
    model = _begun(mlp, {"hidden_layer_sizes": mlp.sizes[1:-1], "activation": activation}, classes)
    model.coefs_ = [np.array(W) for W, _ in params]
    model.intercepts_ = [np.array(b) for _, b in params]
    return model


def _begun(mlp: MLP, options: dict, classes: Sequence | np.ndarray | None) -> Any:
    """A model of the right kind and shapes: scikit-learn makes one only in training, here of one step on rows of zeros."""
    from sklearn.neural_network import MLPClassifier, MLPRegressor

    link, k = link_of(mlp.loss), mlp.sizes[-1]
    if link == "identity":
        y = np.zeros((2, k))
        return MLPRegressor(**options).partial_fit(np.zeros((2, mlp.sizes[0])), y[:, 0] if k == 1 else y)
    if link not in ("sigmoid", "softmax") or (link, k) == ("softmax", 2):
        hint = "; it has one output for two classes: use sigmoid_binary_cross_entropy" if (link, k) == ("softmax", 2) else ""
        raise ValueError(f"scikit-learn has no network of {k} outputs with the prediction of {mlp.loss.name}{hint}")
    count = 2 if k == 1 else k
    labels = np.arange(count) if classes is None else np.asarray(classes)
    if labels.shape != (count,) or len(np.unique(labels)) != count or (np.sort(labels) != labels).any():
        raise ValueError(
            f"classes must be {count}, all different and in rising order as scikit-learn keeps them, got {classes!r}"
        )
    one_each = np.eye(count, dtype=int) if link == "sigmoid" and k > 1 else labels
    return MLPClassifier(**options).partial_fit(np.zeros((count, mlp.sizes[0])), one_each, classes=labels)
