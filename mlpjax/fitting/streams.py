"""`fit_stream`: training on batches that come one after another, for data that do not fit into memory.

A thread gathers batches into blocks and puts them on the device while the device trains on the block before. How many
batches a block has changes no bit of the result.

>>> import jax, optax
>>> import numpy as np
>>> from mlpjax import MLP, fit_stream, init
>>> def batches(epoch, start):
...     rows = np.random.default_rng(epoch).permutation(100).reshape(10, 10)
...     for batch in rows[start:]:
...         x = batch[:, None] / 100
...         yield x, 2 * x
>>> mlp = MLP((1, 1))
>>> params = init(mlp, jax.random.key(0))
>>> options = {"optimizer": optax.adam(0.1), "epochs": 20, "batch_size": 10}
>>> state, history = fit_stream(mlp, params, batches, **options)
>>> round(state.params[0].W.item(), 1)
2.0
"""

import functools
from collections.abc import Generator, Iterator, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Int

from mlpjax.fitting import driver, history, options, recording
from mlpjax.fitting.blocks import Batches, Block, blocks, on_device_ahead
from mlpjax.fitting.checkpoints import Checkpoints
from mlpjax.fitting.divergence import last_finite
from mlpjax.fitting.driver import Callback, Stretch
from mlpjax.fitting.epochs import STOPPED, Examples, Rules, Task, judged, nothing_yet, row_dtype
from mlpjax.fitting.history import History
from mlpjax.fitting.identity import description
from mlpjax.fitting.memory import DEFAULT_OPTIMIZER, on_device, started
from mlpjax.fitting.recording import Recording, health_of_step, through
from mlpjax.gradients.backprop import backprop
from mlpjax.network import MLP
from mlpjax.training import Cursor, Info, MiniBatch, State, mini_batch_step, norm
from mlpjax.types import GradFn, Params, Penalty


def fit_stream(
    mlp: MLP,
    params: Params | State,
    batches: Batches,
    *,
    batch_size: int,
    optimizer: optax.GradientTransformation = DEFAULT_OPTIMIZER,
    epochs: int = 1,
    penalty: Penalty | None = None,
    gradient: GradFn = backprop,
    tol: float | None = None,
    validation: tuple | None = None,
    monitor: str | None = None,
    patience: int | None = None,
    min_delta: float = 0.0,
    callback: Callback | Sequence[Callback] | None = None,
    checkpoints: Checkpoints | None = None,
    health_every: int | None = None,
) -> tuple[State, History]:
    """Train for a number of epochs on batches that are made as they are needed (FIT).

    Args:
        mlp, params, optimizer, epochs, penalty, gradient, tol, monitor, patience, min_delta, health_every: as in
            `fit`.
        batches: `batches(epoch, start)` gives the batches of an epoch but for the first `start`, as NumPy arrays, `(x, y)`
            or `(x, y, weights)`, always the same for the same epoch. A weight of 1 is that of an ordinary example.
        batch_size: the most examples that a batch holds.
        validation: `(x, y)` or `(x, y, weights)`, in memory, to measure on after each epoch.
        callback: called after each block of batches with the number of complete epochs, the state, whose `cursor` says how
            far the next one has come, and the history so far.
        checkpoints: where to keep checkpoints, within an epoch too. Training goes on from the latest that is there, at the
            batch where it was written.

    Returns:
        The state, with the best parameters where there is a validation set, and the history.

    Raises:
        ValueError, TypeError: an option, or a batch, which the message names by its number, cannot be used.
    """
    begun = started(mlp, params, optimizer, jax.random.key(0))
    options.check_training(mlp, begun.params, penalty, epochs)
    options.check_every(health_every, "health_every", "steps")
    if batch_size < 1:
        raise ValueError(f"batch_size must be 1 or more, got {batch_size}")
    held_out = None if validation is None else options.checked_validation(mlp, validation)
    task = Task(mlp, optimizer, gradient, batch_size, options.check_monitor(monitor, patience, held_out is not None))
    dtype = begun.params[0].W.dtype
    on_side = None if held_out is None else on_device(mlp, held_out, dtype)
    stream = _Stream(task, batches, on_side, options.traced(penalty), options.rules(tol, patience, min_delta), health_every)
    wait = None if health_every is None else jnp.array(0, jnp.int32)
    begun = begun._replace(best=nothing_yet(task, begun.params), cursor=_at_start(begun.params, wait))

    def described() -> dict:
        first = next(iter(batches(1, 0)), ())
        return description(task, begun, penalty, health_every, {"first batch": first, "validation": on_side})

    asked = driver.Options(epochs, callback, None, checkpoints)
    nothing = history.empty(len(begun.params), held_out is not None, row_dtype(begun.params), health_every)
    return driver.run(begun, functools.partial(_stretches, stream), asked, nothing, stream.rules, described)


_norm = jax.jit(norm)


class _Stream(NamedTuple):
    """All that stays the same from epoch to epoch."""

    task: Task
    batches: Batches
    validation: Examples | None
    penalty: Penalty | None
    rules: Rules
    health_every: int | None

    def blocks(self, epoch: int, start: int, params: Params) -> Iterator[Block]:
        """The blocks of an epoch, on the device."""
        task = self.task
        return on_device_ahead(blocks(task.mlp, self.batches, epoch, start, task.batch_size, params[0].W.dtype))

    def recording(self, state: State, block: Block) -> Recording | None:
        """Where to record what comes of a block, if anything is."""
        if self.health_every is None:
            return None
        return recording.begun(state.params, -(-len(block.x) // self.health_every), _cursor(state).wait, self.health_every)


def _cursor(state: State) -> Cursor:
    assert state.cursor is not None
    return state.cursor


def _at_start(params: Params, wait: Int[Array, ""] | None) -> Cursor:
    dtype = jnp.promote_types(params[0].W.dtype, jnp.float32)
    none = jnp.array(0, jnp.int32)
    return Cursor(none, none, jnp.array(0.0, dtype), jnp.zeros(len(params), dtype), params, wait)


def _stretches(
    stream: _Stream, state: State, done: int, epochs: int, next_stop: driver.NextStop
) -> Generator[Stretch, None, None]:
    """One stretch for each block, the last of an epoch with its row of history."""
    while done < epochs:
        for block in stream.blocks(done + 1, int(_cursor(state).batches), state.params):
            stretch = _on_block(stream, state, block, done + 1)
            state = stretch.state
            yield stretch
            if stretch.stopped:
                return
        if not int(_cursor(state).batches):
            raise ValueError(f"the stream gave no batches for epoch {done + 1}")
        stretch = _end_of_epoch(stream, state, done + 1)
        state, done = stretch.state, done + 1
        yield stretch._replace(stopped="epochs") if done == epochs and not stretch.stopped else stretch
        if stretch.stopped:
            return


def _on_block(stream: _Stream, state: State, block: Block, epoch: int) -> Stretch:
    task, penalty = stream.task, stream.penalty
    after, recorded = _steps_on(task, state, block, penalty, stream.recording(state, block))
    rows = recording.rows_of(recorded)
    if np.isfinite(_cursor(after).loss) and np.isfinite(_norm(after.params)):
        return Stretch(after, rows)
    first = int(_cursor(state).batches) + 1
    steps = ((first + number, *_batch(block, number)) for number in range(block.filled))
    after, where = last_finite(task.mlp, task.optimizer, task.gradient, state, steps, penalty)
    return Stretch(after, rows, "diverged", f"training diverged in epoch {epoch}, {where}")


def _batch(block: Block, number) -> tuple[Array, Array, MiniBatch]:
    """One batch of a block as a step takes it: the data, and that all its rows are meant."""
    weights, examples = block.weights[number], block.examples[number]
    scale = jnp.sum(weights) / examples
    rows = jnp.arange(weights.shape[0])
    return block.x[number], block.y[number], MiniBatch(rows, weights, jnp.where(scale == 0, 1, scale))


@functools.partial(jax.jit, static_argnames="task")
def _steps_on(
    task: Task, state: State, block: Block, penalty: Penalty | None, recording: Recording | None
) -> tuple[State, Recording | None]:
    """One step on each batch of a block."""

    def one(number, state):
        x, y, batch = _batch(block, number)
        after, info = mini_batch_step(task.mlp, task.optimizer, task.gradient, state, x, y, batch, penalty)
        return after._replace(cursor=_further(_cursor(state), info, block.examples[number]))

    def steps(first, end, state):
        return jax.lax.fori_loop(first, end, one, state)

    def measured(number, before, after):
        return health_of_step(task.mlp, before.params, after.params, *_batch(block, number), penalty)

    if recording is None:
        return steps(0, block.filled, state), None
    recording, state = through(recording, block.filled, steps, measured, state)
    return state._replace(cursor=_cursor(state)._replace(wait=recording.wait)), recording


def _further(cursor: Cursor, info: Info, examples: Int[Array, ""]) -> Cursor:
    """The loss as a running mean (EPOCH): a sum over many millions would lose the last of them in float32."""
    dtype, seen = cursor.loss.dtype, cursor.examples + examples
    loss = cursor.loss + (info.loss.astype(dtype) - cursor.loss) * (examples.astype(dtype) / seen.astype(dtype))
    norms = info.gradient_norms.astype(dtype)
    return cursor._replace(batches=cursor.batches + 1, examples=seen, loss=loss, gradient_norms=norms)


@functools.partial(jax.jit, static_argnames="task")
def _judged_epoch(task: Task, state: State, number, validation: Examples | None, rules: Rules):
    cursor = _cursor(state)
    info = Info(cursor.loss, cursor.gradient_norms)
    after, row, verdict = judged(task, cursor.params, state, info, number, validation, rules)
    return after._replace(cursor=_at_start(state.params, cursor.wait)), row, verdict


def _end_of_epoch(stream: _Stream, state: State, number: int) -> Stretch:
    task, rules = stream.task, stream.rules
    after, row, verdict = _judged_epoch(task, state, number, stream.validation, rules)
    stopped = STOPPED[int(verdict)]
    row = jax.tree.map(lambda value: np.asarray(value)[None], row)
    return Stretch(after, driver.filled(row, 1), stopped, driver.why(stopped, task, rules, number, after))
