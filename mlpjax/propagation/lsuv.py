"""Layer-sequential unit variance: a start that looks at the data.

>>> import jax
>>> from mlpjax import MLP, forward
>>> mlp, x = MLP((20, 50, 50, 3), "gelu"), 5 + jax.random.normal(jax.random.key(0), (100, 20))
>>> [round(z.var().item(), 3) for z in forward(mlp, lsuv(mlp, jax.random.key(1), x), x).z]
[1.0, 1.0, 1.0]
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from mlpjax import activations, checks
from mlpjax.network import MLP, compiled, init
from mlpjax.types import Data, Layer, Params, PRNGKey


def lsuv(mlp: MLP, key: PRNGKey, x: Data, dtype=None) -> Params:
    """Orthonormal weights, scaled layer by layer so that the pre-activations of `x` have variance 1 (LSUV).

    The variance of a layer is that of all its pre-activations, over units and examples. Biases are 0, which makes one division
    a layer exact, where the paper repeats it. A few hundred examples say enough. After sigmoids, whose mean is about 1/2, most
    of the variance lies between units and not between examples: LSUV is no cure for them.

    Args:
        mlp: the network.
        key: the randomness; the same key and x give the same bits.
        x: examples to look at, shape (n, sizes[0]).
        dtype: of the parameters; JAX's default floating point type unless given.

    Returns:
        Parameters such as `init` draws.

    Raises:
        ValueError: the shape of x does not fit; or a layer has pre-activations that do not vary, or are not finite, and that
            names the layer. Inside `jax.jit` and `jax.vmap` it cannot be raised: a layer that does not vary keeps its
            orthonormal weights there, and what is not finite spreads.
        TypeError: x does not hold real numbers.

    Mishkin and Matas, All you need is a good init, ICLR 2016.
    """
    params, spreads = _scaled(mlp, init(mlp, key, "orthogonal", dtype), x)
    if not isinstance(spreads, jax.core.Tracer):
        _check(spreads, len(x))
    return params


@compiled
def _scaled(mlp: MLP, params: Params, x: Data) -> tuple[Params, Float[Array, " layers"]]:
    """The parameters divided, and the standard deviations that they were divided by."""
    checks.check_inputs(mlp, x)
    z, layers, spreads = jnp.asarray(x, params[0].W.dtype), [], []
    for f, (W, b) in zip((activations.identity, *mlp.activations), params, strict=True):
        z = f(z) @ W
        spreads.append(jnp.std(z))
        scale = jnp.where(spreads[-1] == 0, 1, spreads[-1])
        z = z / scale
        layers.append(Layer(W / scale, b))
    return tuple(layers), jnp.stack(spreads)


def _check(spreads: jax.Array, n: int) -> None:
    for number, spread in enumerate(spreads.tolist(), 1):
        if not 0 < spread < float("inf"):
            cure = "give it examples that vary, or wider layers" if spread == 0 else "x must be finite; standardise it"
            raise ValueError(
                f"LSUV divides layer {number} of {len(spreads)} by the standard deviation of its pre-activations, which is "
                f"{spread} on the {n} examples given: {cure}, or choose another initialiser"
            )
