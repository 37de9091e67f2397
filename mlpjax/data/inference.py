"""What the columns of a table are taken for, unless `Choices` says otherwise; of the target, see `targets`.

Features
    Numbers are numeric, whole ones too, and so is text that spells nothing but numbers. Other text, and truth values, are
    categorical if they take at most `CATEGORIES` different values, with a note. A column that is missing everywhere or the
    same everywhere says nothing and is dropped, with a note, and so is one without a name that counts the rows. Anything else
    is refused, all such columns in one message: text that is mostly numbers (a decimal comma, "5%", one cell that is none),
    text of more kinds (free text, an identity number), dates and times, lists, bytes. They say something, but a network
    cannot hear it as it stands: turn it into numbers, or drop it.

All the rows that have a target say what a column is; those to be trained on give its mean, its spread and its categories.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from mlpjax.data.columns import CATEGORICAL, NUMERIC, Column, Statistics
from mlpjax.data.preprocessing import Preprocessing
from mlpjax.data.spellings import natural_order
from mlpjax.data.summaries import MOST_VALUES, Summary
from mlpjax.data.survey import Choices, Survey
from mlpjax.data.targets import PLAIN, infer_target

CATEGORIES = 50
"""The most different texts of a column that is taken as categorical unasked."""


class Fitted(NamedTuple):
    """A preprocessing, and what there is to say about how it came about, as sentences."""

    preprocessing: Preprocessing
    notes: tuple[str, ...]


def fit_preprocessing(found: Survey, choices: Choices) -> Fitted:
    """The preprocessing that suits what a survey has found (ENCODE-moments gives its statistics).

    Args:
        found: from `survey`.
        choices: the same as there.

    Raises:
        ValueError: a target or a feature cannot be used, or no feature is left; the message says which and what to do.

    >>> from mlpjax.data.sources import open_source
    >>> from mlpjax.data.survey import survey
    >>> table = {"age": [31, 45, 52], "city": ["Lima", "Paris", "Lima"], "paid": [1.5, 2.5, 0.25]}
    >>> preprocessing, notes = fit_preprocessing(survey(open_source(table), Choices("paid")), Choices("paid"))
    >>> preprocessing.features
    ('age', 'city=Lima', 'city=Paris')
    """
    target, notes = infer_target(found, choices)
    if found.labelled < found.rows:
        notes = (*notes, f"{found.rows - found.labelled:,} of {found.rows:,} rows have no target and are left out")
    columns, dropped = _columns(found, choices)
    numeric = [found.training[column.name] for column in columns if column.kind == NUMERIC]
    targets = [] if target.classes else [found.training[name] for name in target.names]
    for name, summary in zip(target.names, targets, strict=False):
        if not summary.moments.scale > 0:
            raise ValueError(f"the target {name!r} is {summary.moments.mean:g} in every row: there is nothing to learn")
    spread = _statistics(targets) if choices.standardise else Statistics(np.zeros(len(targets)), np.ones(len(targets)))
    return Fitted(Preprocessing(columns, _statistics(numeric), target, spread), (*notes, *dropped))


def _statistics(summaries: list[Summary]) -> Statistics:
    """A column that is the same wherever it is not missing keeps its unit."""
    return Statistics(np.array([s.moments.mean for s in summaries]), np.array([s.moments.scale or 1.0 for s in summaries]))


def _columns(found: Survey, choices: Choices) -> tuple[tuple[Column, ...], tuple[str, ...]]:
    names = [name for name in found.columns if name not in choices.targets]
    dropped = {name: note for name in names if (note := _says_nothing(name, found, choices))}
    left = [name for name in names if name not in dropped]
    _refuse({name: problem for name in left if (problem := _problem(name, found.columns[name], choices))}, found)
    if not left:
        raise ValueError(" ".join(["no column is left to learn from.", *dropped.values()]))
    columns = tuple(_column(name, found, choices) for name in left)
    return columns, (*dropped.values(), *_noted(columns, found, choices))


def _refuse(problems: dict[str, str], found: Survey) -> None:
    if not problems:
        return
    listed = "; ".join(f"{name!r} {problem}" for name, problem in list(problems.items())[:20])
    more = f"; and {len(problems) - 20} more" if len(problems) > 20 else ""
    kinds = ", or say what they are (numeric, categorical)" if any(not found.columns[name].refusal for name in problems) else ""
    raise ValueError(f"some columns cannot be learned from as they are: {listed}{more}. Drop them (drop){kinds}")


def _noted(columns: Sequence[Column], found: Survey, choices: Choices) -> list[str]:
    """What is said of the columns that are kept: text that is taken as categories unasked, and names that are missing."""
    said = {column.name: len(column.categories) for column in columns if _is_text(found.columns[column.name])}
    taken = [(name, count) for name, count in said.items() if name not in (*choices.categorical, *choices.numeric)]
    listed = ", ".join(f"{name!r} ({count})" for name, count in taken[:20]) + ", …" * (len(taken) > 20)
    nameless = [column.name for column in columns if re.fullmatch(_NAMELESS[0], column.name)]
    return [
        *([f"column {taken[0][0]!r} taken as {taken[0][1]} categories"] if len(taken) == 1 else []),
        *([f"columns taken as categories: {listed}"] if len(taken) > 1 else []),
        *(f"{name!r} has no name of its own in the table" for name in nameless),
    ]


_NAMELESS = (r"column \d+", r"Unnamed: \d+", r"__index_level_\d+__")
"""The names that are given to columns without one, by us first."""


def _says_nothing(name: str, found: Survey, choices: Choices) -> str:
    """Why a column is dropped; empty if it is not."""
    whole, summary = found.columns[name], found.training[name]
    if whole.refusal:
        return ""
    if summary.missing == summary.rows:
        return f"column {name!r} is missing in every row and is dropped"
    counted = summary.values
    constant = len(counted) == 1 if counted is not None else summary.text is None and not summary.moments.scale > 0
    if constant and not summary.missing:
        only = next(iter(counted)) if counted else f"{summary.moments.mean:g}"
        return f"column {name!r} is {only!r:.80} in every row and is dropped"
    if whole.counting and name not in (*choices.numeric, *choices.categorical) and re.fullmatch("|".join(_NAMELESS), name):
        return f"{name!r} has no name of its own, only counts the rows, and is dropped"
    return ""


def _problem(name: str, summary: Summary, choices: Choices) -> str:
    """Why a column cannot be used; empty if it can."""
    if summary.refusal:
        return summary.refusal + _AS_NUMBERS * ("dates" in summary.refusal)
    if _kind(name, summary, choices) == NUMERIC:
        return _no_number(summary)
    if name in choices.categorical:
        return "" if summary.values is not None else f"has more than {MOST_VALUES} categories"
    if summary.looks_like_dates:
        return "holds dates as text" + _AS_NUMBERS
    if summary.mostly_numbers:
        row, text = summary.text or (0, "")
        return f"looks like numbers but holds {text!r:.80} in row {row}: write {PLAIN}"
    row, text = summary.text or summary.code or (0, "")
    many = summary.values is None or len(summary.values) > CATEGORIES
    return f"holds text of more than {CATEGORIES} kinds, such as {text!r:.80} in row {row}" if many else ""


_AS_NUMBERS = " (turn them into numbers, such as years or days since a day)"


def _no_number(summary: Summary) -> str:
    if summary.text is not None:
        row, text = summary.text
        return f"is to be numeric but holds {text!r:.80} in row {row}"
    return "" if np.isfinite(summary.moments.scale) else "holds numbers too large to compute with"


def _is_text(summary: Summary) -> bool:
    """Whether a column holds words or codes, and not only truth values."""
    return (summary.text is not None or summary.code is not None) and not summary.truths


def _kind(name: str, summary: Summary, choices: Choices) -> str:
    if name in choices.numeric:
        return NUMERIC
    return CATEGORICAL if name in choices.categorical or _is_text(summary) or summary.truths else NUMERIC


def _column(name: str, found: Survey, choices: Choices) -> Column:
    kind, summary = _kind(name, found.columns[name], choices), found.training[name]
    categories = natural_order(summary.values) if kind == CATEGORICAL else ()
    return Column(name, kind, categories, summary.missing > 0)
