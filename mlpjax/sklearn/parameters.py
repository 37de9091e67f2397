"""Which values the parameters of the estimators take: scikit-learn's own rules, widened."""

from numbers import Real

import jax
import optax
from sklearn.utils._param_validation import Interval, StrOptions

from mlpjax import optimizers
from mlpjax.activations import Activation
from mlpjax.initializers import RECORDS, Initializer


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
