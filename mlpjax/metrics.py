"""How good predictions are: one number an output layer, for whatever the loss predicts.

>>> import jax.numpy as jnp
>>> from mlpjax import losses, metrics
>>> z, y = jnp.array([[2.0, 0.0], [1.0, 0.0], [0.0, 3.0]]), jnp.array([0, 1, 1])
>>> round(metrics.score(losses.softmax_cross_entropy_with_integer_labels, z, y).item(), 3)
0.667
"""

import jax.numpy as jnp
from jaxtyping import Array, Float, Shaped

from mlpjax.losses import Loss
from mlpjax.types import Data, Scalar


def score(loss: Loss, z: Float[Array, "n k"], y: Shaped[Array, "n *k"], weights: Data | None = None) -> Scalar:
    """The accuracy where the loss predicts classes, R² where it predicts numbers.

    Args:
        loss: its inverse link turns logits into predictions, and its target says which of them are right.
        z: the logits, shape (n, k).
        y: the targets, as the loss takes them.
        weights: one weight for each example, shape (n,).

    Returns:
        A scalar, in float32 at least.
    """
    dtype = jnp.promote_types(z.dtype, jnp.float32)  # sums of many would overflow in float16
    weights = jnp.ones(len(z), dtype) if weights is None else jnp.asarray(weights, dtype)
    prediction = loss.inverse_link(z)
    if loss.target.right is None:
        return r2(prediction.astype(dtype), y.astype(dtype), weights)
    return accuracy(loss.target.right(prediction, y), weights)


def score_name(loss: Loss) -> str:
    """What `score` is for a loss: "accuracy" or "r2".

    >>> from mlpjax import losses
    >>> score_name(losses.squared_error), score_name(losses.softmax_cross_entropy)
    ('r2', 'accuracy')
    """
    return "r2" if loss.target.right is None else "accuracy"


def accuracy(right: Shaped[Array, " n"], weights: Float[Array, " n"]) -> Scalar:
    """The share of right predictions: `sum_i w_i [right_i] / sum_i w_i` (ACCURACY).

    Args:
        right: whether each prediction is right, shape (n,).
        weights: one weight for each example, shape (n,).

    >>> accuracy(jnp.array([True, True, False, True]), jnp.ones(4)).item()
    0.75
    """
    return jnp.sum(weights * right) / jnp.sum(weights)


def r2(prediction: Float[Array, "n k"], y: Float[Array, "n k"], weights: Float[Array, " n"]) -> Scalar:
    """R², the share of the variance that is explained, as its mean over the outputs (R2).

    `1 - sum_i w_i (y_i - p_i)^2 / sum_i w_i (y_i - mean)^2`. A constant target, which has no variance, counts as 1 where it
    is predicted exactly and as 0 elsewhere, as in scikit-learn.

    Args:
        prediction: shape (n, k).
        y: the targets, shape (n, k).
        weights: one weight for each example, shape (n,).

    >>> r2(jnp.array([[1.0], [2.0], [3.0]]), jnp.array([[1.0], [2.0], [4.0]]), jnp.ones(3)).item()
    0.786
    """
    w = weights[:, None]
    residual = jnp.sum(w * (y - prediction) ** 2, axis=0)
    y = y - y[0]  # so that rounding leaves no variance in a constant target
    variance = jnp.sum(w * (y - jnp.sum(w * y, axis=0) / jnp.sum(w)) ** 2, axis=0)
    explained = 1 - residual / jnp.where(variance == 0, 1, variance)
    return jnp.mean(jnp.where(variance == 0, jnp.where(residual == 0, 1.0, 0.0), explained))
