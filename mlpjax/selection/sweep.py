"""`sweep`: networks of every penalty, depth, width and start, trained side by side as one compiled call.

>>> import jax
>>> import numpy as np
>>> from mlpjax import MLP, selection
>>> x = np.linspace(-1, 1, 40)[:, None]
>>> mlp = MLP((1, 8, 1), "tanh")
>>> grid = {"l2": (0, 0.1), "depths": (0, 1, 2), "seeds": 2}
>>> record = selection.sweep(mlp, x, x**2, key=jax.random.key(0), epochs=50, **grid)
>>> record.loss.shape, record.depth.tolist()
((12,), [0, 0, 1, 1, 2, 2, 0, 0, 1, 1, 2, 2])
"""

import math
import operator
import warnings
from collections.abc import Sequence
from numbers import Integral
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from mlpjax import checks
from mlpjax.fitting import options
from mlpjax.fitting.memory import DEFAULT_OPTIMIZER, on_device
from mlpjax.gradients.method import check_differentiable
from mlpjax.initializers import Initializer
from mlpjax.network import MLP
from mlpjax.selection import capacity, chunks, ensemble, masks
from mlpjax.selection.chunks import Callback, Cells, Starting, Trained
from mlpjax.selection.ensemble import Split, Task
from mlpjax.training import check_batch_size
from mlpjax.types import Data, Params, PRNGKey


class Sweep(NamedTuple):
    """A tidy record: one row for each network, in the order of penalties, depths, widths, replicates and seeds.

    Every field but `mlp` and `params` is a column, so that `{name: column for …}` makes a data frame.

    Attributes:
        l1: the strengths of the L1 penalties.
        l2: those of the L2 penalties.
        depth: the number of hidden layers.
        width: the number of units in each.
        replicate: which rows of the split it trains on.
        seed: of its start and of the order of its examples.
        epochs: how many it was trained for; fewer than were asked for only after Ctrl-C.
        loss: on its own training rows after training, without the penalty; not finite for a network that has diverged.
        score: accuracy or R² on the same.
        held_out_loss: the loss on the rows held out from it; `None` if there are none.
        held_out_score: the accuracy or R² on them, likewise.
        losses: the mean loss with the penalty in each epoch, while the parameters move, shape (networks, epochs).
        mlp: the largest network, which holds all the others.
        params: of all the networks, embedded in the largest; `member` takes one out.
    """

    l1: np.ndarray
    l2: np.ndarray
    depth: np.ndarray
    width: np.ndarray
    replicate: np.ndarray
    seed: np.ndarray
    epochs: np.ndarray
    loss: np.ndarray
    score: np.ndarray
    held_out_loss: np.ndarray | None
    held_out_score: np.ndarray | None
    losses: np.ndarray
    mlp: MLP
    params: Params


def sweep(
    mlp: MLP,
    x: Data,
    y: Data,
    *,
    key: PRNGKey,
    l1: Sequence[float] = (0.0,),
    l2: Sequence[float] = (0.0,),
    depths: Sequence[int] | None = None,
    widths: Sequence[int] | None = None,
    seeds: int = 1,
    split: Split | None = None,
    weights: Data | None = None,
    initializer: Initializer | str | None = None,
    optimizer: optax.GradientTransformation = DEFAULT_OPTIMIZER,
    proximal_rate: optax.ScalarOrSchedule | None = None,
    epochs: int = 100,
    batch_size: int | None = None,
    memory: int | None = None,
    callback: Callback | None = None,
) -> Sweep:
    """Train a network for each penalty, depth, width, replicate and seed, many at a time (ENSEMBLE).

    Each becomes what `fit` makes of the small network of its own, to rounding: the same start, order and steps, from the
    keys that `keys` gives for its seed and replicate. Networks that differ in penalty alone start alike and see the same
    batches. All are one compiled call, spread over the devices of this process; smaller networks are masked parts of the
    largest. Ctrl-C returns what has been trained, with a warning.

    Args:
        mlp: its inputs, outputs, activation and loss are those of every network.
        x: the examples, shape (n, sizes[0]), finite.
        y: the targets, as the loss takes them.
        key: the randomness; the same key gives the same bits, in loops over other numbers of networks all but the rounding.
        l1, l2: strengths of the penalties.
        depths: numbers of hidden layers, 0 for a linear model; that of `mlp` unless given.
        widths: numbers of units in each hidden layer; that of `mlp` unless given.
        seeds: how many starts of each.
        split: the rows that each replicate trains on, and those held out; unless given one replicate trains on all.
        weights: one weight for each example.
        initializer: as in `init`.
        optimizer: any Optax transformation that treats all the entries of a parameter alike, since smaller networks are
            filled up with zeros.
        proximal_rate: with a learning rate, or a schedule, the L1 penalty is taken by proximal steps of it, which give exact
            zeros; otherwise it is part of the gradient.
        epochs: passes over the examples.
        batch_size: unless given 32, or the rows of a replicate if those are fewer.
        memory: bytes that may be taken on each device, half of what is free unless given; more networks than fit are trained
            in chunks.
        callback: called about twice a second with the epochs done, over all networks, and those wanted.

    Returns:
        One row for each network.

    Raises:
        ValueError, TypeError: the data or the options cannot be used; nothing has been computed then.
        MemoryError: not even one network fits.
    """
    depths, widths = _shapes(mlp, depths, widths)
    l1, l2 = _strengths("l1", l1), _strengths("l2", l2)
    checks.check_data(mlp, x, y, weights)
    options.check_optimizer(optimizer)
    options.check_key(key)
    options.check_epochs(epochs)
    split = _checked(Split(np.arange(len(x))[None]) if split is None else split, len(x), weights)
    cells = Cells.product(l1, l2, depths, widths, range(len(split.train)), range(_whole("seeds", seeds)))
    rows = split.train.shape[1]
    size = check_batch_size(min(32, rows) if batch_size is None else batch_size, rows)
    largest = masks.largest(mlp, depths, widths)
    check_differentiable(largest)
    weighted = weights is not None or bool((split.train < 0).any())
    task = Task(largest, optimizer, proximal_rate, size, weighted)
    starting = Starting(mlp, key, initializer)
    data = on_device(mlp, (x, y, weights), jnp.result_type(float))
    taken = capacity.free_memory() if memory is None else _whole("memory", memory)
    trained = chunks.train(task, starting, cells, data, split, epochs, taken, callback)
    complete, wanted = int((trained.epochs == epochs).sum()), len(cells.seed)
    if complete < wanted:
        message = f"the sweep was interrupted: {complete} of {wanted} networks are complete"
        warnings.warn(message, RuntimeWarning, stacklevel=2)
    described = cells.at(np.arange(len(trained.epochs)))
    return _record(described, trained, largest)


def _record(cells: Cells, trained: Trained, largest: MLP) -> Sweep:
    columns: dict = cells._asdict() | trained.measures._asdict()
    return Sweep(**columns, epochs=trained.epochs, losses=trained.losses, mlp=largest, params=trained.params)


def member(sweep: Sweep, row: int) -> tuple[MLP, Params]:
    """A network of a sweep, as a small network of its own with its parameters.

    Args:
        sweep: the record.
        row: which one, from 0.
    """
    depth, width = int(sweep.depth[row]), int(sweep.width[row])
    of_one = jax.tree.map(operator.itemgetter(row), sweep.params)
    return masks.small(sweep.mlp, depth, width), masks.extracted(sweep.mlp, of_one, depth, width)


def predictions(sweep: Sweep, x: Data) -> np.ndarray:
    """What every network of a sweep predicts, as `predict` does.

    Args:
        sweep: the record.
        x: the examples, shape (n, features).

    Returns:
        Shape (networks, n, outputs).
    """
    checks.check_inputs(sweep.mlp, x)
    networks, devices = len(sweep.seed), len(jax.local_devices())
    places = np.minimum(np.arange(-(-networks // devices) * devices), networks - 1)
    params = ensemble.placed(jax.tree.map(lambda leaf: leaf[places], sweep.params), spread=True)
    mask = masks.Mask(jnp.asarray(sweep.depth[places]), jnp.asarray(sweep.width[places]))
    x = ensemble.placed(jnp.asarray(x, params[0].W.dtype), spread=False)
    return np.asarray(ensemble.all_predicted(sweep.mlp, ensemble.placed(mask, spread=True), params, x))[:networks]


def _shapes(mlp: MLP, depths, widths) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The depths and widths asked for, or those of the network."""
    hidden = mlp.sizes[1:-1]
    if len(set(mlp.activations)) > 1:
        raise ValueError(f"all hidden layers must have one activation to be masked, got {[f.name for f in mlp.activations]}")
    if widths is None and len(set(hidden)) > 1:
        raise ValueError(f"a network of several widths, {hidden}, cannot be masked: give widths, such as widths=({max(hidden)},)")
    depths = (len(hidden),) if depths is None else _distinct("depths", depths, 0)
    widths = hidden[:1] or (1,) if widths is None else _distinct("widths", widths, 1)
    if max(depths) and not hidden:
        raise ValueError("which activation? mlp must have a hidden layer, whose activation that of all the networks is")
    return depths, widths


def _distinct(name: str, given: Sequence[int], least: int) -> tuple[int, ...]:
    numbers = tuple(_whole(name, number, least) for number in given)
    if not numbers or len(set(numbers)) < len(numbers):
        raise ValueError(f"{name} must be one or more numbers, each once; got {given!r}")
    return numbers


def _whole(name: str, number: int, least: int = 1) -> int:
    if not isinstance(number, Integral):
        raise TypeError(f"{name} must be whole, got {number!r}")
    if number < least:
        raise ValueError(f"{name} must be {least} or more, got {number}")
    return int(number)


def _strengths(name: str, given: Sequence[float]) -> tuple[float, ...]:
    strengths = tuple(float(strength) for strength in given)
    if not strengths or len(set(strengths)) < len(strengths) or not all(0 <= strength < math.inf for strength in strengths):
        raise ValueError(f"{name} must be one or more finite numbers of 0 or more, each once; got {given!r}")
    return strengths


def _checked(split: Split, n: int, weights: Data | None) -> Split:
    """The split as arrays, every row of which there is."""
    train = _rows("train", split.train, n, weights)
    held_out = None if split.held_out is None else _rows("held_out", split.held_out, n, weights)
    if held_out is not None and len(held_out) != len(train):
        raise ValueError(f"split has {len(train)} replicates to train on and {len(held_out)} held out: one each is needed")
    return Split(train, held_out)


def _rows(name: str, given, n: int, weights: Data | None) -> np.ndarray:
    rows = np.asarray(given)
    if rows.ndim != 2 or not np.issubdtype(rows.dtype, np.integer) or not rows.size:
        raise ValueError(f"split.{name} must be whole numbers of shape (replicates, rows), got {rows.dtype} {rows.shape}")
    if rows.min() < -1 or rows.max() >= n:
        raise ValueError(f"split.{name} must hold rows from 0 to {n - 1}, or -1 for none; got {rows.min()} to {rows.max()}")
    counted = (rows >= 0) & (True if weights is None else np.asarray(weights)[rows] > 0)
    if not counted.any(axis=1).all():
        raise ValueError(f"split.{name}: replicate {int(np.argmin(counted.any(axis=1)))} has no example that counts")
    return rows.astype(np.int32)
