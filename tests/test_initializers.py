"""Every registered initialiser, and the default for each activation."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support import ACTIVATIONS

from mlpjax import MLP, init, initializers
from mlpjax.gradients import backprop

VARIANCE = {
    "glorot_normal": lambda fan_in, fan_out: 2 / (fan_in + fan_out),
    "glorot_uniform": lambda fan_in, fan_out: 2 / (fan_in + fan_out),
    "he_normal": lambda fan_in, fan_out: 2 / fan_in,
    "he_uniform": lambda fan_in, fan_out: 2 / fan_in,
    "lecun_normal": lambda fan_in, fan_out: 1 / fan_in,
    "lecun_uniform": lambda fan_in, fan_out: 1 / fan_in,
    "nielsen": lambda fan_in, fan_out: 1 / fan_in,
    "orthogonal": lambda fan_in, fan_out: 1 / max(fan_in, fan_out),
    "zeros": lambda fan_in, fan_out: 0,
}


@pytest.mark.parametrize("name", initializers.RECORDS)
def test_variance_is_the_published_one(name):
    """INIT-glorot INIT-he INIT-lecun INIT-nielsen INIT-zeros: definition, by 240,000 draws,
    so a standard error of 0.3 %."""
    W, b = initializers.RECORDS[name].layer(jax.random.key(0), 400, 600)
    np.testing.assert_allclose(W.var(), VARIANCE[name](400, 600), rtol=0.015)
    assert abs(W.mean()) < 3 * np.sqrt(VARIANCE[name](400, 600) / W.size) + 1e-12
    if name == "nielsen":
        np.testing.assert_allclose(b.std(), 1, rtol=0.1)
    else:
        assert not b.any()


def test_orthogonal_keeps_lengths():
    """INIT-orthogonal"""
    W, _ = initializers.orthogonal.layer(jax.random.key(0), 6, 4)
    np.testing.assert_allclose(W.T @ W, np.eye(4), atol=1e-12)


@pytest.mark.parametrize("name", initializers.RECORDS)
def test_every_initialiser_makes_a_network_that_computes(name):
    mlp = MLP((3, 4, 2))
    params = init(mlp, jax.random.key(0), name)
    value, _ = backprop(mlp, params, jnp.ones((2, 3)), jnp.ones((2, 2)))
    assert np.isfinite(value)
    assert initializers.named(name) == initializers.RECORDS[name]


@pytest.mark.parametrize("dtype", [jnp.float16, jnp.bfloat16, jnp.float32, jnp.float64])
def test_dtype(dtype):
    assert {leaf.dtype for leaf in jax.tree.leaves(init(MLP((3, 4, 2)), jax.random.key(0), dtype=dtype))} == {jnp.dtype(dtype)}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_default_by_activation(name):
    mlp = MLP((30, 40, 20), (ACTIVATIONS[name],))
    key = jax.random.key(0)
    suited = initializers.named(ACTIVATIONS[name].initializer)
    expected = suited.layer(jax.random.split(key, 2)[0], 30, 40)
    np.testing.assert_array_equal(init(mlp, key)[0].W, expected.W)


def test_he_keeps_the_mean_square_through_relu_and_glorot_halves_it():
    """INIT-he INIT-glorot: He et al. 2015; ten layers of 500 units."""
    x = jax.random.normal(jax.random.key(1), (200, 500))
    from mlpjax import forward

    mlp = MLP((500,) * 11, "relu")
    for name, factor in (("he_normal", 1.0), ("glorot_normal", 0.5)):
        z = forward(mlp, init(mlp, jax.random.key(0), name), x).z
        ratio = (jnp.mean(z[-1] ** 2) / jnp.mean(z[0] ** 2)) ** (1 / 9)
        np.testing.assert_allclose(ratio, factor, rtol=0.05)


def test_zeros_never_break_the_symmetry():
    """INIT-zeros: all the hidden units of a layer have the same gradient."""
    mlp = MLP((3, 4, 2), "sigmoid")
    params = init(mlp, jax.random.key(0), "zeros")
    for _ in range(3):
        _, gradient = backprop(mlp, params, jax.random.normal(jax.random.key(1), (5, 3)), jnp.ones((5, 2)))
        params = jax.tree.map(lambda p, g: p - g, params, gradient)
    np.testing.assert_array_equal(params[0].W, jnp.broadcast_to(params[0].W[:, :1], (3, 4)))
    assert params[1].W.any()
