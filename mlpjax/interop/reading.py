"""From a stack of another library's layers to a network: weights are copied, activations are known by what they compute.

Libraries differ in names and defaults: the slope of a leaky rectifier is 0.01 in one and 0.2 in another, a GELU is exact here
and approximate there, a swish is a SiLU. So no table of names is kept for what is read: a function is looked at on a grid of
numbers, and it is an activation of ours, to the precision of float32, or it is refused.
"""

import functools
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

from mlpjax import activations, losses
from mlpjax.losses import Loss
from mlpjax.network import MLP
from mlpjax.types import Layer, Params


class Dense(NamedTuple):
    """The weights of a linear layer, shape (fan_in, fan_out), and its biases, shape (fan_out,), or `None` without any."""

    W: Any
    b: Any = None


class Other(NamedTuple):
    """Any other layer: what messages call it, and what it computes for a float32 array of shape (n, outputs before it)."""

    name: str
    call: Callable[[np.ndarray], Any]


Part: TypeAlias = Dense | Other | str
"""A layer; an activation that is known by its name is just that."""

LOSSES = {
    "identity": losses.squared_error,
    "sigmoid": losses.sigmoid_binary_cross_entropy,
    "softmax": losses.softmax_cross_entropy,
    "exp": losses.poisson_loss,
}
"""The loss that goes with what a network ends in."""

POINTS = np.concatenate([np.linspace(-8, 8, 129), [-1000, -50, -20, 20, 50, 1000]]).astype(np.float32)
PRECISION = 1e-6


def network(stack: Iterable[Part], loss: Loss | str | None = None) -> tuple[MLP, Params]:
    """The network that computes what a stack of layers does.

    Layers that do nothing in prediction, such as dropout, are left out; linear layers without an activation between them stay
    two layers, with the identity between them.

    Args:
        stack: input to output.
        loss: of the network; by default the one that predicts what the stack ends in: probabilities for a sigmoid or a softmax,
            rates for an exponential, and squared error for all else.

    Raises:
        ValueError: a layer is neither linear nor an activation, a shape does not fit, or the loss does not predict what the
            stack ends in.
    """
    params: list[Layer] = []
    follows: list[str] = []
    for place, part in enumerate(stack, 1):
        if isinstance(part, Dense):
            params.append(_layer(place, part, params))
            follows.append("identity")
            continue
        found = part if isinstance(part, str) else _known(place, part, params[-1].b.size if params else 1)
        if found != "identity":
            if not params or follows[-1] != "identity":
                raise ValueError(
                    f"layer {place}, {_said(part)}, must follow a linear layer; two activations in a row are none here"
                )
            follows[-1] = found
    if not params:
        raise ValueError("there is no linear layer to make a network of")
    sizes = (params[0].W.shape[0], *(layer.b.size for layer in params))
    return MLP(sizes, follows[:-1], _loss(follows[-1], loss)), tuple(params)


def _layer(place: int, part: Dense, before: list[Layer]) -> Layer:
    W = jnp.asarray(part.W)
    expected = before[-1].b.shape[0] if before else None
    if W.ndim != 2 or expected not in (None, W.shape[0]):
        inputs = "inputs" if expected is None else expected
        raise ValueError(f"layer {place} must have weights of shape ({inputs}, outputs), got {W.shape}")
    b = jnp.zeros(W.shape[1], W.dtype) if part.b is None else jnp.asarray(part.b)
    if b.shape != W.shape[1:]:
        raise ValueError(
            f"layer {place} has weights of shape {W.shape} and must have biases of shape {W.shape[1:]}, got {b.shape}"
        )
    return Layer(W, b)


def _said(part: Other | str) -> str:
    return part if isinstance(part, str) else part.name


def _loss(link: str, loss: Loss | str | None) -> Loss:
    if loss is None:
        return LOSSES.get(link) or losses.at_output(losses.squared_error, activations.named(link))
    record = losses.named(loss) if isinstance(loss, str) else loss
    if link != "identity" and link_of(record) != link:
        raise ValueError(
            f"the last layer is {link}, and {record.name} does not predict that: leave the loss out, or take the last layer off "
            "and give the loss of the logits"
        )
    return record


def link_of(loss: Loss) -> str | None:
    """The name of the function that takes the logits of a loss to its prediction; `None` if it is none that is known."""
    return known_by_values(lambda z: loss.inverse_link(jnp.asarray(z)), 2)


def _known(place: int, part: Other, width: int) -> str:
    try:
        found = known_by_values(part.call, width)
    except Exception as error:
        raise ValueError(f"layer {place}, {part.name}, is neither linear nor an activation: {error}") from error
    if found is None:
        raise ValueError(
            f"layer {place}, {part.name}, computes none of the activations known here: "
            f"{', '.join([*activations.RECORDS, *activations.FAMILIES])}"
        )
    return found


def known_by_values(function: Callable[[np.ndarray], Any], width: int) -> str | None:
    """The name of the activation that a function computes, or "softmax", "exp" or "decision"; `None` if it is none of them.

    >>> import jax
    >>> known_by_values(jax.nn.gelu, 3), known_by_values(lambda z: jax.nn.leaky_relu(z, 0.2), 1), known_by_values(jax.nn.relu6, 1)
    ('gelu_tanh', 'leaky_relu(0.2)', None)
    """
    z = np.resize(POINTS, (len(POINTS), width))
    got = np.asarray(function(z))
    if got.shape != z.shape:
        return None
    candidates = _values() | _family(got)
    if width > 1:
        candidates |= {"softmax": np.asarray(jax.nn.softmax(z, axis=1))}
    same = (name for name, values in candidates.items() if _equal(got, np.resize(values, z.shape)))
    return next(same, None)


def _equal(got: np.ndarray, expected: np.ndarray) -> bool:
    return np.allclose(got.astype(np.float64), expected.astype(np.float64), rtol=PRECISION, atol=PRECISION)


@functools.cache
def _values() -> dict[str, np.ndarray]:
    """What the activations and links that take no number give at the points."""
    z = jnp.asarray(POINTS)
    with np.errstate(over="ignore"):
        links = {"exp": np.exp(POINTS), "decision": np.where(POINTS > 0, 1, -1)}
    return {name: np.asarray(f(z)) for name, f in activations.RECORDS.items()} | links


def _family(got: np.ndarray) -> dict[str, np.ndarray]:
    """The members of the families that agree with the values at one negative point."""
    far, z = float(got.ravel()[POINTS.argmin()]), jnp.asarray(POINTS)
    members = {"leaky_relu": -far / 1000, "elu": -far}
    named = (f"{name}({float(f'{number:.7g}')!r})" for name, number in members.items() if 0 < number < np.inf)
    return {name: np.asarray(activations.named(name)(z)) for name in named}
