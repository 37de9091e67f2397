"""Health recorded at every k-th step of a training, which stays the same to the last bit.

The steps of an epoch run in segments: those that come before the next one to be recorded, and that one by itself. A step
within a segment costs no more than without recording, where a condition in every step would double the time of a small one.
"""

from collections.abc import Callable
from typing import NamedTuple, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Int

from mlpjax.diagnosis.health import Health, health
from mlpjax.network import MLP
from mlpjax.training import Info, MiniBatch, State, descend, epoch_plan, info_of_epoch, scanned_epoch
from mlpjax.types import Data, GradFn, Params, Penalty

ROOM = 1024
"""For how many records the device has room, or for those of one epoch if that is more."""

Carry = TypeVar("Carry")


class Recording(NamedTuple):
    """What was recorded on the device, and when the next record is due.

    Attributes:
        rows: one record a row, all its numbers side by side, which is quicker than an array for each field; the first `filled`
            rows are filled, and one more is written to in vain.
        filled: how many records there are.
        wait: how many steps come before the next that is recorded.
        every: one step in so many is recorded.
    """

    rows: Float[Array, "records numbers"]
    filled: Int[Array, ""]
    wait: Int[Array, ""]
    every: Int[Array, ""]


def none_yet(layers: int, dtype, records: int) -> Health:
    """Health of so many records, all zeros."""
    return Health(**{name: np.zeros((records,) if name == "examples" else (records, layers), dtype) for name in Health._fields})


def begun(params: Params, capacity: int, wait, every: int) -> Recording:
    """Nothing recorded yet, with room for so many records, and so many steps before the next that is due."""
    dtype = jnp.promote_types(params[0].W.dtype, jnp.float32)
    numbers = len(_flat(none_yet(len(params), dtype, 1)))
    rows = jnp.zeros((capacity + 1, numbers), dtype)
    return Recording(rows, *(jnp.asarray(number, jnp.int32) for number in (0, wait, every)))


def _flat(health: Health) -> Array:
    return jnp.concatenate([jnp.ravel(field) for field in health if field is not None])


def _unflattened(rows: np.ndarray) -> Health:
    """The fields of records that are given one a row."""
    *names, last = Health._fields
    fields = np.split(rows[:, :-1], len(names), axis=1)
    return Health(**dict(zip(names, fields, strict=True)), **{last: rows[:, -1]})


def rows_of(recording: Recording | None) -> dict[str, Health]:
    """The records as rows of a history, but for those from where training diverged."""
    if recording is None:
        return {}
    rows = np.asarray(recording.rows)[: int(recording.filled)]
    found = _unflattened(rows)
    finite = np.isfinite(found.delta_rms + found.gradient_norm).all(axis=1)
    end = int(np.argmin(np.append(finite, False)))
    return {"health": _unflattened(rows[:end])}


def through(
    recording: Recording,
    count,
    steps: Callable[[Array, Array, Carry], Carry],
    measured: Callable[[Array, Carry, Carry], Health],
    carry: Carry,
) -> tuple[Recording, Carry]:
    """Take some steps, and record those that are due.

    Args:
        recording: so far.
        count: how many steps to take.
        steps: `steps(first, end, carry)` takes those from the first to before the end.
        measured: `measured(number, before, after)` is the health at the step of that number.
        carry: what the first step begins with.
    """

    def segment(loop):
        first, recording, before = loop
        due = recording.wait == 0
        length = jnp.where(due, 1, jnp.minimum(recording.wait, count - first))
        after = steps(first, first + length, before)
        row = jax.lax.cond(due, lambda: _flat(measured(first, before, after)), lambda: jnp.zeros_like(recording.rows[0]))
        return first + length, _with_row(recording, row, due, length), after

    _, recording, carry = jax.lax.while_loop(lambda loop: loop[0] < count, segment, (jnp.asarray(0, jnp.int32), recording, carry))
    return recording, carry


def _with_row(recording: Recording, row: Array, due: Array, length: Array) -> Recording:
    wait = jnp.where(due, recording.every - 1, recording.wait - length)
    return recording._replace(
        rows=_written(recording.rows, row, recording.filled), filled=recording.filled + due.astype(jnp.int32), wait=wait
    )


def _written(rows: Array, row: Array, number: Array) -> Array:
    """With one row written anew: `.at[number].set` is a scatter, which is slow on CPUs."""
    return jax.lax.dynamic_update_index_in_dim(rows, row, number, 0)


def health_of_step(mlp: MLP, before: Params, after: Params, x: Array, y: Array, batch: MiniBatch, penalty) -> Health:
    """The health of a network on the mini-batch of a step, and with what the step really did to its parameters."""
    rows, weights, scale = batch
    update = jax.tree.map(jnp.subtract, after, before)
    if scale is None:
        return health(mlp, before, x[rows], y[rows], weights=weights, penalty=penalty, update=update)
    unscaled = jax.tree.map(lambda strength: strength / scale, penalty)
    found = health(mlp, before, x[rows], y[rows], weights=weights, penalty=unscaled, update=update)
    norm, ratio = (value * scale for value in (found.gradient_norm, found.gradient_to_weight))
    return found._replace(gradient_norm=norm.astype(found.slope.dtype), gradient_to_weight=ratio.astype(found.slope.dtype))


def recorded_epoch(
    mlp: MLP,
    optimizer: optax.GradientTransformation,
    gradient: GradFn,
    batch_size: int,
    state: State,
    x: Array,
    y: Array,
    weights: Data | None,
    penalty: Penalty | None,
    recording: Recording,
) -> tuple[State, Info, Recording]:
    """The epoch of `training.scanned_epoch`, to the same bits, with a record of the steps that are due, if any are."""
    given = mlp, optimizer, gradient, batch_size, state, x, y, weights, penalty
    steps = -(-len(x) // batch_size)

    def without():
        return *scanned_epoch(*given, same=True), recording._replace(wait=recording.wait - steps)

    return jax.lax.cond(recording.wait < steps, lambda: _epoch_in_segments(*given, recording), without)


def _epoch_in_segments(
    mlp, optimizer, gradient, batch_size: int, state: State, x, y, weights, penalty, recording: Recording
) -> tuple[State, Info, Recording]:
    n = len(x)
    key, batches = epoch_plan(state.key, n, batch_size, weights)
    same, count = batch_size == n, len(batches.rows)

    def batch(number):
        return jax.tree.map(lambda values: jax.lax.dynamic_index_in_dim(values, number, keepdims=False), batches)

    def one(number, carry):
        moving, _, losses = carry
        rows, weights, scale = batch(number)
        moving, loss, grads = descend(mlp, optimizer, gradient, moving, x[rows], y[rows], weights, scale, penalty, same)
        return moving, grads, _written(losses, loss, number)

    def measured(number, before, after):
        return health_of_step(mlp, before[0].params, after[0].params, x, y, batch(number), penalty)

    start = State(state.params, state.opt_state, key), jax.tree.map(jnp.zeros_like, state.params), jnp.zeros(count, x.dtype)
    steps = lambda first, end, carry: jax.lax.fori_loop(first, end, one, carry)  # noqa: E731
    recording, (after, last, losses) = through(recording, count, steps, measured, start)
    return after._replace(best=state.best, cursor=state.cursor), info_of_epoch(losses, last, batch_size, n), recording
