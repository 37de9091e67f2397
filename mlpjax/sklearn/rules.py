"""How a solver moves the parameters: scikit-learn's two rules to the last bit of their definition, and any of Optax's.

A rule is a function of numbers that are traced, so that a grid of learning rates, momenta or betas shares one compilation.
"""

import functools
from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
import optax

from mlpjax import optimizers


class Rates(NamedTuple):
    """The numbers of training: all traced, none of them compiled for.

    Attributes:
        learning_rate: as the estimators' parameter.
        power_t: as the estimators' parameter.
        alpha: as the estimators' parameter.
        l1: as the estimators' parameter.
        tol: as the estimators' parameter.
        momentum: as the estimators' parameter.
        beta_1: as the estimators' parameter.
        beta_2: as the estimators' parameter.
        epsilon: as the estimators' parameter.
        patience: `n_iter_no_change`, infinity for never.
    """

    learning_rate: float
    power_t: float
    alpha: float
    l1: float
    tol: float
    patience: float
    momentum: float
    beta_1: float
    beta_2: float
    epsilon: float


Rule = Callable[[Rates, object], optax.GradientTransformation]
"""From the rates and the learning rate of the moment to the optimiser."""

Solver = str | Callable | optax.GradientTransformation


def rule(solver: Solver, nesterov: bool) -> Rule:
    """The rule of a solver: "sgd", "adam", another name of `optimizers`, a function of the learning rate, or an optimiser.

    The same solver gives the same object, which is compiled for once.
    """
    if isinstance(solver, optax.GradientTransformation):
        return _fixed(solver)
    if not isinstance(solver, str):
        return _of_rate(solver)
    ours = {"sgd": nesterov_momentum if nesterov else momentum, "adam": adam}
    return ours.get(solver) or _of_rate(optimizers.RECORDS[solver])


def momentum(rates: Rates, learning_rate) -> optax.GradientTransformation:
    """`v <- momentum v - learning_rate g`, `w <- w + v`: the rate inside the velocity, where a change of it comes in slowly."""
    return optax.chain(optax.scale(-learning_rate), optax.trace(rates.momentum))


def nesterov_momentum(rates: Rates, learning_rate) -> optax.GradientTransformation:
    """As `momentum`, with `w <- w + momentum v - learning_rate g` after the velocity."""
    return optax.chain(optax.scale(-learning_rate), optax.trace(rates.momentum, nesterov=True))


def adam(rates: Rates, learning_rate) -> optax.GradientTransformation:
    """Adam with epsilon beside the second moment before its correction for bias, which Optax puts after it.

    Kingma and Ba, Adam: a method for stochastic optimization, ICLR 2015, end of section 2.
    """

    def of(epsilon):
        return optax.adam(learning_rate, rates.beta_1, rates.beta_2, epsilon)

    def update(gradient, state, params=None):
        correction = 1 - rates.beta_2 ** (state[0].count + 1)
        return of(rates.epsilon / jnp.sqrt(correction)).update(gradient, state, params)

    return optax.GradientTransformation(of(rates.epsilon).init, update)


@functools.cache
def _of_rate(factory: Callable) -> Rule:
    return lambda rates, learning_rate: factory(learning_rate)


@functools.cache
def _fixed(optimizer: optax.GradientTransformation) -> Rule:
    return lambda rates, learning_rate: optimizer
