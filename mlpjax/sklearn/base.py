"""What the two estimators share: checking, starting, training, and the attributes that scikit-learn's have."""

import warnings
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.optimize import _check_optimize_result
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from mlpjax import checks, losses
from mlpjax.network import MLP
from mlpjax.sklearn import books, outputs
from mlpjax.sklearn.numerics import numerics, predicted
from mlpjax.sklearn.progress import Plan
from mlpjax.sklearn.quasi_newton import minimised
from mlpjax.sklearn.rules import Rates, rule
from mlpjax.sklearn.start import drawn
from mlpjax.sklearn.stochastic import Orders, batches, legs, padded, split
from mlpjax.sklearn.thin import densified
from mlpjax.types import Layer, Params


@dataclass(eq=False, repr=False, kw_only=True)
class Multilayer(BaseEstimator):
    """The parameters of both estimators, and how they train; see `MLPClassifier` and `MLPRegressor`."""

    solver: Any = "adam"
    alpha: Any = 0.0001
    batch_size: Any = "auto"
    learning_rate: Any = "constant"
    learning_rate_init: Any = 0.001
    power_t: Any = 0.5
    max_iter: Any = 200
    shuffle: Any = True
    random_state: Any = None
    tol: Any = 1e-4
    verbose: Any = False
    warm_start: Any = False
    momentum: Any = 0.9
    nesterovs_momentum: Any = True
    early_stopping: Any = False
    validation_fraction: Any = 0.1
    beta_1: Any = 0.9
    beta_2: Any = 0.999
    epsilon: Any = 1e-8
    n_iter_no_change: Any = 10
    max_fun: Any = 15000
    l1: Any = 0.0
    initializer: Any = None
    device: Any = None

    def _mlp(self, sizes) -> MLP:
        return MLP(sizes, outputs.activation(self.activation), self._loss())

    def _sizes(self, features: int, k: int) -> list[int]:
        hidden = list(np.atleast_1d(self.hidden_layer_sizes).tolist())
        if any(size <= 0 for size in hidden):
            raise ValueError(f"hidden_layer_sizes must be > 0, got {hidden}.")
        return [features, *hidden, k]

    def _fit(self, X, y, sample_weight, incremental: bool):
        self._validate_params()
        if incremental and self.early_stopping:
            raise ValueError("partial_fit does not support early_stopping=True")
        first = not hasattr(self, "coefs_") or not (self.warm_start or incremental)
        X, y, weights = self._validate_input(X, y, sample_weight, incremental, first)
        given, X = X.dtype, X.astype(self._dtype(X, first), copy=False)
        self.n_outputs_ = y.shape[1]
        mlp = self._mlp(self._sizes(X.shape[1], self.n_outputs_))
        random_state = check_random_state(self.random_state)
        with numerics(X.dtype, self.device):
            if first:
                self._initialize(mlp, random_state, given)
            params = self._params(X.dtype)
            checks.check_params(mlp, params)
            train = self._fit_lbfgs if self.solver == "lbfgs" else self._fit_stochastic
            train(mlp, params, random_state, X, y, weights, incremental)
        return self._finite()

    def _finite(self):
        if all(np.isfinite(array).all() for array in (*self.coefs_, *self.intercepts_)):
            return self
        raise ValueError(
            "Solver produced non-finite parameter weights. The input data may contain large values and need to be preprocessed."
        )

    def _dtype(self, X, first: bool):
        """That of the examples, or of the parameters when they go on; float64 for L-BFGS, whose line search needs the digits."""
        given = X.dtype if first else np.result_type(self.coefs_[0], np.float32)
        return np.dtype(np.float64) if self.solver == "lbfgs" else given

    def _validated(self, X, y, sample_weight, reset: bool, **options):
        """Arrays, or a sparse matrix, as scikit-learn checks them."""
        X, y = validate_data(
            self, X, y, accept_sparse=["csr", "csc"], multi_output=True, dtype=(np.float64, np.float32), reset=reset, **options
        )
        weights = None if sample_weight is None else _check_sample_weight(sample_weight, X)
        return X, y, weights

    def _params(self, dtype) -> Params:
        pairs = zip(self.coefs_, self.intercepts_, strict=True)
        return tuple(Layer(jnp.asarray(W, dtype), jnp.asarray(b, dtype)) for W, b in pairs)

    def _keep(self, params: Params) -> None:
        self.coefs_ = [np.array(layer.W) for layer in params]
        self.intercepts_ = [np.array(layer.b) for layer in params]

    def _initialize(self, mlp: MLP, random_state, dtype) -> None:
        self._keep(drawn(mlp, self.activation, self.initializer, random_state, dtype))
        self.n_iter_, self.t_, self.n_layers_ = 0, 0, len(mlp.sizes)
        self.out_activation_ = outputs.out_activation(mlp.loss)
        books.opened(self)

    def _fit_lbfgs(self, mlp: MLP, params: Params, random_state, X, y, weights, incremental) -> None:
        if self.l1:
            raise ValueError("L-BFGS needs a smooth penalty: with l1 above 0 use solver='sgd', 'adam' or another of Optax's")
        options = {"maxfun": self.max_fun, "maxiter": self.max_iter, "gtol": self.tol}
        params, result = minimised(mlp, params, densified(X), self._targets(mlp, y, X.dtype), weights, self.alpha, **options)
        self.n_iter_ = _check_optimize_result("lbfgs", result, self.max_iter)
        self.loss_ = result.fun
        self._keep(params)

    def _fit_stochastic(self, mlp: MLP, params: Params, random_state, X, y, weights, incremental) -> None:
        data, held_out = (X, y, weights), None
        if self.early_stopping:
            data, held_out = split(*data, self.validation_fraction, self._strata(y), random_state)
        X, y, weights = data
        cut = batches(X.shape[0], self._batch_size(X.shape[0]))
        plan, rates = self._plan(mlp), self._rates()
        progress = books.resumed(self, plan, rates, params, incremental)
        examples = padded(X, self._targets(mlp, y, X.dtype), weights, cut.rows)
        validation = held_out and padded(held_out[0], self._targets(mlp, held_out[1], X.dtype), held_out[2], len(held_out[1]))
        orders = Orders(cut, random_state if self.shuffle else None)
        epochs = 1 if incremental else self.max_iter
        training = legs(plan, rates, progress, examples, validation, orders, epochs, bool(self.verbose))
        books.follow(self, training, cut.n, incremental)

    def _batch_size(self, n: int) -> int:
        if self.batch_size == "auto":
            return min(200, n)
        if self.batch_size > n:
            warnings.warn("Got `batch_size` less than 1 or larger than sample size. It is going to be clipped", stacklevel=5)
        return min(self.batch_size, n)

    def _plan(self, mlp: MLP) -> Plan:
        schedule = self.learning_rate if self.solver == "sgd" else "constant"
        share = 1 / self.n_outputs_ if mlp.loss == losses.l2_loss else 1.0
        score = self._score_function() if self.early_stopping else None
        return Plan(mlp, rule(self.solver, bool(self.nesterovs_momentum)), schedule, self.l1 > 0, share, score)

    def _rates(self) -> Rates:
        renamed = {"learning_rate": "learning_rate_init", "patience": "n_iter_no_change"}
        return Rates(*(float(getattr(self, renamed.get(name, name))) for name in Rates._fields))

    def _output(self, X) -> np.ndarray:
        """The outputs of the network, shape (n, n_outputs_)."""
        check_is_fitted(self)
        X = validate_data(self, X, accept_sparse=["csr", "csc"], reset=False)
        dtype = np.result_type(X.dtype, self.coefs_[0].dtype)
        dtype = dtype if dtype == np.float32 else np.dtype(np.float64)
        mlp = self._mlp([len(self.coefs_[0]), *(len(b) for b in self.intercepts_)])
        with numerics(dtype, self.device):
            return predicted(mlp, self._params(dtype), X, dtype)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
