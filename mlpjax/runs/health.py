"""The health of a run's network: at the end of training, and as its folder remembers it."""

import json
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np

from mlpjax.data import Examples
from mlpjax.diagnosis.findings import Finding
from mlpjax.diagnosis.health import Health, health
from mlpjax.diagnosis.verdict import diagnose
from mlpjax.fitting.history import History
from mlpjax.network import MLP
from mlpjax.runs import folder
from mlpjax.runs.models import Model

MOST = 1024
"""On how many training examples the network is looked at when training has ended."""


class Examined(NamedTuple):
    """A network's health at one moment, and what there is to say of it."""

    health: Health
    findings: tuple[Finding, ...]


def examined(model: Model, examples: Examples, update_to_weight: np.ndarray | None = None) -> Examined:
    """The health of a model on examples, with the size of the last steps where it is known."""
    found = health(model.mlp, model.params, examples.x, examples.y, weights=examples.weights)
    found = jax.device_get(found)._replace(update_to_weight=update_to_weight)
    return Examined(found, diagnose(model.mlp, found))


def record(mlp: MLP, history: History, row: int) -> Examined:
    """One of the records of a training."""
    found = jax.tree.map(lambda rows: rows[row], history.health)
    return Examined(found, diagnose(mlp, found))


def remembered(path: Path, mlp: MLP) -> tuple[int, Examined] | None:
    """The last record in the folder of a run, and the number of its step; `None` if there is none.

    Raises:
        ValueError: the folder's history is not one.
    """
    file = path / folder.HISTORY
    if not file.is_file():
        return None
    try:
        said = json.loads(file.read_text(encoding="utf-8"))
        recorded = said.get("health")
        if not recorded or not recorded["steps"]:
            return None
        found = Health(**{name: _last(recorded[name], len(mlp.sizes) - 1) for name in Health._fields if name != "examples"},
                       examples=np.array(float(recorded["examples"][-1])))  # fmt: skip
        return int(recorded["steps"][-1]), Examined(found, diagnose(mlp, found))
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        raise ValueError(f"{file} is not the history of this run: {error}") from None


def _last(rows: list, layers: int) -> np.ndarray:
    """The last row, in which null stands for a number that was not finite."""
    row = np.array([np.inf if value is None else value for value in rows[-1]], float)
    if row.shape != (layers,):
        raise ValueError(f"a record of {row.size} layers, and the model has {layers}")
    return row
