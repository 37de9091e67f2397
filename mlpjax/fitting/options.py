"""The options of a training: what they may be, and what rules they stand for."""

from numbers import Integral

import jax
import jax.numpy as jnp
import numpy as np
import optax

from mlpjax import checks
from mlpjax.fitting.epochs import Rules
from mlpjax.gradients.method import check_differentiable
from mlpjax.network import MLP
from mlpjax.training import State
from mlpjax.types import Params, Penalty


def rules(tol: float | None, patience: int | None, min_delta: float) -> Rules:
    """The rules that the options of `fit` stand for.

    Raises:
        ValueError: one of them is out of range.
    """
    if patience is not None and not (isinstance(patience, Integral) and patience >= 1):
        raise ValueError(f"patience must be a whole number of epochs, 1 or more; got {patience!r}")
    if not (np.isfinite(min_delta) and min_delta >= 0):
        raise ValueError(f"min_delta must be a finite number of 0 or more, got {min_delta!r}")
    if tol is not None and not (np.isfinite(tol) and tol >= 0):
        raise ValueError(f"tol must be a finite number of 0 or more, got {tol!r}")
    never = Rules()
    waits = never.patience if patience is None else min(int(patience), never.patience)
    return Rules(never.tol if tol is None else float(tol), waits, float(min_delta))


MONITORS = ("loss", "validation_loss", "validation_score")
"""What can say which epoch is best."""


def check_monitor(monitor: str | None, patience: int | None, validated: bool) -> str | None:
    """What to monitor: as asked; the validation loss if there is one; the training loss if only patience is asked for.

    Raises:
        ValueError: it is unknown, or needs a validation set.
    """
    if monitor is None:
        return "validation_loss" if validated else ("loss" if patience is not None else None)
    if monitor not in MONITORS:
        raise ValueError(f"monitor must be one of {', '.join(MONITORS)}; got {monitor!r}")
    if monitor != "loss" and not validated:
        raise ValueError(f"monitor={monitor!r} needs a validation set: pass validation=(x, y) or a fraction such as 0.1")
    return monitor


def check_training(mlp: MLP, params: Params, penalty: Penalty | None, epochs: int) -> None:
    """The network, its parameters and the options can be trained with.

    Raises:
        ValueError, TypeError: what was expected, and what came.
    """
    checks.check_params(mlp, params)
    checks.check_finite_params(params)
    checks.check_penalty(penalty)
    check_differentiable(mlp)
    check_epochs(epochs)


def check_optimizer(optimizer: optax.GradientTransformation) -> None:
    """It is an Optax transformation, or a TypeError that says so."""
    if not isinstance(optimizer, optax.GradientTransformation):
        raise TypeError(f"optimizer must be an Optax transformation such as optax.adam(1e-3), got {optimizer!r}")


def check_key(key) -> None:
    """It is one of JAX's keys, or a TypeError that says so."""
    if not isinstance(key, jax.Array | np.ndarray):
        raise TypeError(f"key must be one of JAX's, such as jax.random.key(0); got {key!r}")


def check_opt_state(optimizer: optax.GradientTransformation, state: State) -> None:
    """The optimiser's memory in a state is of this optimiser.

    Raises:
        ValueError: it is another's.
    """
    wanted = jax.eval_shape(optimizer.init, state.params)
    if jax.tree.structure(wanted) != jax.tree.structure(state.opt_state):  # type: ignore[operator]
        raise ValueError(
            "the state is of another optimiser: go on with the one that it comes from, or start with its parameters, state.params"
        )


def check_some_weight(what: str, weights) -> None:
    """Not all weights are 0, or a ValueError that says so."""
    if weights is not None and not np.any(np.asarray(weights)):
        raise ValueError(f"the weights of {what} are all 0: nothing can be measured on it")


def traced(penalty: Penalty | None) -> Penalty | None:
    """The strengths as floating point numbers, so that whole ones are no other compilation."""
    return None if penalty is None else jax.tree.map(lambda strength: jnp.asarray(strength, float), penalty)


def check_epochs(epochs: int) -> None:
    """At least one epoch, or an error that says so."""
    if not isinstance(epochs, Integral):
        raise TypeError(f"epochs must be a whole number, got {epochs!r}")
    if epochs < 1:
        raise ValueError(f"epochs must be 1 or more, got {epochs}")


def check_every(every: int | None, name: str = "every", what: str = "epochs") -> None:
    """A number of epochs, or of something else, or none, or an error that says so."""
    if every is not None and not (isinstance(every, Integral) and 1 <= every < 2**31):
        raise ValueError(f"{name} must be a whole number of {what}, 1 or more; got {every!r}")


def checked_validation(mlp: MLP, validation: tuple) -> tuple:
    """`(x, y, weights)` of a validation set that can be measured on.

    Raises:
        ValueError, TypeError: it cannot; the message says that it is about the validation set.
    """
    if len(validation) not in (2, 3):
        raise ValueError(f"validation must be (x, y) or (x, y, weights), got {len(validation)} arrays")
    x, y, weights = (*validation, None)[:3]
    try:
        checks.check_data(mlp, x, y, weights)
    except (ValueError, TypeError) as error:
        raise type(error)(f"validation: {error}") from None
    check_some_weight("the validation set", weights)
    return x, y, weights
