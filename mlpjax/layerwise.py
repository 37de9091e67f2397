"""Training in less memory: the update of a layer as soon as its gradient is known, so that no two gradients are there at a time.

An optimiser is elementwise if what it does to a layer depends on that layer's gradient alone, as SGD, Adam and most do; a clip by
the global norm is not. For such, and since the delta of a layer is all that the layers before it need, the order of the updates
changes nothing (LAYERWISE).
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax

from mlpjax import penalties
from mlpjax.gradients.backprop import backwards
from mlpjax.gradients.method import check_differentiable
from mlpjax.gradients.schedule import later
from mlpjax.network import MLP, batch, forward_pass, objective
from mlpjax.training import Info, State, norm
from mlpjax.types import Data, Layer, Params, Penalty, PRNGKey


def start(params: Params, optimizer: optax.GradientTransformation, key: PRNGKey) -> State:
    """The state before the first step: the optimiser has a memory for each layer."""
    return State(params, tuple(optimizer.init(layer) for layer in params), key)


@functools.partial(jax.jit, static_argnames=("mlp", "optimizer"), donate_argnames="state")
def step(
    mlp: MLP,
    optimizer: optax.GradientTransformation,
    state: State,
    x: Data,
    y: Data,
    *,
    weights: Data | None = None,
    penalty: Penalty | None = None,
) -> tuple[State, Info]:
    """`training.step` for an elementwise optimiser, one layer after the other from the last to the first (LAYERWISE).

    The state that is given is used up: its memory becomes that of the state that is returned.

    Args:
        mlp: the network.
        optimizer: an elementwise Optax transformation; keep one object, a fresh one compiles again.
        state: from `layerwise.start` or from the step before.
        x, y, weights, penalty: as in `loss`.

    Returns:
        The state after the step, and the loss and gradient norms before it.

    Raises:
        ValueError, TypeError: as `backprop`; and an optimiser that looks at several layers at once.

    >>> from mlpjax import init
    >>> mlp, sgd = MLP((2, 3, 1), "tanh"), optax.sgd(0.1)
    >>> state = start(init(mlp, jax.random.key(0)), sgd, jax.random.key(1))
    >>> state, info = step(mlp, sgd, state, jnp.ones((4, 2)), jnp.ones((4, 1)))
    >>> info.gradient_norms.shape
    (2,)
    """
    check_differentiable(mlp)
    check_elementwise(optimizer)
    examples = batch(mlp, state.params, x, y, weights)
    trace = forward_pass(mlp, state.params, examples.x)
    value = objective(mlp, state.params, trace, examples, penalty)
    done: list[tuple[Layer, optax.OptState, jax.Array]] = []
    gradients = backwards(mlp, state.params, trace, examples, wait=lambda _, delta: later(done[-1][0].W, delta))
    for layer, memory, gradient in zip(reversed(state.params), reversed(state.opt_state), gradients, strict=True):
        (whole,) = penalties.added(penalty, (layer,), (gradient,))
        updates, memory = optax.with_extra_args_support(optimizer).update(whole, memory, layer, value=value)
        done.append((optax.apply_updates(layer, updates), memory, norm(whole)))
    params, opt_state, norms = zip(*reversed(done), strict=True)
    return state._replace(params=params, opt_state=opt_state), Info(value, jnp.stack(norms))


@functools.lru_cache
def check_elementwise(optimizer: optax.GradientTransformation) -> None:
    """What an optimiser does to one layer does not change with the gradient of another.

    Raises:
        ValueError: it does.
    """
    params = {"one": np.ones(2, np.float32), "other": np.ones(2, np.float32)}

    def update_of_one(other: float) -> np.ndarray:
        gradient = {"one": np.ones(2, np.float32), "other": np.full(2, other, np.float32)}
        extra = {"value": np.float32(1), "grad": gradient, "value_fn": lambda _: jnp.float32(1)}
        with jax.ensure_compile_time_eval():
            update, _ = optax.with_extra_args_support(optimizer).update(gradient, optimizer.init(params), params, **extra)
            return np.asarray(update["one"])

    if not np.array_equal(update_of_one(1e-3), update_of_one(1e6)):
        raise ValueError(
            "the optimiser looks at several layers at once, as optax.clip_by_global_norm does, and a step layer by layer gives "
            "it one: use training.step, or clip each layer, optax.clip_by_block_rms"
        )
