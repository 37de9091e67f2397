"""How fast a cost grows: the least-squares line through its logarithm.

>>> import numpy as np
>>> n = np.array([1, 2, 4, 8])
>>> exponent(n, 5 * n**2).round(6).item(), growth(n, 3.0**n).round(6).item()
(2.0, 3.0)
"""

import numpy as np


def exponent(x, cost):
    """The power of x that a cost grows as: p in `cost = c x^p`.

    Args:
        x: what is varied, shape (k,), positive.
        cost: shape (k,), or (k, m) for m costs at once; positive, or NaN for what is not known and left out.

    Returns:
        A number, or m of them.
    """
    return _slope(np.log(x), cost)


def growth(x, cost):
    """The factor by which a cost grows with each unit of x: r in `cost = c r^x`.

    Arguments and result are those of `exponent`, but x may be any number.
    """
    return np.exp(_slope(x, cost))


def _slope(x, cost):
    cost = np.log(np.asarray(cost, float))
    x = np.where(np.isnan(cost), np.nan, np.asarray(x, float).reshape(-1, *[1] * (cost.ndim - 1)))
    x = x - np.nanmean(x, axis=0)
    return np.nansum(x * cost, axis=0) / np.nansum(x * x, axis=0)
