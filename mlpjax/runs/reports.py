"""How good a model is on held-out examples: its metrics, beside those of a constant and of a linear model."""

import warnings
from typing import NamedTuple

import numpy as np

from mlpjax.data import Examples, Preprocessing
from mlpjax.runs.examples import Prepared
from mlpjax.runs.models import Model, outputs

MOST_FOR_BASELINES = 100_000
"""The most training examples that the baselines are fitted on."""


class Report(NamedTuple):
    """What a model is worth.

    Attributes:
        metrics: by name. Of classes: accuracy, balanced_accuracy, f1 (the mean over the classes), log_loss and, of two
            classes, auc; of numbers: r2, rmse and mae, in the target's own unit, the mean over the targets if several.
        baselines: the same of other models: "constant", "linear".
        truth: of each example: the places of classes, shape (n,), or numbers in their unit, shape (n, targets).
        prediction: likewise.
    """

    metrics: dict[str, float]
    baselines: dict[str, dict[str, float]]
    truth: np.ndarray
    prediction: np.ndarray


def report(model: Model, examples: Examples, prepared: Prepared | None = None) -> Report:
    """Measure a model on examples, and on the same ones the baselines.

    Args:
        model: to be measured.
        examples: held out.
        prepared: what the baselines learn from; the examples themselves, for the constant alone, unless given.
    """
    preprocessing, scores = model.preprocessing, outputs(model, examples.x)
    training = examples if prepared is None else prepared.sample(MOST_FOR_BASELINES)
    others = {"constant": _constant(preprocessing, training, len(examples.x))}
    if prepared is not None:
        others["linear"] = _linear(preprocessing, training, examples.x)
    baselines = {name: measured(preprocessing, examples, scores) for name, scores in others.items()}
    truth, prediction = _own_units(preprocessing, examples.y, scores)
    return Report(measured(preprocessing, examples, scores), baselines, truth, prediction)


def measured(preprocessing: Preprocessing, examples: Examples, scores: np.ndarray) -> dict[str, float]:
    """The metrics of predictions: a probability for each class, or standardised numbers."""
    metrics = _of_classes if preprocessing.target.classes else _of_numbers
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a class that is never predicted is told by its precision of 0
        return metrics(preprocessing, examples, scores)


def _of_classes(preprocessing: Preprocessing, examples: Examples, p: np.ndarray) -> dict[str, float]:
    from sklearn import metrics

    y, weights, chosen = examples.y, examples.weights, p.argmax(axis=1)
    found = {
        "accuracy": metrics.accuracy_score(y, chosen, sample_weight=weights),
        "balanced_accuracy": metrics.balanced_accuracy_score(y, chosen, sample_weight=weights),
        "f1": metrics.f1_score(y, chosen, average="macro", sample_weight=weights, zero_division=0),
        "log_loss": metrics.log_loss(y, p.astype(float), labels=np.arange(p.shape[1]), sample_weight=weights),
    }
    if p.shape[1] == 2 and len(np.unique(y)) == 2:
        found["auc"] = metrics.roc_auc_score(y, p[:, 1], sample_weight=weights)
    return {name: float(value) for name, value in found.items()}


def _of_numbers(preprocessing: Preprocessing, examples: Examples, standardised: np.ndarray) -> dict[str, float]:
    from sklearn import metrics

    truth, prediction = _own_units(preprocessing, examples.y, standardised)
    weights = examples.weights
    return {
        "r2": float(metrics.r2_score(truth, prediction, sample_weight=weights)) if len(truth) > 1 else float("nan"),
        "rmse": float(metrics.root_mean_squared_error(truth, prediction, sample_weight=weights)),
        "mae": float(metrics.mean_absolute_error(truth, prediction, sample_weight=weights)),
    }


def _own_units(preprocessing: Preprocessing, y: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if preprocessing.target.classes:
        return y, scores.argmax(axis=1)
    mean, scale = preprocessing.target_statistics
    return y.astype(float) * scale + mean, scores.astype(float) * scale + mean


def _constant(preprocessing: Preprocessing, training: Examples, n: int) -> np.ndarray:
    """The shares of the classes, or the mean."""
    if preprocessing.target.classes:
        row = np.bincount(training.y, weights=training.weights, minlength=preprocessing.outputs)
        row = row / row.sum()
    else:
        row = np.average(training.y, axis=0, weights=training.weights)
    return np.broadcast_to(row, (n, preprocessing.outputs))


def _linear(preprocessing: Preprocessing, training: Examples, x: np.ndarray) -> np.ndarray:
    """Logistic or ridge regression by scikit-learn, at its defaults."""
    from sklearn.linear_model import LogisticRegression, Ridge

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a baseline that has not quite converged is a baseline all the same
        if not preprocessing.target.classes:
            return Ridge().fit(training.x, training.y, sample_weight=training.weights).predict(x).reshape(len(x), -1)
        if len(np.unique(training.y)) < 2:
            return _constant(preprocessing, training, len(x))
        fitted = LogisticRegression(max_iter=300).fit(training.x, training.y, sample_weight=training.weights)
    p = np.zeros((len(x), preprocessing.outputs))
    p[:, fitted.classes_] = fitted.predict_proba(x)
    return p
