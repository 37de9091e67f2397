"""What scikit-learn calls a loss, as a record of `losses`; and what an output says: a number, a probability, a class."""

import dataclasses
import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import xlogy

from mlpjax import losses, metrics
from mlpjax.activations import Activation
from mlpjax.losses import Loss
from mlpjax.network import MLP, forward_pass
from mlpjax.types import Params, Scalar

poisson_deviance = dataclasses.replace(
    losses.poisson_loss,
    name="poisson_deviance",
    value=lambda z, y: jnp.sum(jnp.exp(z) - y * z + xlogy(y, y) - y, axis=1),
)
"""`sum y log(y / exp(z)) - y + exp(z)`, half the Poisson deviance: `poisson_loss`, moved so that a perfect rate loses 0."""

SOFTMAX = (losses.softmax_cross_entropy, losses.softmax_cross_entropy_with_integer_labels)
PROBABILITIES = (losses.sigmoid_binary_cross_entropy, *SOFTMAX)
"""The losses whose prediction is a probability."""


def regression_loss(loss: str | Loss) -> Loss:
    """The record for a regressor's `loss`; scikit-learn's "squared_error" is half the square, "poisson" half the deviance.

    Raises:
        ValueError: there is none of that name, or its targets are classes.
    """
    record = {"squared_error": losses.l2_loss, "poisson": poisson_deviance}.get(str(loss)) or _record(loss)
    if record.target in (losses.LABELS, losses.SIGNS):
        raise ValueError(f"the loss {record.name!r} takes {record.target.words}: use MLPClassifier, or a loss of numbers")
    return record


def classification_loss(loss: str | Loss, y_type: str) -> Loss:
    """The record for a classifier's `loss`, by the kind of its targets: "binary", "multiclass" or "multilabel-indicator".

    Raises:
        ValueError: there is none of that name, or a softmax is asked for where classes do not exclude one another.
    """
    if loss == "log_loss":
        return SOFTMAX[1] if y_type == "multiclass" else losses.sigmoid_binary_cross_entropy
    record = _record(loss)
    if record in SOFTMAX and y_type != "multiclass":
        raise ValueError(
            f"the loss {record.name!r} is for three classes or more, one for each example; for {y_type} targets use 'log_loss'"
        )
    return record


def is_probability(loss: str | Loss) -> bool:
    """Whether a classifier with this loss predicts probabilities."""
    return loss == "log_loss" or _record(loss) in PROBABILITIES


def _record(loss: str | Loss) -> Loss:
    return losses.named(loss) if isinstance(loss, str) else loss


def out_activation(loss: Loss) -> str:
    """What scikit-learn calls the function at the output: "identity", "logistic", "softmax" or "exp"."""
    names = dict.fromkeys(SOFTMAX, "softmax") | {losses.sigmoid_binary_cross_entropy: "logistic"}
    names |= dict.fromkeys((losses.poisson_loss, poisson_deviance), "exp")
    return names.get(loss) or loss.name.partition("@")[2] or "identity"


def encoded(loss: Loss, indicators: np.ndarray, dtype) -> np.ndarray:
    """A row of 0 and 1 for each example as the targets that a loss takes: labels, signs or numbers."""
    if loss.target is losses.LABELS:
        return indicators.argmax(axis=1).astype(np.int32)
    return (2 * indicators - 1.0 if loss.target is losses.SIGNS else indicators).astype(dtype)


def output(mlp: MLP, z: jax.Array) -> jax.Array:
    """The prediction from the logits; for losses of signs a number that is above 1/2 where the sign is +."""
    return (z + 1) / 2 if mlp.loss.target is losses.SIGNS else mlp.loss.inverse_link(z)


@functools.partial(jax.jit, static_argnames="mlp")
def predictions(mlp: MLP, params: Params, x: jax.Array) -> jax.Array:
    """The outputs for dense examples, shape (n, outputs)."""
    return output(mlp, forward_pass(mlp, params, x).z[-1])


Score = Callable[[jax.Array, jax.Array, jax.Array], Scalar]
"""`score(output, y, weights)`, jittable, `y` as the loss takes it."""


def accuracy(output: jax.Array, y: jax.Array, weights: jax.Array) -> Scalar:
    """The share of the examples of which every output lies on the right side of 1/2."""
    return metrics.accuracy(jnp.all((output > 0.5) == (y > 0.5), axis=1), weights)


def top_accuracy(output: jax.Array, y: jax.Array, weights: jax.Array) -> Scalar:
    """The share of the examples whose largest output is that of their class, `y` a label or a row for each."""
    labels = y if y.ndim == 1 else jnp.argmax(y, axis=1)
    return metrics.accuracy(jnp.argmax(output, axis=1) == labels, weights)


def r2(output: jax.Array, y: jax.Array, weights: jax.Array) -> Scalar:
    """The coefficient of determination, averaged over the outputs; NaN where an output is not finite."""
    return jnp.where(jnp.all(jnp.isfinite(output)), metrics.r2(output, y, weights), jnp.nan)


def activation(given):
    """scikit-learn's "logistic" is `activations.sigmoid`; every other name or record stays as it is."""
    if isinstance(given, str | Activation):
        return "sigmoid" if given == "logistic" else given
    return tuple(activation(one) for one in given)
