"""What training remembers of its epochs.

>>> import numpy as np
>>> from mlpjax.fitting import history
>>> none = history.empty(layers=2, validated=False)
>>> none.loss.shape, none.gradient_norms.shape, none.stopped
((0,), (0, 2), '')
"""

from typing import Any, NamedTuple

import jax
import numpy as np

from mlpjax.diagnosis.health import Health
from mlpjax.fitting.recording import none_yet


class History(NamedTuple):
    """How training went, epoch by epoch.

    Attributes:
        loss: the mean loss with the penalty over the mini-batches of each epoch, while the parameters move, shape (epochs,).
        gradient_norms: the norm of each layer's gradient at the last mini-batch of each epoch, shape (epochs, layers).
        change: `||w_new - w_old|| / ||w_old||` over each epoch, w all weights and biases, shape (epochs,).
        validation_loss: the mean loss on the validation set after each epoch, without the penalty, shape (epochs,); `None`
            without a validation set.
        validation_score: the accuracy or R² on the validation set, likewise.
        best_epoch: the epoch whose parameters were kept, from 1; `None` if it is simply the last.
        stopped: why it ended: "epochs", "converged", "patience", "diverged" or "interrupted"; empty while it runs.
        message: the same as a sentence; empty if all the epochs ran.
        health: how the network fared on the mini-batches of the recorded steps, before each; every field of it has a leading
            axis of records. `None` where none were asked for.
        health_every: one step in so many was recorded, the first and each k-th from there.
    """

    loss: np.ndarray
    gradient_norms: np.ndarray
    change: np.ndarray
    validation_loss: np.ndarray | None
    validation_score: np.ndarray | None
    best_epoch: int | None = None
    stopped: str = ""
    message: str = ""
    health: Health | None = None
    health_every: int | None = None

    @property
    def epochs(self) -> int:
        """How many epochs are complete."""
        return len(self.loss)

    @property
    def health_steps(self) -> np.ndarray:
        """The numbers of the recorded steps since training began, from 1."""
        recorded = 0 if self.health is None else len(self.health.examples)
        return 1 + (self.health_every or 1) * np.arange(recorded)


COLUMNS = ("loss", "gradient_norms", "change", "validation_loss", "validation_score")
"""The fields of a history that have one row an epoch."""


def columns(history: History) -> dict[str, np.ndarray]:
    """The fields that have one row an epoch, those that there are."""
    return {name: column for name in COLUMNS if (column := getattr(history, name)) is not None}


def records(history: History) -> dict[str, np.ndarray]:
    """The fields of the health of the recorded steps; nothing where none were asked for."""
    return {} if history.health is None else history.health._asdict()


def empty(layers: int, validated: bool, dtype=np.float32, health_every: int | None = None) -> History:
    """The history of a training that has not begun."""
    nothing = np.zeros(0, dtype)
    validation = nothing if validated else None
    started = History(nothing, np.zeros((0, layers), dtype), nothing, validation, validation)
    if health_every is None:
        return started
    return started._replace(health=none_yet(layers, dtype, 0), health_every=int(health_every))


def extended(history: History, rows: dict[str, Any]) -> History:
    """The history with the rows of more epochs or of more recorded steps, those that there are."""
    held: dict = history._asdict()
    longer = {name: jax.tree.map(lambda *parts: np.concatenate(parts), held[name], more) for name, more in rows.items()}
    return history._replace(**longer)
