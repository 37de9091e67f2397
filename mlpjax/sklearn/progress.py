"""What stochastic training is told and carries from epoch to epoch, and how an epoch is judged."""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from mlpjax.network import MLP
from mlpjax.sklearn.outputs import Score
from mlpjax.sklearn.rules import Rates, Rule
from mlpjax.sklearn.thin import Thin
from mlpjax.types import Params


class Plan(NamedTuple):
    """What is compiled for.

    Attributes:
        mlp: the network.
        rule: how the parameters move.
        schedule: "constant", "invscaling" or "adaptive".
        proximal: whether there is an L1 penalty.
        share: the factor of the mean loss in what is reported; scikit-learn averages squared errors over the outputs.
        score: how the validation set is judged; without one, training stops on its loss.
    """

    mlp: MLP
    rule: Rule
    schedule: str
    proximal: bool
    share: float
    score: Score | None


class Examples(NamedTuple):
    """Arrays on the device.

    Attributes:
        x: the examples, dense or thin.
        y: their targets.
        weights: their weights, 0 for a row that only fills up.
        n: how many count.
        shares: the part of them in each mini-batch; of training data.
    """

    x: jax.Array | Thin
    y: jax.Array
    weights: jax.Array
    n: jax.Array
    shares: jax.Array | None = None


class Progress(NamedTuple):
    """What goes from epoch to epoch.

    Attributes:
        params: the parameters where training is.
        opt_state: the optimiser's memory there.
        learning_rate: of the next epoch.
        seen: how many examples have been seen.
        waited: epochs since the merit, a validation score or minus the loss, last rose by `tol`.
        best: the highest merit.
        best_params: the parameters then; empty without a validation set.
        stop: whether training is over.
    """

    params: Params
    opt_state: optax.OptState
    learning_rate: jax.Array
    seen: jax.Array
    waited: jax.Array
    best: jax.Array
    best_params: Params
    stop: jax.Array


def judged(plan: Plan, rates: Rates, progress: Progress, merit) -> Progress:
    """The progress after an epoch of some merit; where that is NaN, nothing was waited for and nothing is better."""
    waited = jnp.where(merit < progress.best + rates.tol, progress.waited + 1, 0)
    better = merit > progress.best
    kept = progress.best_params and jax.tree.map(functools.partial(jnp.where, better), progress.params, progress.best_params)
    progress = progress._replace(waited=waited, best=jnp.where(better, merit, progress.best), best_params=kept)
    return _scheduled(plan, rates, progress)


def _scheduled(plan: Plan, rates: Rates, progress: Progress) -> Progress:
    """The learning rate of the next epoch, or the end."""
    rate, tired = progress.learning_rate, progress.waited > rates.patience
    if plan.schedule == "invscaling":
        rate = (rates.learning_rate / (progress.seen + 1) ** rates.power_t).astype(rate.dtype)
    if plan.schedule != "adaptive":
        return progress._replace(learning_rate=rate, stop=tired)
    stop = tired & (rate <= 1e-6)
    slower = tired & ~stop
    return progress._replace(
        learning_rate=jnp.where(slower, rate / 5, rate), waited=jnp.where(slower, 0, progress.waited), stop=stop
    )
