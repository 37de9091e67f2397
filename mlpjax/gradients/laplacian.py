"""The Laplacian in the input, pushed forward through the layers with the value and the first derivatives.

Of d inputs it takes d + 2 rows through each layer where the trace of a Hessian takes 2 (d + 1), and little memory: the examples
go through in blocks that fit a cache, and what a gradient needs of a block is computed again rather than kept. Measured in
`benchmarks`.

The squares are summed by halves: XLA on CPUs is slow at sums over the first axis, and may move one into the product before it,
with memory that its accounts do not show.
"""

import functools

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from mlpjax.gradients.inputs import checked_inputs
from mlpjax.network import MLP, compiled
from mlpjax.types import Data, Params

FEWEST, MOST = 8, 64
"""Examples in a block on a CPU."""

CACHE, MEMORY = 2**16, 2**24
"""How many first derivatives of a layer a block has at most: what stays in the cache of a CPU's core, and elsewhere."""


@compiled
def laplacian(mlp: MLP, params: Params, x: Data) -> Float[Array, "n k"]:
    """The sum of the second derivatives of every output in the inputs (LAPLACIAN).

    - `z = a W + b`: `dz_i = da_i W` for each input i, and `Lz = La W`; of the input itself `da_i` is 1 at i, and `La` is 0
    - `a = f(z)`: `da_i = f'(z) * dz_i`, and `La = f'(z) * Lz + f''(z) * sum_i dz_i^2`

    For an activation of straight pieces, such as `relu`, it is 0 wherever there is one. Both `jax.grad` and `jax.jvp` in the
    parameters work as for any function. The blocks of examples follow one another: where x is spread over devices, call
    it under `jax.shard_map`, so that each device has blocks of its own.

    Arguments and errors are those of `forward`; and an activation that has no slope is refused.

    Returns:
        Shape (n, sizes[-1]), in the dtype of the parameters.

    >>> from mlpjax import Activation, Layer
    >>> square = Activation("square", f=lambda z: z * z, df=lambda z, a: 2 * z, d2f=lambda z, a: 2 * jnp.ones_like(z))
    >>> params = Layer(jnp.eye(2), jnp.zeros(2)), Layer(jnp.array([[1.0], [3.0]]), jnp.zeros(1))
    >>> laplacian(MLP((2, 2, 1), square), params, jnp.ones((1, 2))).tolist()
    [[8.0]]

    Li et al., A computational framework for neural network-based variational Monte Carlo with Forward Laplacian, Nature
    Machine Intelligence 6, 2024.
    """
    of_example = functools.partial(jax.checkpoint(functools.partial(_of_example, mlp)), params)
    most = mlp.sizes[0] * max(mlp.sizes[1:])
    return jax.lax.platform_dependent(
        checked_inputs(mlp, params, x),
        cpu=functools.partial(jax.lax.map, of_example, batch_size=min(MOST, max(FEWEST, CACHE // most))),
        default=functools.partial(jax.lax.map, of_example, batch_size=max(FEWEST, MEMORY // most)),
    )


def _of_example(mlp: MLP, params: Params, x: Float[Array, " d"]) -> Float[Array, " k"]:
    W, b = params[0]
    z, dz, Lz = x @ W + b, W, jnp.zeros_like(b)
    for f, (W, b) in zip(mlp.activations, params[1:], strict=True):
        a = f(z)
        df, d2f = f.df(z, a), f.d2f(z, a)
        Lz = (df * Lz + d2f * _sum(dz * dz)) @ W
        z, dz = a @ W + b, (df * dz) @ W
    return Lz


def _sum(rows: Float[Array, "d j"]) -> Float[Array, " j"]:
    """The sum over the first axis."""
    while len(rows) > 1:
        half = len(rows) // 2
        rows = jnp.concatenate([rows[:half] + rows[half : 2 * half], rows[2 * half :]])
    return rows[0]
