"""How people write numbers, truth values and missing cells.

The same cell means the same in every file: 3, 3.0, "3" and "3.00" are one number and one category, and a missing cell may be
null, NaN or one of the words that `MISSING` lists. A whole number with zeros before it, such as the post code "01067", is a
code: a category of its own.
"""

import math
import re

import numpy as np

_SPELLINGS = "? . NA na N/A n/a #N/A <NA> NaN nan NAN -NaN -nan NaT null Null NULL none None NONE"
MISSING = frozenset(["", *_SPELLINGS.split()])
"""The texts that stand for a missing cell."""

TRUTHS = {"true": "1", "false": "0", "1": "true", "0": "false"}
"""What a truth value is called in files of the other kind."""

CODE = r"^ *0\d+\.?\d*\s*$"
"""A number with needless zeros before it."""

_WHOLE = re.compile(r"-?(0|[1-9]\d*)", re.ASCII)
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_SIGNS = re.compile(r"[%‰$€£¥]|\bEUR\b|\bUSD\b|\bGBP\b|\bCHF\b")
_WRITTEN = re.compile(r"[+-]?\s*(\d+|\d{1,3}(?:[., '’\u00a0\u202f]\d{3})+)?([.,]\d*)?([eE][+-]?\d+)?[+-]?", re.ASCII)


def number(text: str) -> float:
    """The number that a text spells, NaN if it spells none."""
    return float(text) if _NUMBER.fullmatch(text) else np.nan


def is_whole(text: str) -> bool:
    """Whether a text is a whole number as `key` spells it."""
    return _WHOLE.fullmatch(text) is not None


def is_code(text: str) -> bool:
    """Whether a text is a number with needless zeros before it.

    >>> [is_code(text) for text in ("01067", "0", "0.5", "10")]
    [True, False, False, False]
    """
    return re.match(CODE, text, re.ASCII) is not None


def is_meant_as_number(text: str) -> bool:
    """Whether a reader would take a text for a number: a plain one, or one with a decimal comma, thousands, a unit of money.

    >>> [is_meant_as_number(text) for text in ("1.5", "1,5", "5 %", "$3.00", "1.234,50 €", "inf")]
    [True, True, True, True, True, True]
    >>> [is_meant_as_number(text) for text in ("-", "1.2.3", "20-30", "2020-01-31", "b12", "%")]
    [False, False, False, False, False, False]
    """
    text = _SIGNS.sub("", text).strip()
    return text.lower().lstrip("+-") in ("inf", "infinity") or bool(re.search(r"\d", text) and _WRITTEN.fullmatch(text))


def key(value) -> str | None:
    """The one spelling of a cell as a category; `None` for a missing one.

    >>> [key(value) for value in (3, 3.0, " 3", "3.00", "1.50", -0.0, "03", True, "TRUE", "NA", None)]
    ['3', '3', '3', '3', '1.5', '0', '03', 'true', 'true', None, None]
    """
    if value is None or value != value:
        return None
    text = str(value).strip()
    if text in MISSING:
        return None
    if text.lower() in ("true", "false"):
        return text.lower()
    if _WHOLE.fullmatch(text):
        return "0" if text == "-0" else text  # of any length: an identity number must keep its last digit
    return _plain(float(text)) if _NUMBER.fullmatch(text) and not is_code(text) else text


def _plain(value: float) -> str:
    return str(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)


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
