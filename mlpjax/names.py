"""From a name in a file or on the command line to the record it stands for, without running any of it."""

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

Record = TypeVar("Record")
_CALL = re.compile(r"(?P<name>\w+)(?:\((?P<arguments>[-+.,\deE ]*)\))?")


def nearest(kind: str, name: str, known: Iterable[str]) -> str:
    """The sentence that says which `kind` is unknown, the nearest name if one is close, and all there are.

    >>> nearest("activation", "rellu", ["relu", "tanh"])
    "unknown activation 'rellu': did you mean 'relu'? Known: relu, tanh"
    """
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1)
    hint = f": did you mean {close[0]!r}?" if close else "."
    return f"unknown {kind} {name!r}{hint} Known: {', '.join(names)}"


def find(kind: str, name: str, records: Mapping[str, Record], families: Mapping[str, Callable[..., Record]]) -> Record:
    """The record called `name`, or the member of a family that `name` spells out, such as "leaky_relu(0.2)".

    Args:
        kind: what is looked for, for the error message.
        name: "tanh", "leaky_relu" (its default) or "leaky_relu(0.2)"; the arguments are numbers and nothing else.
        records: the records by name.
        families: functions from numbers to records, by name.

    Raises:
        ValueError: no record and no family has that name, or the family refuses the arguments.
    """
    match = _CALL.fullmatch(name.strip())
    if match and match["name"] in families:
        return _member(kind, name, families[match["name"]], match["arguments"])
    if match and match["arguments"] is None and match["name"] in records:
        return records[match["name"]]
    raise ValueError(nearest(kind, name, [*records, *families]))


def _member(kind: str, name: str, family: Callable[..., Record], arguments: str | None) -> Record:
    try:
        return family(*(float(text) for text in (arguments or "").split(",") if text.strip()))
    except (TypeError, ValueError) as error:
        raise ValueError(f"{kind} {name!r}: {error}") from None
