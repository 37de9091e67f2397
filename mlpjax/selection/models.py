"""The models of a grid: what networks of one penalty, depth and width have in common, and their training."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from mlpjax.network import MLP
from mlpjax.selection.chunks import Callback
from mlpjax.selection.sweep import Sweep, sweep
from mlpjax.types import Data


class Models(NamedTuple):
    """One row for each model, sorted by penalties, depth and width; of depth 0 one, whatever the widths.

    Attributes:
        l1: the strengths of the L1 penalties.
        l2: those of the L2 penalties.
        depth: the number of hidden layers.
        width: the number of units in each; 0 where there is none.
        networks: which networks are its own, counted over all the sweeps, shape (models, networks of each).
        epochs: how many these were trained for; fewer than were asked for only after Ctrl-C.
    """

    l1: np.ndarray
    l2: np.ndarray
    depth: np.ndarray
    width: np.ndarray
    networks: np.ndarray
    epochs: np.ndarray


def trained(
    mlp: MLP,
    x: Data,
    y: Data,
    *,
    depths: Sequence[int] | None = None,
    widths: Sequence[int] | None = None,
    callback: Callback | None = None,
    **options: Any,
) -> list[Sweep]:
    """The networks of a grid, the linear ones in a sweep of their own.

    A sweep that holds linear models too has hidden layers as wide as there are inputs, through which these must pass: with
    200 inputs, 16 units and up to two layers that took 25 times as long.

    Args:
        mlp, x, y, depths, widths, callback, options: as in `sweep`.

    Returns:
        The networks with hidden layers and the linear ones, as far as there are both; after Ctrl-C the first may be all.

    Raises:
        ValueError, TypeError, MemoryError: as `sweep`.
    """
    depths = (len(mlp.sizes) - 2,) if depths is None else tuple(depths)
    if len(set(depths)) < len(depths):
        raise ValueError(f"depths must be one or more numbers, each once; got {depths}")
    hidden = tuple(depth for depth in depths if depth != 0)
    shapes = len(hidden) * (1 if widths is None else len(widths))
    parts: list[tuple[int, dict[str, Any]]] = [(shapes, {"depths": hidden, "widths": widths})] if hidden or not depths else []
    parts += [(1, {"depths": (0,), "widths": (1,)})] if 0 in depths else []
    sweeps: list[Sweep] = []
    for count, chosen in parts:
        before = 0 if not sweeps else shapes
        sweeps.append(sweep(mlp, x, y, callback=_of_all(callback, before, count, sum(c for c, _ in parts)), **chosen, **options))
        if sweeps[-1].epochs.min() < sweeps[-1].losses.shape[1]:
            break
    return sweeps


def _of_all(callback: Callback | None, before: int, count: int, total: int) -> Callback | None:
    """A callback of one sweep that tells of all of them; its shapes of network, those before it and all are counted."""
    if callback is None:
        return None
    return lambda done, wanted: callback(wanted // count * before + done, wanted // count * total)


def models(sweeps: Sequence[Sweep], each: int) -> Models:
    """Put the networks of a grid together by model.

    Args:
        sweeps: from `trained`.
        each: how many networks a model has: replicates times seeds.

    Raises:
        KeyboardInterrupt: Ctrl-C came before there were the networks of a single model.
    """
    l1, l2, depth, width, epochs = (column(sweeps, name) for name in ("l1", "l2", "depth", "width", "epochs"))
    networks = np.arange(len(depth) // each * each).reshape(-1, each)
    if not len(networks):
        raise KeyboardInterrupt
    width = np.where(depth > 0, width, 0)
    first = networks[:, 0]
    networks = networks[np.lexsort([values[first] for values in (width, depth, l2, l1)])]
    first = networks[:, 0]
    return Models(l1[first], l2[first], depth[first], width[first], networks, epochs[networks].min(axis=1))


def column(sweeps: Sequence[Sweep], name: str) -> np.ndarray:
    """A column of all the sweeps."""
    return np.concatenate([getattr(one, name) for one in sweeps])
