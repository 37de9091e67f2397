"""What there is to say of a network, in words: each condition with its reason, in numbers, and the cure that fits."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from mlpjax.diagnosis.health import SATURATED, Health, steepest
from mlpjax.network import MLP
from mlpjax.types import Data

USUAL_STEP = 0.01
"""By what part a good learning rate changes the weights in a step at the start, as an order of magnitude."""


class Finding(NamedTuple):
    """One thing that there is to say of a network.

    Attributes:
        condition: "vanishing", "exploding", "saturated", "dead", "symmetric" or "healthy".
        layers: the layers of weights that have it, from 1; empty where the network is healthy.
        reason: why it is said, with the numbers.
        cure: what to do; empty where the network is healthy.
    """

    condition: str
    layers: tuple[int, ...]
    reason: str
    cure: str


def _found(condition: str, places: Sequence[int] | np.ndarray, reason: str, cure: str) -> Finding:
    return Finding(condition, tuple(int(l) + 1 for l in places), reason, cure)


def _start(mlp: MLP, l: int) -> str:
    return f'init(mlp, key, "{mlp.activations[l].initializer}")'


def symmetric(mlp: MLP, places: Sequence[int]) -> Finding:
    """Units of these layers that all do the same."""
    l = places[0]
    reason = f"all {mlp.sizes[l + 1]} units of layer {l + 1} compute the same and learn the same: they are one unit, repeated"
    return _found("symmetric", places, reason, f"start from random weights: {_start(mlp, l)}")


def dead(mlp: MLP, health: Health, places: Sequence[int]) -> Finding:
    """Units of these layers that no example reaches."""
    l, f = places[0], mlp.activations[places[0]]
    reason = (
        f"{health.dead[l]:.0%} of the {mlp.sizes[l + 1]} units of layer {l + 1} ({f.name}) have a slope of 0 on every one of "
        f"{health.examples:.0f} examples, so that no gradient passes them"
    )
    cure = (
        f"start again with biases of 0 and a smaller learning rate, {_start(mlp, l)}; or use leaky_relu or gelu, whose units "
        "come back to life"
    )
    return _found("dead", places, reason, cure)


def saturated(mlp: MLP, health: Health, places: Sequence[int]) -> Finding:
    """Layers whose outputs have hardly a slope left."""
    l = places[int(np.argmax(health.saturated[places]))]
    f = mlp.activations[l]
    reason = (
        f"{health.saturated[l]:.0%} of the outputs of layer {l + 1} ({f.name}) have a slope below {SATURATED:g} of the steepest, "
        f"{steepest(f):g}: a step hardly moves them"
    )
    cure = f"standardise the inputs, start with smaller weights, {_start(mlp, l)}, and with a smaller learning rate; or use relu"
    return _found("saturated", places, reason, cure)


def vanishing(mlp: MLP, health: Health, sizes: np.ndarray, places: np.ndarray) -> Finding:
    """Layers that the gradient does not reach."""
    l, last = int(np.argmin(sizes)), len(sizes) - 1
    reason = f"the delta of layer {l + 1} is {sizes[l]:.1e} of that of layer {last + 1}: {_factors(health)}"
    f = mlp.activations[l]
    if steepest(f) <= 0.5:
        cure = f"{f.name} has a slope of at most {steepest(f):g}: use relu or tanh, with their own initialisers"
    else:
        cure = f"start with weights that are {_larger(sizes, l)} times as large, {_start(mlp, l)}"
    return _found("vanishing", places, reason, f"{cure}; or fewer layers")


def exploding(mlp: MLP, health: Health, sizes: np.ndarray, places: np.ndarray) -> Finding:
    """Layers in which the gradient is far larger than where it comes from."""
    l, last = int(np.argmax(sizes)), len(sizes) - 1
    reason = f"the delta of layer {l + 1} is {sizes[l]:.1e} times that of layer {last + 1}: {_factors(health)}"
    cure = (
        f"start with weights that are {_larger(sizes, l)} times as large, {_start(mlp, l)}; and clip the gradient, "
        "optax.clip_by_global_norm(1.0) before the optimiser"
    )
    return _found("exploding", places, reason, cure)


def _larger(sizes: np.ndarray, l: int) -> str:
    """How much larger the weights would have to be for a mean factor of 1 from the last hidden layer to layer l."""
    mean = max(sizes[l], 1e-300) ** (1 / (len(sizes) - 1 - l))
    return f"{1 / mean:.2g}"


def _factors(health: Health) -> str:
    between, slopes = health.factor[:-2], health.slope[:-2]
    return f"the factors from layer to layer are {_range(between)}, the slopes {_range(slopes)}"


def _range(values: Data) -> str:
    low, high = f"{np.min(values):.2g}", f"{np.max(values):.2g}"
    return low if low == high else f"{low} to {high}"


def too_fast(ratios: Data, places: np.ndarray) -> Finding:
    """Layers that one step throws over."""
    l = int(places[np.argmax(ratios[places])])
    reason = f"one step changes the weights of layer {l + 1} by {ratios[l]:.2g} times their own size"
    cure = (
        f"a learning rate {ratios[l] / USUAL_STEP:.0e} times smaller, which makes it about {USUAL_STEP:g}; "
        "or clip the gradient, optax.clip_by_global_norm(1.0) before the optimiser"
    )
    return _found("exploding", places, reason, cure)


def overflow(health: Health) -> Finding:
    """Numbers that are none any more."""
    places = np.flatnonzero(~np.isfinite(health.delta_rms + health.gradient_norm + health.activation_std))
    reason = f"the numbers of layer {places[0] + 1} are not finite"
    cure = "a smaller learning rate, optax.clip_by_global_norm(1.0) before the optimiser, or smaller initial weights"
    return _found("exploding", places, reason, cure)


def healthy(health: Health) -> Finding:
    """Nothing to say."""
    if len(health.factor) < 2:
        return Finding("healthy", (), "there is no hidden layer in which a gradient could get lost", "")
    reason = (
        f"the gradient reaches every layer: delta has {_range(health.factor[:-1])} of its size from layer to layer, "
        f"and the mean slopes are {_range(health.slope[:-1])}"
    )
    return Finding("healthy", (), reason, "")
