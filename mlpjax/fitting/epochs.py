"""Many epochs as one compiled loop on the device, with what ends training decided between them.

The number of epochs is traced, so that a loop of any length is one compilation, and its length changes no bit of the result.
"""

import functools
import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Int, Shaped

from mlpjax import metrics
from mlpjax.fitting.recording import Recording, recorded_epoch
from mlpjax.network import MLP, forward, shares
from mlpjax.training import Best, Info, State, norm, scanned_epoch
from mlpjax.types import GradFn, Params, Penalty, Scalar

MOST = 256
"""The most epochs of one loop, for each of which the device keeps a row."""

STOPPED = ("", "converged", "patience", "diverged")
"""What a verdict stands for, by its number."""


class Task(NamedTuple):
    """All that is static in a training."""

    mlp: MLP
    optimizer: optax.GradientTransformation
    gradient: GradFn
    batch_size: int
    monitor: str | None


class Examples(NamedTuple):
    """Data on the device, ready to train on."""

    x: Array
    y: Array
    weights: Array | None = None


class Rules(NamedTuple):
    """What ends training before its last epoch; traced, so that other numbers are no other compilation.

    Attributes:
        tol: an epoch that changes the parameters by no more than this share of their norm.
        patience: so many epochs without an improvement.
        min_delta: how much better than the best so far is an improvement.
    """

    tol: float = -math.inf
    patience: int = 2**31 - 1
    min_delta: float = 0.0


class Rows(NamedTuple):
    """One row an epoch, as in `History`; a single epoch has scalars."""

    loss: Shaped[Array, "*epochs"]
    gradient_norms: Shaped[Array, "*epochs layers"]
    change: Shaped[Array, "*epochs"]
    validation_loss: Shaped[Array, "*epochs"] | None
    validation_score: Shaped[Array, "*epochs"] | None


def validate(mlp: MLP, params: Params, examples: Examples) -> tuple[Scalar, Scalar]:
    """The mean loss without the penalty, and the accuracy or R²."""
    x, y, weights = examples
    z = forward(mlp, params, x).z[-1]
    loss = jnp.sum(shares(weights, len(x), x.dtype) * mlp.loss.value(z, y))
    return loss, metrics.score(mlp.loss, z, y, weights)


def nothing_yet(task: Task, params: Params) -> Best | None:
    """The best before the first epoch, if there is something to watch."""
    if task.monitor is None:
        return None
    dtype = row_dtype(params)
    kept = None if task.monitor == "loss" else params
    return Best(jnp.array(jnp.inf, dtype), jnp.array(0, jnp.int32), jnp.array(0, jnp.int32), kept)


def row_dtype(params: Params):
    """Of what a history holds: float32 at least."""
    return jnp.promote_types(params[0].W.dtype, jnp.float32)


def judged(
    task: Task, before: Params, after: State, info: Info, number, validation: Examples | None, rules: Rules
) -> tuple[State, Rows, Int[Array, ""]]:
    """What an epoch was worth: the state with its best, a row of the history, and whether to stop (EARLY-STOPPING).

    Args:
        task, rules: of the training.
        before: the parameters before the epoch.
        after, info: the state and the info after it.
        number: of the epoch, from 1.
        validation: the validation set.
    """
    size = norm(before)
    change = norm(jax.tree.map(jnp.subtract, after.params, before))
    loss, score = (None, None) if validation is None else validate(task.mlp, after.params, validation)
    relative = change / jnp.maximum(size, jnp.finfo(jnp.float32).tiny)
    row = jax.tree.map(lambda value: value.astype(row_dtype(before)), Rows(info.loss, info.gradient_norms, relative, loss, score))
    finite = jnp.isfinite(info.loss) & jnp.isfinite(norm(after.params))
    best = None if after.best is None else _better(task, after.best, after.params, row, number, rules)
    waiting = jnp.array(False) if best is None else best.waited >= rules.patience
    verdict = jnp.where(change <= rules.tol * size, 1, jnp.where(waiting, 2, 0))
    return after._replace(best=best), row, jnp.where(finite, verdict, 3).astype(jnp.int32)


def _better(task: Task, best: Best, params: Params, row: Rows, number, rules: Rules) -> Best:
    """The best after one more epoch."""
    value = _monitored(task, row)
    waited = jnp.where(value < best.value - rules.min_delta, 0, best.waited + 1)
    new = Best(value, jnp.asarray(number, jnp.int32), waited, None if best.params is None else params)
    return jax.lax.cond(value < best.value, lambda: new, lambda: best._replace(waited=waited))


def _monitored(task: Task, row: Rows) -> Scalar:
    """What is monitored, as a number that should be small."""
    monitored: dict = row._asdict()
    value = monitored[task.monitor]
    return -value if task.monitor == "validation_score" else value


@functools.partial(jax.jit, static_argnames="task")
def several(
    task: Task,
    state: State,
    done,
    count,
    data: Examples,
    validation: Examples | None,
    penalty: Penalty | None,
    rules: Rules,
    recording: Recording | None = None,
) -> tuple[State, Rows, Int[Array, ""], Int[Array, ""], Recording | None]:
    """At most `count` epochs after the first `done`, fewer where a rule ends them.

    Returns:
        The state after the last of them, MOST rows of history of which the first are filled, how many those are, the
            verdict on the last, and what was recorded. A diverged epoch is among them, with a state that is not finite.
    """

    def one(carry):
        number, state, rows, _, recording = carry
        given = task.mlp, task.optimizer, task.gradient, task.batch_size, state, *data, penalty
        if recording is None:
            after, info = scanned_epoch(*given, same=True)
        else:
            after, info, recording = recorded_epoch(*given, recording)
        after, row, verdict = judged(task, state.params, after, info, done + number + 1, validation, rules)
        rows = jax.tree.map(lambda column, value: column.at[number].set(value), rows, row)
        return number + 1, after, rows, verdict, recording

    column = jnp.zeros(MOST, row_dtype(state.params))
    held_out = None if validation is None else column
    rows = Rows(column, jnp.zeros((MOST, len(state.params)), column.dtype), column, held_out, held_out)
    start = (jnp.array(0, jnp.int32), state, rows, jnp.array(0, jnp.int32), recording)
    number, state, rows, verdict, recording = jax.lax.while_loop(lambda carry: (carry[0] < count) & (carry[3] == 0), one, start)
    return state, rows, number, verdict, recording
