"""In what order, from which layout and how often XLA computes: the numbers are not touched, and neither are derivatives.

XLA's fast matrix product on CPUs takes no transposed left side: a small `a.T @ delta` is up to a quarter faster from a copy of
`a.T`. All the copies of a network would be made at once and held together, so each is made to wait for the delta that it
meets, and the next delta for the product: on CPUs XLA orders by data alone, hence the zero. Measured in `benchmarks`.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

SMALL = 2**17
"""Multiplications in a product up to which the copy pays; in a large one it costs more than it saves."""


def transposed(a: Float[Array, "n d"], delta: Float[Array, "_ k"]) -> Float[Array, "d n"]:
    """`a.T`; for a small product with `delta` on a CPU, a copy made no sooner than `delta`."""
    if a.size * delta.shape[1] > SMALL:
        return a.T
    return jax.lax.platform_dependent(
        a, delta, cpu=lambda a, delta: jax.lax.optimization_barrier(_after(delta, a).T), default=lambda a, delta: a.T
    )


def after(product: Float[Array, "d k"], delta: Float[Array, "n k"]) -> Float[Array, "n k"]:
    """`delta`; on a CPU no sooner than the small `product` made from it."""
    if product.shape[0] * delta.size > SMALL:
        return delta
    return jax.lax.platform_dependent(product, delta, cpu=_after, default=lambda product, delta: delta)


def later(first: Float[Array, "_ _"], then: Float[Array, "_ _"]) -> Float[Array, "_ _"]:
    """`then`, as something that is made from it anew, no sooner than `first`, and not what was made from it before.

    An optimization barrier says just that, and on GPUs and TPUs it holds; on CPUs XLA drops it before it looks for what it
    need not compute twice, and before it chooses an order.
    """
    return jax.lax.platform_dependent(
        first, then, cpu=_after, default=lambda first, then: jax.lax.optimization_barrier((first, then))[1]
    )


def apart(z: Float[Array, "_ _"]) -> Float[Array, "_ _"]:
    """`z`, out of reach of what follows: on a CPU XLA would make one loop of several large products, a quarter slower."""
    return jax.lax.platform_dependent(z, cpu=lambda z: jnp.where(jnp.isnan(z), jnp.nan, z), default=lambda z: z)


def _after(first, then):
    """A zero made from `first`, added: no derivative passes through it, and a NaN does not either."""
    zero = jax.lax.stop_gradient(jnp.clip(first[0, 0], 0, 0))
    return then + jnp.where(jnp.isnan(zero), 0, zero)


@jax.custom_jvp
def weighted(slope: Float[Array, "n k"], share: Float[Array, " n"]) -> Float[Array, "n k"]:
    """`slope * share[:, None]`, computed once.

    XLA repeats a product with a broadcast in everything that uses it; it does not repeat a choice between two full arrays.
    The choice is none, since 0 times a share is 0, but its derivative would be wrong there: hence a rule of its own.
    """
    return jnp.where(slope == 0, slope, slope * share[:, None])


@weighted.defjvp
def _(primals, tangents):
    (slope, share), (dslope, dshare) = primals, tangents
    return weighted(slope, share), dslope * share[:, None] + slope * dshare[:, None]
