"""What the columns of a table are taken for, unless `Choices` says otherwise.

Features
    Numbers are numeric, whole ones too, and so is text that spells nothing but numbers. Other text, and truth values, are
    categorical if they take at most `CATEGORIES` different values. A column that is missing everywhere or the same
    everywhere says nothing and is dropped, with a note. Anything else is refused, all such columns in one message: text of
    more kinds (free text, an identity number), dates and times, lists, bytes. They say something, but a network cannot hear
    it as it stands: turn it into numbers, or drop it.

Targets
    Text and truth values are classes. So are whole numbers of at most `CLASS_NUMBERS` kinds that come `EXAMPLES` times each
    on average. Other numbers, and several targets, are numbers. A note says which it was. Rows without a target are left
    out, with a note.
"""

import math
from typing import NamedTuple

import numpy as np

from mlpjax.data.columns import CATEGORICAL, NUMERIC, Column, Statistics
from mlpjax.data.preprocessing import Preprocessing, Target
from mlpjax.data.summaries import MOST_VALUES, Summary
from mlpjax.data.survey import CLASSES, NUMBERS, Choices, Survey

CATEGORIES = 50
"""The most different texts of a column that is taken as categorical unasked."""

CLASS_NUMBERS, EXAMPLES = 20, 10
"""Whole numbers are classes up to so many kinds, with so many examples of each on average."""


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


def infer_target(found: Survey, choices: Choices) -> tuple[Target, tuple[str, ...]]:
    """What the target is, and a note that says so.

    Raises:
        ValueError: it cannot be what it is to be.
    """
    for name, summary in found.targets.items():
        if summary.refusal:
            raise ValueError(f"the target {name!r} {summary.refusal}")
    if (choices.task or _task(found)) == NUMBERS:
        return _numbers(found, choices)
    if len(choices.targets) > 1:
        raise ValueError(
            f"classes can be predicted of one target only, got {', '.join(choices.targets)}; several must be numbers"
        )
    return _classes(choices.targets[0], found.targets[choices.targets[0]], choices)


def _task(found: Survey) -> str:
    if len(found.targets) > 1:
        return NUMBERS
    (summary,) = found.targets.values()
    if summary.text is not None or _truths(summary):
        return CLASSES
    few = summary.values is not None and len(summary.values) <= CLASS_NUMBERS
    return CLASSES if few and summary.whole and summary.rows >= EXAMPLES * len(summary.values or ()) else NUMBERS


def _truths(summary: Summary) -> bool:
    return bool(summary.values) and set(summary.values or ()) <= {"true", "false"}


def _numbers(found: Survey, choices: Choices) -> tuple[Target, tuple[str, ...]]:
    for name, summary in found.targets.items():
        if summary.text is not None:
            row, text = summary.text
            raise ValueError(f"the target {name!r} must hold numbers; row {row} holds {text!r:.80}")
    note = f"target {', '.join(choices.targets)} taken as numbers"
    return Target(choices.targets), (note,) if choices.task is None else ()


def _classes(name: str, summary: Summary, choices: Choices) -> tuple[Target, tuple[str, ...]]:
    if summary.values is None:
        raise ValueError(
            f"the target {name!r} has more than {MOST_VALUES} different values, too many for classes: is it the right column?"
        )
    classes = natural_order(summary.values)
    if len(classes) < 2:
        raise ValueError(f"the target {name!r} is {classes[0]!r:.80} in every row: two classes or more are needed")
    shown = ", ".join(classes[:10]) + (", …" if len(classes) > 10 else "")
    note = f"target {name} taken as {len(classes)} classes: {shown}"
    return Target(choices.targets, classes), (note,) if choices.task is None else ()


def natural_order(texts) -> tuple[str, ...]:
    """Texts in the order in which a reader expects them: numbers by size, then words.

    >>> natural_order(["b", "10", "9", "a"])
    ('9', '10', 'a', 'b')
    """

    def place(text: str) -> tuple[float, str]:
        try:
            value = float(text)
        except ValueError:
            return math.inf, text
        return (math.inf if math.isnan(value) else value), text

    return tuple(sorted(texts, key=place))


def _columns(found: Survey, choices: Choices) -> tuple[tuple[Column, ...], tuple[str, ...]]:
    columns, notes, refused = [], [], []
    for name in (name for name in found.training if name not in choices.targets):
        summary = found.training[name]
        problem, note = _problem(name, summary, choices), _says_nothing(name, summary)
        if note and not summary.refusal:
            notes.append(note)
        elif problem:
            refused.append(f"{name!r} {problem}")
        else:
            columns.append(_column(name, summary, choices))
    if refused:
        more = f"; and {len(refused) - 20} more" if len(refused) > 20 else ""
        raise ValueError(f"some columns cannot be learned from as they are: {'; '.join(refused[:20])}{more}. {_ADVICE}")
    if not columns:
        raise ValueError(" ".join(["no column is left to learn from.", *notes]))
    return tuple(columns), tuple(notes)


_ADVICE = "Drop them (drop), or say what they are (numeric, categorical)"


def _says_nothing(name: str, summary: Summary) -> str:
    if summary.missing == summary.rows:
        return f"column {name!r} is missing in every row and is dropped"
    counted = summary.values
    constant = len(counted) == 1 if counted is not None else summary.text is None and not summary.moments.scale > 0
    if constant and not summary.missing:
        only = next(iter(counted)) if counted else f"{summary.moments.mean:g}"
        return f"column {name!r} is {only!r:.80} in every row and is dropped"
    return ""


def _problem(name: str, summary: Summary, choices: Choices) -> str:
    """Why a column cannot be used; empty if it can."""
    kind = _kind(name, summary, choices)
    if summary.refusal:
        return summary.refusal + (
            " (turn them into numbers, such as years or days since a day)" if "dates" in summary.refusal else ""
        )
    if kind == NUMERIC and summary.text is not None:
        row, text = summary.text
        return f"is to be numeric but holds {text!r:.80} in row {row}"
    if kind == NUMERIC and not np.isfinite(summary.moments.scale):
        return "holds numbers too large to compute with"
    if kind == NUMERIC or name in choices.categorical:
        return "" if kind == NUMERIC or summary.values is not None else f"has more than {MOST_VALUES} categories"
    if summary.looks_like_dates:
        return "holds dates as text (turn them into numbers, such as years or days since a day)"
    row, text = summary.text or (0, "")
    many = summary.values is None or len(summary.values) > CATEGORIES
    return f"holds text of more than {CATEGORIES} kinds, such as {text!r:.80} in row {row}" if many else ""


def _kind(name: str, summary: Summary, choices: Choices) -> str:
    if name in choices.numeric:
        return NUMERIC
    return CATEGORICAL if name in choices.categorical or summary.text is not None or _truths(summary) else NUMERIC


def _column(name: str, summary: Summary, choices: Choices) -> Column:
    kind = _kind(name, summary, choices)
    categories = natural_order(summary.values) if kind == CATEGORICAL else ()
    return Column(name, kind, categories, summary.missing > 0)
