"""What was learned about a table in training, as one record that a model file holds and prediction applies."""

from dataclasses import asdict, dataclass

import numpy as np

from mlpjax.data.columns import NUMERIC, Column, Columns, Statistics, feature_names


@dataclass(frozen=True)
class Target:
    """What is predicted.

    Attributes:
        names: the target columns: one, or several numbers.
        classes: the classes of the one column, in the order of the network's outputs; empty where numbers are predicted.

    Raises:
        ValueError: no name, a name or a class twice, one class only, or classes of several columns.
    """

    names: tuple[str, ...]
    classes: tuple[str, ...] = ()

    def __post_init__(self):
        if not self.names or len(set(self.names)) < len(self.names):
            raise ValueError(f"a target needs one or more column names, each once; got {self.names!r:.200}")
        if self.classes and (len(self.names) > 1 or len(set(self.classes)) < max(2, len(self.classes))):
            raise ValueError(
                f"classes are two or more, each once, of one column; got {self.classes!r:.200} of {self.names!r:.200}"
            )


@dataclass(frozen=True, eq=False)
class Preprocessing:
    """All that turns the rows of a table into examples and predictions back into its units.

    Attributes:
        columns: what the cells of a row stand for; static.
        statistics: of the numeric columns.
        target: what is predicted; static.
        target_statistics: of the targets that are numbers; empty for classes.

    Raises:
        ValueError: the parts do not fit together, or a mean or a scale is not usable.
    """

    columns: Columns
    statistics: Statistics
    target: Target
    target_statistics: Statistics

    def __post_init__(self):
        names = [column.name for column in self.columns] + list(self.target.names)
        if not self.columns or len(set(names)) < len(names):
            raise ValueError(f"one or more columns and the targets must each have a name of their own; got {names!r:.200}")
        _check_statistics("numeric columns", self.statistics, sum(column.kind == NUMERIC for column in self.columns))
        _check_statistics("numeric targets", self.target_statistics, 0 if self.target.classes else len(self.target.names))

    @property
    def features(self) -> tuple[str, ...]:
        """The names of the features, the network's inputs."""
        return feature_names(self.columns)

    @property
    def outputs(self) -> int:
        """The number of outputs: one for each class, or one for each target."""
        return len(self.target.classes) or len(self.target.names)


def _check_statistics(what: str, statistics: Statistics, expected: int) -> None:
    mean, scale = (np.asarray(array) for array in statistics)
    if mean.shape != (expected,) or scale.shape != (expected,):
        raise ValueError(f"{expected} {what} need as many means and scales, got shapes {mean.shape} and {scale.shape}")
    if not (np.isfinite(mean).all() and np.isfinite(scale).all() and (scale > 0).all()):
        raise ValueError(f"the means of the {what} must be finite and their scales finite and positive, got {mean} and {scale}")


def describe(preprocessing: Preprocessing) -> tuple[dict, dict[str, np.ndarray]]:
    """What JSON can hold of it, and the arrays by name."""
    description = {
        "columns": [asdict(column) | {"categories": list(column.categories)} for column in preprocessing.columns],
        "target": {"names": list(preprocessing.target.names), "classes": list(preprocessing.target.classes)},
    }
    arrays = dict(zip(ARRAYS, (*preprocessing.statistics, *preprocessing.target_statistics), strict=True))
    return description, {name: np.asarray(array, np.float64) for name, array in arrays.items()}


ARRAYS = ("mean", "scale", "target_mean", "target_scale")
"""The names of the arrays that `describe` gives and `restore` takes."""


def restore(description: dict, arrays: dict[str, np.ndarray]) -> Preprocessing:
    """The record that `describe` took apart, every part checked: the file may be damaged or hostile.

    Raises:
        ValueError: something is absent, of another type, or does not fit; the message says what.
    """
    columns = tuple(
        Column(
            _part(column, "name", str), _part(column, "kind", str), _texts(column, "categories"), _part(column, "missing", bool)
        )
        for column in _part(description, "columns", list)
    )
    target = _part(description, "target", dict)
    mean, scale, target_mean, target_scale = (_array(arrays, name) for name in ARRAYS)
    return Preprocessing(
        columns,
        Statistics(mean, scale),
        Target(_texts(target, "names"), _texts(target, "classes")),
        Statistics(target_mean, target_scale),
    )


def _part(description, name: str, kind: type):
    found = description.get(name) if isinstance(description, dict) else None
    if not isinstance(found, kind):
        raise ValueError(f"the preprocessing needs {name!r} as {kind.__name__}, got {found!r:.80}")
    return found


def _texts(description, name: str) -> tuple[str, ...]:
    found = _part(description, name, list)
    if not all(isinstance(text, str) for text in found):
        raise ValueError(f"the preprocessing needs {name!r} as a list of texts, got {found!r:.80}")
    return tuple(found)


def _array(arrays: dict[str, np.ndarray], name: str) -> np.ndarray:
    found = arrays.get(name) if isinstance(arrays, dict) else None
    if not isinstance(found, np.ndarray) or found.dtype != np.float64:
        raise ValueError(f"the preprocessing needs the array {name!r} in float64, got {getattr(found, 'dtype', found)!r:.80}")
    return found
