"""Weights for classes, as weights for their examples.

>>> from mlpjax import losses
>>> y = np.array([0, 0, 0, 1])
>>> example_weights(losses.softmax_cross_entropy_with_integer_labels, y, 2, "balanced").round(3).tolist()
[0.667, 0.667, 0.667, 2.0]
"""

from collections.abc import Mapping, Sequence

import numpy as np

from mlpjax import losses
from mlpjax.losses import Loss
from mlpjax.types import Data

ClassWeights = str | Sequence[float] | Mapping[int, float] | Data


def example_weights(loss: Loss, y: Data, outputs: int, class_weights: ClassWeights) -> np.ndarray:
    """The weight of each example: that of its class (CLASS-WEIGHTS).

    Args:
        loss: one that predicts classes.
        y: the targets, as the loss takes them.
        outputs: the number of outputs.
        class_weights: one number for each class; a mapping from some of the classes to theirs, the others having 1; or
            "balanced", `n / (classes * examples of the class)`, by which every class has the same say.

    Returns:
        Shape (n,).

    Raises:
        ValueError: the loss predicts no classes, or there is not a usable weight for each.
    """
    y = np.asarray(y)
    if loss.target is losses.LABELS:
        return _of_classes(class_weights, np.bincount(y, minlength=outputs))[y]
    shares = _class_shares(loss, y, outputs)
    return shares @ _of_classes(class_weights, shares.sum(axis=0))


def _class_shares(loss: Loss, y: np.ndarray, outputs: int) -> np.ndarray:
    """How much of each example is of each class, shape (n, classes)."""
    target = loss.target
    if target is losses.DISTRIBUTIONS:
        return y
    if target in (losses.SHARES, losses.SIGNS) and outputs == 1:
        positive = y[:, 0] if target is losses.SHARES else (y[:, 0] + 1) / 2
        return np.stack([1 - positive, positive], axis=1)
    raise ValueError(
        f"class weights need classes that exclude each other: a softmax loss, or one output of a sigmoid or a margin loss; "
        f"got {loss.name} with {outputs} outputs. Pass weights, one for each example, instead"
    )


def balanced(counts: np.ndarray) -> np.ndarray:
    """The weight of each class by which all have the same say, from the number of examples of each.

    >>> balanced(np.array([3, 1])).round(3).tolist()
    [0.667, 2.0]
    """
    return counts.sum() / (len(counts) * np.where(counts > 0, counts, 1))


def _of_classes(given: ClassWeights, counts: np.ndarray) -> np.ndarray:
    classes = len(counts)
    if isinstance(given, str):
        if given != "balanced":
            raise ValueError(f'class_weights must be numbers or "balanced", got {given!r}')
        return balanced(counts)
    if isinstance(given, Mapping):
        unknown = sorted(set(given) - set(range(classes)))
        if unknown:
            raise ValueError(f"class_weights names the class {unknown[0]!r}; there are classes 0 to {classes - 1}")
        given = [given.get(number, 1.0) for number in range(classes)]
    weights = np.asarray(given, float)
    if weights.shape != (classes,) or not np.all(np.isfinite(weights) & (weights >= 0)):
        raise ValueError(f"class_weights must be {classes} finite numbers of 0 or more, one for each class; got {given!r}")
    return weights
