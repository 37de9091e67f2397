"""The Hessian times a vector, and the Hessian, against JAX."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.flatten_util import ravel_pytree
from support import DEPTHS, LOSSES, SMOOTH, normal_like, problem, quick, relative_error

from mlpjax import MLP, Layer, Penalty, backprop, init, loss
from mlpjax.gradients import autodiff, ggnvp, hessian, hvp


def direction(params):
    return normal_like(params)


def by_jax(mlp, params, x, y, v, **options):
    """Forward over reverse."""
    (value, gradient), (_, product) = jax.jvp(lambda p: autodiff(mlp, p, x, y, **options), (params,), (v,))
    return value, gradient, product


def assert_parity(mlp, tolerance=1e-10, **options):
    params, x, y, weights, penalty = problem(mlp, **options)
    v, given = direction(params), {"weights": weights, "penalty": penalty}
    with jax.disable_jit():
        assert relative_error(hvp(mlp, params, x, y, v, **given), by_jax(mlp, params, x, y, v, **given)) <= tolerance


@pytest.mark.against_jax
@pytest.mark.parametrize("name", SMOOTH)
def test_every_activation(name):
    """HVP-forward HVP-backward"""
    assert_parity(MLP((3, 4, 3, 2), SMOOTH[name], LOSSES["softmax_cross_entropy_with_integer_labels"]))


@pytest.mark.parametrize("name", LOSSES)
def test_every_loss(name):
    """HVP-forward HVP-backward"""
    assert_parity(MLP((3, 4, 2), SMOOTH["silu"], LOSSES[name]))
    assert_parity(MLP((3, 2), loss=LOSSES[name]), n=1)


@pytest.mark.slow
@pytest.mark.parametrize("depth", [2, 3, 6])
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("name", SMOOTH)
def test_every_activation_with_every_loss(name, loss, depth):
    """HVP-forward HVP-backward: at several depths, in float64 and in float32."""
    mlp = MLP(DEPTHS[depth], SMOOTH[name], LOSSES[loss])
    assert_parity(mlp)
    assert_parity(mlp, 1e-4, dtype=jnp.float32)


@pytest.mark.parametrize("name", quick(["tanh", "relu"], "tanh"))
def test_the_whole_hessian(name):
    """HVP-forward HVP-backward: against `jax.hessian`, symmetric, with and without weights and penalty."""
    mlp = MLP((2, 3, 2, 2), SMOOTH[name], LOSSES["softmax_cross_entropy"])
    params, x, y, weights, penalty = problem(mlp)
    flat, unravel = ravel_pytree(params)
    with jax.disable_jit():
        for options in ({}, {"weights": weights, "penalty": penalty}):
            H = hessian(mlp, params, x, y, **options)
            expected = jax.hessian(lambda p, options=options: loss(mlp, unravel(p), x, y, **options))(flat)
            assert relative_error(H, expected) <= 1e-10
            np.testing.assert_allclose(H, H.T, atol=1e-14)


def test_penalties_curve_the_weights_alone():
    """HVP-backward: 2 l2 V for weights, nothing for biases and for l1."""
    mlp = MLP((3, 4, 2), "tanh")
    params, x, y, _, _ = problem(mlp)
    v = direction(params)
    with jax.disable_jit():
        for product in (lambda **o: hvp(mlp, params, x, y, v, **o)[2], lambda **o: ggnvp(mlp, params, x, y, v, **o)):
            plain = product()
            assert relative_error(product(penalty=Penalty(l1=3.0)), plain) == 0
            expected = tuple(Layer(g.W + 2 * 0.7 * u.W, g.b) for g, u in zip(plain, v, strict=True))
            assert relative_error(product(penalty=Penalty(l2=0.7)), expected) <= 1e-15


def test_a_vector_of_zeros_and_a_linear_network():
    """HVP-backward: 0; and the closed form 2 X^T X / n of linear regression, its bias with it."""
    mlp = MLP((3, 1))
    params, x, y, _, _ = problem(mlp)
    assert (
        relative_error(hvp(mlp, params, x, y, jax.tree.map(jnp.zeros_like, params))[2], jax.tree.map(jnp.zeros_like, params)) == 0
    )
    X = np.column_stack([x, np.ones(len(x))])
    np.testing.assert_allclose(hessian(mlp, params, x, y), 2 * X.T @ X / len(x), rtol=1e-13)


@pytest.mark.parametrize("dtype", quick([jnp.float16, jnp.bfloat16, jnp.float32, jnp.float64], jnp.float16))
def test_dtype_follows_the_parameters(dtype):
    mlp = MLP((3, 4, 2), "gelu", "sigmoid_binary_cross_entropy")
    params, x, y, weights, penalty = problem(mlp, dtype=dtype)
    v = jax.tree.map(lambda p: np.ones(p.shape), params)
    with jax.disable_jit():
        results = hvp(mlp, params, x, y, v, weights=weights, penalty=penalty), ggnvp(mlp, params, x, y, v, penalty=penalty)
    assert {leaf.dtype for leaf in jax.tree.leaves(results)} == {jnp.dtype(dtype)}
    assert jax.tree.map(jnp.shape, results[0][2]) == jax.tree.map(jnp.shape, params)


def test_under_vmap_and_grad():
    """HVP-backward: many directions at once, and the derivative of v^T H v, against JAX's third derivative."""
    mlp = MLP((2, 3, 3, 1), "tanh")
    params, x, y, _, _ = problem(mlp, n=3)
    many = normal_like(params, many=(3,))
    v = jax.tree.map(lambda leaf: leaf[2], many)
    batched = jax.jit(jax.vmap(lambda v: hvp(mlp, params, x, y, v)[2]))(many)
    with jax.disable_jit():
        assert relative_error(jax.tree.map(lambda leaf: leaf[2], batched), by_jax(mlp, params, x, y, v)[2]) <= 1e-10
        ours, theirs = (
            jax.grad(lambda p, product=product: optax.tree.vdot(product(mlp, p, x, y, v)[2], v))(params)
            for product in (hvp, by_jax)
        )
    assert relative_error(ours, theirs) <= 1e-10


def test_value_and_gradient_are_those_of_backprop():
    mlp = MLP((3, 4, 2), "relu", "hinge_loss")
    params, x, y, weights, penalty = problem(mlp)
    got = hvp(mlp, params, x, y, direction(params), weights=weights, penalty=penalty)[:2]
    assert relative_error(got, backprop(mlp, params, x, y, weights=weights, penalty=penalty)) <= 1e-13


def test_no_more_memory_than_forward_over_reverse():
    """HVP-backward: deep enough that the trace and what R makes of it are most of it."""
    for name in ("relu", "tanh", "gelu"):
        mlp = MLP((64,) * 9, name, "l2_loss")
        params, x, y, *_ = jax.eval_shape(lambda mlp=mlp: problem(mlp, 256, dtype=jnp.float32))
        ours, theirs = (
            jax.jit(lambda *given, f=f, mlp=mlp: f(mlp, *given)).lower(params, x, y, params).compile().memory_analysis()
            for f in (hvp, by_jax)
        )
        assert ours.temp_size_in_bytes <= theirs.temp_size_in_bytes, name


def test_bad_input():
    mlp = MLP((2, 3, 1), "tanh")
    params = init(mlp, jax.random.key(0))
    x, y = jnp.ones((5, 2)), jnp.ones((5, 1))
    for product in (hvp, ggnvp):
        with pytest.raises(ValueError, match="a direction must have the type and the shapes of the parameters"):
            product(mlp, params, x, y, params[:1])
        with pytest.raises(ValueError, match="whose slope is 0"):
            product(MLP((2, 3, 1), "step"), params, x, y, params)
        with pytest.raises(ValueError, match="y must have shape"):
            product(mlp, params, x, y[:, 0], params)
