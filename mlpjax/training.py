"""Training: one step, and one epoch as one compiled scan.

Every step is `params <- params + update(gradient)` with any Optax optimiser. The batch size says which descent it is:
1 is stochastic gradient descent, all the examples are gradient descent, and a few are mini-batches.
"""

import functools
import operator
from typing import NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Int

from mlpjax import checks, line_search
from mlpjax.gradients.backprop import backprop
from mlpjax.gradients.norms import wide
from mlpjax.network import MLP
from mlpjax.types import Data, GradFn, Params, Penalty, PRNGKey, Scalar


class Best(NamedTuple):
    """The best epoch so far, by what `fit` watches.

    Attributes:
        value: what is watched, as a number that should be small.
        epoch: after which epoch, from 1; 0 before the first.
        waited: the epochs since it improved by more than `min_delta`.
        params: the parameters of that epoch; `None` where the training loss is watched, which no one epoch's parameters have.
    """

    value: Scalar
    epoch: Int[Array, ""]
    waited: Int[Array, ""]
    params: Params | None


class Cursor(NamedTuple):
    """How far an epoch has come whose batches are streamed.

    Attributes:
        batches: how many of its batches are done.
        examples: how many examples they held.
        loss: their mean loss.
        gradient_norms: of each layer's gradient at the last of them.
        params: the parameters before the epoch.
        wait: how many steps come before the next whose health is recorded, where any are.
    """

    batches: Int[Array, ""]
    examples: Int[Array, ""]
    loss: Scalar
    gradient_norms: Float[Array, " layers"]
    params: Params
    wait: Int[Array, ""] | None = None


class State(NamedTuple):
    """What training carries from step to step.

    Attributes:
        params: the parameters.
        opt_state: the optimiser's memory.
        key: the key of the epochs to come.
        best: the best epoch so far, where `fit` watches for one.
        cursor: how far the present epoch has come, where its batches are streamed.
    """

    params: Params
    opt_state: optax.OptState
    key: PRNGKey
    best: Best | None = None
    cursor: Cursor | None = None


class Info(NamedTuple):
    """What a step or an epoch has to say.

    Attributes:
        loss: the mean loss with the penalty, before a step; over an epoch the mean of its steps', while the parameters move.
        gradient_norms: the norm of each layer's gradient at the last mini-batch.
    """

    loss: Scalar
    gradient_norms: Float[Array, " layers"]


def start(params: Params, optimizer: optax.GradientTransformation, key: PRNGKey) -> State:
    """The state before the first step."""
    return State(params, optimizer.init(params), key)


class MiniBatch(NamedTuple):
    """Which examples a step sees, and how much each counts; over an epoch, with a leading axis of steps (BATCHES).

    Attributes:
        rows: the indices of the examples.
        weights: a weight for each, 0 for one that only fills the batch up; `None` where all count alike.
        scale: the mean weight of the batch over that of all the data, `None` where no weights were given. The loss is
            multiplied by it, so that an example has its weight at every batch size, at 1 too.
    """

    rows: Int[Array, "*steps batch_size"]
    weights: Float[Array, "*steps batch_size"] | None
    scale: Float[Array, "*steps"] | None


def descend(
    mlp: MLP, optimizer: optax.GradientTransformation, gradient: GradFn, state: State, x, y, weights, scale, penalty, same=False
) -> tuple[State, Scalar, Params]:
    """One step; `same` says that the step before was on the same data, so that what a line search left can be used."""
    unscaled = penalty if scale is None else jax.tree.map(lambda strength: strength / scale, penalty)

    def value_and_gradient(params):
        result = gradient(mlp, params, x, y, weights=weights, penalty=unscaled)
        return result if scale is None else jax.tree.map(lambda leaf: (leaf * scale).astype(leaf.dtype), result)

    compute = line_search.remembering(value_and_gradient) if same else lambda params, _: value_and_gradient(params)
    loss, grads = compute(state.params, state.opt_state)
    update = optax.with_extra_args_support(optimizer).update  # for those that look at the loss, such as a line search
    extra = {"value": loss, "grad": grads, "value_fn": line_search.with_gradient_by_hand(value_and_gradient)}
    updates, opt_state = update(grads, state.opt_state, state.params, **extra)
    return state._replace(params=optax.apply_updates(state.params, updates), opt_state=opt_state), loss, grads


def _layer_norms(grads: Params) -> Float[Array, " layers"]:
    return jnp.stack([norm(layer) for layer in grads])


def norm(tree) -> Scalar:
    """The Euclidean norm over all the arrays of a tree, in float32 at least: float16 would overflow at 256 squared."""
    return optax.tree.norm(jax.tree.map(wide, tree))


@functools.partial(jax.jit, static_argnames=("mlp", "optimizer", "gradient"))
def step(
    mlp: MLP,
    optimizer: optax.GradientTransformation,
    state: State,
    x: Data,
    y: Data,
    *,
    weights: Data | None = None,
    penalty: Penalty | None = None,
    gradient: GradFn = backprop,
) -> tuple[State, Info]:
    """One step of the optimiser on one mini-batch (STEP).

    With `optax.sgd(eta)` it is the lecture's `w_new = w_old - eta dL/dw`.

    Args:
        mlp: the network.
        optimizer: any Optax transformation; keep one object, a fresh one compiles again.
        state: from `training.start` or from the step before.
        x, y, weights, penalty: as in `loss`.
        gradient: a gradient method: `backprop` or any of `gradients.METHODS`.

    Returns:
        The state after the step, and the loss and gradient norms before it.

    Raises:
        ValueError, TypeError: as `backprop`.

    >>> from mlpjax import Layer, State
    >>> mlp, sgd = MLP((1, 1)), optax.sgd(0.25)
    >>> state = start((Layer(jnp.array([[2.0]]), jnp.zeros(1)),), sgd, jax.random.key(0))
    >>> state, info = step(mlp, sgd, state, jnp.ones((1, 1)), jnp.zeros((1, 1)))
    >>> state.params[0].W.item(), info.loss.item()
    (1.0, 4.0)
    """
    state, loss, grads = descend(mlp, optimizer, gradient, state, x, y, weights, None, penalty)
    return state, Info(loss, _layer_norms(grads))


@functools.partial(jax.jit, static_argnames=("mlp", "optimizer", "gradient"))
def mini_batch_step(
    mlp: MLP,
    optimizer: optax.GradientTransformation,
    gradient: GradFn,
    state: State,
    x: Data,
    y: Data,
    batch: MiniBatch,
    penalty: Penalty | None,
) -> tuple[State, Info]:
    """The step that `epoch` takes on one of its mini-batches of x and y."""
    rows, weights, scale = batch
    state, loss, grads = descend(mlp, optimizer, gradient, state, x[rows], y[rows], weights, scale, penalty)
    return state, Info(loss, _layer_norms(grads))


def mini_batches(key: PRNGKey, n: int, batch_size: int, weights: Data | None = None) -> MiniBatch:
    """A random order of n examples, cut into batches of one size (BATCHES).

    One sort of random bits; the few ties (8 pairs expected at n = 4,096, fewer below) keep their order, and so does a
    single batch.

    Args:
        key: the randomness.
        n: the number of examples.
        batch_size: how many each batch holds, from 1 to n.
        weights: one weight for each example, shape (n,).

    Returns:
        The mini-batches of an epoch. Where n is not a multiple of the batch size the first is filled up with examples of
            weight 0, so that every example is counted once.

    >>> batches = mini_batches(jax.random.key(0), n=5, batch_size=2)
    >>> batches.rows.shape, batches.weights.tolist()
    ((3, 2), [[0.0, 1.0], [1.0, 1.0], [1.0, 1.0]])
    """
    steps = -(-n // batch_size)
    filling = steps * batch_size - n
    order = jnp.arange(n) if steps == 1 else _random_order(key, n)
    rows = jnp.pad(order, (filling, 0)).reshape(steps, batch_size)
    counted = (jnp.arange(steps * batch_size) >= filling).astype(float).reshape(steps, batch_size)
    if weights is None:
        return MiniBatch(rows, counted if filling else None, None)
    weights = jnp.asarray(weights, jnp.promote_types(jnp.result_type(weights), jnp.float32))
    counted_weights = weights[rows] * counted
    total, mean = jnp.sum(weights), jnp.sum(counted_weights, axis=1) / jnp.sum(counted, axis=1)
    scale = mean / jnp.where(total == 0, 1, total / n)
    return MiniBatch(rows, counted_weights, jnp.where(scale == 0, 1, scale))


def _random_order(key: PRNGKey, n: int) -> Int[Array, " n"]:
    """The order of n random numbers; for a small n their low bits are the index, since one array sorts faster than two."""
    bits, low = jax.random.bits(key, (n,), jnp.uint32), (n - 1).bit_length()
    if low > 12:
        return jnp.argsort(bits)
    numbered = (bits >> low << low) | jnp.arange(n, dtype=jnp.uint32)
    return (jnp.sort(numbered) & ((1 << low) - 1)).astype(int)


@runtime_checkable
class Rows(Protocol):
    """Examples from which some are taken by their numbers: an array is one."""

    def __len__(self) -> int: ...

    def __getitem__(self, places, /): ...


def epoch_plan(key: PRNGKey, n: int, batch_size: int, weights: Data | None) -> tuple[PRNGKey, MiniBatch]:
    """What the key of a state holds for an epoch: the key of the epochs after it, and this one's mini-batches."""
    key, this = jax.random.split(key)
    return key, mini_batches(this, n, batch_size, weights)


@functools.partial(jax.jit, static_argnames=("mlp", "optimizer", "batch_size", "gradient"))
def epoch(
    mlp: MLP,
    optimizer: optax.GradientTransformation,
    state: State,
    x: Data,
    y: Data,
    *,
    batch_size: int,
    weights: Data | None = None,
    penalty: Penalty | None = None,
    gradient: GradFn = backprop,
) -> tuple[State, Info]:
    """One pass over all the examples in random order, every one once, as one compiled scan (EPOCH).

    Args:
        mlp, optimizer, penalty, gradient: as in `step`.
        weights: one weight for each example, relative to their mean: over an epoch the steps weigh the examples as `loss`
            does over all of them, whatever the batch size.
        state: its key gives the order; the key after it is for the next epoch.
        x, y: all the examples, which stay where they are: a step gathers the rows that it needs.
        batch_size: from 1 to the number of examples.

    Returns:
        The state after the epoch, and its mean loss and last gradient norms.

    Raises:
        ValueError: the batch size is out of range, or a shape does not fit.

    >>> from mlpjax import init
    >>> mlp, sgd = MLP((1, 1)), optax.sgd(0.1)
    >>> state = start(init(mlp, jax.random.key(0)), sgd, jax.random.key(1))
    >>> x = jnp.linspace(-1, 1, 10)[:, None]
    >>> for _ in range(20):
    ...     state, info = epoch(mlp, sgd, state, x, 3 * x, batch_size=4)
    >>> round(state.params[0].W.item(), 1)
    3.0

    Lecture, section 10: the examples are chosen at random in each epoch.
    """
    n = _examples(mlp, x, y, weights)
    check_batch_size(batch_size, n)
    return scanned_epoch(mlp, optimizer, gradient, batch_size, state, jnp.asarray(x), jnp.asarray(y), weights, penalty)


def scanned_epoch(
    mlp: MLP,
    optimizer: optax.GradientTransformation,
    gradient: GradFn,
    batch_size: int,
    state: State,
    x: Rows,
    y: Rows,
    weights: Data | None,
    penalty: Penalty | None,
    same: bool = False,
) -> tuple[State, Info]:
    """`epoch` without its checks; `same` says that the epochs before were of the same data, weights and penalty."""
    n = len(x)
    key, batches = epoch_plan(state.key, n, batch_size, weights)
    same = same and batch_size == n

    def one(carry, batch):
        moving, _ = carry
        rows, weights, scale = batch
        moving, loss, grads = descend(mlp, optimizer, gradient, moving, x[rows], y[rows], weights, scale, penalty, same)
        return (moving, grads), loss

    nothing = jax.tree.map(jnp.zeros_like, state.params)
    (after, last), losses = jax.lax.scan(one, (State(state.params, state.opt_state, key), nothing), batches)
    return after._replace(best=state.best, cursor=state.cursor), info_of_epoch(losses, last, batch_size, n)


def info_of_epoch(losses: Float[Array, " steps"], last: Params, batch_size: int, n: int) -> Info:
    """What an epoch has to say, from the loss of each of its steps and the gradient of the last."""
    seen = np.full(len(losses), batch_size)
    seen[0] -= seen.sum() - n
    return Info(jnp.sum(losses * jnp.asarray(seen / n, losses.dtype)), _layer_norms(last))


def _examples(mlp: MLP, x: Data, y: Data, weights: Data | None) -> int:
    checks.check_inputs(mlp, x)
    checks.check_targets(mlp, x, y)
    checks.check_weights(x, weights)
    return x.shape[0]


def check_batch_size(batch_size: int, n: int) -> int:
    """A batch size from 1 to n, or a ValueError that says so."""
    if not 1 <= operator.index(batch_size) <= n:
        raise ValueError(f"batch_size must be from 1 to {n}, the number of examples; got {batch_size}")
    return batch_size
