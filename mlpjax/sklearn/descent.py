"""Stochastic training as scikit-learn defines it, several epochs in one compiled call.

What differs from `fit`: a penalty that weighs against the number of examples in the mini-batch, a learning rate that follows
the training, and stopping on the training loss or on a score, all judged on the device.
"""

import functools

import jax
import jax.numpy as jnp
import optax

from mlpjax import penalties
from mlpjax.gradients.backprop import backprop
from mlpjax.network import MLP
from mlpjax.sklearn.outputs import predictions
from mlpjax.sklearn.progress import Examples, Plan, Progress, judged
from mlpjax.sklearn.rules import Rates
from mlpjax.sklearn.thin import Thin, dense
from mlpjax.types import Layer, Params, Penalty


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
        return done + 1, judged(plan, rates, progress, score), curves

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
