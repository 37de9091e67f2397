"""The data sets that come with scikit-learn, split, standardised and ready to train on."""

from typing import NamedTuple

import numpy as np

from mlpjax import names

NAMES = ("digits", "breast-cancer", "wine", "iris", "diabetes")
"""Four classifications and one regression."""


class Dataset(NamedTuple):
    """A data set, split for training and test.

    Attributes:
        name: as in `NAMES`.
        x_train, x_test: examples, shape (n, features), each feature of mean 0 and spread 1 over the training examples;
            the pixels of the digits share one unit and so one spread.
        y_train, y_test: class labels, shape (n,); or numbers, shape (n, 1), standardised likewise.
        features: the names of the features.
        classes: the names of the classes; empty for a regression.
        target_scale: what a standardised target of 1 stands for in the target's own unit; 1 for a classification.
    """

    name: str
    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    features: tuple[str, ...]
    classes: tuple[str, ...]
    target_scale: float

    @property
    def loss(self) -> str:
        """The name of the loss that suits the targets."""
        return "softmax_cross_entropy_with_integer_labels" if self.classes else "squared_error"

    @property
    def outputs(self) -> int:
        """The number of outputs: one for each class, or one number."""
        return len(self.classes) or 1


def bundled(name: str, seed: int = 0, test_fraction: float = 0.2) -> Dataset:
    """Load a bundled data set and hold out a part of it for test.

    Args:
        name: one of `NAMES`.
        seed: of the split, which keeps the proportions of the classes.
        test_fraction: how much is held out.

    Raises:
        ValueError: there is no data set of that name; the message suggests the nearest.
        ModuleNotFoundError: scikit-learn is not installed.

    >>> data = bundled("iris")
    >>> data.x_train.shape, data.y_test.shape, data.classes
    ((120, 4), (30,), ('setosa', 'versicolor', 'virginica'))
    """
    if name not in NAMES:
        raise ValueError(names.nearest("data set", name, NAMES))
    from sklearn import datasets
    from sklearn.model_selection import train_test_split

    table = getattr(datasets, f"load_{name.replace('-', '_')}")()
    classes = tuple(str(label) for label in getattr(table, "target_names", ()))
    x_train, x_test, y_train, y_test = train_test_split(
        table.data, table.target, test_size=test_fraction, random_state=seed, stratify=table.target if classes else None
    )
    target_scale = 1.0
    if not classes:
        target_scale = float(y_train.std())
        y_train, y_test = _standardised(y_train[:, None], y_test[:, None])
    x_train, x_test = _standardised(x_train, x_test, one_unit=name == "digits")
    features = tuple(str(feature) for feature in table.feature_names)
    return Dataset(name, x_train, y_train, x_test, y_test, features, classes, target_scale)


def _standardised(train: np.ndarray, test: np.ndarray, one_unit: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Both at the mean and spread of the training part; a constant column becomes 0."""
    mean = train.mean(axis=0)
    spread = np.sqrt(np.mean((train - mean) ** 2, axis=None if one_unit else 0))
    spread = np.where(spread > 0, spread, 1)
    return (train - mean) / spread, (test - mean) / spread
