"""What one pass over a column remembers of it, in bounded memory, the same however the rows are cut into batches."""

import re
from collections import Counter
from typing import NamedTuple

import numpy as np

from mlpjax.data import cells
from mlpjax.data.cells import Batch, Keyed, Numbers
from mlpjax.data.spellings import is_meant_as_number

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
        code: the same of the first that is a number with needless zeros before it.
        counting: whether every cell is the number of its row, from 0 or from 1.
        refusal: what keeps it from being used, as "holds dates or times"; empty if nothing does.
    """

    rows: int = 0
    missing: int = 0
    moments: Moments = Moments()
    whole: bool = True
    values: Counter[str] | None = None
    text: tuple[int, str] | None = None
    code: tuple[int, str] | None = None
    counting: bool = True
    refusal: str = ""

    @property
    def looks_like_dates(self) -> bool:
        """Whether all the values that are remembered are dates as text."""
        known = [self.text[1]] if self.text and self.values is None else list(self.values or ())
        return bool(known) and all(_DATE.fullmatch(text) for text in known)

    @property
    def truths(self) -> bool:
        """Whether all the values are true or false."""
        return bool(self.values) and set(self.values or ()) <= {"true", "false"}

    @property
    def mostly_numbers(self) -> bool:
        """Whether it holds text, but text that for the greater part is meant as numbers."""
        if self.text is None or self.code is not None or self.truths:
            return False
        if self.values is None:
            return self.moments.n > 0 or is_meant_as_number(self.text[1])
        return 2 * sum(map(is_meant_as_number, self.values)) > len(self.values)


def start(counted: bool) -> Summary:
    """Of no rows, with or without the values to be counted."""
    return Summary(values=Counter() if counted else None)


def together(a: Summary, b: Summary) -> Summary:
    """The summary of the rows of both.

    >>> whole = together(Summary(rows=2, text=(7, "b")), Summary(rows=1, missing=1, text=(3, "a")))
    >>> whole.rows, whole.missing, whole.text
    (3, 1, (3, 'a'))
    """
    return Summary(
        a.rows + b.rows,
        a.missing + b.missing,
        merged(a.moments, b.moments),
        a.whole and b.whole,
        None if a.values is None or b.values is None else _bounded(a.values + b.values),
        min(filter(None, (a.text, b.text)), default=None),
        min(filter(None, (a.code, b.code)), default=None),
        a.counting and b.counting,
        a.refusal or b.refusal,
    )


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
    if summary.code is None and (code := cells.first_code(array)):
        summary = summary._replace(code=(int(rows[code[0]]) + 1, code[1]))
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
    return _with(summary, numbers.values, keyed, int(np.isnan(numbers.values).sum()), rows)


def _with_text(summary: Summary, numbers: Numbers, keyed: Keyed | None, rows: np.ndarray) -> Summary:
    if numbers.bad is not None and summary.text is None:
        place, text = numbers.bad
        summary = summary._replace(text=(int(rows[place]) + 1, text))
    absent = np.isnan(numbers.values) if keyed is None else keyed.codes < 0
    return _with(summary, numbers.values, keyed, int(absent.sum()), rows)


def _with(summary: Summary, values: np.ndarray, keyed: Keyed | None, missing: int, rows: np.ndarray) -> Summary:
    known = values[~np.isnan(values)]
    return summary._replace(
        missing=summary.missing + missing,
        moments=merged(summary.moments, moments(known)),
        whole=summary.whole and bool((known == np.floor(known)).all()),
        values=_counted(summary.values, keyed),
        counting=summary.counting and any(np.array_equal(values, rows + first) for first in (0, 1)),
    )


def _counted(values: Counter[str] | None, keyed: Keyed | None) -> Counter[str] | None:
    if values is None or keyed is None:
        return None
    counts = np.bincount(keyed.codes[keyed.codes >= 0], minlength=len(keyed.keys))
    return _bounded(values + Counter(dict(zip(keyed.keys, counts.tolist(), strict=True))))


def _bounded(values: Counter[str]) -> Counter[str] | None:
    return values if len(values) <= MOST_VALUES else None
