"""The models of a sweep: what networks of one penalty, depth and width have in common."""

from typing import NamedTuple

import numpy as np

from mlpjax.selection.sweep import Sweep


class Models(NamedTuple):
    """One row for each model, in the order of penalties, depths and widths; of depth 0 one, whatever the widths.

    Attributes:
        l1, l2: the strengths of the penalties.
        depth: the number of hidden layers.
        width: the number of units in each; 0 where there is none.
        networks: the rows of the sweep that hold its networks, shape (models, networks of each).
        complete: whether these have been trained for as long as any; only after Ctrl-C some have not.
    """

    l1: np.ndarray
    l2: np.ndarray
    depth: np.ndarray
    width: np.ndarray
    networks: np.ndarray
    complete: np.ndarray


def models(record: Sweep, each: int) -> Models:
    """Put the networks of a sweep together by model.

    Args:
        record: the sweep.
        each: how many networks a model has: replicates times seeds.

    Raises:
        KeyboardInterrupt: Ctrl-C came before there were the networks of a single model.
    """
    networks = np.arange(len(record.loss) // each * each).reshape(-1, each)
    if not len(networks):
        raise KeyboardInterrupt
    first = networks[:, 0]
    networks = networks[(record.depth[first] > 0) | (record.width[first] == record.width[0])]
    first = networks[:, 0]
    complete = (record.epochs[networks] == record.epochs.max()).all(axis=1)
    width = np.where(record.depth[first] > 0, record.width[first], 0)
    return Models(record.l1[first], record.l2[first], record.depth[first], width, networks, complete)
