"""The multilayer perceptron: what it is, how it starts, what it computes and how wrong it is.

>>> import jax
>>> import jax.numpy as jnp
>>> from mlpjax import MLP, init, predict
>>> mlp = MLP(sizes=(4, 3, 2, 1), activation="tanh")
>>> params = init(mlp, jax.random.key(0))
>>> predict(mlp, params, jnp.ones((5, 4))).shape
(5, 1)
"""

import functools
import operator
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import NamedTuple, ParamSpec, TypeVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Shaped

from mlpjax import activations, checks, initializers, losses, penalties
from mlpjax.activations import Activation
from mlpjax.initializers import Initializer
from mlpjax.losses import Loss
from mlpjax.types import Data, Params, Penalty, PRNGKey, Scalar, Trace


@dataclass(frozen=True, init=False)
class MLP:
    """A multilayer perceptron: everything about it but its numbers.

    Frozen and hashable, the first argument of every function and static under `jax.jit`: equal networks share one
    compilation.

    Attributes:
        sizes: the number of inputs, of units in each hidden layer, and of outputs: `(4, 3, 2, 1)` is the lecture's network.
        activation: of the hidden layers: one record or name, or one for each hidden layer. The output is linear.
        loss: a record or a name.
        precision: of the matrix products, as in `jax.default_matmul_precision`: "float32", "tensorfloat32", "bfloat16",
            "highest" …; `None` leaves it as it is set around the call.

    Raises:
        ValueError: a size below 1, fewer than two sizes, an unknown name or a wrong number of activations.
        TypeError: a size is not a whole number, or an activation or the loss is neither a name nor a record.

    >>> by_name = MLP((2, 8, 8, 2), "relu", "softmax_cross_entropy")
    >>> by_name == MLP([2, 8, 8, 2], ["relu", "relu"], losses.softmax_cross_entropy)
    True
    """

    sizes: tuple[int, ...]
    activation: Activation | tuple[Activation, ...]
    loss: Loss
    precision: str | None

    def __init__(
        self,
        sizes: Iterable,
        activation: Activation | str | Iterable[Activation | str] = activations.relu,
        loss: Loss | str = losses.squared_error,
        precision: str | None = None,
    ):
        sizes = _sizes(sizes)
        object.__setattr__(self, "sizes", sizes)
        object.__setattr__(self, "activation", _activation(activation, len(sizes) - 2))
        object.__setattr__(self, "loss", _loss(loss))
        object.__setattr__(self, "precision", _precision(precision))

    @property
    def activations(self) -> tuple[Activation, ...]:
        """One record for each hidden layer."""
        if isinstance(self.activation, tuple):
            return self.activation
        return (self.activation,) * (len(self.sizes) - 2)

    @property
    def parameter_count(self) -> int:
        """The number of weights and biases."""
        return sum((fan_in + 1) * fan_out for fan_in, fan_out in zip(self.sizes[:-1], self.sizes[1:], strict=True))


def _sizes(given: Iterable) -> tuple[int, ...]:
    try:
        sizes = tuple(operator.index(size) for size in given)
    except TypeError:
        raise TypeError(f"sizes must be whole numbers such as (4, 3, 2, 1), got {given!r}") from None
    if len(sizes) < 2:
        raise ValueError(f"sizes needs at least the number of inputs and of outputs, such as (4, 1); got {sizes}")
    if min(sizes) < 1:
        raise ValueError(f"every size must be 1 or more, got {sizes}")
    return sizes


def _activation(given: Activation | str | Iterable[Activation | str], hidden: int) -> Activation | tuple[Activation, ...]:
    """One record where all the hidden layers have the same, so that equal networks compare equal; else one for each."""
    if isinstance(given, str) or not isinstance(given, Iterable):
        records = (_record(given),) * hidden
    else:
        records = tuple(_record(one) for one in given)
    if len(records) != hidden:
        raise ValueError(f"activation must be one record or one for each of {hidden} hidden layers, got {len(records)}")
    return records[0] if len(set(records)) == 1 else records


def _record(given: Activation | str) -> Activation:
    record = activations.named(given) if isinstance(given, str) else given
    if not isinstance(record, Activation):
        raise TypeError(f"activation must be a name or a record such as mlpjax.activations.relu, got {given!r}")
    return record


def _loss(given: Loss | str) -> Loss:
    record = losses.named(given) if isinstance(given, str) else given
    if not isinstance(record, Loss):
        raise TypeError(f"loss must be a name or a record such as mlpjax.losses.squared_error, got {given!r}")
    return record


def _precision(given: str | None) -> str | None:
    try:
        with jax.default_matmul_precision(given):
            return given
    except ValueError as error:
        raise ValueError(
            f"precision must be one that jax.default_matmul_precision takes, or None; got {given!r}: {error}"
        ) from None


P = ParamSpec("P")
R = TypeVar("R")


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """Jit `function(mlp, …)` with the network static, and at the network's matmul precision."""

    @functools.wraps(function)
    def at_precision(mlp, *args, **kwargs):
        precision = jax.default_matmul_precision(mlp.precision) if mlp.precision else nullcontext()
        with precision:
            return function(mlp, *args, **kwargs)

    return jax.jit(at_precision, static_argnames="mlp")


def init(mlp: MLP, key: PRNGKey, initializer: Initializer | str | None = None, dtype=None) -> Params:
    """Draw parameters.

    Args:
        mlp: the network.
        key: the randomness; the same key gives the same bits.
        initializer: a record or a name for every layer; by default each layer gets the one that suits the activation
            after it: He for the ReLU family, LeCun for SELU, Glorot for sigmoid, tanh and the linear output.
        dtype: of the parameters, and so of all that is computed from them; JAX's default floating point type unless given.

    Returns:
        One `Layer(W, b)` of shapes (fan_in, fan_out) and (fan_out,) for each layer.

    >>> [layer.W.shape for layer in init(MLP((4, 3, 2, 1)), jax.random.key(0))]
    [(4, 3), (3, 2), (2, 1)]
    """
    suited = [f.initializer for f in (*mlp.activations, activations.identity)]
    chosen = suited if initializer is None else [initializer] * len(suited)
    records = [initializers.named(record) if isinstance(record, str) else record for record in chosen]
    keys = jax.random.split(key, len(records))
    fans = zip(mlp.sizes[:-1], mlp.sizes[1:], strict=True)
    return tuple(
        record.layer(key, fan_in, fan_out, dtype) for record, key, (fan_in, fan_out) in zip(records, keys, fans, strict=True)
    )


def inputs(mlp: MLP, params: Params, x: Data) -> Float[Array, "n d"]:
    """x, checked, in the dtype of the parameters."""
    checks.check_params(mlp, params)
    checks.check_inputs(mlp, x)
    return jnp.asarray(x, params[0].W.dtype)


class Batch(NamedTuple):
    """Examples as the equations take them: checked, in one dtype, each with its share in the mean."""

    x: Float[Array, "n d"]
    y: Shaped[Array, "n *k"]
    share: Float[Array, " n"]


def batch(mlp: MLP, params: Params, x: Data, y: Data, weights: Data | None) -> Batch:
    """Check the examples and give each its share in the mean: 1/n, or its weight over the sum of the weights (MEAN).

    The one place where the loss is averaged. Weights are 0 or more; if all are 0, so are the shares.
    """
    x = inputs(mlp, params, x)
    checks.check_targets(mlp, x, y)
    checks.check_weights(x, weights)
    return Batch(x, targets(mlp, y, x.dtype), shares(weights, x.shape[0], x.dtype))


def targets(mlp: MLP, y: Data, dtype) -> Shaped[Array, "n *k"]:
    """The targets on the device: numbers in the dtype of the computation, labels as they are."""
    return jnp.asarray(y) if mlp.loss.target.labels else jnp.asarray(y, dtype)


def shares(weights: Data | None, n: int, dtype) -> Float[Array, " n"]:
    """The share of each example in a mean: 1/n, or its weight over the sum of the weights (MEAN)."""
    if weights is None:
        return jnp.full(n, 1 / n, dtype)
    weights = jnp.asarray(weights, jnp.promote_types(dtype, jnp.float32))
    total = jnp.sum(weights)
    return (weights / jnp.where(total == 0, 1, total)).astype(dtype)


def forward_pass(mlp: MLP, params: Params, x: Float[Array, "n d"]) -> Trace:
    """`forward` without its checks, for functions that have made them."""
    a, z = [x], [x @ params[0].W + params[0].b]
    for f, (W, b) in zip(mlp.activations, params[1:], strict=True):
        a.append(f(z[-1]))
        z.append(a[-1] @ W + b)
    return Trace(tuple(a), tuple(z))


@compiled
def forward(mlp: MLP, params: Params, x: Data) -> Trace:
    """The forward pass, with all that the backward pass will need (FORWARD).

    `a[0] = x`, `z[l] = a[l] W[l] + b[l]`, `a[l + 1] = f(z[l])`; the last z are the logits.

    Args:
        mlp: the network.
        params: its parameters; their dtype is the dtype of the computation, and x is converted to it.
        x: the examples, shape (n, sizes[0]).

    Returns:
        `Trace(a, z)`, tuples of arrays of shape (n, size of the layer).

    Raises:
        ValueError: the shapes of params or x do not fit the network.
        TypeError: x does not hold real numbers.

    >>> mlp = MLP((4, 3, 2, 1))
    >>> trace = forward(mlp, init(mlp, jax.random.key(0)), jnp.ones((5, 4)))
    >>> [a.shape for a in trace.a], [z.shape for z in trace.z]
    ([(5, 4), (5, 3), (5, 2)], [(5, 3), (5, 2), (5, 1)])

    Lecture, section 10, step 2a.
    """
    return forward_pass(mlp, params, inputs(mlp, params, x))


@compiled
def predict(mlp: MLP, params: Params, x: Data) -> Float[Array, "n k"]:
    """The prediction: the loss's inverse link at the logits (PREDICT).

    A mean for squared error, probabilities for the cross-entropies, a decision of -1 or +1 for perceptron and hinge,
    a rate for Poisson.

    Arguments and errors are those of `forward`.

    Returns:
        Shape (n, sizes[-1]).

    >>> mlp = MLP((4, 3), loss="softmax_cross_entropy")
    >>> probabilities = predict(mlp, init(mlp, jax.random.key(0)), jnp.ones((5, 4)))
    >>> probabilities.sum(axis=1).round(3).tolist()
    [1.0, 1.0, 1.0, 1.0, 1.0]
    """
    return mlp.loss.inverse_link(forward_pass(mlp, params, inputs(mlp, params, x)).z[-1])


def objective(mlp: MLP, params: Params, trace: Trace, batch: Batch, penalty: Penalty | None) -> Scalar:
    """The weighted mean of the loss at the end of a forward pass, plus the penalty (OBJECTIVE)."""
    mean = jnp.sum(batch.share * mlp.loss.value(trace.z[-1], batch.y))
    return mean if penalty is None else mean + penalties.value(penalty, params)


@compiled
def loss(mlp: MLP, params: Params, x: Data, y: Data, *, weights: Data | None = None, penalty: Penalty | None = None) -> Scalar:
    """The mean loss over the examples plus the penalty (OBJECTIVE).

    `sum_i share_i value(z_i, y_i) + l1 sum |W| + l2 sum W^2`, share_i = 1/n or weights_i / sum(weights).

    Args:
        mlp: the network.
        params: its parameters.
        x: the examples, shape (n, sizes[0]).
        y: the targets, shape (n, sizes[-1]), or (n,) integers for integer labels.
        weights: one weight for each example, shape (n,).
        penalty: `Penalty(l1, l2)`.

    Returns:
        A scalar.

    Raises:
        ValueError: a shape does not fit. Nothing is broadcast: y of shape (n,) against logits (n, 1) is refused.
        TypeError: x, y or labels are of the wrong type.

    >>> mlp = MLP((4, 1))
    >>> x, y = jnp.ones((5, 4)), 2 * jnp.ones((5, 1))
    >>> loss(mlp, init(mlp, jax.random.key(0), "zeros"), x, y).item()
    4.0

    Lecture, section 7, step 1, whose loss is the sum where this one is the mean.
    """
    examples = batch(mlp, params, x, y, weights)
    return objective(mlp, params, forward_pass(mlp, params, examples.x), examples, penalty)
