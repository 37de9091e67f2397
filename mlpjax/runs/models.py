"""A trained model, with all that prediction needs."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from mlpjax import storage
from mlpjax.data import Examples, Preprocessing, Source, decode, labelled, ready, unlabelled
from mlpjax.data.examples import check_weights, joined
from mlpjax.network import MLP, predict
from mlpjax.types import Params

FILE = "model.safetensors"


class Model(NamedTuple):
    """A network, its parameters, and how the rows of a table become its inputs."""

    mlp: MLP
    params: Params
    preprocessing: Preprocessing


def file_of(path: Path) -> Path:
    """The model file of a run's folder, or the file itself.

    Raises:
        FileNotFoundError: there is none; the message says why.
    """
    file = path / FILE if path.is_dir() else path
    if not file.exists():
        unfinished = path.is_dir() and (path / "config.json").exists()
        hint = f": the run has not ended; go on with mlpjax train --resume {path}" if unfinished else ""
        raise FileNotFoundError(f"there is no model {file}{hint}")
    return file


def load(path: Path) -> Model:
    """Read a model from its file, or from the folder of the run that made it.

    Raises:
        ValueError, OSError: there is none, or it cannot be read; the message says why.
    """
    file = file_of(path)
    mlp, params = storage.load(file)
    preprocessing = storage.load_preprocessing(file)
    if preprocessing is None:
        raise ValueError(f"{file} has no preprocessing: it takes arrays, not tables; use mlpjax.load and mlpjax.predict")
    return Model(mlp, params, preprocessing)


def predictions(model: Model, source: Source, probabilities: bool = False) -> Iterator[Any]:
    """A `pyarrow.Table` of predictions for each batch of rows."""
    for x in unlabelled(model.preprocessing, source):
        yield decode(model.preprocessing, outputs(model, x), probabilities)


def outputs(model: Model, x: np.ndarray) -> np.ndarray:
    """The prediction of the network, with few compiled sizes: rows are filled up to a power of two."""
    n = len(x)
    filled = np.zeros((max(1, 1 << (n - 1).bit_length()), x.shape[1]), np.float32)
    filled[:n] = x
    return np.asarray(predict(model.mlp, model.params, filled))[:n]


def examples(model: Model, source: Source, weights: str | None = None) -> Examples:
    """The rows of a table that have a target, as examples.

    Raises:
        ValueError: a column is not there or cannot be used, or no row has a target.
    """
    rows = joined(list(labelled(model.preprocessing, source, weights)))
    if not len(rows.raw):
        raise ValueError(f"{source.name} has no row with a target to measure on")
    found = ready(model.preprocessing, rows)
    check_weights(weights, f"rows of {source.name}", [found.weights])
    return found
