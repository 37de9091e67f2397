"""L-BFGS over all the examples at once: SciPy's minimiser, as in scikit-learn, on the compiled loss and gradient."""

import functools

import jax
import numpy as np
import scipy.optimize

from mlpjax.gradients.backprop import backprop
from mlpjax.network import MLP
from mlpjax.types import Params, Penalty


def minimised(mlp: MLP, params: Params, x, y, weights, alpha: float, **options) -> tuple[Params, scipy.optimize.OptimizeResult]:
    """The parameters at the end of `scipy.optimize.minimize(method="L-BFGS-B", options=options)`, and what it reports."""
    total = len(x) if weights is None else weights.sum()
    x, y, weights = jax.device_put((x, y, weights))
    value_and_gradient = functools.partial(backprop, mlp, x=x, y=y, weights=weights, penalty=Penalty(l2=alpha / (2 * total)))

    def objective(flat):
        value, gradient = jax.device_get(value_and_gradient(_shaped(flat, params)))
        return float(value), _flat(gradient)

    result = scipy.optimize.minimize(objective, _flat(params), method="L-BFGS-B", jac=True, options=options)
    return _shaped(result.x, params), result


def _flat(params: Params) -> np.ndarray:
    return np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(params)]).astype(np.float64)


def _shaped(flat: np.ndarray, like: Params) -> Params:
    leaves, tree = jax.tree.flatten(like)
    parts = np.split(flat, np.cumsum([leaf.size for leaf in leaves])[:-1])
    return jax.tree.unflatten(
        tree, [part.reshape(leaf.shape).astype(leaf.dtype) for part, leaf in zip(parts, leaves, strict=True)]
    )
