"""Losses on logits, each with its derivative, its curvature and the prediction it implies, by hand.

A record holds, for logits `z: (n, k)` and targets `y`, all summed over the k outputs and kept apart for the n examples:

- `value(z, y) -> (n,)`, the loss of each example;
- `delta(z, y) -> (n, k)`, its derivative dvalue/dz, where backpropagation starts;
- `curvature(z, y, v) -> (n, k)`, its second derivative times a vector, (d²value/dz²) v;
- `inverse_link(z) -> (n, k)`, the prediction: a mean, a probability or a decision.

Names are Optax's wherever Optax has the loss.

>>> import jax.numpy as jnp
>>> from mlpjax import losses
>>> z, y = jnp.array([[2.0, 0.0]]), jnp.array([0])
>>> losses.softmax_cross_entropy_with_integer_labels.value(z, y).tolist()
[0.127]
>>> losses.softmax_cross_entropy_with_integer_labels.delta(z, y).tolist()
[[-0.119, 0.119]]
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass, field

import jax
import jax.numpy as jnp
import numpy as np

from mlpjax import activations, names
from mlpjax.activations import Activation


@dataclass(frozen=True, eq=False)
class Target:
    """What a loss takes as a target.

    Attributes:
        words: the same in words.
        holds: `holds(y, k)` for k outputs, whether each entry of y is one.
        right: `right(p, y) -> (n,)`, whether each prediction p is right; `None` for numbers, which are only near or far.
        labels: whether it is one label for each example.
    """

    words: str
    holds: Callable[[np.ndarray, int], np.ndarray] = field(repr=False)
    right: Callable[[jax.Array, jax.Array], jax.Array] | None = field(default=None, repr=False)
    labels: bool = False


def _in_shares(y, k):
    return (y >= 0) & (y <= 1)


NUMBERS = Target("finite numbers", lambda y, k: np.isfinite(y))
SHARES = Target("numbers from 0 to 1", _in_shares, right=lambda p, y: jnp.all((p > 0.5) == (y > 0.5), axis=1))
DISTRIBUTIONS = Target("numbers from 0 to 1", _in_shares, right=lambda p, y: jnp.argmax(p, axis=1) == jnp.argmax(y, axis=1))
COUNTS = Target("numbers of 0 or more", lambda y, k: (y >= 0) & np.isfinite(y))
SIGNS = Target("-1 or +1", lambda y, k: np.abs(y) == 1, right=lambda p, y: jnp.all(p == y, axis=1))
LABELS = Target(
    "whole numbers from 0 to the number of outputs less 1",
    lambda y, k: (y >= 0) & (y < k),
    right=lambda p, y: jnp.argmax(p, axis=1) == y,
    labels=True,
)


@dataclass(frozen=True)
class Loss:
    """A loss on logits: value, delta, curvature times a vector, and inverse link; see the module's docstring.

    Attributes:
        name: what files and the command line call it. Records are equal that have the same name and the same functions.
        target: what it takes as `y`. Shape `(n, k)`, or `(n,)` where `target.labels`.
        likelihood: whether the value is, but for a term without `z`, the negative log-likelihood of an exponential family
            whose mean is `inverse_link(z)`.
    """

    name: str
    value: Callable[[jax.Array, jax.Array], jax.Array] = field(repr=False)
    delta: Callable[[jax.Array, jax.Array], jax.Array] = field(repr=False)
    curvature: Callable[[jax.Array, jax.Array, jax.Array], jax.Array] = field(repr=False)
    inverse_link: Callable[[jax.Array], jax.Array] = field(repr=False)
    target: Target = field(default=NUMBERS, compare=False, repr=False)
    likelihood: bool = field(default=False, compare=False, repr=False)


def _flat(z, y, v):
    """The curvature of a loss made of straight pieces."""
    return jnp.zeros_like(v)


squared_error = Loss(
    "squared_error",
    value=lambda z, y: jnp.sum((z - y) ** 2, axis=1),
    delta=lambda z, y: 2 * (z - y),
    curvature=lambda z, y, v: 2 * v,
    inverse_link=lambda z: z,
    likelihood=True,
)
"""`sum (z - y)^2`, delta `2 (z - y)`, curvature `2 v`, prediction `z` (LOSS-squared_error): the lecture's loss."""

l2_loss = Loss(
    "l2_loss",
    value=lambda z, y: 0.5 * jnp.sum((z - y) ** 2, axis=1),
    delta=lambda z, y: z - y,
    curvature=lambda z, y, v: v,
    inverse_link=lambda z: z,
    likelihood=True,
)
"""`sum (z - y)^2 / 2`, delta `z - y`, curvature `v`, prediction `z` (LOSS-l2_loss): half the squared error."""

absolute_error = Loss(
    "absolute_error",
    value=lambda z, y: jnp.sum((z - y) * jnp.sign(z - y), axis=1),
    delta=lambda z, y: jnp.sign(z - y),
    curvature=_flat,
    inverse_link=lambda z: z,
)
"""`sum |z - y|`, delta `sign(z - y)`, curvature 0, prediction `z`, the median (LOSS-absolute_error).

The delta at the kink is 0; `r sign(r)` has it under `jax.grad` too, where `|r|` would give 1.
"""


def huber_loss(delta: float = 1.0) -> Loss:
    """`sum r^2 / 2 if |r| <= d else d |r| - d^2 / 2`, `r = z - y` (LOSS-huber_loss).

    Delta is `clip(r, -d, d)`, curvature `v where |r| <= d`, prediction `z`.

    Args:
        delta: the residual at which the parabola turns into straight lines, above 0.

    Raises:
        ValueError: delta is 0 or negative.

    >>> huber_loss(1.0).value(jnp.array([[0.5], [3.0]]), jnp.zeros((2, 1))).tolist()
    [0.125, 2.5]

    Huber, Robust estimation of a location parameter, Annals of Mathematical Statistics 35, 1964.
    """
    d = float(delta)
    if not d > 0:
        raise ValueError(f"delta must be above 0, got {delta!r}; for small residuals in no way squared use absolute_error")
    return _huber_loss(d)


@functools.cache
def _huber_loss(d: float) -> Loss:
    def value(z, y):
        r = jnp.abs(z - y)
        near = jnp.where(r <= d, r, d)
        return jnp.sum(0.5 * near**2 + d * (r - near), axis=1)

    return Loss(
        f"huber_loss({d!r})",
        value=value,
        delta=lambda z, y: jnp.clip(z - y, -d, d),
        curvature=lambda z, y, v: jnp.where(jnp.abs(z - y) <= d, v, 0),
        inverse_link=lambda z: z,
    )


def quantile_loss(quantile: float = 0.5) -> Loss:
    """`sum q r if r > 0 else (q - 1) r`, `r = y - z` (LOSS-quantile_loss), also called the pinball loss.

    Delta is `-q` where the target lies above the prediction and `1 - q` elsewhere, curvature 0, prediction `z`, the quantile.

    Args:
        quantile: q, between 0 and 1: 0.9 learns what nine targets in ten stay below.

    Raises:
        ValueError: the quantile is not between 0 and 1.

    >>> quantile_loss(0.9).value(jnp.array([[1.0], [1.0]]), jnp.array([[2.0], [0.0]])).tolist()
    [0.9, 0.1]

    Koenker and Bassett, Regression quantiles, Econometrica 46, 1978.
    """
    q = float(quantile)
    if not 0 < q < 1:
        raise ValueError(f"quantile must lie between 0 and 1, got {quantile!r}")
    return _quantile_loss(q)


@functools.cache
def _quantile_loss(q: float) -> Loss:
    return Loss(
        f"quantile_loss({q!r})",
        value=lambda z, y: jnp.sum(jnp.where(y > z, q, q - 1) * (y - z), axis=1),
        delta=lambda z, y: jnp.where(y > z, jnp.full_like(z, -q), 1 - q),
        curvature=_flat,
        inverse_link=lambda z: z,
    )


def _sigmoid_curvature(z, y, v):
    p = jax.nn.sigmoid(z)
    return p * (1 - p) * v


sigmoid_binary_cross_entropy = Loss(
    "sigmoid_binary_cross_entropy",
    value=lambda z, y: jnp.sum((1 - y) * jax.nn.softplus(z) + y * jax.nn.softplus(-z), axis=1),
    delta=lambda z, y: jax.nn.sigmoid(z) - y,
    curvature=_sigmoid_curvature,
    inverse_link=jax.nn.sigmoid,
    target=SHARES,
    likelihood=True,
)
"""`sum -y log p - (1 - y) log(1 - p)`, delta `p - y`, curvature `p (1 - p) v`, prediction `p = sigmoid(z)`.

(LOSS-sigmoid_binary_cross_entropy) A neuron with it is logistic regression; k outputs are k labels that may hold at once.
"""


def _exponentials(z):
    """z - max, its exponentials and their sum: the one exponential that value and delta share."""
    shifted = z - jax.lax.stop_gradient(jnp.max(z, axis=1, keepdims=True))
    e = jnp.exp(shifted)
    return shifted, e, jnp.sum(e, axis=1, keepdims=True)


def _softmax(z):
    _, e, total = _exponentials(z)
    return e / total


def _softmax_value(z, y):
    shifted, _, total = _exponentials(z)
    return jnp.sum(y * (jnp.log(total) - shifted), axis=1)


def inner(u: jax.Array, v: jax.Array) -> jax.Array:
    """The inner product of each row of u with that of v, a column.

    >>> inner(jnp.array([[1.0, 2.0]]), jnp.array([[3.0, 4.0]])).tolist()
    [[11.0]]
    """
    # a product of matrices: the sum, where one of the two is repeated by vmap, comes out wrong on CPUs (XLA of jaxlib 0.10)
    return jnp.matmul(u * v, jnp.ones((u.shape[1], 1), u.dtype), precision="highest")


def _softmax_curvature(z, y, v):
    p = _softmax(z)
    return jnp.sum(y, axis=1, keepdims=True) * p * (v - inner(p, v))


softmax_cross_entropy = Loss(
    "softmax_cross_entropy",
    value=_softmax_value,
    delta=lambda z, y: _softmax(z) * jnp.sum(y, axis=1, keepdims=True) - y,
    curvature=_softmax_curvature,
    inverse_link=_softmax,
    target=DISTRIBUTIONS,
    likelihood=True,
)
"""`-sum y log p`, delta `p sum(y) - y`, curvature `sum(y) p (v - <p, v>)`, prediction `p = softmax(z)`.

(LOSS-softmax_cross_entropy) The targets are one-hot rows or soft labels; where their rows sum to 1, delta is `p - y`.
Bridle, Probabilistic interpretation of feedforward classification network outputs, 1990.
"""


def _one_hot(z, y):
    return jnp.arange(z.shape[1]) == y[:, None]


def _softmax_value_of_labels(z, y):
    shifted, _, total = _exponentials(z)
    return jnp.sum(jnp.where(_one_hot(z, y), jnp.log(total) - shifted, 0), axis=1)


softmax_cross_entropy_with_integer_labels = Loss(
    "softmax_cross_entropy_with_integer_labels",
    value=_softmax_value_of_labels,
    delta=lambda z, y: _softmax(z) - _one_hot(z, y),
    curvature=lambda z, y, v: _softmax_curvature(z, _one_hot(z, y), v),
    inverse_link=_softmax,
    target=LABELS,
    likelihood=True,
)
"""`-log p[y]`, delta `p - onehot(y)`, curvature `p (v - <p, v>)`, prediction `p = softmax(z)`.

(LOSS-softmax_cross_entropy_with_integer_labels) The targets are class labels `y: (n,)` from 0 to k - 1. `fit` checks them;
under jit they cannot be, and one out of range has no loss.
"""


def _decision(z):
    return jnp.where(z > 0, jnp.ones_like(z), -1)


perceptron_loss = Loss(
    "perceptron_loss",
    value=lambda z, y: jnp.sum(jnp.where(_decision(z) == y, 0, -y * z), axis=1),
    delta=lambda z, y: jnp.where(_decision(z) == y, 0, -y).astype(z.dtype),
    curvature=_flat,
    inverse_link=_decision,
    target=SIGNS,
)
"""`sum max(0, -y z)`, delta `-y` on a mistake and 0 elsewhere, curvature 0, prediction `1 if z > 0 else -1`.

(LOSS-perceptron_loss) One example at a time and a learning rate of 1 make it Rosenblatt's error-correction rule: on a mistake,
add y x.
At z = 0, where the loss has a kink, the decision is -1 as in the lecture, and a mistake if y = +1.
"""

hinge_loss = Loss(
    "hinge_loss",
    value=lambda z, y: jnp.sum(jnp.where(y * z < 1, 1 - y * z, 0), axis=1),
    delta=lambda z, y: jnp.where(y * z < 1, -y, 0).astype(z.dtype),
    curvature=_flat,
    inverse_link=_decision,
    target=SIGNS,
)
"""`sum max(0, 1 - y z)`, delta `-y` inside the margin `y z < 1`, curvature 0, prediction `1 if z > 0 else -1`.

(LOSS-hinge_loss) Cortes and Vapnik, Support-vector networks, Machine Learning 20, 1995.
"""

poisson_loss = Loss(
    "poisson_loss",
    value=lambda z, y: jnp.sum(jnp.exp(z) - y * z, axis=1),
    delta=lambda z, y: jnp.exp(z) - y,
    curvature=lambda z, y, v: jnp.exp(z) * v,
    inverse_link=jnp.exp,
    target=COUNTS,
    likelihood=True,
)
"""`sum exp(z) - y z`, delta `exp(z) - y`, curvature `exp(z) v`, prediction `exp(z)`, the rate (LOSS-poisson_loss).

The Poisson negative log-likelihood without log(y!), which no parameter moves.
"""


def at_output(loss: Loss, activation: Activation) -> Loss:
    """`loss` of the activated output: `value(f(z), y)`, the lecture's `sum [y - f(w x)]^2` (LOSS-at_output).

    By the chain rule delta is `delta(a, y) f'(z)` and the curvature `curvature(a, y, f'(z) v) f'(z) + delta(a, y) f''(z) v`,
    with `a = f(z)`; the prediction is the loss's own at `a`.

    Args:
        loss: a loss, whose logits become `f(z)`.
        activation: the activation of the output.

    Returns:
        A loss named "loss@activation".

    Raises:
        ValueError: the activation has no slope.

    >>> squared = at_output(squared_error, activations.sigmoid)
    >>> squared.name, squared.delta(jnp.zeros((1, 1)), jnp.ones((1, 1))).tolist()
    ('squared_error@sigmoid', [[-0.25]])
    """
    if not activation.differentiable:
        raise ValueError(
            f"{activation.name!r} has no slope to train with at the output: use losses.perceptron_loss, on the input of a "
            "threshold unit"
        )
    return _at_output(loss, activation)


@functools.cache
def _at_output(loss: Loss, activation: Activation) -> Loss:
    f, df, d2f = activation.f, activation.df, activation.d2f

    def delta(z, y):
        a = f(z)
        return loss.delta(a, y) * df(z, a)

    def curvature(z, y, v):
        a = f(z)
        slope = df(z, a)
        return loss.curvature(a, y, slope * v) * slope + loss.delta(a, y) * d2f(z, a) * v

    return Loss(
        f"{loss.name}@{activation.name}",
        value=lambda z, y: loss.value(f(z), y),
        delta=delta,
        curvature=curvature,
        inverse_link=lambda z: loss.inverse_link(f(z)),
        target=loss.target,
        likelihood=loss.likelihood,
    )


FAMILIES = {"huber_loss": huber_loss, "quantile_loss": quantile_loss}
"""The losses that take a number, by name."""

RECORDS = {
    record.name: record
    for record in (
        squared_error,
        l2_loss,
        absolute_error,
        sigmoid_binary_cross_entropy,
        softmax_cross_entropy,
        softmax_cross_entropy_with_integer_labels,
        perceptron_loss,
        hinge_loss,
        poisson_loss,
    )
}
"""The other losses, by name."""


def named(name: str) -> Loss:
    """The loss called `name`: "squared_error", "huber_loss(2.0)" or "squared_error@sigmoid" for `at_output`.

    Raises:
        ValueError: there is none; the message suggests the nearest name.
    """
    base, at, activation = name.partition("@")
    loss = names.find("loss", base, RECORDS, FAMILIES)
    return at_output(loss, activations.named(activation)) if at else loss
