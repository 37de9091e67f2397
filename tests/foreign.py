"""What the tests of interop share."""

import jax.numpy as jnp
import numpy as np
from support import problem

X = np.random.default_rng(0).normal(size=(7, 3)).astype(np.float32) * 3
"""Seven examples."""


def float32(mlp, seed=0):
    return problem(mlp, seed=seed, dtype=jnp.float32)[0]


def same(got, expected):
    got, expected = np.asarray(got), np.asarray(expected)
    assert got.shape == expected.shape
    assert np.max(np.abs(got - expected)) <= 1e-6 * max(1, np.max(np.abs(expected)))


def same_network(found, mlp, params):
    """Read back, it is the same network but for its loss, and to the bit."""
    again, read = found
    assert (again.sizes, [f.name for f in again.activations]) == (mlp.sizes, [f.name for f in mlp.activations])
    for layer, other in zip(read, params, strict=True):
        np.testing.assert_array_equal(layer.W, other.W)
        np.testing.assert_array_equal(layer.b, other.b)
        assert layer.W.dtype == other.W.dtype
