"""The books of a stochastic training: the attributes of an estimator that scikit-learn's keep, and what it warns of."""

import warnings
from collections.abc import Iterable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from sklearn.exceptions import ConvergenceWarning

from mlpjax.sklearn.descent import start
from mlpjax.sklearn.progress import Plan, Progress
from mlpjax.sklearn.rules import Rates
from mlpjax.sklearn.stochastic import Leg
from mlpjax.sklearn.verbose import say
from mlpjax.types import Params


class Memory(NamedTuple):
    """What stays between calls of `partial_fit`: the solver, its learning rate of the next epoch, and its state."""

    solver: Any
    learning_rate: float
    state: Any


def opened(estimator) -> None:
    """Forget an earlier training; L-BFGS keeps no books."""
    for memory in ("_optimizer", "_best_params"):
        estimator.__dict__.pop(memory, None)
    if estimator.solver != "lbfgs":
        early = estimator.early_stopping
        estimator._no_improvement_count, estimator.loss_curve_ = 0, []
        estimator.best_loss_ = None if early else np.inf
        estimator.validation_scores_, estimator.best_validation_score_ = ([], -np.inf) if early else (None, None)


def resumed(estimator, plan: Plan, rates: Rates, params: Params, incremental: bool) -> Progress:
    """Where training goes on, or starts."""
    memory, dtype = getattr(estimator, "_optimizer", None), params[0].W.dtype
    if memory is None or not incremental or memory.solver != estimator.solver:
        memory = Memory(estimator.solver, rates.learning_rate, jax.device_get(start(plan, rates, params)))
    early = estimator.early_stopping
    best = estimator.best_validation_score_ if early else -estimator.best_loss_
    best_params = getattr(estimator, "_best_params", params) if early else ()
    numbers = (memory.learning_rate, estimator.t_, estimator._no_improvement_count, best)
    rate, seen, waited, best = (jnp.asarray(np.asarray(number, dtype)) for number in numbers)
    return Progress(params, memory.state, rate, seen, waited, best, best_params, jnp.asarray(False))


def follow(estimator, training: Iterable[Leg], n: int, incremental: bool) -> None:
    """Train, keep the books, and say what scikit-learn would say."""
    estimator.n_iter_, leg = 0, None
    try:
        for leg in training:
            _record(estimator, leg, n)
        if estimator.n_iter_ == estimator.max_iter and not incremental and leg is not None and not leg.progress.stop:
            maximum = f"Stochastic Optimizer: Maximum iterations ({estimator.max_iter}) reached"
            warnings.warn(f"{maximum} and the optimization hasn't converged yet.", ConvergenceWarning, stacklevel=5)
    except KeyboardInterrupt:
        warnings.warn("Training interrupted by user.", stacklevel=5)
    if estimator.early_stopping and leg is not None:
        estimator._keep(leg.progress.best_params)


def _record(estimator, leg: Leg, n: int) -> None:
    before = getattr(estimator, "_optimizer", None)
    _enter(estimator, leg, n)
    if estimator.verbose:
        rate = estimator._optimizer.learning_rate
        slower = before is not None and rate < before.learning_rate
        say(estimator, bool(leg.progress.stop), rate if slower else None)


def _enter(estimator, leg: Leg, n: int) -> None:
    progress = leg.progress
    estimator._keep(progress.params)
    estimator._optimizer = Memory(estimator.solver, float(progress.learning_rate), progress.opt_state)
    estimator._no_improvement_count = int(progress.waited)
    estimator.n_iter_ += len(leg.losses)
    estimator.t_ += n * len(leg.losses)
    estimator.loss_curve_ += leg.losses
    estimator.loss_ = estimator.loss_curve_[-1]
    if estimator.early_stopping:
        estimator.validation_scores_ += leg.scores
        estimator.best_validation_score_, estimator._best_params = float(progress.best), progress.best_params
    else:
        estimator.best_loss_ = -float(progress.best)
