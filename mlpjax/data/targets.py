"""What the target of a table is taken for, unless `Choices` says otherwise.

Text and truth values are classes. So are whole numbers of at most `CLASS_NUMBERS` kinds that come `EXAMPLES` times each on
average. Other numbers, and several targets, are numbers. A note says which it was. Text that is mostly numbers, and text of
which most kinds come once, is refused unless it is asked for as classes. Rows without a target are left out, with a note.
"""

from mlpjax.data.preprocessing import Target
from mlpjax.data.spellings import natural_order
from mlpjax.data.summaries import MOST_VALUES, Summary
from mlpjax.data.survey import CLASSES, NUMBERS, Choices, Survey

CLASS_NUMBERS, EXAMPLES = 20, 10
"""Whole numbers are classes up to so many kinds, with so many examples of each on average."""

PLAIN = "plain numbers such as 1234.5, and nothing where one is not known"
"""What is wanted of numbers."""


def infer_target(found: Survey, choices: Choices) -> tuple[Target, tuple[str, ...]]:
    """What the target is, and a note that says so.

    Raises:
        ValueError: it cannot be what it is to be.
    """
    summaries = {name: found.columns[name] for name in choices.targets}
    for name, summary in summaries.items():
        if summary.refusal:
            raise ValueError(f"the target {name!r} {summary.refusal}")
    if (choices.task or _task(summaries)) == NUMBERS:
        return _numbers(summaries, choices)
    if len(choices.targets) > 1:
        raise ValueError(
            f"classes can be predicted of one target only, got {', '.join(choices.targets)}; several must be numbers"
        )
    return _classes(choices.targets[0], summaries[choices.targets[0]], choices)


def _task(summaries: dict[str, Summary]) -> str:
    if len(summaries) > 1:
        return NUMBERS
    ((name, summary),) = summaries.items()
    if summary.mostly_numbers:
        row, text = summary.text or (0, "")
        raise ValueError(
            f"the target {name!r} looks like numbers but holds {text!r:.80} in row {row}: write {PLAIN}, or take it as it "
            "stands as classes (task)"
        )
    if summary.text is not None or summary.code is not None or summary.truths:
        return CLASSES
    few = summary.values is not None and len(summary.values) <= CLASS_NUMBERS
    return CLASSES if few and summary.whole and summary.rows >= EXAMPLES * len(summary.values or ()) else NUMBERS


def _numbers(summaries: dict[str, Summary], choices: Choices) -> tuple[Target, tuple[str, ...]]:
    for name, summary in summaries.items():
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
    _check_repeated(name, summary, choices)
    shown = ", ".join(classes[:10]) + (", …" if len(classes) > 10 else "")
    note = f"target {name} taken as {len(classes)} classes: {shown}"
    return Target(choices.targets, classes), (note,) if choices.task is None else ()


def _check_repeated(name: str, summary: Summary, choices: Choices) -> None:
    """What comes once cannot be learned."""
    once = [text for text, count in (summary.values or {}).items() if count == 1]
    kinds = len(summary.values or {})
    if len(once) == kinds:
        raise ValueError(f"the target {name!r} is another in every row, such as {once[0]!r:.80}: is it the right column?")
    if len(once) > kinds / 2 and choices.task is None:
        raise ValueError(
            f"{len(once)} of the {kinds} classes of the target {name!r} have a single row each, such as {once[0]!r:.80}: is it "
            "the right column? Put rare classes together, or take it as it stands as classes (task)"
        )
