"""What a network's health means, in words: the condition, the reason with its numbers, and the cure that fits.

The thresholds lie in the gaps that tests/test_verdict.py finds between networks that train well, before, during and
after it, and networks that do not.
"""

from collections.abc import Iterator

import jax
import numpy as np

from mlpjax.activations import Activation
from mlpjax.diagnosis import findings
from mlpjax.diagnosis.findings import Finding
from mlpjax.diagnosis.health import SATURATED, Health, slopes_at, steepest
from mlpjax.network import MLP

VANISHING = 1e-2
"""A gradient vanishes whose delta in some hidden layer is smaller than this part of that in the last hidden layer.

Networks that train well: 0.06 and more. Ten layers at half their usual weights: 0.002; eight of sigmoids: 3e-5."""

EXPLODING = 100.0
"""A gradient explodes whose delta in some hidden layer is so many times that in the last. Networks that train well: up to 30."""

LARGE_STEP = 0.5
"""A step is too large that changes the weights of a layer by more than this part of them. In networks that train well it is
0.25 and less; Adam at a learning rate of 0.1 begins with 0.6, at 1 with 6."""

SATURATED_OUTPUTS = 0.8
"""A layer is saturated with more than this share of its outputs: up to 0.73 after long and good training, 0.82 and more where
the weights are ten times too large. Only for activations that are flat on both sides, such as the sigmoid and tanh."""

DEAD_UNITS = 0.9
"""A layer is dead with more than this share of its units: up to 0.6 in narrow ReLU networks that train well, 1 in those that
do not."""

ENOUGH = 30
"""With fewer examples nothing is said of dead units: in a small batch many a good unit has its slope of 0 throughout."""

ALIKE = 1e-3
"""Units are alike that differ by less than this part of their size: 1e-7 from a constant start, 0.2 and more otherwise."""


def diagnose(mlp: MLP, health: Health) -> tuple[Finding, ...]:
    """What is wrong with a network, if anything is.

    What counts is how the layers compare with one another, not how large the gradient is: a network that has learned all
    that there is to learn is healthy.

    Args:
        mlp: the network.
        health: of one moment, fields of shape (layers,), and of `ENOUGH` examples if dead units are to be found.

    Returns:
        One finding for each condition, the one to cure first before the others; or the one finding "healthy".

    Raises:
        ValueError: the health is not of so many layers, or of several moments.

    >>> import jax
    >>> from mlpjax import init
    >>> from mlpjax.diagnosis.health import health
    >>> mlp, x = MLP((4, *[16] * 10, 1), "sigmoid"), jax.random.normal(jax.random.key(1), (50, 4))
    >>> [finding] = diagnose(mlp, health(mlp, init(mlp, jax.random.key(0)), x, x[:, :1]))
    >>> finding.condition, finding.layers[:3]
    ('vanishing', (1, 2, 3))
    """
    found = jax.tree.map(np.asarray, health)
    layers = len(mlp.sizes) - 1
    if found.factor.shape != (layers,):
        raise ValueError(
            f"health must be of one moment and of {layers} layers, fields of shape ({layers},); got {found.factor.shape}"
            + ("; of a history take one record: jax.tree.map(lambda rows: rows[-1], history.health)" * (found.factor.ndim == 2))
        )
    return tuple(_findings(mlp, found)) or (findings.healthy(found),)


def _findings(mlp: MLP, health: Health) -> Iterator[Finding]:
    if not all(np.isfinite(field).all() for field in (health.delta_rms, health.gradient_norm, health.activation_std)):
        yield findings.overflow(health)
        return
    dead = [l for l in _hidden(mlp) if health.dead[l] > DEAD_UNITS]
    reached = _hidden(mlp)[: dead[0] + 1 if dead else None]  # behind a dead layer all units are alike, and not to blame
    alike = [l for l in reached if mlp.sizes[l + 1] > 1 and health.spread[l] < ALIKE]
    if alike:
        yield findings.symmetric(mlp, alike)
    elif dead and health.examples >= ENOUGH:
        cut_off = [l for l in dead if not flat_on_both_sides(mlp.activations[l])]  # the others are saturated, and said to be
        if cut_off:
            yield findings.dead(mlp, health, cut_off)
    flat = [l for l in _hidden(mlp) if flat_on_both_sides(mlp.activations[l]) and health.saturated[l] > SATURATED_OUTPUTS]
    if flat:
        yield findings.saturated(mlp, health, flat)
    sizes = _relative_sizes(health)
    small, large = np.flatnonzero(sizes < VANISHING), np.flatnonzero(sizes > EXPLODING)
    if len(small) and not alike and not dead:
        yield findings.vanishing(mlp, health, sizes, small)
    if len(large):
        yield findings.exploding(mlp, health, sizes, large)
    if health.update_to_weight is not None:
        fast = np.flatnonzero(np.isfinite(health.update_to_weight) & (health.update_to_weight > LARGE_STEP))
        fast = np.setdiff1d(fast, small)  # weights that no gradient holds decay, and any step is large beside them
        if len(fast):
            yield findings.too_fast(health.update_to_weight, fast)


def _hidden(mlp: MLP) -> range:
    return range(len(mlp.sizes) - 2)


def _relative_sizes(health: Health) -> np.ndarray:
    """The delta of each hidden layer over that of the last hidden one (HEALTH-factor)."""
    return np.cumprod(np.append(1.0, health.factor[:-2][::-1].astype(float)))[::-1][: len(health.factor) - 1]


def flat_on_both_sides(f: Activation) -> bool:
    """Whether an activation saturates for inputs of either sign, as the sigmoid and tanh do.

    >>> from mlpjax import activations
    >>> flat_on_both_sides(activations.tanh), flat_on_both_sides(activations.relu)
    (True, False)
    """
    return bool((np.abs(slopes_at(f, np.array([-30.0, 30.0]))) < SATURATED * steepest(f)).all())
