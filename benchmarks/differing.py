"""That what is compared is the same: two implementations that differ are no comparison."""

import jax
import numpy as np


def differ_by(what: str, ours, theirs, tolerance: float) -> float:
    """The norm of the difference between two results over the norm of one, which must be small.

    Raises:
        ValueError: it is not.
    """
    one, other = (np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(result)]) for result in (ours, theirs))
    difference = float(np.linalg.norm(one - other) / np.linalg.norm(other))
    if not difference < tolerance:
        raise ValueError(f"{what} differ by {difference:.1e}")
    return float(f"{difference:.1e}")
