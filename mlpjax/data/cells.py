"""From the columns of an Arrow table, whatever their type, to numbers and to categories."""

from typing import Any, NamedTuple, TypeAlias

import numpy as np

from mlpjax.data.columns import NUMERIC, Column, Columns
from mlpjax.data.spellings import CODE, TRUTHS, key, number

Batch: TypeAlias = Any
"""A `pyarrow.RecordBatch`, or an array of it: pyarrow is imported only where a table is read."""

LARGEST = 1e150
"""Beyond it the squares of numbers overflow."""


def refusal(array: Batch) -> str:
    """What keeps an array from being used at all, as "holds dates"; empty if nothing does."""
    import pyarrow as pa

    kind = pa.types
    value_type = array.type.value_type if kind.is_dictionary(array.type) else array.type
    if kind.is_temporal(value_type):
        return "holds dates or times"
    if _is_period(value_type):
        return "holds dates or times"
    if kind.is_nested(value_type) or kind.is_union(value_type):
        return f"holds {value_type} in its cells"
    if kind.is_binary(value_type) or kind.is_large_binary(value_type) or kind.is_fixed_size_binary(value_type):
        return "holds bytes"
    return ""


def _is_period(kind: Batch) -> bool:
    """Whether a type is that of pandas for months, quarters and the like, which are whole numbers underneath."""
    return getattr(kind, "extension_name", "") == "pandas.period"


def plain(array: Batch) -> Batch:
    """The same cells as nulls, booleans, numbers or text: dictionaries, runs, views and extension types unpacked."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if isinstance(array.type, pa.BaseExtensionType) and not _is_period(array.type):
        array = array.storage
    if pa.types.is_run_end_encoded(array.type):
        array = pc.run_end_decode(array)
    if pa.types.is_dictionary(array.type):
        return plain(array.dictionary).take(array.indices)
    return array.cast(pa.large_string()) if pa.types.is_string_view(array.type) else array


def is_text(array: Batch) -> bool:
    """Whether a plain array holds text."""
    import pyarrow as pa

    return pa.types.is_string(array.type) or pa.types.is_large_string(array.type)


def first_code(array: Batch) -> tuple[int, str] | None:
    """The place of the first cell of text that is a number with needless zeros before it, and the cell."""
    import pyarrow.compute as pc

    likely = pc.indices_nonzero(pc.or_(pc.starts_with(array, "0"), pc.starts_with(array, " ")))  # quicker than the pattern
    place = pc.index(pc.match_substring_regex(array.take(likely), CODE), True).as_py()
    return None if place < 0 else (likely[place].as_py(), array[likely[place].as_py()].as_py().strip())


class Keyed(NamedTuple):
    """Cells as categories: `keys[codes[i]]` is cell i, and code -1 a missing one."""

    codes: np.ndarray
    keys: list[str]


def keyed(array: Batch) -> Keyed:
    """The categories in a plain array (or one that is already a dictionary), in the order in which they come."""
    encoded = array.dictionary_encode()
    found = [key(value) for value in encoded.dictionary.to_pylist()]
    keys = list(dict.fromkeys(text for text in found if text is not None))
    place = {text: number for number, text in enumerate(keys)}
    codes = np.array([*(-1 if text is None else place[text] for text in found), -1], np.int64)
    indices = encoded.indices.fill_null(len(found)) if encoded.indices.null_count else encoded.indices
    return Keyed(codes[indices.to_numpy()], keys)


class Numbers(NamedTuple):
    """Cells as numbers.

    Attributes:
        values: float64, NaN where a cell is missing or no number.
        bad: the place of the first cell that is there but no finite number, and what it holds; or `None`.
    """

    values: np.ndarray
    bad: tuple[int, str] | None


def numbers(array: Batch) -> Numbers:
    """The numbers in a plain array."""
    import pyarrow as pa

    try:
        values = _floats(array)
    except pa.ArrowInvalid:  # a text that is no number, or has blanks around it
        return numbers_in_text(keyed(array))
    big = np.abs(values) > LARGEST
    if not big.any():
        return Numbers(values, None)
    first = int(np.argmax(big))
    return Numbers(np.where(big, np.nan, values), (first, str(array[first].as_py())))


def present(array: Batch) -> np.ndarray:
    """Which cells of a plain array are not missing."""
    import pyarrow as pa

    try:
        return ~np.isnan(_floats(array))
    except pa.ArrowInvalid:
        return keyed(array).codes >= 0


def _floats(array: Batch) -> np.ndarray:
    import pyarrow as pa

    return array.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)


def numbers_in_text(cells: Keyed) -> Numbers:
    """The numbers that categories spell."""
    codes, keys = cells
    parsed = np.array([number(text) for text in keys] + [np.nan])
    parsed[np.abs(parsed) > LARGEST] = np.nan
    values = parsed[codes]
    bad = np.isnan(values) & (codes >= 0)
    first = int(np.argmax(bad))
    return Numbers(values, (first, keys[codes[first]]) if bad.any() else None)


def raw(columns: Columns, batch: Batch, first_row: int = 0) -> np.ndarray:
    """The cells that `encode` takes, from a batch whose columns may come in any order, among others or as other types.

    Args:
        columns: what was found in training.
        batch: a `pyarrow.RecordBatch`.
        first_row: how many rows came before the batch, for the messages.

    Returns:
        Float64, shape (rows, len(columns)): numbers, or places in a column's categories; NaN where a cell is missing and -1
            where a category was not in training.

    Raises:
        ValueError: a column is not there, or holds what it cannot; the message names it, and the row.
    """
    absent = [column.name for column in columns if column.name not in batch.schema.names]
    if absent:
        raise ValueError(f"the table lacks {_listed(absent)}, which training had; it has {_listed(batch.schema.names)}")
    cells = np.empty((batch.num_rows, len(columns)))
    for place, column in enumerate(columns):
        cells[:, place] = _cells(column, batch.column(column.name), first_row)
    return cells


def _listed(names: list[str], most: int = 20) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f"column{'s' * (len(names) != 1)} {', '.join(map(repr, names[:most]))}{more}"


def _cells(column: Column, array: Batch, first_row: int) -> np.ndarray:
    if refusal(array):
        raise ValueError(f"column {column.name!r} {refusal(array)}; it was {column.kind} in training")
    array = plain(array)
    return numeric(column.name, array, first_row) if column.kind == NUMERIC else _places(column, array)


def numeric(name: str, array: Batch, first_row: int) -> np.ndarray:
    """The numbers of a plain array, NaN where missing.

    Raises:
        ValueError: a cell holds something else; the message names the column, the row and what is there.
    """
    values, bad = numbers(array)
    if bad is not None:
        row, text = bad
        raise ValueError(f"column {name!r} must hold finite numbers; row {first_row + row + 1} holds {text!r:.80}")
    return values


def _places(column: Column, array: Batch) -> np.ndarray:
    codes, keys = keyed(array)
    place = {text: number for number, text in enumerate(column.categories)}
    return np.array([*(place.get(text, place.get(TRUTHS.get(text, text), -1)) for text in keys), np.nan])[codes]
