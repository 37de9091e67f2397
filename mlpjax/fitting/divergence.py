"""Where training diverged: the last state whose numbers are all finite, and what broke after it."""

from collections.abc import Iterable

import jax
import jax.numpy as jnp
import numpy as np
import optax

from mlpjax.network import MLP, forward
from mlpjax.training import Info, MiniBatch, State, mini_batch_step, norm
from mlpjax.types import GradFn, Params, Penalty

ADVICE = (
    "The last finite parameters are kept. Try a smaller learning rate, optax.clip_by_global_norm before the optimiser, "
    "or another initialiser"
)


def last_finite(
    mlp: MLP,
    optimizer: optax.GradientTransformation,
    gradient: GradFn,
    state: State,
    examples: Iterable[tuple[int, jax.Array, jax.Array, MiniBatch]],
    penalty: Penalty | None,
) -> tuple[State, str]:
    """Walk step by step through the mini-batches in which training diverged.

    Args:
        mlp, optimizer, gradient, penalty: as in `fit`.
        state: the last one known to be finite.
        examples: the steps from there: the number of each from 1, the data, and which rows of them it takes.

    Returns:
        The last finite state, and a sentence that names the step, the layer and what to try.
    """
    where = "at its end"
    for number, x, y, batch in examples:
        after, info = mini_batch_step(mlp, optimizer, gradient, state, x, y, batch, penalty)
        broken = _what_broke(mlp, state.params, after.params, x[batch.rows], info)
        if broken:
            where = f"step {number}: {broken}"
            break
        state = after
    return state, f"{where}. {ADVICE}"


def _what_broke(mlp: MLP, before: Params, after: Params, x: jax.Array, info: Info) -> str:
    """What is not finite in a step, in the order in which a step computes it; empty if everything is."""
    layers = len(before)

    def first(values) -> int | None:
        return next((number for number, value in values if not jnp.isfinite(value).all()), None)

    number = first(enumerate(forward(mlp, before, x).z, 1))
    if number:
        return f"the pre-activations of layer {number} of {layers} overflow"
    if not np.isfinite(info.loss):
        return f"the loss of the output, layer {layers} of {layers}, overflows"
    number = first(reversed(list(enumerate(info.gradient_norms, 1))))
    if number:
        return f"the gradient of layer {number} of {layers} overflows"
    number = first((l, norm(layer)) for l, layer in enumerate(after, 1))
    return f"the update of layer {number} of {layers} overflows" if number else ""
