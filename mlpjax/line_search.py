"""What an optimiser with a line search, such as L-BFGS, needs of a loss: a value that it can differentiate by hand, and once.

Optax hands such an optimiser a function of the parameters and lets it call `jax.value_and_grad` on it. Here that call runs
the gradient method that training was given.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import optax

from mlpjax.types import Params, Scalar

ValueAndGradient = Callable[[Params], tuple[Scalar, Params]]


def with_gradient_by_hand(value_and_gradient: ValueAndGradient) -> Callable[[Params], Scalar]:
    """The value as a function whose reverse-mode derivative is the gradient that comes with it.

    >>> square = with_gradient_by_hand(lambda w: (w**2, 2 * w))
    >>> jax.grad(square)(3.0).item()
    6.0
    """

    @jax.custom_vjp
    def value(params):
        return value_and_gradient(params)[0]

    def backward(grads, cotangent):
        return (jax.tree.map(lambda leaf: (cotangent * leaf).astype(leaf.dtype), grads),)

    value.defvjp(value_and_gradient, backward)
    return value


def searches(opt_state: optax.OptState) -> bool:
    """Whether an optimiser searches along a line and keeps the value and the gradient that it found there."""
    return all(len(optax.tree.get_all_with_path(opt_state, name)) == 1 for name in ("value", "grad"))


def remembering(value_and_gradient: ValueAndGradient) -> Callable[[Params, optax.OptState], tuple[Scalar, Params]]:
    """The value and gradient that a line search left in the optimiser's state, computed only where it left none.

    They are those of the present parameters for as long as the data, the weights and the penalty stay the same.
    """

    def remembered(params, opt_state):
        if not searches(opt_state):
            return value_and_gradient(params)
        value, grads = (optax.tree.get(opt_state, name) for name in ("value", "grad"))
        return jax.lax.cond(jnp.isfinite(value), lambda: (value, grads), lambda: value_and_gradient(params))

    return remembered


def forgotten(opt_state: optax.OptState) -> optax.OptState:
    """The state of an optimiser whose data have changed since it was last used."""
    if not searches(opt_state):
        return opt_state
    return optax.tree.set(opt_state, value=jnp.full_like(optax.tree.get(opt_state, "value"), jnp.inf))
