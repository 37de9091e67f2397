"""The examples of a run, in memory or as a stream."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mlpjax.data import Dataset, Examples, Preprocessing, Stream
from mlpjax.fitting.class_weights import balanced


class Prepared(NamedTuple):
    """Examples ready for a run.

    Attributes:
        name: of the data.
        preprocessing: from the rows of the table to examples.
        notes: what there is to say about how the table was taken.
        training: the examples to train on.
        test: those held out to the end.
        validation: those held out to say when to stop; `None` if that was not asked for.
    """

    name: str
    preprocessing: Preprocessing
    notes: tuple[str, ...]
    training: Examples | Stream
    test: Examples
    validation: Examples | None = None

    @property
    def streamed(self) -> bool:
        """Whether the examples are read from a file as they are needed."""
        return isinstance(self.training, Stream)

    @property
    def rows(self) -> int:
        """The number of training examples."""
        return self.training.rows if isinstance(self.training, Stream) else len(self.training.x)

    def first_batch(self, size: int) -> tuple:
        """So many training examples, or all if there are fewer: `(x, y)` or `(x, y, weights)`."""
        first = self.sample(size) if isinstance(self.training, Stream) else _rows(self.training, slice(size))
        return tuple(array for array in first if array is not None)

    def sample(self, most: int) -> Examples:
        """At most so many training examples, for what needs them in memory."""
        if not isinstance(self.training, Stream):
            rows = np.arange(self.rows) if self.rows <= most else np.random.default_rng(0).permutation(self.rows)[:most]
            return _rows(self.training, rows)
        taken: list[tuple] = []
        for batch in self.training.batches(1):
            taken.append(batch)
            if len(taken) * self.training.batch_size >= most:
                break
        x, y, *rest = (np.concatenate(parts) for parts in zip(*taken, strict=True))
        return _rows(Examples(x, y, rest[0] if rest else None), slice(most))


def of_dataset(dataset: Dataset, validation: float = 0.0) -> Prepared:
    """The examples of a data set in memory.

    Args:
        dataset: its training examples are in random order.
        validation: the part of them to hold out to say when to stop.

    Raises:
        ValueError: that leaves none to train on.
    """
    training = Examples(dataset.x_train, dataset.y_train, dataset.weights_train)
    test = Examples(dataset.x_test, dataset.y_test, dataset.weights_test)
    n, count = len(training.x), 0
    if validation:
        count = round(n * validation) or 1
    if count >= n:
        raise ValueError(f"to hold out {validation:g} of {n} training examples for validation leaves none to train on")
    kept, held_out = _rows(training, slice(count, None)), _rows(training, slice(count))
    for part, examples in {"training": kept, "validation": held_out}.items():
        if examples.weights is not None and len(examples.x) and not examples.weights.any():
            raise ValueError(f"the weights are 0 in all the {part} rows: one at least must count")
    name = Path(dataset.name).name
    return Prepared(name, dataset.preprocessing, dataset.notes, kept, test, held_out if count else None)


def _rows(examples: Examples, chosen) -> Examples:
    x, y, weights = examples
    return Examples(x[chosen], y[chosen], None if weights is None else weights[chosen])


def of_stream(stream: Stream) -> Prepared:
    """The examples of a stream."""
    validation = stream.validation if len(stream.validation.x) else None
    return Prepared(Path(stream.name).name, stream.preprocessing, stream.notes, stream, stream.test, validation)


def with_balanced_classes(stream: Stream):
    """The batches of a stream, with weights that give each class the same say."""
    classes = len(stream.preprocessing.target.classes)
    of_class = balanced(np.sum([np.bincount(y, minlength=classes) for _, y, *_ in stream.batches(1)], axis=0))

    def batches(epoch: int, start: int) -> Iterator[tuple]:
        for x, y, *weights in stream.batches(epoch, start):
            yield x, y, of_class[y] * (weights[0] if weights else 1)

    return batches
