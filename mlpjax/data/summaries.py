"""What one pass over a column remembers of it, in bounded memory, the same however the rows are cut into batches."""

import re
from collections import Counter
from typing import NamedTuple

import numpy as np

from mlpjax.data import cells
from mlpjax.data.cells import Batch, Keyed, Numbers

MOST_VALUES = 1000
"""The most different values of a column that are remembered, and so the most categories it can have."""

_DATE = re.compile(r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}([T ].*)?|\d{1,2}[-/.]\d{1,2}[-/.]\d{4}( .*)?", re.ASCII)


class Moments(NamedTuple):
    """How many numbers, their mean, the sum of squares about it, and the least and the greatest of them."""

    n: int = 0
    mean: float = 0.0
    squares: float = 0.0
    low: float = np.inf
    high: float = -np.inf

    @property
    def scale(self) -> float:
        """The spread: `sqrt(mean((x - mean)**2))`, 0 where all the numbers are the same."""
        return float(np.sqrt(self.squares / self.n)) if self.n and self.low < self.high else 0.0


def moments(values: np.ndarray) -> Moments:
    """Those of the numbers in an array, NaN left out.

    >>> moments(np.array([1.0, 3.0, np.nan]))
    Moments(n=2, mean=2.0, squares=2.0, low=1.0, high=3.0)
    """
    known = values[~np.isnan(values)]
    if not known.size:
        return Moments()
    mean = known.mean()
    return Moments(known.size, float(mean), float(np.sum((known - mean) ** 2)), float(known.min()), float(known.max()))


def merged(a: Moments, b: Moments) -> Moments:
    """Those of two parts together (ENCODE-moments).

    >>> merged(moments(np.array([1.0])), moments(np.array([3.0])))
    Moments(n=2, mean=2.0, squares=2.0, low=1.0, high=3.0)
    """
    n = a.n + b.n
    if not (a.n and b.n):
        return a if a.n else b
    gap = b.mean - a.mean
    mean = a.mean + gap * b.n / n
    squares = a.squares + b.squares + gap**2 * a.n * b.n / n
    return Moments(n, mean, squares, min(a.low, b.low), max(a.high, b.high))


class Summary(NamedTuple):
    """A column so far.

    Attributes:
        rows: how many cells.
        missing: how many of them are missing.
        moments: of those that are numbers.
        whole: whether all the numbers are whole.
        values: how often each category comes; `None` once there are more than `MOST_VALUES`, or where nobody asks.
        text: the row, from 1, of the first cell that is no finite number, and what it holds; `None` if all are numbers.
        refusal: what keeps it from being used, as "holds dates or times"; empty if nothing does.
    """

    rows: int = 0
    missing: int = 0
    moments: Moments = Moments()
    whole: bool = True
    values: Counter[str] | None = None
    text: tuple[int, str] | None = None
    refusal: str = ""

    @property
    def looks_like_dates(self) -> bool:
        """Whether all the values that are remembered are dates as text."""
        known = [self.text[1]] if self.text and self.values is None else list(self.values or ())
        return bool(known) and all(_DATE.fullmatch(text) for text in known)


def start(counted: bool) -> Summary:
    """Of no rows, with or without the values to be counted."""
    return Summary(values=Counter() if counted else None)


def add(summary: Summary, array: Batch, rows: np.ndarray) -> Summary:
    """The summary with more cells: those of an array of a batch, whose row numbers, from 0, are `rows`."""
    refusal = summary.refusal or cells.refusal(array)
    summary = summary._replace(rows=summary.rows + len(rows), refusal=refusal)
    if refusal or not len(rows):
        return summary
    array = cells.plain(array)
    keyed = _keyed(array) if summary.values is not None else None
    if not cells.is_text(array):
        return _with_numbers(summary, cells.numbers(array), keyed, rows)
    if keyed is None and summary.text is not None:
        return summary._replace(values=None)  # text of too many kinds: nothing more can come of it
    numbers = cells.numbers(array) if keyed is None else cells.numbers_in_text(keyed)
    return _with_text(summary, numbers, keyed, rows)


def _keyed(array: Batch) -> Keyed | None:
    """The cells as categories, unless there are far too many of them."""
    encoded = array.dictionary_encode()
    return cells.keyed(encoded) if len(encoded.dictionary) <= 4 * MOST_VALUES else None


def _with_numbers(summary: Summary, numbers: Numbers, keyed: Keyed | None, rows: np.ndarray) -> Summary:
    if numbers.bad is not None:
        place, text = numbers.bad
        return summary._replace(refusal=f"holds {text} in row {rows[place] + 1}, which is no number that can be computed with")
    return _with(summary, numbers.values, keyed, int(np.isnan(numbers.values).sum()))


def _with_text(summary: Summary, numbers: Numbers, keyed: Keyed | None, rows: np.ndarray) -> Summary:
    if numbers.bad is not None and summary.text is None:
        place, text = numbers.bad
        summary = summary._replace(text=(int(rows[place]) + 1, text))
    absent = np.isnan(numbers.values) if keyed is None else keyed.codes < 0
    return _with(summary, numbers.values, keyed, int(absent.sum()))


def _with(summary: Summary, values: np.ndarray, keyed: Keyed | None, missing: int) -> Summary:
    known = values[~np.isnan(values)]
    return summary._replace(
        missing=summary.missing + missing,
        moments=merged(summary.moments, moments(known)),
        whole=summary.whole and bool((known == np.floor(known)).all()),
        values=_counted(summary.values, keyed),
    )


def _counted(values: Counter[str] | None, keyed: Keyed | None) -> Counter[str] | None:
    if values is None or keyed is None:
        return None
    counts = np.bincount(keyed.codes[keyed.codes >= 0], minlength=len(keyed.keys))
    found = values + Counter(dict(zip(keyed.keys, counts.tolist(), strict=True)))
    return found if len(found) <= MOST_VALUES else None
