"""Layer-sequential unit variance: exact in one pass, for activations of every kind, and what it refuses."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support import ACTIVATIONS

from mlpjax import MLP, backprop, forward, init
from mlpjax.propagation import lsuv

KEY = jax.random.key(0)
X = 30 + 7 * jax.random.normal(jax.random.key(1), (60, 12))


@pytest.mark.parametrize("name", ["identity", "step", "relu", "sigmoid", "sin"])
def test_every_layer_has_unit_variance_after_one_pass(name):
    """LSUV: definition, whatever the activation and the unit of x; the logits too."""
    mlp = MLP((12, 20, 7, 3), ACTIVATIONS[name])
    params = lsuv(mlp, KEY, X)
    np.testing.assert_allclose([z.var() for z in forward(mlp, params, X).z], 1, rtol=1e-12)


def test_it_is_an_orthogonal_start_scaled():
    """LSUV: the directions are those of the orthogonal initialiser, the biases 0, and the unit of x does not matter."""
    mlp = MLP((12, 20, 7, 3), "gelu")
    params = lsuv(mlp, KEY, X)
    for scaled, orthogonal in zip(params, init(mlp, KEY, "orthogonal"), strict=True):
        ratio = scaled.W / orthogonal.W
        np.testing.assert_allclose(ratio, ratio[0, 0], rtol=1e-9)
        assert not scaled.b.any()
    thousandth = lsuv(mlp, KEY, X / 1000)
    np.testing.assert_allclose(thousandth[0].W, 1000 * params[0].W, rtol=1e-9)
    np.testing.assert_allclose(thousandth[1].W, params[1].W, rtol=1e-9)


@pytest.mark.slow
def test_twenty_sigmoid_layers_pass_a_gradient():
    """LSUV: where the deltas of Glorot's start for the sigmoid have all but vanished, they are there."""
    mlp = MLP((12, *(16,) * 20, 1), "sigmoid")
    y = jnp.sin(X[:, :1])
    norms = [jnp.linalg.norm(backprop(mlp, params, X, y)[1][0].W) for params in (init(mlp, KEY), lsuv(mlp, KEY, X))]
    assert norms[0] < 1e-9
    assert norms[1] > 1e-4


@pytest.mark.parametrize(("name", "low", "high"), [("tanh", 0.9, 1.0), ("relu", 0.1, 0.5), ("sigmoid", 0.0, 0.01)])
def test_how_much_of_the_variance_tells_examples_apart(name, low, high):
    """LSUV: after ten layers of 64 units, by the mean of the activation."""
    mlp = MLP((12, *(64,) * 10, 1), name)
    *_, before, _ = forward(mlp, lsuv(mlp, KEY, X - 30), X - 30).z
    assert low <= before.var(axis=0).mean() / before.var() <= high


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [jnp.float16, jnp.bfloat16, jnp.float32, jnp.float64])
def test_types(dtype):
    """LSUV: the parameters have the type asked for, and unit variance as near as it tells."""
    mlp = MLP((12, 20, 7, 3), "tanh")
    params = lsuv(mlp, KEY, np.asarray(X), dtype)
    assert {leaf.dtype for leaf in jax.tree.leaves(params)} == {jnp.dtype(dtype)}
    spreads = [z.astype(float).var() for z in forward(mlp, params, X).z]
    np.testing.assert_allclose(spreads, 1, rtol=20 * float(jnp.finfo(dtype).eps))


@pytest.mark.slow
def test_many_keys_in_one_compiled_call():
    """LSUV: under jit and vmap, where a layer that does not vary keeps its orthonormal weights."""
    mlp, keys = MLP((12, 8, 1), "relu"), jax.random.split(KEY, 3)
    many = jax.jit(jax.vmap(lambda key, x: lsuv(mlp, key, x), in_axes=(0, None)))
    for got, alone in zip(jax.tree.leaves(many(keys, X)), jax.tree.leaves(lsuv(mlp, keys[1], X)), strict=True):
        np.testing.assert_allclose(got[1], alone, rtol=1e-12)
    W = many(keys, jnp.zeros((5, 12)))[0].W
    np.testing.assert_allclose(W.mT @ W, np.broadcast_to(np.eye(8), (3, 8, 8)), atol=1e-12)


@pytest.mark.parametrize(("x", "message"), [
    (jnp.zeros((5, 12)), "divides layer 1 of 2 by .* which is 0.0 on the 5 examples given: give it examples that vary"),
    (X.at[3, 2].set(jnp.nan), "layer 1 of 2 .* which is nan on the 60 examples given: x must be finite"),
    (1e200 * X, "layer 1 of 2 .* which is inf .*; standardise it"),
    (X[:, :5], r"x must have shape \(n, 12\)"),
    (X[:0], "x holds no examples"),
])  # fmt: skip
def test_what_cannot_be_used_is_refused(x, message):
    """LSUV"""
    with pytest.raises(ValueError, match=message):
        lsuv(MLP((12, 8, 1)), KEY, x)


def test_complex_numbers_are_refused():
    """LSUV"""
    with pytest.raises(TypeError, match="x must hold real numbers"):
        lsuv(MLP((12, 8, 1)), KEY, X.astype(complex))


def test_the_layer_that_does_not_vary_is_named():
    """LSUV: one example and one output: the logit alone has no variance."""
    with pytest.raises(ValueError, match="layer 2 of 2"):
        lsuv(MLP((12, 8, 1), "tanh"), KEY, X[:1])
