"""Optax's optimisers by name, for the command line and for files.

>>> import jax.numpy as jnp
>>> from mlpjax import optimizers
>>> sgd = optimizers.named("sgd", learning_rate=0.5)
>>> sgd.update(jnp.array(4.0), sgd.init(jnp.array(1.0)))[0].item()
-2.0
"""

import functools
import math

import optax

from mlpjax import names

RECORDS = {
    "adabelief": optax.adabelief,
    "adadelta": optax.adadelta,
    "adagrad": optax.adagrad,
    "adam": optax.adam,
    "adamw": optax.adamw,
    "amsgrad": optax.amsgrad,
    "lamb": optax.lamb,
    "lbfgs": lambda learning_rate: optax.lbfgs(),
    "lion": optax.lion,
    "momentum": functools.partial(optax.sgd, momentum=0.9),
    "nadam": optax.nadam,
    "nesterov": functools.partial(optax.sgd, momentum=0.9, nesterov=True),
    "radam": optax.radam,
    "rmsprop": optax.rmsprop,
    "sgd": optax.sgd,
}
"""From a name to the function that makes the optimiser from a learning rate; L-BFGS finds its own along a line."""

FULL_BATCH = ("lbfgs",)
"""Those that need the same examples at every step."""


def named(name: str, learning_rate: optax.ScalarOrSchedule) -> optax.GradientTransformation:
    """The optimiser called `name`, at a learning rate.

    Raises:
        ValueError: there is none of that name, and the message suggests the nearest; or the rate is not above 0.
    """
    if not callable(learning_rate):
        check_learning_rate(learning_rate)
    return _made(name, learning_rate)


def check_learning_rate(learning_rate: float) -> None:
    """A finite number above 0, or a ValueError that says so."""
    if not 0 < learning_rate < math.inf:
        raise ValueError(f"the learning rate must be a finite number above 0, got {learning_rate}")


@functools.cache
def _made(name: str, learning_rate: optax.ScalarOrSchedule) -> optax.GradientTransformation:
    """One object for each name and rate: a fresh one would be compiled for again."""
    return names.find("optimizer", name, RECORDS, {})(learning_rate)
