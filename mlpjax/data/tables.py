"""A data set of arrays, split for training and test: your own table, or a bundled one."""

import math
import operator
from dataclasses import replace
from typing import Any, NamedTuple

import jax
import numpy as np

from mlpjax.data import inference, targets
from mlpjax.data.examples import check_weights, joined, labelled, numbered, raw_targets, ready
from mlpjax.data.preprocessing import Preprocessing, Target
from mlpjax.data.sources import Source, open_source
from mlpjax.data.survey import Choices, survey


class Dataset(NamedTuple):
    """A data set, split for training and test.

    Attributes:
        name: of the bundled data set, or of the file.
        x_train: training examples, shape (n, features): numbers at mean 0 and spread 1 over the training examples, categories
            one-hot; the pixels of the digits share one unit and so one spread.
        x_test: test examples, treated as the training examples were.
        y_train: class labels, shape (n,); or numbers, shape (n, targets), standardised likewise.
        y_test: those of the test examples.
        preprocessing: how a row of the table becomes an example; fitted on the training part.
        weights_train: how much each training example counts, shape (n,); `None` where all count alike.
        weights_test: how much each test example counts, likewise.
        notes: what there is to say about how the table was taken, as sentences.
    """

    name: str
    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    preprocessing: Preprocessing
    weights_train: np.ndarray | None = None
    weights_test: np.ndarray | None = None
    notes: tuple[str, ...] = ()

    @property
    def features(self) -> tuple[str, ...]:
        """The names of the features."""
        return self.preprocessing.features

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes; empty for a regression."""
        return self.preprocessing.target.classes

    @property
    def outputs(self) -> int:
        """The number of outputs: one for each class, or one for each number."""
        return self.preprocessing.outputs


def load_table(
    table: Any, choices: Choices, *, seed: int = 0, test_fraction: float = 0.2, delimiter: str | None = None
) -> Dataset:
    """Read a table into memory, hold out a part of it for test and fit the preprocessing on the rest.

    Args:
        table: whatever `open_source` takes.
        choices: the target, and what else there is to say about the columns.
        seed: of the split, which keeps the proportions of the classes where each has two examples or more.
        test_fraction: how much is held out, between 0 and 1.
        delimiter: of CSV.

    Raises:
        ValueError: the table, a column of it or the fraction cannot be used; the message says which and what to do.
        OSError: it cannot be read.
        ModuleNotFoundError: pyarrow or scikit-learn is not installed.

    >>> table = {"height": [1.0, 2.0, 3.0, 4.0] * 5, "kind": ["small", "small", "tall", "tall"] * 5}
    >>> data = load_table(table, Choices("kind"))
    >>> data.x_train.shape, data.x_test.shape, data.classes
    ((16, 1), (4, 1), ('small', 'tall'))
    """
    source = open_source(table, delimiter=delimiter)
    choices.check(source.names)
    target, _ = targets.infer_target(survey(source, _target_only(source, choices)), choices)
    labels = np.concatenate([raw_targets(target, batch, row) for row, batch in numbered(source)])
    kept = np.flatnonzero(~np.isnan(labels).any(axis=1))
    train, test, doubts = split(labels[kept], target, seed, test_fraction)
    training = np.zeros(len(labels), bool)
    training[kept[train]] = True
    preprocessing, notes = inference.fit_preprocessing(survey(source, choices, training.__getitem__), choices)
    rows = joined(list(labelled(preprocessing, source, choices.weights, training=True)))
    parts = (ready(preprocessing, jax.tree.map(operator.itemgetter(part), rows)) for part in (train, test))
    (x_train, y_train, weights_train), (x_test, y_test, weights_test) = parts
    check_weights(choices.weights, "training rows", [weights_train])
    check_weights(choices.weights, "test rows", [weights_test])
    return Dataset(source.name, x_train, y_train, x_test, y_test, preprocessing, weights_train, weights_test, (*notes, *doubts))


def _target_only(source: Source, choices: Choices) -> Choices:
    others = tuple(name for name in source.names if name not in (*choices.targets, choices.weights))
    return replace(choices, drop=others, numeric=(), categorical=())


def check_fraction(held_out: float) -> None:
    """Refuse a part to hold out for test that leaves nothing to train on, or is nothing.

    Raises:
        ValueError: it is not more than 0 and less than 1.
    """
    if not 0 < held_out < 1:
        raise ValueError(f"the part to hold out must be more than 0 and less than 1, got {held_out}")


def split(labels: np.ndarray, target: Target, seed: int, test_fraction: float) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Which examples to train on and which to hold out, in random order.

    The proportions of the classes are kept where that can be; a class with a single example is trained on.

    Args:
        labels: from `raw_targets`, none missing.
        target: what they are.
        seed: of the random order.
        test_fraction: how much is held out, between 0 and 1.

    Returns:
        The places of the training and of the test examples, and a note if the proportions could not be kept.

    Raises:
        ValueError: the fraction is not between 0 and 1, or there are too few examples.
    """
    from sklearn.model_selection import train_test_split

    check_fraction(test_fraction)
    strata = labels[:, 0].astype(int) if target.classes else np.zeros(len(labels), int)
    single = (np.bincount(strata)[strata] < 2) & bool(target.classes)
    rest, alone = np.flatnonzero(~single), np.flatnonzero(single)
    count, kinds = math.ceil(test_fraction * len(rest)), len(np.unique(strata[rest]))
    if not 0 < count < len(rest):
        rows = "one row" if len(rest) == 1 else f"{len(rest)} rows"
        kind = "a target, of a class with two or more" if target.classes else "a target"
        raise ValueError(f"the table has {rows} with {kind}, too few to hold out {test_fraction:.0%} of them for test")
    balanced = kinds <= min(count, len(rest) - count)
    train, test = train_test_split(rest, test_size=count, random_state=seed, stratify=strata[rest] if balanced else None)
    notes = [f"{len(alone)} classes have a single example each, which is trained on and never tested"] * bool(len(alone))
    notes += [f"{count} test examples are too few to keep the proportions of {kinds} classes"] * (not balanced)
    return np.concatenate([train, alone]), test, tuple(notes)
