"""Forward mode by hand: how the loss moves when one parameter does, pushed through the network from its input."""

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float

from mlpjax import penalties
from mlpjax.gradients.method import gradient_method
from mlpjax.network import MLP, batch, forward_pass, objective
from mlpjax.types import Data, Params, Penalty, Scalar, Trace


def push_forward(mlp: MLP, params: Params, trace: Trace, tangent: Params) -> Float[Array, "n k"]:
    """How the logits move when the parameters move by `tangent` (FM1, FM2).

    - FM1: `dz[0] = x dW[0] + db[0]`
    - FM2: `dz[l] = (f'(z[l - 1]) * dz[l - 1]) W[l] + a[l] dW[l] + db[l]`

    Args:
        mlp: the network.
        params: its parameters.
        trace: what `forward` remembered.
        tangent: a direction in the space of the parameters.

    Returns:
        The tangent of the logits, shape (n, sizes[-1]).
    """
    dz = trace.a[0] @ tangent[0].W + tangent[0].b
    for l, f in enumerate(mlp.activations, 1):
        da = f.df(trace.z[l - 1], trace.a[l]) * dz
        dz = da @ params[l].W + trace.a[l] @ tangent[l].W + tangent[l].b
    return dz


@gradient_method
def forward_mode(
    mlp: MLP, params: Params, x: Data, y: Data, *, weights: Data | None = None, penalty: Penalty | None = None
) -> tuple[Scalar, Params]:
    """The loss and its gradient in forward mode: one tangent for each parameter, `dL = sum_i share_i value'(z_i) dz_i` (FM3).

    Exact, but it takes as many passes as there are parameters where backpropagation takes one.

    Args, returns, raises: as `backprop`.

    >>> from mlpjax import Layer
    >>> value, gradient = forward_mode(
    ...     MLP((1, 1)), (Layer(jnp.array([[2.0]]), jnp.zeros(1)),), jnp.ones((1, 1)), jnp.zeros((1, 1)))
    >>> value.item(), gradient[0].W.item()
    (4.0, 4.0)

    Wengert, A simple automatic derivative evaluation program, Communications of the ACM 7, 1964.
    """
    examples = batch(mlp, params, x, y, weights)
    trace = forward_pass(mlp, params, examples.x)
    delta = mlp.loss.delta(trace.z[-1], examples.y) * examples.share[:, None]
    flat, unravel = ravel_pytree(params)

    def slope(p):
        tangent = unravel(jnp.zeros_like(flat).at[p].set(1))
        return jnp.sum(delta * push_forward(mlp, params, trace, tangent))

    gradient = unravel(jax.lax.map(slope, jnp.arange(flat.size)))
    return objective(mlp, params, trace, examples, penalty), penalties.added(penalty, params, gradient)
