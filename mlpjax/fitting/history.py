"""What training remembers of its epochs.

>>> import numpy as np
>>> from mlpjax.fitting import history
>>> none = history.empty(layers=2, validated=False)
>>> none.loss.shape, none.gradient_norms.shape, none.stopped
((0,), (0, 2), '')
"""

from typing import NamedTuple

import numpy as np


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
    """

    loss: np.ndarray
    gradient_norms: np.ndarray
    change: np.ndarray
    validation_loss: np.ndarray | None
    validation_score: np.ndarray | None
    best_epoch: int | None = None
    stopped: str = ""
    message: str = ""

    @property
    def epochs(self) -> int:
        """How many epochs are complete."""
        return len(self.loss)


COLUMNS = ("loss", "gradient_norms", "change", "validation_loss", "validation_score")
"""The fields of a history that have one row an epoch."""


def columns(history: History) -> dict[str, np.ndarray]:
    """The fields that have one row an epoch, those that there are."""
    return {name: column for name in COLUMNS if (column := getattr(history, name)) is not None}


def empty(layers: int, validated: bool, dtype=np.float32) -> History:
    """The history of a training that has not begun."""
    nothing = np.zeros(0, dtype)
    validation = nothing if validated else None
    return History(nothing, np.zeros((0, layers), dtype), nothing, validation, validation)


def extended(history: History, rows: dict[str, np.ndarray]) -> History:
    """The history with the rows of more epochs, if there are any."""
    if not rows:
        return history
    longer: dict = {name: np.concatenate([column, rows[name]]) for name, column in columns(history).items()}
    return history._replace(**longer)
