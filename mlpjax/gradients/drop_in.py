"""The network as a function for anybody's JAX code, with its derivative by hand in both modes.

JAX asks for one rule: how the logits move when parameters and inputs do (FM1, FM2). The rule is linear in the motion, so JAX
transposes it for reverse mode, and what comes out is BP2 to BP4 (APPLY): written once, it serves `jax.grad`, `jax.jvp`,
`jax.hessian` and all else that JAX makes of the two modes. A `jax.custom_vjp` would be the backward pass alone. It refuses
forward mode, and under `jax.vmap` over single examples, as Equinox models are called, it makes the gradient of each before it
can add them, in 30 to 90 times the memory at 8 layers of 256 and 256 examples. A rule that is transposed after it was batched
adds them in a matrix product.
"""

import functools

import jax
from jax.custom_derivatives import SymbolicZero
from jaxtyping import Array, Float

from mlpjax.activations import identity
from mlpjax.gradients.forward_mode import push_forward
from mlpjax.gradients.method import check_differentiable
from mlpjax.network import MLP, compiled, forward_pass, inputs
from mlpjax.types import Data, Params


@compiled
def apply(mlp: MLP, params: Params, x: Data) -> Float[Array, "n k"]:
    """The logits, for use inside your own model, loss or log-density, with their derivative by hand (APPLY).

    The logits are what losses take, those of this library and of others; the loss of the network plays no part. Its inverse link
    at the logits is what `predict` returns.

    It works under `jit`, `vmap`, `scan`, `jax.checkpoint` and `shard_map`, and `jax.grad` of it in the parameters and in x, in
    reverse and in forward mode, as often as you like. For a derivative along one direction without any of JAX's there is
    `mlpjax.gradients.jvp`.

    Args:
        mlp: the network.
        params: its parameters; their dtype is the dtype of the computation, and x is converted to it.
        x: the examples, shape (n, sizes[0]).

    Returns:
        The logits, shape (n, sizes[-1]).

    Raises:
        ValueError: the shapes of params or x do not fit the network; or, where it is differentiated, an activation has no slope.
        TypeError: x does not hold real numbers.

    >>> import jax.numpy as jnp
    >>> from mlpjax import init
    >>> mlp = MLP((4, 3, 1), "tanh")
    >>> params, x = init(mlp, jax.random.key(0)), jnp.ones((5, 4))
    >>> apply(mlp, params, x).shape
    (5, 1)
    >>> roughness = lambda x: jnp.sum(jnp.sin(apply(mlp, params, x)))
    >>> jax.grad(roughness)(x).shape
    (5, 4)

    Linnainmaa, 1970; Radul, Paszke, Frostig, Johnson and Maclaurin, You only linearize once, POPL 2023.
    """
    return _logits(mlp, params, inputs(mlp, params, x))


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def _logits(mlp: MLP, params: Params, x: Float[Array, "n d"]) -> Float[Array, "n k"]:
    return forward_pass(mlp, params, x).z[-1]


@functools.partial(_logits.defjvp, symbolic_zeros=True)
def _(mlp, primals, tangents):
    """FM1 and FM2, with inputs that may move too."""
    check_differentiable(mlp)
    params, x = primals
    dparams, dx = jax.tree.map(lambda moves: None if isinstance(moves, SymbolicZero) else moves, tangents)
    trace = forward_pass(mlp, params, x)
    return trace.z[-1], push_forward(mlp, params, trace, dparams, dx, hold=identity)
