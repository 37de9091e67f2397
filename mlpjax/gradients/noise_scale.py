"""How noisy the gradient of a mini-batch is, and so how large a mini-batch is worth its work."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from mlpjax import penalties
from mlpjax.gradients.clipping import reweighted
from mlpjax.gradients.norms import wide
from mlpjax.gradients.per_example import layer_norms, own_deltas
from mlpjax.network import MLP, batch, compiled
from mlpjax.types import Data, Params, Penalty, Scalar


class NoiseScale(NamedTuple):
    """How the gradients of single examples scatter about their mean.

    Attributes:
        scale: `variance / squared_norm`, the batch size at which the noise of the gradient is as large as the gradient; infinite
            where `squared_norm` is not above 0, so that nothing but noise is seen.
        variance: of the gradient of one example, summed over the parameters, tr(Sigma).
        squared_norm: of the gradient of the mean loss over all that the examples are drawn from, `||G||^2`. Being unbiased, its
            estimate can fall below 0.
    """

    scale: Scalar
    variance: Scalar
    squared_norm: Scalar


@compiled
def gradient_noise_scale(
    mlp: MLP, params: Params, x: Data, y: Data, *, weights: Data | None = None, penalty: Penalty | None = None
) -> NoiseScale:
    """The simple noise scale `tr(Sigma) / ||G||^2` from one forward and one backward pass (NOISE-SCALE).

    Well below it, twice the batch is worth nearly two steps; well above, next to nothing. The estimates of variance and of
    squared norm are unbiased, their ratio is not: over several batches, average each of the two and divide then.

    Args:
        mlp: the network.
        params: its parameters.
        x: the examples, shape (n, sizes[0]), n of at least 2.
        y: the targets, shape (n, sizes[-1]), or (n,) integers for integer labels.
        weights: one weight for each example, shape (n,): how much it counts in the means, as in `loss`; 0 is its absence.
        penalty: `Penalty(l1, l2)`: part of G, and of no variance.

    Returns:
        The scale and what it is made of, in float32 at least; NaN if one example has all the weight. The variance is the
            difference of two squares: in float32 it is blind to noise below some 1e-4 of the gradient's norm.

    Raises:
        ValueError: there is one example only, a shape does not fit, or an activation has no slope.
        TypeError: x, y or labels are of the wrong type.

    >>> from mlpjax import Layer
    >>> zero = (Layer(jnp.zeros((1, 1)), jnp.zeros(1)),)
    >>> found = gradient_noise_scale(MLP((1, 1), loss="l2_loss"), zero, jnp.zeros((2, 1)), jnp.array([[-1.0], [-3.0]]))
    >>> found.variance.item(), found.squared_norm.item(), round(found.scale.item(), 4)
    (2.0, 3.0, 0.6667)

    McCandlish, Kaplan, Amodei and others, An empirical model of large-batch training, 2018.
    """
    examples = batch(mlp, params, x, y, weights)
    if len(examples.x) < 2:
        raise ValueError("the noise of a gradient takes 2 examples or more to be seen, got 1")
    trace, deltas = own_deltas(mlp, params, x, y)
    share = wide(examples.share)
    mean = reweighted(trace, deltas, share)
    scatter = share @ jnp.sum(layer_norms(trace, deltas) ** 2, axis=1) - _square(mean)
    of_mean = jnp.sum(share**2)
    variance = jnp.maximum(scatter, 0) / (1 - of_mean)
    squared_norm = _square(penalties.added(penalty, params, mean)) - of_mean * variance
    return NoiseScale(jnp.where(squared_norm <= 0, jnp.inf, variance / squared_norm), variance, squared_norm)


def _square(gradient: Params) -> Scalar:
    """The squared norm."""
    return optax.tree.norm(jax.tree.map(wide, gradient), squared=True)
