"""`MLPClassifier`, in place of `sklearn.neural_network.MLPClassifier`."""

from dataclasses import KW_ONLY, dataclass
from typing import Any

import numpy as np
from sklearn import neural_network
from sklearn.base import ClassifierMixin
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils.class_weight import compute_class_weight, compute_sample_weight
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import _check_partial_fit_first_call, type_of_target, unique_labels
from sklearn.utils.validation import column_or_1d

from mlpjax.losses import Loss
from mlpjax.sklearn import outputs
from mlpjax.sklearn.base import Multilayer
from mlpjax.sklearn.parameters import incremental, margins, probabilities, shared


@dataclass(eq=False, repr=False)
class MLPClassifier(ClassifierMixin, Multilayer):
    """A multilayer perceptron that learns classes, in place of `sklearn.neural_network.MLPClassifier`.

    Parameters, defaults, attributes, warnings and errors are those of scikit-learn's, and so are its random numbers: a
    `random_state` gives the same network but for rounding. Training runs on the device, several epochs a call; the numbers
    among the parameters are traced, so that a grid over `alpha` or `learning_rate_init` is compiled for once.
    What scikit-learn's has too is described there at length.

    Args:
        hidden_layer_sizes: the number of units of each hidden layer, or of the only one; `()` for none.
        activation: "identity", "logistic", "tanh" or "relu", any other name or record of `mlpjax.activations`, or a tuple of
            one for each hidden layer.
        solver: "adam", "sgd" or "lbfgs"; or another name of `mlpjax.optimizers`; or a function from a learning rate to an
            Optax optimiser, such as `optax.adamw`, called while JAX traces; or an Optax optimiser. Keep one function or
            optimiser: a fresh one compiles again.
        alpha: the strength of the L2 penalty, which is divided by the number of examples in the mini-batch, or their weight.
        batch_size: "auto" for 200, or for all of fewer.
        learning_rate: "constant", "invscaling" or "adaptive", for "sgd".
        learning_rate_init: the learning rate; an Optax optimiser has its own, and this one only scales `l1`.
        power_t: the exponent of "invscaling".
        max_iter: epochs at most, or steps of L-BFGS.
        shuffle: whether every epoch has an order of its own.
        random_state: a seed, or a generator of NumPy's.
        tol: how much the loss, or the score with early stopping, must improve; for L-BFGS the size of a gradient of 0.
        verbose: whether to print the loss of each epoch; the epochs are then called one by one.
        warm_start: whether `fit` goes on from where the last one ended.
        momentum, nesterovs_momentum: for "sgd".
        early_stopping: whether to hold out some examples, stop when the accuracy on them no longer rises, and keep the best.
        validation_fraction: how many to hold out.
        beta_1, beta_2, epsilon: for "adam".
        n_iter_no_change: how many epochs to wait for an improvement.
        max_fun: evaluations at most, for "lbfgs".
        loss: "log_loss", or any name or record of `mlpjax.losses`.
        class_weight: a dict from classes to weights, or "balanced" for weights inverse to how frequent they are; they multiply
            those of the examples.
        l1: the strength of an L1 penalty, divided as `alpha`: its proximal step follows the solver's, and makes weights
            exactly 0.
        initializer: a name or record of `mlpjax.initializers`. Without one the network starts as scikit-learn's does, or,
            with an activation that it does not have, from the one that suits each layer.
        device: where to train and predict: "cpu", "gpu:1" or a `jax.Device`; JAX's default unless given.

    Attributes:
        classes_: the labels, or the numbers of the columns.
        coefs_: the weights of each layer, in the dtype of the examples; float64 after L-BFGS.
        intercepts_: its biases, likewise.
        loss_: the last loss, with the penalty.
        best_loss_: the least loss, with the penalty; `None` with early stopping.
        loss_curve_: the loss after each epoch, with the penalty.
        validation_scores_: the accuracy on the validation examples after each epoch, with early stopping, else `None`.
        best_validation_score_: the greatest of them, else `None`.
        n_iter_: how many epochs the last `fit` ran.
        t_: how many examples were seen in all.
        n_layers_: the number of layers, counted with the input.
        n_outputs_: the number of outputs.
        out_activation_: the name of what turns logits into predictions.
        n_features_in_: the number of columns of the examples.
        feature_names_in_: their names, where they have any.

    Pickle and joblib keep the estimator, if its parameters are names and numbers; records are functions, which they refuse.

    >>> from sklearn.datasets import load_iris
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> x, y = load_iris(return_X_y=True)
    >>> network = MLPClassifier(
    ...     (16,), "silu", batch_size=30, learning_rate_init=0.02, tol=0.01, random_state=0)
    >>> model = make_pipeline(StandardScaler(), network).fit(x, y)
    >>> model.predict(x[::50]).tolist(), bool(model.score(x, y) > 0.95)
    ([0, 1, 2], True)
    """

    hidden_layer_sizes: Any = (100,)
    activation: Any = "relu"
    _: KW_ONLY
    loss: Any = "log_loss"
    class_weight: Any = None

    _parameter_constraints = shared(neural_network.MLPClassifier) | {"loss": [str, Loss], "class_weight": [dict, list, str, None]}

    def _loss(self) -> Loss:
        return outputs.classification_loss(self.loss, self._label_binarizer.y_type_)

    def _validate_input(self, X, y, sample_weight, incremental: bool, first: bool):
        X, y, weights = self._validated(X, y, sample_weight, first)
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        self._check_classes(y, incremental)
        if self.class_weight is not None:
            weights = self._class_weights(y) if weights is None else weights * self._class_weights(y)
        return X, self._label_binarizer.transform(y).astype(bool), weights

    def _class_weights(self, y) -> np.ndarray:
        """The weight of each example; that of a class may be given before the class is seen."""
        if y.ndim > 1:
            return compute_sample_weight(self.class_weight, y)
        of_classes = compute_class_weight(self.class_weight, classes=self.classes_, y=y)
        return of_classes[np.searchsorted(self.classes_, y)]

    def _check_classes(self, y, incremental: bool) -> None:
        if not hasattr(self, "classes_") or not (self.warm_start or incremental):
            self._label_binarizer = LabelBinarizer().fit(y)
            self.classes_ = self._label_binarizer.classes_
            return
        classes = unique_labels(y)
        if self.warm_start and set(classes) != set(self.classes_):
            raise ValueError(
                "warm_start can only be used where `y` has the same classes as in the previous call to fit. Previously got "
                f"{self.classes_}, `y` has {classes}"
            )
        if len(np.setdiff1d(classes, self.classes_, assume_unique=True)):
            raise ValueError(f"`y` has classes not in `self.classes_`. `self.classes_` has {self.classes_}. 'y' has {classes}.")

    def _targets(self, mlp, y, dtype) -> np.ndarray:
        return outputs.encoded(mlp.loss, y, dtype)

    def _strata(self, y):
        return y if self.n_outputs_ == 1 else None

    def _score_function(self) -> outputs.Score:
        return outputs.top_accuracy if self._label_binarizer.y_type_ == "multiclass" else outputs.accuracy

    def fit(self, X, y, sample_weight=None):
        """Train, and return the estimator itself.

        Args:
            X: the examples, shape (n, d), an array, a frame or a sparse matrix.
            y: their classes, shape (n,), or one column of 0 and 1 for each label.
            sample_weight: one weight for each example, shape (n,).

        Raises:
            ValueError: a parameter or the data cannot be used, or training overflowed.
        """
        return self._fit(X, y, sample_weight, incremental=False)

    @available_if(incremental)
    def partial_fit(self, X, y, sample_weight=None, classes=None):
        """Train for one epoch more, and return the estimator itself.

        Args:
            X, y, sample_weight: as in `fit`.
            classes: all the classes there will be; the first call needs them.

        Raises:
            ValueError: as `fit`; classes are missing or differ from those of the first call.
        """
        if self.class_weight == "balanced":
            raise ValueError(
                "class_weight 'balanced' is not supported for partial_fit, which does not see all the data: pass the weights "
                "that sklearn.utils.class_weight.compute_class_weight finds, as a dict"
            )
        if _check_partial_fit_first_call(self, classes):
            self._label_binarizer = LabelBinarizer().fit(y if type_of_target(y).startswith("multilabel") else classes)
        return self._fit(X, y, sample_weight, incremental=True)

    def predict(self, X):
        """The class of each example, shape (n,), or 0 and 1 for each label, shape (n, labels)."""
        outputs = self._output(X)
        return self._label_binarizer.inverse_transform(outputs.ravel() if self.n_outputs_ == 1 else outputs)

    @available_if(margins)
    def decision_function(self, X):
        """How far each output speaks for its class, 0 where it is undecided: the logits of a loss of signs.

        Shape (n,) for two classes, else (n, classes).
        """
        z = 2 * self._output(X) - 1
        return z.ravel() if self.n_outputs_ == 1 else z

    @available_if(probabilities)
    def predict_proba(self, X):
        """The probability of each class in the order of `classes_`, shape (n, classes)."""
        p = self._output(X)
        if self.n_outputs_ == 1:
            return np.hstack([1 - p, p])
        if self._label_binarizer.y_type_ == "multiclass" and self.out_activation_ != "softmax":
            return p / p.sum(axis=1, keepdims=True)
        return p

    @available_if(probabilities)
    def predict_log_proba(self, X):
        """The logarithm of `predict_proba`."""
        p = self.predict_proba(X)
        return np.log(p, out=p)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
