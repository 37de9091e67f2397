"""The length of a gradient, in numbers wide enough for it."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


def wide(array: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """In float32 at least, where sums over many do not lose the last of them and float16 does not overflow at 256 squared."""
    return array.astype(jnp.promote_types(array.dtype, jnp.float32))


def norm(array: Float[Array, "*shape"], axis: int | None = None, weights: Array | float = 1.0) -> Float[Array, "*rest"]:
    """The root of the sum of the squares, each with its weight, also where a square underflows.

    Its derivative at 0 is 0, a subgradient, where that of the root alone would be NaN.

    >>> norm(jnp.array([[3e-30, 4e-30], [0.0, 1.0]]), axis=1).tolist()
    [5e-30, 1.0]
    """
    values = wide(array)
    largest = jax.lax.stop_gradient(jnp.max(jnp.abs(values), axis, keepdims=True))
    scale = jnp.where((largest > 0) & (largest < jnp.inf), largest, 1)
    return jnp.squeeze(scale, axis) * root(jnp.sum(weights * (values / scale) ** 2, axis))


def root(square: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """The square root, with the derivative 0 at 0."""
    zero = square == 0
    return jnp.where(zero, 0, jnp.sqrt(jnp.where(zero, 1, square)))
