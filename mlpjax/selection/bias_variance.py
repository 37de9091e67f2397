"""Bias, variance and noise: what the error of a model is made of, measured on networks of many training sets.

A model that is too stiff is wrong in the same way on every training set: that is bias. One that is too free follows each of
them: that is variance. What no model can know is noise.

>>> import jax
>>> import numpy as np
>>> import optax
>>> from mlpjax import MLP
>>> from mlpjax.selection import consecutive
>>> rng = np.random.default_rng(0)
>>> x, x_test = rng.uniform(-2, 2, (200, 1)), np.linspace(-2, 2, 50)[:, None]
>>> y, truth = x + rng.normal(0, 2, x.shape), x_test
>>> options = {"key": jax.random.key(0), "l2": (0, 1), "optimizer": optax.sgd(0.1), "epochs": 100}
>>> found = bias_variance(MLP((1, 1)), x, y, consecutive(20, 10), x_test, truth, truth=truth, **options)
>>> bool(found.parts.bias[0] < found.parts.bias[1]), bool(found.parts.variance[0] > found.parts.variance[1])
(True, True)
"""

from typing import Any, NamedTuple

import numpy as np

from mlpjax import checks
from mlpjax.network import MLP
from mlpjax.selection.ensemble import Split
from mlpjax.selection.models import models, trained
from mlpjax.selection.sweep import predictions
from mlpjax.types import Data, PRNGKey


class Parts(NamedTuple):
    """The parts of an error, each a squared distance summed over the outputs and averaged over the test examples.

    Attributes:
        error: from the prediction of a network to the target.
        bias: from the mean prediction of all networks to the truth, squared; with the noise in it where that is not known.
        variance: from the prediction of a network to their mean.
        noise: from the target to the truth; NaN where the truth is not known.
        cross: what is left, `error - (bias + variance + noise)`: noise that happens to go along with the bias; 0 on average.
    """

    error: np.ndarray | float
    bias: np.ndarray | float
    variance: np.ndarray | float
    noise: np.ndarray | float
    cross: np.ndarray | float


class BiasVariance(NamedTuple):
    """A tidy record: one row for each model, sorted by penalties, depth and width.

    Attributes:
        l1: the strengths of the L1 penalties.
        l2: those of the L2 penalties.
        depth: the number of hidden layers.
        width: the number of units in each; 0 where there is none.
        parts: of the error; not finite where a network has diverged.
        standard_errors: of the parts.
    """

    l1: np.ndarray
    l2: np.ndarray
    depth: np.ndarray
    width: np.ndarray
    parts: Parts
    standard_errors: Parts


def bias_variance(
    mlp: MLP,
    x: Data,
    y: Data,
    split: Split,
    x_test: Data,
    y_test: Data,
    *,
    key: PRNGKey,
    truth: Data | None = None,
    **options: Any,
) -> BiasVariance:
    """Split the test error of every model of a grid into bias, variance and noise (BIAS-VARIANCE).

    The error is squared error whatever the loss that is trained on; of class labels it is that of the probabilities, the
    Brier score. Each replicate has a training set and a start of its own, and both are what the variance is over.

    Args:
        mlp: as in `sweep`.
        x, y: the examples of all the training sets.
        split: which of them each training set holds: `consecutive` for sets that stand one after the other, or
            `bootstrap` for samples of one set of real data.
        x_test, y_test: examples that are in none of the training sets.
        key: the randomness of starts and orders.
        truth: the mean of the target at each of x_test, shape (n, outputs); for class labels their probabilities. Without it,
            as on real data, noise cannot be told from bias.
        options: as in `sweep`: l1, l2, depths, widths, optimizer, epochs …, but seeds.

    Returns:
        A row for each model.

    Raises:
        ValueError, TypeError: as `sweep`; or there is one replicate only, or the test examples are of the wrong shape.
        KeyboardInterrupt: Ctrl-C came before the first model was trained at all.

    Geman, Bienenstock and Doursat, Neural networks and the bias/variance dilemma, Neural Computation 4, 1992.
    """
    checks.check_data(mlp, x_test, y_test)
    replicates = len(split.train)
    if replicates < 2 or options.get("seeds", 1) != 1:
        raise ValueError(
            f"variance needs two replicates or more, each with a start of its own in place of seeds; got {replicates} replicates"
            f" and {options.get('seeds', 1)} seeds"
        )
    shape = (len(x_test), mlp.sizes[-1])
    target = np.eye(shape[1])[np.asarray(y_test)] if mlp.loss.target.labels else np.asarray(y_test, float)
    if truth is not None and np.shape(truth) != shape:
        raise ValueError(f"truth must have shape {shape}, the mean of each target; got {np.shape(truth)}")
    sweeps = trained(mlp, x, y, key=key, split=split, **options)
    found = models(sweeps, replicates)
    predicted = np.concatenate([predictions(one, x_test) for one in sweeps])
    both = [decomposed(predicted[rows], target, truth) for rows in found.networks]
    parts, errors = (Parts(*map(np.array, zip(*several, strict=True))) for several in zip(*both, strict=True))
    return BiasVariance(*found[:4], parts, errors)


def decomposed(prediction: Data, y: Data, truth: Data | None = None) -> tuple[Parts, Parts]:
    """The parts of the error of one model, and their standard errors (BIAS-VARIANCE).

    The mean of R networks scatters by a variance/R of its own about the mean of all, which is taken off the squared bias:
    that is unbiased, and may come out a little below 0. The standard errors of error, bias and variance are over training
    sets, those of noise and cross over the noise of the test examples.

    Args:
        prediction: of R networks of independent training sets, shape (R, n, outputs), R of 2 or more.
        y: the targets, shape (n, outputs).
        truth: their means, likewise; `None` if they are not known.

    Returns:
        Numbers; NaN where a network has diverged, and for the noise where the truth is not known.

    >>> parts, _ = decomposed(np.array([[[1.0]], [[3.0]]]), y=np.array([[5.0]]), truth=np.array([[4.0]]))
    >>> parts.error, parts.bias, parts.variance, parts.noise, parts.cross
    (10.0, 3.0, 2.0, 1.0, 4.0)
    """
    prediction, y = np.asarray(prediction, float), np.asarray(y, float)
    centre = y if truth is None else np.asarray(truth, float)
    with np.errstate(invalid="ignore", over="ignore"):
        R, mean = len(prediction), prediction.mean(axis=0)
        deviation, off, noise = prediction - mean, mean - centre, y - centre
        error = np.sum((prediction - y) ** 2, axis=2).mean(axis=1)
        along = 2 * np.sum(off * deviation, axis=2).mean(axis=1)
        spread = np.sum(deviation**2, axis=2).mean(axis=1) * R / (R - 1)
        squared = np.full(len(y), np.nan) if truth is None else np.sum(noise**2, axis=1)
        cross = -2 * np.sum(noise * off, axis=1)
        bias = np.sum(off**2, axis=1).mean() - spread.mean() / R
        parts = error.mean(), bias, spread.mean(), squared.mean(), cross.mean()
        scatter = (_standard_error(draws) for draws in (error, along, spread, squared, cross))
        return Parts(*map(float, parts)), Parts(*map(float, scatter))


def _standard_error(draws: np.ndarray) -> float:
    return draws.std(ddof=1) / np.sqrt(len(draws)) if len(draws) > 1 else np.nan
