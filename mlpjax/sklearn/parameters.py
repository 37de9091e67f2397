"""Which values the parameters of the estimators take: scikit-learn's own rules, widened."""

from numbers import Real

import jax
import optax
from sklearn.utils._param_validation import Interval, StrOptions

from mlpjax import optimizers
from mlpjax.activations import Activation
from mlpjax.initializers import RECORDS, Initializer
from mlpjax.sklearn import outputs


def shared(theirs) -> dict:
    """The rules of the installed scikit-learn's estimator, with what is added to both of its kind."""
    solvers = StrOptions({"lbfgs", "sgd", "adam", *optimizers.RECORDS})
    return theirs._parameter_constraints | {
        "activation": [str, Activation, list, tuple],
        "solver": [solvers, optax.GradientTransformation, callable],
        "l1": [Interval(Real, 0, None, closed="left")],
        "initializer": [StrOptions(set(RECORDS)), Initializer, None],
        "device": [str, jax.Device, None],
    }


def incremental(estimator) -> bool:
    """Whether the solver can go on one epoch at a time.

    Raises:
        AttributeError: it is L-BFGS.
    """
    if estimator.solver == "lbfgs":
        raise AttributeError("partial_fit is only available for stochastic optimizers. lbfgs is not stochastic.")
    return True


def probabilities(estimator) -> bool:
    """Whether a classifier predicts probabilities.

    Raises:
        AttributeError: its loss has none.
    """
    loss = estimator.loss
    if outputs.is_probability(loss):
        return True
    raise AttributeError(f"predict_proba is only available for losses of probabilities such as 'log_loss', not for {loss!r}")


def margins(estimator) -> bool:
    """Whether a classifier has, for want of probabilities, a decision function.

    Raises:
        AttributeError: its loss has probabilities.
    """
    loss = estimator.loss
    if not outputs.is_probability(loss):
        return True
    raise AttributeError(f"decision_function is not available for losses of probabilities, {loss!r} here: use predict_proba")
