"""Stochastic training as scikit-learn defines it, several epochs in one compiled call.

What differs from `fit`: a penalty that weighs against the number of examples in the mini-batch, a learning rate that follows
the training, and stopping on the training loss or on a score, all judged on the device.
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from mlpjax import penalties
from mlpjax.gradients.backprop import backprop
from mlpjax.network import MLP
from mlpjax.sklearn.outputs import Score, predictions
from mlpjax.sklearn.rules import Rates, Rule
from mlpjax.sklearn.thin import Thin, dense
from mlpjax.types import Layer, Params, Penalty


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
        x, y, weights: the examples, with a weight of 0 for a row that only fills up; x dense or thin.
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
        params, opt_state: where training is.
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


@functools.partial(jax.jit, static_argnames="plan")
def start(plan: Plan, rates: Rates, params: Params) -> optax.OptState:
    """The optimiser's state before the first epoch, in one compiled call instead of one for each array."""
    return plan.rule(rates, rates.learning_rate).init(params)


@functools.partial(jax.jit, static_argnames="plan")
def descend(plan: Plan, rates: Rates, progress: Progress, examples: Examples, validation: Examples | None, orders, epochs):
    """Train for a number of epochs, or until the stopping rule says so.

    Args:
        plan: static.
        rates: the numbers, traced.
        progress: where to start.
        examples: the training data, padded.
        validation: the validation data, where the plan has a score.
        orders: which rows each mini-batch of each epoch holds, shape (at most, steps, batch size).
        epochs: how many to run, traced.

    Returns:
        The progress, how many epochs were run, and the loss and the score after each.
    """
    dtype = progress.best.dtype
    curves = jnp.zeros((len(orders), 2), dtype)

    def go_on(carry):
        done, progress, _ = carry
        return (done < epochs) & ~progress.stop

    def one(carry):
        done, progress, curves = carry
        progress, loss = _epoch(plan, rates, progress, examples, _rows(orders, done))
        score = -loss if validation is None else _score(plan, progress.params, validation).astype(dtype)
        curves = jax.lax.dynamic_update_index_in_dim(curves, jnp.stack([loss, score]), done, 0)
        return done + 1, _judged(plan, rates, progress, score), curves

    done, progress, curves = jax.lax.while_loop(go_on, one, (0, progress, curves))
    return progress, done, curves


def _rows(array, rows):
    """`array[rows]` without the checks for rows that are negative or out of range, which cost time to compile."""
    return array.at[rows].get(mode="promise_in_bounds", wrap_negative_indices=False)


def _epoch(plan: Plan, rates: Rates, progress: Progress, examples: Examples, order):
    """One pass over the data; the mean of the losses of its mini-batches, each with the penalty before the step."""

    def step(carry, batch):
        params, opt_state, sum_of_losses = carry
        rows, share = batch
        x, y, weights = jax.tree.map(lambda array: _rows(array, rows), examples[:3])
        some = (dense(x, plan.mlp.sizes[0]), y, weights)
        params, opt_state, loss = _step(plan, rates, progress.learning_rate, params, opt_state, some)
        return (params, opt_state, sum_of_losses + share * loss), None

    zero = jnp.zeros((), progress.best.dtype)
    (params, opt_state, loss), _ = jax.lax.scan(step, (progress.params, progress.opt_state, zero), (order, examples.shares))
    return progress._replace(params=params, opt_state=opt_state, seen=progress.seen + examples.n), loss


def _step(plan: Plan, rates: Rates, learning_rate, params: Params, opt_state, batch):
    """The parameters and the optimiser's state after a mini-batch, and its loss."""
    x, y, weights = batch
    penalty = _penalty(rates, jnp.sum(weights))

    def smooth(params):
        mean, gradient = backprop(plan.mlp, params, x, y, weights=weights)
        return mean + penalty.l2 * _squares(params), mean, _decayed(gradient, params, penalty.l2)

    value, mean, gradient = smooth(params)
    extra = {"value": value, "grad": gradient, "value_fn": lambda params: smooth(params)[0]}
    optimizer = optax.with_extra_args_support(plan.rule(rates, learning_rate))
    updates, opt_state = optimizer.update(gradient, opt_state, params, **extra)
    after = optax.apply_updates(params, updates)
    loss = value if plan.share == 1 else value - (1 - plan.share) * mean
    if plan.proximal:
        loss = loss + penalties.value(Penalty(l1=penalty.l1), params)
        after = penalties.proximal_step(Penalty(l1=penalty.l1), after, learning_rate)
    return after, opt_state, loss


def _penalty(rates: Rates, total) -> Penalty:
    """The strengths over the weight of the mini-batch; none for one without weight, whose loss is 0 too."""
    share = jnp.where(total == 0, 0, 1 / jnp.where(total == 0, 1, total))
    return Penalty(l1=rates.l1 * share, l2=rates.alpha / 2 * share)


def _squares(params: Params):
    """The sum of the squared weights as products of vectors, which XLA computes faster than sums."""
    return sum(jnp.vdot(W, W) for W, _ in params)


def _decayed(gradient: Params, params: Params, l2) -> Params:
    return tuple(Layer(g.W + 2 * l2 * W, g.b) for g, (W, _) in zip(gradient, params, strict=True))


def _score(plan: Plan, params: Params, validation: Examples):
    assert plan.score is not None
    return plan.score(_outputs(plan.mlp, params, validation.x), validation.y, validation.weights)


def _outputs(mlp: MLP, params: Params, x: jax.Array | Thin):
    """The outputs for all rows; thin ones are made dense and used some at a time."""
    if isinstance(x, Thin):
        rows = jax.tree.map(lambda array: array[:, None], x)
        return jax.lax.map(lambda row: _outputs(mlp, params, dense(row, mlp.sizes[0]))[0], rows, batch_size=256)
    return predictions(mlp, params, x)


def _judged(plan: Plan, rates: Rates, progress: Progress, merit) -> Progress:
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
