"""The loop over epochs: when to stop, what to remember, and what to say when training diverges.

>>> import jax
>>> import jax.numpy as jnp
>>> import optax
>>> from mlpjax import MLP, fit, init
>>> x = jnp.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
>>> y = jnp.array([[0.0], [1.0], [1.0], [0.0]])
>>> mlp = MLP((2, 8, 1), "tanh", "sigmoid_binary_cross_entropy")
>>> params = init(mlp, jax.random.key(0))
>>> state, history = fit(mlp, params, x, y, key=jax.random.key(1), optimizer=optax.adam(0.1), epochs=100)
>>> bool(history.loss[-1] < 0.05), history.stopped
(True, 'epochs')
"""

import functools
import operator
import warnings
from collections.abc import Callable
from numbers import Integral
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from mlpjax import checks
from mlpjax.gradients.backprop import backprop
from mlpjax.gradients.method import check_differentiable
from mlpjax.network import MLP, forward
from mlpjax.training import Info, State, check_batch_size, epoch, epoch_plan, mini_batch_step, norm, start
from mlpjax.types import Data, GradFn, Params, Penalty, PRNGKey

DEFAULT_OPTIMIZER = optax.adam(1e-3)
"""One object for every call: an optimiser is static, and a fresh one compiles again."""

Callback = Callable[[int, State, Info], None]


class History(NamedTuple):
    """How training went.

    Attributes:
        loss: the mean loss with the penalty over the mini-batches of each epoch, while the parameters move, shape (epochs,).
        gradient_norms: the norm of each layer's gradient at the last mini-batch of each epoch, shape (epochs, layers).
        change: `||w_new - w_old|| / ||w_old||` over each epoch, w all weights and biases, shape (epochs,).
        stopped: why it ended: "epochs", "converged", "diverged" or "interrupted".
        message: the same as a sentence; empty if all the epochs ran.
    """

    loss: np.ndarray
    gradient_norms: np.ndarray
    change: np.ndarray
    stopped: str
    message: str


class _Run(NamedTuple):
    """All that stays the same from epoch to epoch."""

    mlp: MLP
    optimizer: optax.GradientTransformation
    gradient: GradFn
    batch_size: int
    x: jax.Array
    y: jax.Array
    weights: jax.Array | None
    penalty: Penalty | None


def fit(
    mlp: MLP,
    params: Params,
    x: Data,
    y: Data,
    *,
    key: PRNGKey,
    optimizer: optax.GradientTransformation = DEFAULT_OPTIMIZER,
    epochs: int = 100,
    batch_size: int | None = None,
    weights: Data | None = None,
    penalty: Penalty | None = None,
    gradient: GradFn = backprop,
    tol: float | None = None,
    callback: Callback | None = None,
) -> tuple[State, History]:
    """Train for a number of epochs (FIT).

    It stops early when the parameters hardly move, if asked; when the loss or the parameters stop being finite, and then
    returns the last finite ones; and on Ctrl-C, with what has been learned. The last two warn.

    Args:
        mlp: the network.
        params: where to start, from `init`.
        x: the examples, shape (n, sizes[0]), finite.
        y: the targets, shape (n, sizes[-1]), or (n,) integer labels, such as the loss takes.
        key: the order of the examples; the same key gives the same bits on one machine.
        optimizer: any Optax transformation. Keep one object for several calls: a fresh one compiles again.
        epochs: passes over the data, 1 or more.
        batch_size: 1 is SGD, n is gradient descent, between is mini-batch; 32, or n if that is less, unless given.
        weights: one weight for each example.
        penalty: `Penalty(l1, l2)`.
        gradient: a gradient method.
        tol: stop after an epoch with `||w_new - w_old|| <= tol ||w_old||`.
        callback: called after each epoch with its number from 1, the state and the info.

    Returns:
        The state and the history.

    Raises:
        ValueError, TypeError: the data, the options or the network cannot be used; nothing has been computed then.

    Lecture, sections 7 and 10: repeat until `w_new ~ w_old`.
    """
    checks.check_params(mlp, params)
    checks.check_data(mlp, x, y, weights)
    checks.check_finite_params(params)
    checks.check_penalty(penalty)
    check_differentiable(mlp)
    if not isinstance(optimizer, optax.GradientTransformation):
        raise TypeError(f"optimizer must be an Optax transformation such as optax.adam(1e-3), got {optimizer!r}")
    check_epochs(epochs)
    dtype, n = params[0].W.dtype, len(x)
    run = _Run(
        mlp,
        optimizer,
        gradient,
        check_batch_size(min(32, n) if batch_size is None else batch_size, n),
        jnp.asarray(x, dtype),
        jnp.asarray(y) if mlp.loss.target.labels else jnp.asarray(y, dtype),
        None if weights is None else jnp.asarray(weights),
        penalty,
    )
    return _loop(run, start(params, optimizer, key), epochs, tol, callback)


def check_epochs(epochs: int) -> None:
    """At least one epoch, or an error that says so."""
    if not isinstance(epochs, Integral):
        raise TypeError(f"epochs must be a whole number, got {epochs!r}")
    if epochs < 1:
        raise ValueError(f"epochs must be 1 or more, got {epochs}")


@functools.partial(jax.jit, static_argnames=("mlp", "optimizer", "batch_size", "gradient"))
def _measured_epoch(mlp, optimizer, state, x, y, **options):
    """An epoch, and the norms of the parameters before it, of those after it and of their change."""
    after, info = epoch(mlp, optimizer, state, x, y, **options)
    change = jax.tree.map(jnp.subtract, after.params, state.params)
    return after, info, tuple(norm(params) for params in (state.params, after.params, change))


def _loop(run: _Run, state: State, epochs: int, tol: float | None, callback: Callback | None) -> tuple[State, History]:
    """Run the epochs. The state is not donated: Ctrl-C in an epoch falls back on it, and a divergence is traced from it."""
    rows: list[tuple] = []
    stopped, message = "epochs", ""
    try:
        for number in range(1, epochs + 1):
            after, info, norms = _measured_epoch(state=state, **run._asdict())
            before, size, change = jax.device_get(norms)
            if not (np.isfinite(info.loss) and np.isfinite(size)):
                state, where = _last_finite(run, state)
                stopped, message = "diverged", f"training diverged in epoch {number}, {where}"
                break
            state = after
            rows.append((*jax.device_get(info), change / max(before, np.finfo(np.float32).tiny)))
            if callback is not None:
                callback(number, state, info)
            if tol is not None and change <= tol * before:
                stopped, message = "converged", f"epoch {number} changed the parameters by no more than {tol:g} of their norm"
                break
    except KeyboardInterrupt:
        stopped, message = "interrupted", f"training was interrupted after {len(rows)} of {epochs} epochs"
    if stopped in ("diverged", "interrupted"):
        warnings.warn(message, RuntimeWarning, stacklevel=3)
    return state, _history(rows, len(state.params), stopped, message)


def _history(rows: list[tuple], layers: int, stopped: str, message: str) -> History:
    loss, norms, change = zip(*rows, strict=True) if rows else ((), (), ())
    return History(np.array(loss), np.array(norms).reshape(-1, layers), np.array(change), stopped, message)


def _last_finite(run: _Run, state: State) -> tuple[State, str]:
    """Walk once more through the epoch that diverged, to the last state whose numbers are all finite, and say what broke."""
    _, batches = epoch_plan(state.key, len(run.x), run.batch_size, run.weights)
    where = "at its end"
    for number in range(len(batches.rows)):
        batch = jax.tree.map(operator.itemgetter(number), batches)
        after, info = mini_batch_step(run.mlp, run.optimizer, run.gradient, state, run.x, run.y, batch, run.penalty)
        broken = _what_broke(run.mlp, state.params, after.params, run.x[batch.rows], info)
        if broken:
            where = f"step {number + 1}: {broken}"
            break
        state = after
    return state, (
        f"{where}. The last finite parameters are kept. Try a smaller learning rate, "
        "optax.clip_by_global_norm before the optimiser, or another initialiser"
    )


def _what_broke(mlp: MLP, before: Params, after: Params, x: jax.Array, info: Info) -> str:
    """What is not finite in a step, in the order in which a step computes it; empty if everything is."""
    layers = len(before)

    def first(values) -> int | None:
        return next((number for number, value in values if not jnp.isfinite(value).all()), None)

    number = first(enumerate(forward(mlp, before, x).z, 1))
    if number:
        return f"the pre-activations of layer {number} of {layers} overflow"
    if not np.isfinite(info.loss):
        return f"the loss of the output, layer {layers} of {layers}, overflows"
    number = first(reversed(list(enumerate(info.gradient_norms, 1))))
    if number:
        return f"the gradient of layer {number} of {layers} overflows"
    number = first((l, norm(layer)) for l, layer in enumerate(after, 1))
    return f"the update of layer {number} of {layers} overflows" if number else ""
