"""Predictions as a table, in the target's own names and units."""

import numpy as np

from mlpjax.data.cells import Batch
from mlpjax.data.preprocessing import Preprocessing
from mlpjax.data.spellings import is_whole
from mlpjax.types import Data


def decode(preprocessing: Preprocessing, prediction: Data, probabilities: bool = False) -> Batch:
    """Predictions as a table in the target's own names and units (DECODE).

    Args:
        preprocessing: of the training.
        prediction: from `mlpjax.predict`, shape (n, outputs): a probability for each class, or for the second of two classes
            alone, shape (n, 1); or standardised numbers.
        probabilities: for classes, a column "probability of …" for each beside the likeliest.

    Returns:
        A `pyarrow.Table` with a column for each target; classes that are whole numbers come as numbers.

    Raises:
        ValueError: the prediction has another shape, or probabilities of numbers are asked for.
    """
    import pyarrow as pa

    target, prediction = preprocessing.target, np.asarray(prediction, np.float64)
    if target.classes and len(target.classes) == 2 and prediction.ndim == 2 and prediction.shape[1] == 1:
        prediction = np.concatenate([1 - prediction, prediction], axis=1)
    if prediction.ndim != 2 or prediction.shape[1] != preprocessing.outputs:
        raise ValueError(f"a prediction must have shape (n, {preprocessing.outputs}), got {prediction.shape}")
    if not target.classes:
        if probabilities:
            raise ValueError(f"target {', '.join(target.names)} is a number: it has no probabilities of classes")
        mean, scale = preprocessing.target_statistics
        return pa.table(list((prediction * scale + mean).T), names=list(target.names))
    classes = _values(target.classes)
    likeliest = pa.array(classes[prediction.argmax(axis=1)], pa.string() if classes.dtype == object else None)
    shown = list(prediction.T) if probabilities else []
    return pa.table(
        [likeliest, *shown], names=[*target.names, *(f"probability of {name}" for name in target.classes)][: 1 + len(shown)]
    )


def _values(classes: tuple[str, ...]) -> np.ndarray:
    """The classes as a table holds them: int64 if all are whole numbers of that size, text otherwise."""
    if all(is_whole(text) and abs(int(text)) < 2**63 for text in classes):
        return np.array([int(text) for text in classes], np.int64)
    return np.array(classes, object)
