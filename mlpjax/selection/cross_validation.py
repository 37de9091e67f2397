"""Cross-validation: how good each model of a grid is on examples that it has not seen, and which of them to choose.

>>> import jax
>>> import numpy as np
>>> from mlpjax import MLP
>>> from mlpjax.selection import cross_validate
>>> x = np.linspace(-2, 2, 60)[:, None]
>>> options = {"depths": (0, 1), "folds": 3, "epochs": 300}
>>> found = cross_validate(MLP((1, 8, 1), "tanh"), x, x**2, key=jax.random.key(0), **options)
>>> found.depth.tolist(), found.best, found.chosen
([0, 1], 1, 1)
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from mlpjax import checks
from mlpjax.network import MLP
from mlpjax.selection.ensemble import Split
from mlpjax.selection.models import column, models, trained
from mlpjax.selection.splits import folds as cut
from mlpjax.selection.sweep import Sweep
from mlpjax.types import Data, PRNGKey


class CrossValidation(NamedTuple):
    """A tidy record: one row for each model, sorted by penalties, depth and width.

    Attributes:
        l1: the strengths of the L1 penalties.
        l2: those of the L2 penalties.
        depth: the number of hidden layers.
        width: the number of units in each; 0 where there is none.
        loss: the mean over the folds of the loss on what was held out; infinite where a network has diverged, or Ctrl-C came
            before its last epoch.
        loss_error: its standard error; NaN there.
        score: the mean over the folds of the accuracy or R² on what was held out; NaN there.
        score_error: its standard error; NaN there.
        training_loss: the mean loss on the training examples themselves, without the penalty.
        epochs: how many the networks were trained for; fewer than were asked for only after Ctrl-C.
        diverged: how many networks have diverged.
        fold_losses: the held-out loss in each fold, the mean over the seeds, shape (models, folds).
        best: the row of the least loss; `None` if all have diverged.
        chosen: the row of the simplest model within one standard error of it (`one_standard_error`); `None` likewise.
    """

    l1: np.ndarray
    l2: np.ndarray
    depth: np.ndarray
    width: np.ndarray
    loss: np.ndarray
    loss_error: np.ndarray
    score: np.ndarray
    score_error: np.ndarray
    training_loss: np.ndarray
    epochs: np.ndarray
    diverged: np.ndarray
    fold_losses: np.ndarray
    best: int | None
    chosen: int | None


class Choice(NamedTuple):
    """The row of the best model and of the one to choose; `None` if there is none."""

    best: int | None
    chosen: int | None


def cross_validate(
    mlp: MLP, x: Data, y: Data, *, key: PRNGKey, folds: int | Split = 5, repeats: int = 1, **options: Any
) -> CrossValidation:
    """Measure every model of a grid on examples that it was not trained on, side by side (SELECT-cross_validation).

    Args:
        mlp, x, y: as in `sweep`. They are taken as they are: where a preprocessing is fitted, stack a version of the
            examples for each fold, and pass replicates that point into them.
        key: the randomness of folds, starts and orders. All models have the same folds.
        folds: how many, which keep the proportions of the classes; or the replicates themselves.
        repeats: how often the examples are cut into folds anew; with replicates, how many sets of folds these are.
        options: as in `sweep`: l1, l2, depths, widths, seeds, weights, optimizer, epochs …

    Returns:
        A row for each model. Depth 0 has no hidden layer, and one row whatever the widths.

    Raises:
        ValueError, TypeError: as `sweep`; or the folds are fewer than 2, or more than the examples.
        KeyboardInterrupt: Ctrl-C came before the first model was trained at all.
    """
    checks.check_inputs(mlp, x)
    checks.check_targets(mlp, x, y)
    key_folds, key_training = jax.random.split(key)
    labels = y if mlp.loss.target.labels else None
    split = folds if isinstance(folds, Split) else cut(key_folds, len(x), folds, labels=labels, repeats=repeats)
    _check_folds(split, repeats)
    sweeps = trained(mlp, x, y, key=key_training, split=split, **options)
    return _summary(sweeps, (repeats, len(split.train) // repeats, options.get("seeds", 1)))


def _check_folds(split: Split, repeats: int) -> None:
    replicates = len(split.train)
    if split.held_out is None or replicates % repeats or replicates < 2 * repeats:
        held_out = "nothing" if split.held_out is None else "examples"
        raise ValueError(
            f"{repeats} sets of two folds or more must hold out examples, as many in each set; got {replicates} replicates "
            f"that hold out {held_out}"
        )


def _summary(sweeps: Sequence[Sweep], shape: tuple[int, int, int]) -> CrossValidation:
    """A row for each model out of one for each network; `shape` is that of a model's networks: repeats, folds, seeds."""
    found = models(sweeps, math.prod(shape))

    def of_models(name: str) -> np.ndarray:
        return column(sweeps, name).astype(float)[found.networks].reshape(-1, *shape)

    diverged = ~np.isfinite(of_models("held_out_loss"))
    good = (found.epochs == found.epochs.max()) & ~diverged.any(axis=(1, 2, 3))
    losses, scores = (of_models(name).mean(axis=3) for name in ("held_out_loss", "held_out_score"))
    loss, score = _estimate(losses, good, np.inf), _estimate(scores, good, np.nan)
    training, counts = of_models("loss").mean(axis=(1, 2, 3)), diverged.sum(axis=(1, 2, 3))
    choice = one_standard_error(*loss, simplicity(*found[:4]))
    return CrossValidation(*found[:4], *loss, *score, training, found.epochs, counts, losses.reshape(len(counts), -1), *choice)


def _estimate(folds: np.ndarray, good: np.ndarray, otherwise: float) -> tuple[np.ndarray, np.ndarray]:
    """The mean over the folds and its standard error; of shape (models, repeats, folds) only the good models have them."""
    with np.errstate(invalid="ignore"):
        mean, error = mean_and_error(folds)
    return np.where(good, mean, otherwise), np.where(good, error, np.nan)


def mean_and_error(folds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The estimate by cross-validation and its standard error (SELECT-cross_validation).

    Repeats make the estimate steadier but not its standard error smaller: they all see the same examples. So each repeat
    gives an error of its own, and the root of their mean square is taken.

    Args:
        folds: what was measured in each fold, shape (models, repeats, folds), with two folds or more.

    Returns:
        Both of shape (models,).

    >>> mean, error = mean_and_error(np.array([[[1.0, 2.0, 3.0, 2.0]]]))
    >>> mean.item(), round(error.item(), 4)
    (2.0, 0.4082)
    """
    variance = folds.var(axis=-1, ddof=1).mean(axis=-1)
    return folds.mean(axis=(-2, -1)), np.sqrt(variance / folds.shape[-1])


def simplicity(l1: np.ndarray, l2: np.ndarray, depth: np.ndarray, width: np.ndarray) -> np.ndarray:
    """The place of each model among all, from 0 for the simplest.

    Fewer hidden layers are simpler; of as many, fewer units; of as many, a larger L1 penalty, which removes weights; at the
    same, a larger L2 penalty.

    Args:
        l1, l2, depth, width: as in `CrossValidation`.

    >>> zero = np.zeros(3)
    >>> simplicity(zero, np.array([0, 0.1, 0.1]), np.array([1, 1, 0]), np.array([8, 8, 0])).tolist()
    [2, 1, 0]
    """
    places = np.empty(len(depth), int)
    places[np.lexsort((-l2, -l1, width, depth))] = np.arange(len(depth))
    return places


def one_standard_error(loss: np.ndarray, error: np.ndarray, places: np.ndarray) -> Choice:
    """The best model, and the simplest whose loss is within one standard error of it (SELECT-one_standard_error).

    Args:
        loss: of each model; not finite for one that is out of the question.
        error: its standard error.
        places: of each model by simplicity, from `simplicity`.

    Returns:
        Their rows. Of models of equal loss the simplest is the best.

    >>> one_standard_error(np.array([5.0, 2.2, 2.0]), np.array([0.3, 0.3, 0.3]), np.array([0, 1, 2]))
    Choice(best=2, chosen=1)
    """
    finite = np.isfinite(loss)
    if not finite.any():
        return Choice(None, None)
    best = np.lexsort((places, np.where(finite, loss, np.inf)))[0]
    near = finite & (loss <= loss[best] + error[best])
    return Choice(int(best), int(np.where(near, places, len(places)).argmin()))
