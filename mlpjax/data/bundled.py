"""The data sets that come with scikit-learn, split, standardised and ready to train on."""

import numpy as np

from mlpjax import names
from mlpjax.data.columns import NUMERIC, Column, Statistics
from mlpjax.data.preprocessing import Preprocessing, Target
from mlpjax.data.tables import Dataset, check_fraction

NAMES = ("digits", "breast-cancer", "wine", "iris", "diabetes")
"""Four classifications and one regression."""


def bundled(name: str, seed: int = 0, test_fraction: float = 0.2, standardise: bool = True) -> Dataset:
    """Load a bundled data set and hold out a part of it for test.

    Args:
        name: one of `NAMES`.
        seed: of the split, which keeps the proportions of the classes.
        test_fraction: how much is held out, between 0 and 1.
        standardise: whether a target that is a number is brought to mean 0 and spread 1.

    Raises:
        ValueError: there is no data set of that name, and the message suggests the nearest; or the fraction is 0 or 1 or beyond.
        ModuleNotFoundError: scikit-learn is not installed.

    >>> data = bundled("iris")
    >>> data.x_train.shape, data.y_test.shape, data.classes
    ((120, 4), (30,), ('setosa', 'versicolor', 'virginica'))
    """
    table = _loaded(name)
    check_fraction(test_fraction)
    from sklearn.model_selection import train_test_split

    classes = _classes(table)
    x_train, x_test, y_train, y_test = train_test_split(
        table.data, table.target, test_size=test_fraction, random_state=seed, stratify=table.target if classes else None
    )
    statistics, targets = _statistics(x_train, one_unit=name == "digits"), _statistics(np.empty((1, 0)))
    if not classes:
        targets = _statistics(y_train[:, None]) if standardise else Statistics(np.zeros(1), np.ones(1))
        y_train, y_test = ((y[:, None] - targets.mean) / targets.scale for y in (y_train, y_test))
    x_train, x_test = ((x - statistics.mean) / statistics.scale for x in (x_train, x_test))
    columns = tuple(Column(str(feature), NUMERIC) for feature in table.feature_names)
    preprocessing = Preprocessing(columns, statistics, Target(("target",), classes), targets)
    return Dataset(name, x_train, y_train, x_test, y_test, preprocessing)


def as_table(name: str) -> dict[str, np.ndarray]:
    """All examples of a bundled data set, as the columns of a table of which the last is the target.

    Raises:
        ValueError, ModuleNotFoundError: as `bundled`.

    >>> list(as_table("iris"))[3:], as_table("iris")["target"][0]
    (['petal width (cm)', 'target'], np.str_('setosa'))
    """
    table = _loaded(name)
    labels, columns = np.array(_classes(table)), map(str, table.feature_names)
    return dict(zip(columns, table.data.T, strict=True)) | {"target": labels[table.target] if len(labels) else table.target}


def _loaded(name: str):
    if name not in NAMES:
        raise ValueError(names.nearest("data set", name, NAMES))
    from sklearn import datasets

    return getattr(datasets, f"load_{name.replace('-', '_')}")()


def _classes(table) -> tuple[str, ...]:
    return tuple(str(label) for label in getattr(table, "target_names", ()))


def _statistics(train: np.ndarray, one_unit: bool = False) -> Statistics:
    """The mean and the spread of each column of the training part, or one spread for all; a constant column keeps its unit."""
    mean = train.mean(axis=0)
    spread = np.sqrt(np.mean((train - mean) ** 2, axis=None if one_unit else 0))
    return Statistics(mean, np.broadcast_to(np.where(spread > 0, spread, 1), mean.shape))
