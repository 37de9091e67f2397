"""How well the gradient reaches every layer, from one forward and one backward pass."""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from mlpjax import checks, penalties
from mlpjax.activations import Activation, identity
from mlpjax.gradients.backprop import all_deltas
from mlpjax.gradients.clipping import reweighted
from mlpjax.gradients.method import check_differentiable
from mlpjax.gradients.norms import norm, wide
from mlpjax.network import MLP, batch, compiled, forward_pass
from mlpjax.types import Data, Params, Penalty, Trace

SATURATED = 0.05
"""A unit is saturated on an example where its slope is below this part of the steepest that its activation has.

That is |z| above 4.4 for the sigmoid and above 2.2 for tanh."""

DEAD = 1e-3
"""A unit is dead if its slope is below this part of the steepest on every example."""


class Health(NamedTuple):
    """How a network fares on some examples, layer by layer, each field of shape (layers,) unless it says otherwise.

    Attributes:
        delta_rms: the root mean square of dL/dz over examples and units, L the loss of one example.
        gradient_norm: `||dL/dW||`.
        gradient_to_weight: `||dL/dW|| / ||W||`.
        update_to_weight: `||update of W|| / ||W||`; `None` where no update was given.
        activation_mean: the mean of the outputs of the layer, over examples and units; of the last one, the logits.
        activation_std: their standard deviation.
        saturated: the share of outputs whose slope is below SATURATED times the steepest (HEALTH-saturated).
        dead: the share of units whose slope is below DEAD times the steepest on every example.
        slope: the root mean square of the slopes (HEALTH-slope), 1 at the linear output.
        factor: by how much delta grew on its way back to the layer from the one after it (HEALTH-factor), 1 at the output.
        spread: how much the units of the layer differ, 0 where all do and learn the same (HEALTH-spread).
        examples: how many examples counted, shape ().
    """

    delta_rms: Float[Data, "*records layers"]
    gradient_norm: Float[Data, "*records layers"]
    gradient_to_weight: Float[Data, "*records layers"]
    update_to_weight: Float[Data, "*records layers"] | None
    activation_mean: Float[Data, "*records layers"]
    activation_std: Float[Data, "*records layers"]
    saturated: Float[Data, "*records layers"]
    dead: Float[Data, "*records layers"]
    slope: Float[Data, "*records layers"]
    factor: Float[Data, "*records layers"]
    spread: Float[Data, "*records layers"]
    examples: Float[Data, "*records"]


@compiled
def health(
    mlp: MLP,
    params: Params,
    x: Data,
    y: Data,
    *,
    weights: Data | None = None,
    penalty: Penalty | None = None,
    update: Params | None = None,
) -> Health:
    """Measure how well the gradient reaches every layer (HEALTH-factor, HEALTH-slope, HEALTH-saturated, HEALTH-spread).

    One forward and one backward pass. An example counts with its weight; one of weight 0 does not count at all.

    Args:
        mlp, params, x, y, weights, penalty: as in `loss`.
        update: what an optimiser adds to the parameters.

    Returns:
        The health, in float32 at least. A ratio of 0 to 0 is 0, but for `factor`, where it is 1: nothing came, nothing was lost.

    Raises:
        ValueError, TypeError: as `loss`; the update is not of the shapes of the parameters; an activation has no slope.

    >>> from mlpjax import init
    >>> mlp = MLP((4, 8, 8, 1), "sigmoid")
    >>> x = jax.random.normal(jax.random.key(1), (100, 4))
    >>> found = health(mlp, init(mlp, jax.random.key(0)), x, x[:, :1])
    >>> found.slope.tolist()
    [0.22, 0.24, 1.00]
    >>> bool(found.factor[1] < 1)
    True

    Lecture, section 12.
    """
    check_differentiable(mlp)
    examples = batch(mlp, params, x, y, weights)
    _check_update(mlp, update)
    trace = forward_pass(mlp, params, examples.x)
    counts = (examples.share > 0).astype(examples.share.dtype)
    own = all_deltas(mlp, params, trace, examples._replace(share=counts))
    gradient = penalties.added(penalty, params, reweighted(trace, own, examples.share))
    share = wide(examples.share)
    sizes = jnp.stack([_size(share, wide(delta)) for delta in own])
    W, dW = [norm(layer.W) for layer in params], [norm(layer.W) for layer in gradient]
    return Health(
        delta_rms=sizes / jnp.sqrt(jnp.asarray(mlp.sizes[1:], share.dtype)),
        gradient_norm=jnp.stack(dW),
        gradient_to_weight=_ratio(jnp.stack(dW), jnp.stack(W)),
        update_to_weight=None if update is None else _ratio(jnp.stack([norm(layer.W) for layer in update]), jnp.stack(W)),
        **_of_outputs(mlp, trace, share),
        factor=jnp.append(_ratio(sizes[:-1], sizes[1:], of_zeros=1.0), jnp.ones(1, share.dtype)),
        spread=jnp.stack([_spread(share, wide(z), wide(delta)) for z, delta in zip(trace.z, own, strict=True)]),
        examples=jnp.sum(share > 0, dtype=share.dtype),
    )


def _check_update(mlp: MLP, update: Params | None) -> None:
    if update is None:
        return
    try:
        checks.check_params(mlp, update)
    except (ValueError, TypeError) as error:
        raise type(error)(f"update must be like the parameters: {error}") from None


def _ratio(above: Array, below: Array, of_zeros: float = 0.0) -> Array:
    return jnp.where((above == 0) & (below == 0), of_zeros, above / jnp.where((above == 0) & (below == 0), 1, below))


def _mean(share: Array, values: Array) -> Array:
    """Over the units, and over the examples by their shares."""
    return jnp.sum(share[:, None] * values) / values.shape[1]


def _rms(share: Array, values: Array) -> Array:
    return jnp.sqrt(_mean(share, values**2))


def _size(share: Array, values: Array) -> Array:
    """HEALTH-factor: the root of the mean square over the examples, summed over the units."""
    return norm(values, weights=share[:, None])


def _outputs(trace: Trace) -> list[Array]:
    return [wide(a) for a in (*trace.a[1:], trace.z[-1])]


def _of_outputs(mlp: MLP, trace: Trace, share: Array) -> dict[str, Array]:
    """What the outputs of the layers and their slopes say."""
    rows = []
    for f, z, a in zip((*mlp.activations, identity), trace.z, _outputs(trace), strict=True):
        slopes = jnp.abs(wide(f.df(z, a.astype(z.dtype))))
        mean, flat = _mean(share, a), slopes < SATURATED * steepest(f)
        dead = jnp.all((slopes <= DEAD * steepest(f)) | (share == 0)[:, None], axis=0)
        rows.append((mean, _rms(share, a - mean), _mean(share, flat), jnp.mean(dead, dtype=a.dtype), _rms(share, slopes)))
    names = ("activation_mean", "activation_std", "saturated", "dead", "slope")
    return dict(zip(names, map(jnp.stack, zip(*rows, strict=True)), strict=True))


@functools.cache
def steepest(f: Activation) -> float:
    """The largest slope of an activation, up or down, for inputs from -3 to 3.

    >>> from mlpjax import activations
    >>> steepest(activations.sigmoid), steepest(activations.relu)
    (0.25, 1.0)
    """
    return float(np.max(np.abs(slopes_at(f, np.linspace(-3, 3, 601)))))


def slopes_at(f: Activation, z: np.ndarray) -> np.ndarray:
    """The slopes of an activation at given inputs, as numbers even while JAX traces."""
    with jax.ensure_compile_time_eval():
        inputs = jnp.asarray(z, jnp.float32)
        return np.asarray(f.df(inputs, f.f(inputs)))


def _spread(share: Array, *of_units: Array) -> Array:
    """HEALTH-spread"""
    apart = [_ratio(_size(share, v - jnp.mean(v, axis=1, keepdims=True)), _size(share, v)) for v in of_units]
    return jnp.max(jnp.stack(apart))
