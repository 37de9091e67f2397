"""Regularisation: what a penalty and what stopping early do to weights, to the fit and to what is held out.

All the strengths of a path are trained in one compiled call, and from the same start. The records are of what the lecture says
of them: a larger penalty overfits less, L1 makes weights 0, L2 makes them small. All of it with plain gradient descent, since
the proximal step and the correspondence of stopping and penalty are exact for no other.
"""

import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Shaped

from mlpjax import checks, names, penalties
from mlpjax.experiments.shrinkage import equivalent_l2
from mlpjax.fitting.epochs import Examples, validate
from mlpjax.fitting.memory import on_device
from mlpjax.fitting.options import check_epochs
from mlpjax.gradients.backprop import backprop
from mlpjax.initializers import Initializer
from mlpjax.network import MLP, init
from mlpjax.training import State, check_batch_size, norm, scanned_epoch, start
from mlpjax.types import Data, Params, Penalty, PRNGKey, Scalar


class RegularizationPath(NamedTuple):
    """Networks that differ in how strongly they were regularised, k of them, along the first axis.

    Attributes:
        penalty: the strengths; for a network that was stopped early the L2 penalty that it corresponds to.
        params: the parameters.
        sparsity: the share of the weights that are exactly 0.
        smallest: the smallest |w| among the weights.
        weight_norm: the Euclidean norm of all the weights.
        loss: the mean loss on the training examples, without the penalty.
        score: the accuracy or R² on them.
        held_out_loss: the mean loss on the examples held out.
        held_out_score: the accuracy or R² on those.
    """

    penalty: Penalty
    params: Params
    sparsity: Shaped[Array, "*k"]
    smallest: Shaped[Array, "*k"]
    weight_norm: Shaped[Array, "*k"]
    loss: Shaped[Array, "*k"]
    score: Shaped[Array, "*k"]
    held_out_loss: Shaped[Array, "*k"]
    held_out_score: Shaped[Array, "*k"]

    @property
    def gap(self) -> Shaped[Array, "*k"]:
        """How much worse the network is on what it has not seen: its overfitting, as a difference of losses."""
        return self.held_out_loss - self.loss


def _proximal(penalty: Penalty, learning_rate: Scalar) -> tuple[optax.GradientTransformation, None]:
    return optax.chain(optax.sgd(learning_rate), penalties.proximal(penalty, learning_rate)), None


def _subgradient(penalty: Penalty, learning_rate: Scalar) -> tuple[optax.GradientTransformation, Penalty]:
    return optax.sgd(learning_rate), penalty


METHODS: dict[str, Callable] = {"proximal": _proximal, "subgradient": _subgradient}
"""How a penalty is minimised, by name: from its strengths and a learning rate to an optimiser and to what the loss is given."""


class _Training(NamedTuple):
    """What all the networks of a path have in common."""

    mlp: MLP
    params: Params
    key: PRNGKey
    data: Examples
    held_out: Examples
    batch_size: int

    @property
    def steps(self) -> int:
        """In an epoch."""
        return -(-len(self.data.x) // self.batch_size)

    def epoch(self, optimizer: optax.GradientTransformation, state: State, penalty: Penalty | None = None) -> State:
        return scanned_epoch(self.mlp, optimizer, backprop, self.batch_size, state, *self.data, penalty)[0]

    def measured(self, penalty: Penalty, params: Params) -> RegularizationPath:
        """One network of a path."""
        sizes = jnp.concatenate([jnp.abs(W).ravel() for W, _ in params])
        fit, held_out = (validate(self.mlp, params, examples) for examples in (self.data, self.held_out))
        return RegularizationPath(
            penalty, params, jnp.mean(sizes == 0, dtype=sizes.dtype), jnp.min(sizes), norm(sizes), *fit, *held_out
        )


def _training(mlp: MLP, key: PRNGKey, x, y, held_out, initializer, batch_size: int | None, epochs: int) -> _Training:
    for inputs, targets in ((x, y), held_out):
        checks.check_inputs(mlp, inputs)
        checks.check_targets(mlp, inputs, targets)
    check_epochs(epochs)
    of_params, of_order = jax.random.split(key)
    params = init(mlp, of_params, initializer)
    data, held_out = (on_device(mlp, (*examples, None), params[0].W.dtype) for examples in ((x, y), held_out))
    size = check_batch_size(len(x) if batch_size is None else batch_size, len(x))
    return _Training(mlp, params, of_order, data, held_out, size)


def _grid(penalty: Penalty, dtype) -> Penalty:
    """The strengths as two arrays of one length."""
    shapes = [jnp.shape(strength) for strength in penalty]
    (*_, shape) = sorted(shapes, key=len)
    if len(shape) != 1 or not {*shapes} <= {(), shape}:
        raise ValueError(
            f"penalty must hold one array of strengths, or two of one length, such as Penalty(l1=jnp.logspace(-3, 0, 7)); "
            f"got shapes {shapes[0]} and {shapes[1]}"
        )
    return Penalty(*(jnp.broadcast_to(jnp.asarray(strength, dtype), shape) for strength in penalty))


@functools.partial(jax.jit, static_argnames=("mlp", "method", "initializer", "epochs", "batch_size"))
def regularization_path(
    mlp: MLP,
    key: PRNGKey,
    x: Data,
    y: Data,
    held_out: tuple,
    penalty: Penalty,
    *,
    method: str = "proximal",
    initializer: Initializer | str | None = None,
    learning_rate: float | Scalar = 0.1,
    epochs: int = 1000,
    batch_size: int | None = None,
) -> RegularizationPath:
    """One network for each strength of a penalty, all trained in one vmapped call.

    Args:
        mlp: the network.
        key: where all of them start, and the order of the examples; `jax.vmap` over keys gives paths from several starts.
        x, y: the training examples, as in `loss`.
        held_out: `(x, y)` that are not trained on.
        penalty: `Penalty(l1, l2)` of arrays of shape (k,); one of them may be a number.
        method: "proximal" steps, after which weights are exactly 0 where the L1 penalty wins, or "subgradient", the gradient of
            the penalty added to that of the loss, after which they are not.
        initializer: as in `init`.
        learning_rate: of plain gradient descent.
        epochs: passes over the data.
        batch_size: all the examples unless given.

    Returns:
        The networks along the path and what was measured on them.

    Raises:
        ValueError: an unknown method, strengths that are not arrays of one length, or a shape that does not fit.

    >>> x = jax.random.normal(jax.random.key(0), (50, 3))
    >>> path = regularization_path(
    ...     MLP((3, 1)), jax.random.key(1), x, 2 * x[:, :1], (x, 2 * x[:, :1]), Penalty(l1=jnp.array([0.0, 0.5, 9.0])))
    >>> path.sparsity.round(2).tolist(), path.weight_norm[-1].item()
    ([0.0, 0.67, 1.0], 0.0)
    """
    if method not in METHODS:
        raise ValueError(names.nearest("method", method, METHODS))
    training = _training(mlp, key, x, y, held_out, initializer, batch_size, epochs)
    rate = jnp.asarray(learning_rate, training.data.x.dtype)

    def one(strength: Penalty) -> RegularizationPath:
        optimizer, in_loss = METHODS[method](strength, rate)
        begun = start(training.params, optimizer, training.key)
        state = jax.lax.fori_loop(0, epochs, lambda _, state: training.epoch(optimizer, state, in_loss), begun)
        return training.measured(strength, state.params)

    return jax.vmap(one)(_grid(penalty, rate.dtype))


@functools.partial(jax.jit, static_argnames=("mlp", "initializer", "epochs", "batch_size"))
def early_stopping_path(
    mlp: MLP,
    key: PRNGKey,
    x: Data,
    y: Data,
    held_out: tuple,
    *,
    initializer: Initializer | str | None = None,
    learning_rate: float | Scalar = 0.1,
    epochs: int = 1000,
    batch_size: int | None = None,
) -> RegularizationPath:
    """The networks that stopping after each of the epochs would have given, with no penalty at all.

    With the key of a `regularization_path` it starts where that one does.

    Arguments and errors are those of `regularization_path`.

    Returns:
        One network an epoch, beside `equivalent_l2` of its number of steps.

    >>> x = jax.random.normal(jax.random.key(0), (50, 3))
    >>> path = early_stopping_path(MLP((3, 1)), jax.random.key(1), x, 2 * x[:, :1], (x, 2 * x[:, :1]), epochs=20)
    >>> path.penalty.l2[0].item(), path.penalty.l2[-1].item(), bool(path.loss[0] > path.loss[-1])
    (5.0, 0.25, True)
    """
    training = _training(mlp, key, x, y, held_out, initializer, batch_size, epochs)
    rate = jnp.asarray(learning_rate, training.data.x.dtype)
    optimizer = optax.sgd(rate)

    def one(state: State, number) -> tuple[State, RegularizationPath]:
        state = training.epoch(optimizer, state)
        stopped = equivalent_l2(rate, number * training.steps)
        return state, training.measured(Penalty(jnp.zeros_like(rate), stopped), state.params)

    begun = start(training.params, optimizer, training.key)
    return jax.lax.scan(one, begun, jnp.arange(1, epochs + 1))[1]
