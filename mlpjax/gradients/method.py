"""What every gradient method has in common: one signature, one register, one refusal."""

import functools
from collections.abc import Callable

from mlpjax.network import MLP, P, R, compiled
from mlpjax.types import GradFn

METHODS: dict[str, GradFn] = {}
"""Every gradient method by name."""


def gradient_method(function: GradFn) -> GradFn:
    """Register a gradient method under its name, jit it, and make it refuse networks that have no slope to train with."""
    METHODS[function.__name__] = compiled(differentiable(function))
    return METHODS[function.__name__]


def differentiable(function: Callable[P, R]) -> Callable[P, R]:
    """Make a function of a network refuse those that have no slope to train with."""

    @functools.wraps(function)
    def of_differentiable(*args: P.args, **kwargs: P.kwargs) -> R:
        check_differentiable(args[0])  # type: ignore[arg-type]
        return function(*args, **kwargs)

    return of_differentiable


def check_differentiable(mlp: MLP) -> None:
    """Every hidden layer has an activation with a slope.

    Raises:
        ValueError: one has none, such as `step`.
    """
    for number, f in enumerate(mlp.activations, 1):
        if not f.differentiable:
            raise ValueError(
                f"hidden layer {number} has the activation {f.name!r}, whose slope is 0 wherever it has one, so that no gradient "
                "passes: train a threshold unit with losses.perceptron_loss on a network without hidden layers, or use a smooth "
                "activation such as sigmoid"
            )
