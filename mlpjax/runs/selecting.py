"""The choice of a model by cross-validation on the training examples of a run; those held out for test are not looked at."""

import dataclasses
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import jax
import numpy as np

from mlpjax import losses, optimizers
from mlpjax.data import Examples, Preprocessing
from mlpjax.data.refitting import refitted
from mlpjax.losses import Loss
from mlpjax.network import MLP
from mlpjax.runs import options as running
from mlpjax.runs.examples import Prepared
from mlpjax.runs.options import DataOptions, Options
from mlpjax.runs.preparing import in_any_unit
from mlpjax.selection.chunks import Callback
from mlpjax.selection.cross_validation import CrossValidation, cross_validate
from mlpjax.selection.ensemble import Split
from mlpjax.selection.splits import folds


@dataclass(frozen=True)
class Grid:
    """Which models there are to choose from, and how they are measured.

    Attributes:
        l1: the strengths of the L1 penalties.
        l2: those of the L2 penalties.
        depths: the numbers of hidden layers.
        widths: the numbers of units in each.
        folds: in how many parts the training examples are cut.
        repeats: how often.
    """

    l1: tuple[float, ...] = (0.0,)
    l2: tuple[float, ...] = (0.0, 1e-4, 1e-3, 1e-2, 1e-1)
    depths: tuple[int, ...] = (0, 1, 2)
    widths: tuple[int, ...] = (16, 64)
    folds: int = 5
    repeats: int = 1


class Pool(NamedTuple):
    """The training examples once for each fold, as they are where that is held out, and which of them are whose."""

    examples: Examples
    split: Split


def network(prepared: Prepared, asked: Options, grid: Grid) -> MLP:
    """A network with the inputs, outputs, activation and loss of all the models.

    Raises:
        ValueError: an option is not one, the loss does not suit the target, or the examples are not in memory.
    """
    if prepared.streamed:
        raise ValueError("to choose among models their examples must be in memory: raise --memory, or give some of the rows")
    wanted = dataclasses.replace(running.settled(asked, prepared), layers=(max((1, *grid.widths)),))
    return running.network(prepared, wanted)


def select(prepared: Prepared, asked: Options, grid: Grid, callback: Callback | None = None) -> CrossValidation:
    """Measure every model of a grid by cross-validation on the training examples, each trained as `mlpjax train` would.

    Args:
        prepared: the examples, in memory.
        asked: how to train.
        grid: the models.
        callback: as in `selection.sweep`.

    Raises:
        ValueError, TypeError, KeyboardInterrupt: as `cross_validate`.
    """
    mlp = network(prepared, asked, grid)
    key_folds, key = jax.random.split(jax.random.key(asked.seed))
    examples = prepared.sample(prepared.rows)
    labels = examples.y if mlp.loss.target.labels else None
    split = folds(key_folds, prepared.rows, grid.folds, labels=labels, repeats=grid.repeats)
    pool = pooled(prepared.preprocessing, examples, split, mlp.loss)
    (x, y, weights), rows = pool.examples, pool.split.train.shape[1]
    options = {
        **{name: getattr(grid, name) for name in ("l1", "l2", "depths", "widths", "repeats")},
        "optimizer": running.optimizer(dataclasses.replace(asked, l1=0.0), asked.epochs * -(-rows // (asked.batch_size or 32))),
        "proximal_rate": asked.learning_rate if any(grid.l1) else None,
        "epochs": asked.epochs,
        "batch_size": rows if asked.optimizer in optimizers.FULL_BATCH else asked.batch_size,
    }
    return cross_validate(mlp, x, y, key=key, folds=pool.split, weights=weights, callback=callback, **options)


def pooled(preprocessing: Preprocessing, examples: Examples, split: Split, loss: Loss) -> Pool:
    """The examples of each fold, in which nothing is known of what it holds out.

    Features are standardised, and missing ones imputed, by the rows that are trained on, and numbers to predict have mean 0
    over these. Their unit is that of all the training rows, so that the losses of all folds are in one unit.

    Args:
        preprocessing: that made the examples.
        examples: all that there are to train on.
        split: the rows of each fold, and those that it holds out.
        loss: what is trained on.
    """
    x, y, weights = examples
    own = [rows[rows >= 0] for rows in np.asarray(split.train)]
    xs = [refitted(preprocessing, x, rows) for rows in own]
    centred = loss.target is losses.NUMBERS and in_any_unit(loss)
    ys = [(y - y[rows].mean(axis=0)).astype(y.dtype) if centred else y for rows in own]
    first = len(x) * np.arange(len(own))[:, None]
    placed = Split(*(np.where(rows < 0, -1, rows + first) for rows in map(np.asarray, split)))
    return Pool(Examples(np.concatenate(xs), np.concatenate(ys), None if weights is None else np.tile(weights, len(own))), placed)


def chosen(asked: Options, grid: CrossValidation, row: int) -> Options:
    """The options with which `mlpjax train` trains a model of the grid."""
    layers = (int(grid.width[row]),) * int(grid.depth[row])
    return dataclasses.replace(asked, layers=layers, l1=float(grid.l1[row]), l2=float(grid.l2[row]))


def command(data: DataOptions, asked: Options) -> str:
    """What to type to train so: everything that is not usual.

    >>> command(DataOptions("my houses.csv", ("price",)), Options(layers=(16, 16), l2=0.001, epochs=50))
    "mlpjax train 'my houses.csv' --target price --layers 16,16 --epochs 50 --l2 0.001"
    """
    words = ["mlpjax", "train", data.data, *_flags(data, DataOptions(data.data)), *_flags(asked, Options())]
    return shlex.join(words)


def _flags(record: DataOptions | Options, usual: DataOptions | Options) -> Iterator[str]:
    for name, value in vars(record).items():
        if value == getattr(usual, name):
            continue
        if name == "layers":
            value = ",".join(map(str, value)) or "none"
        for one in value if isinstance(value, tuple) else (value,):
            yield from (f"--{name.replace('_', '-')}", str(one))
