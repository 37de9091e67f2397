"""Which training examples taught the network what it says to others."""

from collections.abc import Sequence
from typing import cast

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from mlpjax.gradients.per_example import Examples, gram
from mlpjax.network import MLP, compiled
from mlpjax.types import Data, Layer, Params


@compiled
def tracin(
    mlp: MLP, checkpoints: Sequence[Params] | Params, learning_rates: Data, train: Examples, test: Examples
) -> Float[Array, "n m"]:
    """How much each training example lowered the loss of each test example (TRACIN).

    `sum_t eta[t] <g[t, i], h[t, j]>` over the checkpoints t: a step on example i alone at checkpoint t would lower the loss of
    example j by that term, to first order. What is above 0 helped, what is below 0 hindered. In steps on B examples each has
    a B-th of that influence.

    Args:
        mlp: the network.
        checkpoints: parameters at t times of the training: a sequence of them, or one `Params` whose arrays have an axis of t
            before their shape.
        learning_rates: of the steps that followed each, shape (t,).
        train: `(x, y)` or `(x, y, weights)`, n training examples.
        test: the same for m test examples.

    Returns:
        The influences, shape (n, m), in float32 at least. The influence of training examples on themselves, by which wrong
            labels are found, needs no pairs: it is the sum of `eta[t] per_example_norms ** 2`.

    Raises:
        ValueError: there is no checkpoint, not one learning rate for each, a shape does not fit, or an activation has no slope.
        TypeError: x, y or labels are of the wrong type.

    >>> checkpoints = [(Layer(jnp.zeros((1, 1)), jnp.zeros(1)),), (Layer(jnp.ones((1, 1)), jnp.zeros(1)),)]
    >>> train, test = (jnp.array([[1.0]]), jnp.array([[2.0]])), (jnp.array([[1.0]]), jnp.array([[2.0]]))
    >>> tracin(MLP((1, 1), loss="l2_loss"), checkpoints, jnp.array([0.1, 0.01]), train, test).tolist()
    [[0.82]]

    Pruthi, Liu, Kale and Sundararajan, Estimating training data influence by tracing gradient descent, NeurIPS 2020.
    """
    stacked = _stacked(checkpoints)
    count = len(stacked[0].b)
    if jnp.shape(learning_rates) != (count,):
        raise ValueError(f"learning_rates must have shape ({count},), one for each checkpoint; got {jnp.shape(learning_rates)}")

    def products(params):
        return gram(mlp, params, train, test)

    found = jax.eval_shape(products, jax.tree.map(lambda leaf: leaf[0], stacked))
    rates = jnp.asarray(learning_rates, found.dtype)

    def add(total, checkpoint):
        rate, params = checkpoint
        return total + rate * products(params), None

    return jax.lax.scan(add, jnp.zeros(found.shape, found.dtype), (rates, stacked))[0]


def _stacked(checkpoints: Sequence[Params] | Params) -> Params:
    if not checkpoints:
        raise ValueError("influence takes at least one checkpoint, got none")
    if isinstance(checkpoints[0], Layer):
        return cast(Params, checkpoints)
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *checkpoints)
