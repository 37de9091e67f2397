"""`fit`: many epochs over data in memory, when to stop, what to remember, and what to say when training diverges.

>>> import jax
>>> import jax.numpy as jnp
>>> import optax
>>> from mlpjax import MLP, fit, init
>>> x = jnp.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
>>> y = jnp.array([[0.0], [1.0], [1.0], [0.0]])
>>> mlp = MLP((2, 8, 1), "tanh", "sigmoid_binary_cross_entropy")
>>> params = init(mlp, jax.random.key(0))
>>> options = {"optimizer": optax.adam(0.1), "epochs": 100}
>>> state, history = fit(mlp, params, x, y, key=jax.random.key(1), **options)
>>> bool(history.loss[-1] < 0.05), history.stopped
(True, 'epochs')
"""

import functools
import operator
import time
from collections.abc import Generator, Iterator, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from mlpjax import checks, line_search
from mlpjax.fitting import driver, history, options, recording
from mlpjax.fitting.checkpoints import Checkpoints
from mlpjax.fitting.class_weights import ClassWeights, example_weights
from mlpjax.fitting.divergence import last_finite
from mlpjax.fitting.driver import Callback, Stretch
from mlpjax.fitting.epochs import MOST, STOPPED, Examples, Rules, Task, nothing_yet, row_dtype, several
from mlpjax.fitting.history import History
from mlpjax.fitting.identity import description
from mlpjax.fitting.recording import Recording
from mlpjax.gradients.backprop import backprop
from mlpjax.network import MLP, targets
from mlpjax.training import MiniBatch, State, check_batch_size, epoch_plan, start
from mlpjax.types import Data, GradFn, Params, Penalty, PRNGKey

DEFAULT_OPTIMIZER = optax.adam(1e-3)
"""One object for every call: an optimiser is static, and a fresh one compiles again."""

SECONDS_A_STRETCH = 0.1
"""How long the device runs by itself where nothing else says when to come back."""


def fit(
    mlp: MLP,
    params: Params | State,
    x: Data,
    y: Data,
    *,
    key: PRNGKey,
    optimizer: optax.GradientTransformation = DEFAULT_OPTIMIZER,
    epochs: int = 100,
    batch_size: int | None = None,
    weights: Data | None = None,
    class_weights: ClassWeights | None = None,
    penalty: Penalty | None = None,
    gradient: GradFn = backprop,
    tol: float | None = None,
    validation: float | tuple | None = None,
    monitor: str | None = None,
    patience: int | None = None,
    min_delta: float = 0.0,
    callback: Callback | Sequence[Callback] | None = None,
    every: int | None = None,
    checkpoints: Checkpoints | None = None,
    health_every: int | None = None,
) -> tuple[State, History]:
    """Train for a number of epochs (FIT).

    The epochs run on the device, many in one compiled loop. Training stops early when the parameters hardly move, or when
    what is monitored no longer improves, if asked; when the loss or the parameters stop being finite, and then returns the
    last finite ones; and on Ctrl-C, with what has been learned. The last two warn.

    Args:
        mlp: the network.
        params: where to start, from `init`; or the state that an earlier `fit` returned, to go on from.
        x: the examples, shape (n, sizes[0]), finite.
        y: the targets, shape (n, sizes[-1]), or (n,) integer labels, such as the loss takes.
        key: the order of the examples; the same key gives the same bits on one machine.
        optimizer: any Optax transformation, schedules and clipping included. Keep one object for several calls: a fresh one
            compiles again.
        epochs: passes over the data, 1 or more.
        batch_size: 1 is SGD, n is gradient descent, between is mini-batch. Unless given 32, or n if that is less or the
            optimiser searches along a line.
        weights: one weight for each example.
        class_weights: one weight for each class, a mapping from classes to weights, or "balanced"; times `weights`. Of the
            training examples alone: a validation set is measured as it is.
        penalty: `Penalty(l1, l2)`.
        gradient: a gradient method.
        tol: stop after an epoch with `||w_new - w_old|| <= tol ||w_old||`.
        validation: `(x, y)` or `(x, y, weights)` to measure on after each epoch; or a fraction of the examples, drawn at
            random by the key and held out. The parameters of the best epoch are returned.
        monitor: what says which epoch is best: "validation_loss", unless given, or "validation_score"; or "loss", that of
            training, which only stops.
        patience: stop after so many epochs without an improvement.
        min_delta: how much better than the best so far is an improvement to `patience`.
        callback: called with the number of complete epochs, the state and the history so far, between stretches of epochs
            of about a tenth of a second; one, or several. One with an attribute `every` is called at its multiples too.
        every: a stretch has no more epochs than this, so that 1 calls back after each.
        checkpoints: where to keep checkpoints. If some of this training are there, it goes on from the latest.
        health_every: record the health of the gradient at the first step and at each so many-th from there, over the epochs:
            of its mini-batch, with what the optimiser did. Changes no bit of the parameters; 500 costs little.

    Returns:
        The state, with the best parameters where there is a validation set, and the history.

    Raises:
        ValueError, TypeError: the data, the options or the network cannot be used; nothing has been computed then.

    Lecture, sections 7 and 10: repeat until `w_new ~ w_old`.
    """
    begun = started(mlp, params, optimizer, key)
    options.check_training(mlp, begun.params, penalty, epochs)
    options.check_every(health_every, "health_every", "steps")
    checks.check_data(mlp, x, y, weights)
    data, held_out = _split(mlp, key, (x, y, weights), validation)
    data = _with_class_weights(mlp, data, class_weights)
    n, dtype = len(data[0]), begun.params[0].W.dtype
    usual = n if line_search.searches(begun.opt_state) else min(32, n)
    size = check_batch_size(usual if batch_size is None else batch_size, n)
    task = Task(mlp, optimizer, gradient, size, options.check_monitor(monitor, patience, held_out is not None))
    run = _Run(
        task,
        on_device(mlp, data, dtype),
        None if held_out is None else on_device(mlp, held_out, dtype),
        options.traced(penalty),
        options.rules(tol, patience, min_delta),
        health_every,
    )
    begun = begun._replace(best=nothing_yet(task, begun.params))
    asked = driver.Options(epochs, callback, every, checkpoints)
    examples = {"data": run.data, "validation": run.validation}
    described = functools.partial(description, task, begun, penalty, health_every, examples)
    nothing = history.empty(len(begun.params), run.validation is not None, row_dtype(begun.params), health_every)
    return driver.run(begun, functools.partial(_stretches, run), asked, nothing, run.rules, described)


class _Run(NamedTuple):
    """All that stays the same from epoch to epoch."""

    task: Task
    data: Examples
    validation: Examples | None
    penalty: Penalty | None
    rules: Rules
    health_every: int | None

    @property
    def steps(self) -> int:
        """How many steps an epoch has."""
        return -(-len(self.data.x) // self.task.batch_size)

    @property
    def most_epochs(self) -> int:
        """How many epochs a loop has at most, for whose rows and records the device has room."""
        return MOST if self.health_every is None else max(1, min(MOST, recording.ROOM // self._records_an_epoch))

    @property
    def _records_an_epoch(self) -> int:
        return -(-self.steps // (self.health_every or 1))

    def recording(self, params: Params, done: int) -> Recording | None:
        """Where to record what comes after so many epochs, if anything is."""
        if self.health_every is None:
            return None
        capacity = max(recording.ROOM, self._records_an_epoch)
        return recording.begun(params, capacity, -done * self.steps % self.health_every, self.health_every)


def started(mlp: MLP, params: Params | State, optimizer: optax.GradientTransformation, key: PRNGKey) -> State:
    """The state before the first epoch, or an earlier one with another key, without its memory of other data."""
    options.check_optimizer(optimizer)
    options.check_key(key)
    if not isinstance(params, State):
        checks.check_params(mlp, params)
        return start(params, optimizer, key)
    options.check_opt_state(optimizer, params)
    return State(params.params, line_search.forgotten(params.opt_state), key)


def on_device(mlp: MLP, examples: tuple, dtype) -> Examples:
    """Checked examples where and as the computation takes them."""
    x, y, weights = examples
    weights = None if weights is None else jnp.asarray(weights, jnp.result_type(weights, jnp.float32))
    return Examples(jnp.asarray(x, dtype), targets(mlp, y, dtype), weights)


def _with_class_weights(mlp: MLP, examples: tuple, class_weights: ClassWeights | None) -> tuple:
    if class_weights is None:
        return examples
    x, y, weights = examples
    of_class = example_weights(mlp.loss, y, mlp.sizes[-1], class_weights)
    return x, y, of_class if weights is None else of_class * np.asarray(weights)


def _split(mlp: MLP, key: PRNGKey, examples: tuple, validation) -> tuple[tuple, tuple | None]:
    """The examples to train on, and those to measure on."""
    if validation is None:
        return examples, None
    if isinstance(validation, tuple):
        return examples, options.checked_validation(mlp, validation)
    n = len(examples[0])
    held_out = round(n * check_fraction(validation)) or 1
    if held_out >= n:
        raise ValueError(f"validation={validation} of {n} examples leaves none to train on")
    order = np.asarray(jax.random.permutation(jax.random.fold_in(key, 0), n))
    parts = _of_rows(examples, order[held_out:]), _of_rows(examples, order[:held_out])
    options.check_some_weight("the validation set", parts[1][2])
    return parts


def _of_rows(examples: tuple, rows: np.ndarray) -> tuple:
    return tuple(None if array is None else array[rows] for array in examples)


def check_fraction(fraction: float) -> float:
    """A number between 0 and 1, or an error that says so."""
    if not isinstance(fraction, float) or not 0 < fraction < 1:
        raise ValueError(f"validation must be (x, y), (x, y, weights) or a fraction between 0 and 1, got {fraction!r}")
    return fraction


def _stretches(run: _Run, state: State, done: int, epochs: int, next_stop: driver.NextStop) -> Generator[Stretch, None, None]:
    """Loops of epochs on the device, each about as long as SECONDS_A_STRETCH says.

    The state is not donated: Ctrl-C in a loop falls back on the one before it, and a divergence is traced from it.
    """
    length = 1
    while done < epochs:
        stop = next_stop(done)
        count = min(length, run.most_epochs, epochs - done, MOST if stop is None else stop - done)
        began = time.perf_counter()
        stretch = _stretch(run, state, done, count)
        state, done = stretch.state, done + len(stretch.rows["loss"])
        yield stretch._replace(stopped="epochs") if done == epochs and not stretch.stopped else stretch
        if stretch.stopped:
            return
        length = max(1, min(8 * length, int(count * SECONDS_A_STRETCH / (time.perf_counter() - began))))


def _stretch(run: _Run, state: State, done: int, count: int) -> Stretch:
    task, data, validation, penalty, rules, _ = run
    held = run.recording(state.params, done)
    after, rows, number, verdict, held = several(task, state, done, count, data, validation, penalty, rules, held)
    rows, number, stopped = jax.device_get(rows), int(number), STOPPED[int(verdict)]
    if stopped == "diverged":
        number -= 1
        after, *_ = several(task, state, done, number, data, validation, penalty, rules)
        after, where = last_finite(task.mlp, task.optimizer, task.gradient, after, _steps(run, after), penalty)
        message = f"training diverged in epoch {done + number + 1}, {where}"
    else:
        message = driver.why(stopped, task, rules, done + number, after)
    return Stretch(after, driver.filled(rows, number) | recording.rows_of(held), stopped, message)


def _steps(run: _Run, state: State) -> Iterator[tuple[int, jax.Array, jax.Array, MiniBatch]]:
    """The mini-batches of the epoch that begins at a state, one by one."""
    x, y, weights = run.data
    _, batches = epoch_plan(state.key, len(x), run.task.batch_size, weights)
    for number in range(len(batches.rows)):
        yield number + 1, x, y, jax.tree.map(operator.itemgetter(number), batches)
