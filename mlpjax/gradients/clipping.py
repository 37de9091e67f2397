"""The mean of gradients that are each made short enough: what differential privacy and heavy tails ask for."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from mlpjax import penalties
from mlpjax.gradients.backprop import Deltas, layer_gradients
from mlpjax.gradients.norms import norm
from mlpjax.gradients.per_example import layer_norms, own_deltas
from mlpjax.network import MLP, batch, compiled, objective
from mlpjax.types import Data, Params, Penalty, PRNGKey, Scalar, Trace


def clipped_gradient(
    mlp: MLP,
    params: Params,
    x: Data,
    y: Data,
    max_norm: float | Data,
    *,
    weights: Data | None = None,
    penalty: Penalty | None = None,
    key: PRNGKey | None = None,
    noise_multiplier: float | Data | None = None,
) -> tuple[Scalar, Params]:
    """The loss, and the mean of the examples' gradients, each shortened to a norm of at most `max_norm` (PX-clip).

    `(sum_i min(1, C / ||g[i]||) g[i] + m C N(0, 1)) / n`, with C for `max_norm` and m for `noise_multiplier`. One forward and one
    backward pass; no example's gradient is made, but the deltas of all layers are held together.

    It is what `optax.contrib.differentially_private_aggregate` makes of `per_example_gradients`, to the noise that it draws
    from the same key. Noise takes a new key in every step. What the noise protects is the gradient, not the loss.

    Args:
        mlp: the network.
        params: its parameters.
        x: the examples, shape (n, sizes[0]).
        y: the targets, shape (n, sizes[-1]), or (n,) integers for integer labels.
        max_norm: the longest that an example's gradient may be, 0 or more.
        weights: one weight for each example's loss, shape (n,): g[i] is the gradient of the weighted loss, so that no example
            moves the sum by more than `max_norm`, and the sum is divided by the sum of the weights instead of n.
        penalty: `Penalty(l1, l2)`; it is no example's, and its gradient is added after clipping and noise.
        key: of the noise.
        noise_multiplier: the standard deviation of the noise in the sum over `max_norm`.

    Returns:
        The loss as it is, a scalar, and the gradient, of the type, shapes and dtype of the parameters. With a `max_norm` of
            infinity it is the gradient of `backprop`.

    Raises:
        ValueError: a shape does not fit, `max_norm` is negative, or infinite in spite of noise, or one of key and
            noise_multiplier comes without the other.
        TypeError: x, y or labels are of the wrong type.

    >>> from mlpjax import Layer
    >>> zero = (Layer(jnp.zeros((1, 1)), jnp.zeros(1)),)
    >>> x, y = jnp.zeros((2, 1)), jnp.array([[-0.5], [20.0]])
    >>> value, gradient = clipped_gradient(MLP((1, 1), loss="l2_loss"), zero, x, y, max_norm=1.0)
    >>> gradient[0].b.tolist()
    [-0.25]

    Abadi et al., Deep learning with differential privacy, CCS 2016; Lee and Kifer, Scaling up differentially private deep
    learning with fast per-example gradient clipping, 2021.
    """
    _check(max_norm, key, noise_multiplier)
    return _clipped_gradient(mlp, params, x, y, max_norm, weights, penalty, key, noise_multiplier)


def _check(max_norm, key, noise_multiplier) -> None:
    if (key is None) != (noise_multiplier is None):
        given, missing = ("noise_multiplier", "key") if key is None else ("key", "noise_multiplier")
        raise ValueError(f"noise needs both a key and a noise_multiplier; got {given} without {missing}")
    if isinstance(max_norm, jax.core.Tracer):
        return
    if not (np.shape(max_norm) == () and max_norm >= 0):
        raise ValueError(f"max_norm must be one number of 0 or more, the longest that a gradient may be; got {max_norm}")
    if key is not None and np.isinf(max_norm):
        raise ValueError("noise is in proportion to max_norm: give a finite one, or no key and no noise_multiplier; got inf")


@compiled
def _clipped_gradient(mlp, params, x, y, max_norm, weights, penalty, key, noise_multiplier) -> tuple[Scalar, Params]:
    examples = batch(mlp, params, x, y, weights)
    trace, deltas = own_deltas(mlp, params, x, y, weights)
    norms = norm(layer_norms(trace, deltas), axis=1)
    total = _total(weights, norms)
    gradient = reweighted(trace, deltas, factors(norms, max_norm) / total)
    if key is not None:
        gradient = _noisy(gradient, key, noise_multiplier * max_norm / total)
    return objective(mlp, params, trace, examples, penalty), penalties.added(penalty, params, gradient)


def _total(weights: Data | None, norms: Float[Array, " n"]) -> Scalar:
    total = len(norms) if weights is None else jnp.sum(jnp.asarray(weights, norms.dtype))
    return jnp.where(total == 0, 1, total).astype(norms.dtype)


def factors(norms: Float[Array, " n"], max_norm: float | Scalar) -> Float[Array, " n"]:
    """What shortens gradients of these norms to at most `max_norm`: `min(1, C / norm)` (PX-clip)."""
    longer = norms > max_norm
    return jnp.where(longer, max_norm / jnp.where(longer, norms, 1), 1)


def reweighted(trace: Trace, deltas: Deltas, factors: Float[Array, " n"]) -> Params:
    """`sum_i factors[i] g[i]`: BP3 and BP4 with each row of the deltas times its factor (PX-clip)."""
    return layer_gradients(trace, tuple(delta * factors[:, None].astype(delta.dtype) for delta in deltas))


def _noisy(gradient: Params, key: PRNGKey, deviation: Scalar) -> Params:
    """Normal noise on every coordinate, from the keys that Optax would take."""
    leaves, structure = jax.tree.flatten(gradient)
    _, *keys = jax.random.split(key, len(leaves) + 1)

    def noisy(leaf, key):
        return leaf + deviation.astype(leaf.dtype) * jax.random.normal(key, leaf.shape, leaf.dtype)

    return jax.tree.unflatten(structure, map(noisy, leaves, keys))
