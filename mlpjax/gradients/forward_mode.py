"""Forward mode by hand: how the loss moves when the parameters do, pushed through the network from its input."""

from collections.abc import Callable
from typing import TypeAlias

import jax
import jax.numpy as jnp
import optax
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float

from mlpjax import checks, penalties
from mlpjax.gradients.backprop import last_delta
from mlpjax.gradients.method import differentiable, gradient_method
from mlpjax.gradients.schedule import apart
from mlpjax.network import MLP, batch, compiled, forward_pass, objective
from mlpjax.types import Data, Layer, Params, Penalty, Scalar, Trace

Moves: TypeAlias = Float[Array, "..."] | None
"""How an array moves; `None` for one that rests."""


def tangents(
    mlp: MLP, params: Params, trace: Trace, tangent: Params, dx: Moves = None, hold: Callable[[Array], Array] = apart
) -> Trace:
    """How all that the forward pass computes moves when the parameters move by `tangent` and the input by dx (FM1, FM2).

    - FM1: `dz[0] = x dW[0] + db[0]`, and `dx W[0]` where the input moves
    - FM2: `dz[l] = da[l] W[l] + a[l] dW[l] + db[l]` with `da[l] = f'(z[l - 1]) * dz[l - 1]`

    Args:
        mlp: the network.
        params: its parameters.
        trace: what `forward` remembered.
        tangent: a direction in the space of the parameters; `None` in place of an array that rests.
        dx: a direction in the space of the inputs.
        hold: what each dz passes through; `identity` where JAX is to transpose the map from directions to tangents.

    Returns:
        The tangents of `trace`, of its shapes; `None` for what rests.
    """
    das, dzs = [dx], [_layer_tangent(trace.a[0], dx, params[0], tangent[0], hold)]
    for l, f in enumerate(mlp.activations, 1):
        das.append(None if dzs[-1] is None else f.df(trace.z[l - 1], trace.a[l]) * dzs[-1])
        dzs.append(_layer_tangent(trace.a[l], das[-1], params[l], tangent[l], hold))
    return Trace(tuple(das), tuple(dzs))  # type: ignore[arg-type]


def _layer_tangent(a: Float[Array, "n d"], da: Moves, layer: Layer, moves: Layer, hold: Callable[[Array], Array]) -> Moves:
    """`da W + a dW + db`, without the products with what rests, which XLA would compute."""
    factors = ((da, layer.W), (a, moves.W))
    terms = [left @ right for left, right in factors if left is not None and right is not None]
    if moves.b is not None:
        terms.append(jnp.broadcast_to(moves.b, (a.shape[0], layer.b.shape[0])))
    return hold(sum(terms[1:], terms[0])) if terms else None


def push_forward(
    mlp: MLP, params: Params, trace: Trace, tangent: Params, dx: Moves = None, hold: Callable[[Array], Array] = apart
) -> Float[Array, "n k"]:
    """How the logits move: the last of the `tangents`, shape (n, sizes[-1])."""
    return tangents(mlp, params, trace, tangent, dx, hold).z[-1]


def direction(params: Params, v: Params) -> Params:
    """A direction in the space of the parameters, checked, in their dtype."""
    checks.check_direction(params, v)
    return jax.tree.map(lambda p, along: jnp.asarray(along, p.dtype), params, v)


def _input_direction(x: Float[Array, "n d"], dx: Data | None) -> Float[Array, "n d"] | None:
    if dx is None:
        return None
    checks.check_input_direction(x, dx)
    return jnp.asarray(dx, x.dtype)


@compiled
@differentiable
def jvp(
    mlp: MLP,
    params: Params,
    x: Data,
    y: Data,
    tangent: Params,
    dx: Data | None = None,
    *,
    weights: Data | None = None,
    penalty: Penalty | None = None,
) -> tuple[Scalar, Scalar]:
    """The loss and its derivative along a direction: `dL = sum_i share_i <value'(z_i), dz_i>` plus the penalty's (JVP).

    One pass forward that keeps nothing, for the price of about two forward passes: where a derivative along one direction is
    all that is wanted, as in a line search, no gradient is needed.

    Args:
        mlp, params, x, y, weights, penalty: as in `loss`.
        tangent: how the parameters move, of their type and shapes.
        dx: how the examples move, of the shape of x; they rest unless given.

    Returns:
        The loss and its derivative, two scalars.

    Raises:
        ValueError, TypeError: as `backprop`; and a direction whose shapes are not those of the parameters or of x.

    >>> from mlpjax import Layer
    >>> params, along = ((Layer(jnp.array([[w]]), jnp.zeros(1)),) for w in (2.0, 1.0))
    >>> [number.item() for number in jvp(MLP((1, 1)), params, jnp.ones((1, 1)), jnp.zeros((1, 1)), along)]
    [4.0, 4.0]

    Wengert, A simple automatic derivative evaluation program, Communications of the ACM 7, 1964.
    """
    examples, along = batch(mlp, params, x, y, weights), direction(params, tangent)
    trace = forward_pass(mlp, params, examples.x)
    dz = push_forward(mlp, params, trace, along, _input_direction(examples.x, dx))
    slope = jnp.sum(last_delta(mlp, trace, examples) * dz)
    if penalty is not None:
        slope += optax.tree.vdot(penalties.gradient(penalty, params), along)
    return objective(mlp, params, trace, examples, penalty), slope


@compiled
@differentiable
def predict_jvp(
    mlp: MLP, params: Params, x: Data, tangent: Params, dx: Data | None = None
) -> tuple[Float[Array, "n k"], Float[Array, "n k"]]:
    """The prediction and how it moves along a direction: the tangent of the logits through the inverse link (JVP).

    Arguments and errors are those of `jvp`.

    Returns:
        What `predict` returns and its derivative along the direction, both of shape (n, sizes[-1]).

    >>> from mlpjax import Layer
    >>> params, along = ((Layer(jnp.array([[w]]), jnp.zeros(1)),) for w in (2.0, 1.0))
    >>> [array.item() for array in predict_jvp(MLP((1, 1)), params, 3 * jnp.ones((1, 1)), along)]
    [6.0, 3.0]
    """
    checks.check_params(mlp, params)
    checks.check_inputs(mlp, x)
    x = jnp.asarray(x, params[0].W.dtype)
    trace = forward_pass(mlp, params, x)
    dz = push_forward(mlp, params, trace, direction(params, tangent), _input_direction(x, dx))
    return jax.jvp(mlp.loss.inverse_link, (trace.z[-1],), (dz,))


@gradient_method
def forward_mode(
    mlp: MLP, params: Params, x: Data, y: Data, *, weights: Data | None = None, penalty: Penalty | None = None
) -> tuple[Scalar, Params]:
    """The loss and its gradient in forward mode: one tangent for each parameter, `dL = sum_i share_i value'(z_i) dz_i` (FM3).

    Exact, but it takes as many passes as there are parameters where backpropagation takes one.

    Arguments, result and errors are those of `backprop`.

    >>> from mlpjax import Layer
    >>> params, x = (Layer(jnp.array([[2.0]]), jnp.zeros(1)),), jnp.ones((1, 1))
    >>> value, gradient = forward_mode(MLP((1, 1)), params, x, 0 * x)
    >>> value.item(), gradient[0].W.item()
    (4.0, 4.0)

    Wengert, A simple automatic derivative evaluation program, Communications of the ACM 7, 1964.
    """
    examples = batch(mlp, params, x, y, weights)
    trace = forward_pass(mlp, params, examples.x)
    delta = last_delta(mlp, trace, examples)
    flat, unravel = ravel_pytree(params)

    def slope(p):
        tangent = unravel(jnp.zeros_like(flat).at[p].set(1))
        return jnp.sum(delta * push_forward(mlp, params, trace, tangent))

    gradient = unravel(jax.lax.map(slope, jnp.arange(flat.size)))
    return objective(mlp, params, trace, examples, penalty), penalties.added(penalty, params, gradient)
