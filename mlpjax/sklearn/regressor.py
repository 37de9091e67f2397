"""`MLPRegressor`, in place of `sklearn.neural_network.MLPRegressor`."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn import neural_network
from sklearn.base import RegressorMixin
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import column_or_1d

from mlpjax import checks, losses
from mlpjax.losses import Loss
from mlpjax.network import MLP
from mlpjax.sklearn import outputs
from mlpjax.sklearn.base import Multilayer
from mlpjax.sklearn.parameters import incremental, shared


@dataclass(eq=False, repr=False)
class MLPRegressor(RegressorMixin, Multilayer):
    """A multilayer perceptron that learns numbers, in place of `sklearn.neural_network.MLPRegressor`.

    Parameters and attributes are those of `MLPClassifier` but for its classes; early stopping judges by the coefficient of
    determination.

    Args:
        loss: "squared_error", which is half of it here as in scikit-learn, or "poisson", half the deviance; or any name or
            record of `mlpjax.losses` that takes numbers, such as "huber_loss(2.0)" or "quantile_loss(0.9)".

    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.preprocessing import scale
    >>> x, y = load_diabetes(return_X_y=True)
    >>> options = {"learning_rate_init": 0.01, "max_iter": 50, "tol": 0.01, "random_state": 0}
    >>> median = MLPRegressor("absolute_error", (16,), **options)
    >>> median.fit(scale(x), scale(y)).predict(scale(x)[:2]).shape
    (2,)
    """

    loss: Any = "squared_error"
    hidden_layer_sizes: Any = (100,)
    activation: Any = "relu"

    _parameter_constraints = shared(neural_network.MLPRegressor) | {"loss": [str, Loss]}

    def _loss(self) -> Loss:
        return outputs.regression_loss(self.loss)

    def _validate_input(self, X, y, sample_weight, incremental: bool, first: bool):
        X, y, weights = self._validated(X, y, sample_weight, first, y_numeric=True)
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        return X, y.reshape(len(y), -1), weights

    def _targets(self, mlp, y, dtype) -> np.ndarray:
        y = y.astype(dtype)
        if mlp.loss.target is not losses.NUMBERS:
            checks.check_data(MLP((1, mlp.sizes[-1]), loss=mlp.loss), np.zeros((len(y), 1)), y)
        return y

    def _strata(self, y) -> None:
        return None

    def _score_function(self) -> outputs.Score:
        return outputs.r2

    def fit(self, X, y, sample_weight=None):
        """Train, and return the estimator itself.

        Args:
            X: the examples, shape (n, d), an array, a frame or a sparse matrix.
            y: their targets, shape (n,) or (n, outputs).
            sample_weight: one weight for each example, shape (n,).

        Raises:
            ValueError: a parameter or the data cannot be used, or training overflowed.
        """
        return self._fit(X, y, sample_weight, incremental=False)

    @available_if(incremental)
    def partial_fit(self, X, y, sample_weight=None):
        """Train for one epoch more; arguments, result and errors as those of `fit`."""
        return self._fit(X, y, sample_weight, incremental=True)

    def predict(self, X):
        """The prediction for each example, shape (n,), or (n, outputs) for several."""
        outputs = self._output(X)
        return outputs.ravel() if outputs.shape[1] == 1 else outputs
