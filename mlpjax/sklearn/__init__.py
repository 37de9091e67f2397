"""Estimators for scikit-learn: `MLPClassifier` and `MLPRegressor` in place of those of `sklearn.neural_network`."""

from mlpjax.sklearn.classifier import MLPClassifier as MLPClassifier
from mlpjax.sklearn.regressor import MLPRegressor as MLPRegressor
