"""Training on a table that is larger than memory: batches from a temporary file, in a new order in each epoch.

The table is read twice, whatever its format: once for its preprocessing, and once to copy the cells of its training rows, as
numbers, to a temporary file, where any row is found by its place. An order can then be a pure function of the seed and
the epoch, begin anywhere, and cost no more than reading the file. The file needs 8 bytes for each cell, and is gone when
the process ends, however it ends.
"""

import functools
import operator
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np

from mlpjax.data import inference
from mlpjax.data.examples import Examples, Rows, check_weights, joined, labelled, ready
from mlpjax.data.preprocessing import Preprocessing
from mlpjax.data.sources import open_source
from mlpjax.data.store import Store, stored
from mlpjax.data.survey import Choices, survey

MEMORY = 2**30
"""How many bytes of data may be in memory at once, unless another limit is given."""

MOST_HELD_OUT = 100_000
"""The most examples, about, that are held out for validation, and for test: more would not be told apart."""

WINDOW = 2**25
"""The bytes of rows that are shuffled among each other, at most."""

TRAINING, VALIDATION, TEST = 0, 1, 2
PARTS, ORDER, SHUFFLE = 1, 2, 3  # what a random number is for
_BLOCK = 2**16


def parts(seed: int, rows: np.ndarray, validation: float, test: float) -> np.ndarray:
    """Which part each row of a table belongs to, a pure function of the seed and of the row's number.

    Args:
        seed: any whole number of 0 or more.
        rows: row numbers, from 0, in ascending order.
        validation, test: the fraction of the rows that each part takes.

    Returns:
        `TRAINING`, `VALIDATION` or `TEST` for each row.

    >>> parts(0, np.arange(8), 0.2, 0.2).tolist() == parts(0, np.arange(3, 8), 0.2, 0.2).tolist()
    False
    >>> parts(0, np.arange(8), 0.2, 0.2)[3:].tolist() == parts(0, np.arange(3, 8), 0.2, 0.2).tolist()
    True
    """
    if not len(rows):
        return np.empty(0, int)
    blocks = range(rows[0] // _BLOCK, rows[-1] // _BLOCK + 1)
    drawn = np.concatenate([np.random.default_rng([seed, PARTS, block]).random(_BLOCK) for block in blocks])
    chance = drawn[rows - blocks[0] * _BLOCK]
    return np.where(chance < test, TEST, np.where(chance < test + validation, VALIDATION, TRAINING))


@dataclass(frozen=True, eq=False)
class Stream:
    """A table as batches to train on, and two small parts of it held out, in memory.

    Attributes:
        name: of the table.
        preprocessing: fitted on the training part.
        notes: what there is to say about how the table was taken, as sentences.
        rows: the number of training examples.
        batch_size: the examples in each batch but an epoch's last.
        validation: the part held out for validation; empty where none was asked for.
        test: the part held out for test.
    """

    name: str
    preprocessing: Preprocessing
    notes: tuple[str, ...]
    rows: int
    batch_size: int
    validation: Examples
    test: Examples
    _seed: int
    _chunks: int
    _store: Store

    @property
    def steps(self) -> int:
        """The number of batches in an epoch."""
        return -(-self.rows // self.batch_size)

    def batches(self, epoch: int, start: int = 0) -> Iterator[tuple[np.ndarray, ...]]:
        """The batches of an epoch, from the one numbered `start`, from 0, on: (x, y), or (x, y, weights).

        Every training example comes once. The order is a pure function of the seed and the epoch; what comes before `start`
        is hardly read. They are views of larger arrays: do not write to them.
        """
        rest = None
        for window in self._windows(epoch, start * self.batch_size):
            window = window if rest is None else joined([rest, window])
            whole = len(window.x) // self.batch_size * self.batch_size
            for first in range(0, whole, self.batch_size):
                yield _tuple(window, slice(first, first + self.batch_size))
            rest = jax.tree.map(operator.itemgetter(slice(whole, None)), window)
        if rest is not None and len(rest.x):
            yield _tuple(rest, slice(None))

    def _windows(self, epoch: int, position: int) -> Iterator[Examples]:
        """The examples of an epoch from a position on, as many at a time as are shuffled together.

        The chunks of the file are shuffled, then the rows of the next few chunks among each other: a table in order of
        its target is well mixed all the same.
        """
        store, size = self._store, len(self.preprocessing.columns)
        order = np.random.default_rng([self._seed, ORDER, epoch]).permutation(-(-store.rows // store.chunk))
        for number in range(0, -(-len(order) // self._chunks)):
            chosen = order[number * self._chunks : (number + 1) * self._chunks]
            count = store.count(chosen)
            if position < count:
                shuffled = np.random.default_rng([self._seed, SHUFFLE, epoch, number]).permutation(count)
                yield ready(self.preprocessing, _rows(store.read(chosen)[shuffled[position:]], size, self.preprocessing))
            position = max(position - count, 0)


def _tuple(examples: Examples, chosen: slice) -> tuple[np.ndarray, ...]:
    return tuple(array[chosen] for array in examples if array is not None)


def _rows(stored: np.ndarray, size: int, preprocessing: Preprocessing) -> Rows:
    end = size + len(preprocessing.target.names)
    weights = stored[:, end] if stored.shape[1] > end else None
    return Rows(np.empty(0, int), stored[:, :size], stored[:, size:end], weights)


def stream(
    table: Any,
    choices: Choices,
    *,
    seed: int = 0,
    batch_size: int = 256,
    test_fraction: float = 0.2,
    validation_fraction: float = 0.0,
    memory: int = MEMORY,
    folder: Path | None = None,
    delimiter: str | None = None,
) -> Stream:
    """Prepare a table that is larger than memory for training.

    Args:
        table: whatever `open_source` takes.
        choices: the target, and what else there is to say about the columns.
        seed: of the parts and of the orders.
        batch_size: the examples in a batch.
        test_fraction, validation_fraction: how much is held out, at most about `MOST_HELD_OUT` rows each.
        memory: about how many bytes of data may be in memory at once.
        folder: where the temporary file goes; the system's temporary folder unless given.
        delimiter: of CSV.

    Raises:
        ValueError: the table, a column of it or an option cannot be used; the message says which and what to do.
        OSError: it cannot be read, or the temporary file not be written.
        ModuleNotFoundError: pyarrow is not installed.

    >>> table = {"height": [1.0, 2.0, 3.0, 4.0] * 25, "kind": ["small", "small", "tall", "tall"] * 25}
    >>> data = stream(table, Choices("kind"), batch_size=32)
    >>> len(data.test.x) + sum(len(x) for x, y in data.batches(epoch=1))
    100
    """
    check_options(batch_size, validation_fraction, test_fraction)
    source = open_source(table, delimiter=delimiter, memory=memory)
    most = min(MOST_HELD_OUT, memory // (128 * len(source.names))) / max(source.rows, 1)
    part_of = functools.partial(parts, seed, validation=min(validation_fraction, most), test=min(test_fraction, most))
    found = survey(source, choices, lambda rows: part_of(rows) == TRAINING)
    preprocessing, notes = inference.fit_preprocessing(found, choices)
    held_out: dict[int, list[Rows]] = {VALIDATION: [], TEST: []}
    width = len(preprocessing.columns) + len(choices.targets) + (choices.weights is not None)
    store = stored(_training(labelled(preprocessing, source, choices.weights, training=True), part_of, held_out), width, folder)
    validation, test = (ready(preprocessing, joined(rows)) for rows in held_out.values())
    if not (store.rows and len(test.x) and (len(validation.x) or not validation_fraction)):
        raise ValueError(f"{source.name} has too few rows with a target, {found.labelled}, to hold a part of them out")
    chunks = max(min(memory // 16, WINDOW) // (store.chunk * width * 8), 1)
    if max(test_fraction, validation_fraction) > most:
        notes = (
            *notes,
            f"each part held out is at most {most:.2%} of the rows: more would hardly tell more, and stays in memory",
        )
    made = Stream(source.name, preprocessing, notes, store.rows, batch_size, validation, test, seed, chunks, store)
    check_weights(choices.weights, "training rows", (weights for _, _, *rest in made.batches(0) for weights in rest))
    check_weights(choices.weights, "test rows", [test.weights])
    if validation_fraction:
        check_weights(choices.weights, "validation rows", [validation.weights])
    return made


def _training(
    rows: Iterator[Rows], part_of: Callable[[np.ndarray], np.ndarray], held_out: dict[int, list[Rows]]
) -> Iterator[np.ndarray]:
    """The training rows as the store holds them, the others put aside."""
    for some in rows:
        part = part_of(some.numbers)
        for number, put_aside in held_out.items():
            put_aside.append(jax.tree.map(operator.itemgetter(part == number), some))
        kept = jax.tree.map(operator.itemgetter(part == TRAINING), some)
        weights = [] if kept.weights is None else [kept.weights[:, None]]
        yield np.concatenate([kept.raw, kept.targets, *weights], axis=1)


def check_options(batch_size: int, validation_fraction: float, test_fraction: float) -> None:
    """A batch has an example or more, and the parts held out leave something to train on.

    Raises:
        ValueError: not so.
    """
    if batch_size < 1:
        raise ValueError(f"batch_size must be 1 or more, got {batch_size}")
    if not (0 < test_fraction < 1 and 0 <= validation_fraction < 1 - test_fraction):
        raise ValueError(
            "the parts to hold out must be fractions that leave something to train on, the test part more than 0; "
            f"got {validation_fraction} and {test_fraction}"
        )
