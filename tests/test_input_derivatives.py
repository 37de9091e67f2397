"""Derivatives in the input: against JAX in all coordinates, what they cannot change with, and the edges."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support import SMOOTH, problem, quick, relative_error

from mlpjax import MLP, Layer, activations
from mlpjax.gradients import input_gradient, input_jacobian, laplacian
from mlpjax.gradients.laplacian import MOST

SHAPES = quick([(3, 2), (5, 4, 2), (2, 5, 4), (1, 1), (2, 3, 4, 3, 3)], (3, 2), (5, 4, 2), (2, 5, 4))


def network(mlp, params, x):
    """The logits of one example."""
    for f, (W, b) in zip((*mlp.activations, activations.identity), params, strict=True):
        x = f(x @ W + b)
    return x


def of_each(derivative):
    """A derivative of the logits of one example as a function of (mlp, params, x), of many."""
    return lambda mlp, params, x: jax.vmap(derivative(lambda x: network(mlp, params, x)))(x)


by_jax_jacobian = of_each(jax.jacrev)


def by_jax_laplacian(mlp, params, x):
    return jnp.trace(of_each(jax.hessian)(mlp, params, x), axis1=-2, axis2=-1)


def by_jax_gradient(mlp, params, x):
    return by_jax_jacobian(mlp, params, x).sum(axis=1)


def gradient_of_the_sum(mlp, params, x):
    return input_gradient(mlp, params, x, jnp.ones(mlp.sizes[-1]))


PAIRS = {
    "gradient": (gradient_of_the_sum, by_jax_gradient),
    "jacobian": (input_jacobian, by_jax_jacobian),
    "laplacian": (laplacian, by_jax_laplacian),
}


@pytest.mark.against_jax
@pytest.mark.parametrize("name", SMOOTH)
def test_against_jax_for_every_activation(name):
    """INPUT-gradient INPUT-jacobian LAPLACIAN: definition."""
    mlp = MLP((3, 4, 5, 2), SMOOTH[name])
    params, x, *_ = problem(mlp)
    with jax.disable_jit():
        jacobian = by_jax_jacobian(mlp, params, x)
        assert relative_error(input_jacobian(mlp, params, x), jacobian) <= 1e-12
        assert relative_error(input_gradient(mlp, params, x, 1), jacobian[:, 1]) <= 1e-12
        assert relative_error(laplacian(mlp, params, x), by_jax_laplacian(mlp, params, x)) <= 1e-12


@pytest.mark.parametrize("sizes", SHAPES)
def test_against_jax_for_every_shape(sizes):
    """INPUT-gradient INPUT-jacobian LAPLACIAN: definition, with fewer inputs than outputs and with more; edge, one layer."""
    mlp = MLP(sizes, "sin")
    params, x, y, *_ = problem(mlp)
    with jax.disable_jit():
        jacobian = by_jax_jacobian(mlp, params, x)
        assert relative_error(input_jacobian(mlp, params, x), jacobian) <= 1e-12
        assert relative_error(laplacian(mlp, params, x), by_jax_laplacian(mlp, params, x)) <= 1e-12
        assert relative_error(input_gradient(mlp, params, x, y), jnp.einsum("nk,nkd->nd", y, jacobian)) <= 1e-12
        for k in range(sizes[-1]):
            assert relative_error(input_gradient(mlp, params, x, k), jacobian[:, k]) <= 1e-12


@pytest.mark.parametrize("name", quick(["tanh", "gelu", "sin"], "tanh"))
@pytest.mark.parametrize("which", PAIRS)
def test_the_gradient_in_the_parameters(which, name):
    """INPUT-gradient INPUT-jacobian LAPLACIAN: what jax.grad makes of them, in all coordinates, reverse and forward."""
    mlp = MLP((3, 4, 5, 2), name)
    params, x, *_ = problem(mlp)

    def gradients(derivative):
        def loss(params):
            return jnp.mean((derivative(mlp, params, x) - 0.3) ** 2)

        tangent = jax.tree.map(jnp.ones_like, params)
        return jax.grad(loss)(params), jax.jvp(loss, (params,), (tangent,))

    ours, theirs = (gradients(derivative) for derivative in PAIRS[which])
    assert relative_error(ours, theirs) <= 1e-10


@pytest.mark.parametrize("n", [1, MOST + 1, 2 * MOST])
def test_blocks_of_examples_change_nothing(n):
    """LAPLACIAN: edge, one example, and more of them than a block holds, with a rest and without."""
    mlp = MLP((2, 3, 1), "tanh")
    params, x, *_ = problem(mlp, n)
    np.testing.assert_allclose(laplacian(mlp, params, x), by_jax_laplacian(mlp, params, x), rtol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("d", [2, 32])
def test_a_quarter_of_the_memory_of_a_hessian(d):
    """LAPLACIAN: and as little of it in the gradient."""
    mlp = MLP((d, 128, 128, 128, 1), "tanh")
    params, x, *_ = problem(mlp, 256, dtype=jnp.float32)

    def temporary(derivative, function):
        def loss(params):
            return jnp.sum(derivative(mlp, params, x) ** 2)

        return jax.jit(function(loss)).lower(params).compile().memory_analysis().temp_size_in_bytes

    for function in (lambda loss: loss, jax.grad):
        assert temporary(laplacian, function) <= temporary(by_jax_laplacian, function) / 4


def test_turning_the_input_turns_the_gradient_and_not_the_laplacian():
    """INPUT-gradient LAPLACIAN: invariant, x Q and Q^T W are x and W."""
    mlp = MLP((4, 6, 5, 1), "gelu")
    params, x, *_ = problem(mlp)
    turn = jnp.linalg.qr(jax.random.normal(jax.random.key(7), (4, 4)))[0]
    turned = (Layer(turn.T @ params[0].W, params[0].b), *params[1:])
    np.testing.assert_allclose(laplacian(mlp, turned, x @ turn), laplacian(mlp, params, x), rtol=1e-11)
    got = input_gradient(mlp, turned, x @ turn)
    np.testing.assert_allclose(got, input_gradient(mlp, params, x) @ turn, rtol=1e-11, atol=1e-14)


def test_a_wave():
    """INPUT-gradient LAPLACIAN: edge, one unit: u = c sin(w x + b) has the gradient c cos(w x + b) w and -|w|^2 u."""
    w, b, c = jnp.array([1.0, -2.0, 0.5]), 0.3, 1.7
    params = (Layer(w[:, None], jnp.array([b])), Layer(jnp.array([[c]]), jnp.zeros(1)))
    mlp, x = MLP((3, 1, 1), "sin"), jax.random.normal(jax.random.key(0), (5, 3))
    np.testing.assert_allclose(laplacian(mlp, params, x), -(w @ w) * c * jnp.sin(x @ w + b)[:, None], rtol=1e-12)
    np.testing.assert_allclose(input_gradient(mlp, params, x), c * jnp.cos(x @ w + b)[:, None] * w, rtol=1e-12)


def test_the_jacobian_of_linear_layers_is_their_product():
    """INPUT-jacobian: invariant; a linear network has the Laplacian 0 (LAPLACIAN)."""
    mlp = MLP((2, 4, 3), "identity")
    params, x, *_ = problem(mlp)
    product = (params[0].W @ params[1].W).T
    np.testing.assert_allclose(input_jacobian(mlp, params, x), jnp.broadcast_to(product, (5, 3, 2)), rtol=1e-12)
    np.testing.assert_array_equal(laplacian(mlp, params, x), 0)


def test_the_jacobian_begins_where_the_rows_are_few():
    """INPUT-jacobian: a network costs as much as the same one turned round, by XLA's own count."""

    def flops(sizes):
        mlp = MLP(sizes, "identity")
        return input_jacobian.lower(mlp, *problem(mlp)[:2]).compile().cost_analysis()["flops"]

    assert flops((16, 32, 32, 1)) == pytest.approx(flops((1, 32, 32, 16)), rel=0.1)


@pytest.mark.parametrize("name", ["tanh", "softplus", "gelu_tanh"])
def test_far_out_nothing_is_lost(name):
    """INPUT-gradient INPUT-jacobian LAPLACIAN: edge, saturated units in the narrowest type."""
    mlp = MLP((2, 3, 2), name)
    params, *_ = problem(mlp, dtype=jnp.float16)
    x = 1e4 * jnp.array([[1.0, -1.0], [-1.0, 1.0]])
    for derivative, _ in PAIRS.values():
        assert jnp.isfinite(derivative(mlp, params, x)).all()
    np.testing.assert_allclose(laplacian(mlp, params, x), 0, atol=1e-3)


@pytest.mark.parametrize("dtype", [jnp.float16, jnp.bfloat16, jnp.float32, jnp.float64])
def test_dtype_follows_the_parameters(dtype):
    mlp = MLP((3, 4, 2), "tanh")
    params, x, *_ = problem(mlp)
    narrow = jax.tree.map(lambda leaf: leaf.astype(dtype), params)
    for derivative, _ in PAIRS.values():
        got, expected = derivative(mlp, narrow, x), derivative(mlp, params, x)
        assert got.dtype == dtype
        assert relative_error(got.astype(jnp.float64), expected) <= 20 * float(jnp.finfo(dtype).eps)


@pytest.mark.parametrize("which", PAIRS)
def test_under_jit_and_vmap(which):
    mlp, derivative = MLP((3, 4, 2), "tanh"), PAIRS[which][0]
    problems = [problem(mlp, seed=seed)[:2] for seed in range(3)]
    params, x = jax.tree.map(lambda *leaves: jnp.stack(leaves), *problems)
    got = jax.jit(jax.vmap(lambda params, x: derivative(mlp, params, x)))(params, x)
    for one, (params, x) in zip(got, problems, strict=True):
        np.testing.assert_allclose(one, derivative(mlp, params, x), rtol=1e-12)


@pytest.mark.parametrize(
    ("output", "words"),
    [
        (None, "the network has 2 outputs: pass output=0 … 1"),
        (2, "output must be the number of one of 2 outputs, from 0 to 1; got 2"),
        (-1, "got -1"),
        (jnp.ones(3), r"weights of shape \(2,\) or \(5, 2\); got shape \(3,\)"),
        (jnp.ones((4, 2)), r"got shape \(4, 2\)"),
    ],
)
def test_an_output_that_is_not_there(output, words):
    mlp = MLP((3, 4, 2), "tanh")
    params, x, *_ = problem(mlp)
    with pytest.raises(ValueError, match=words):
        input_gradient(mlp, params, x, output)


@pytest.mark.parametrize("which", PAIRS)
def test_bad_input(which):
    mlp, derivative = MLP((3, 4, 2), "tanh"), PAIRS[which][0]
    params, x, *_ = problem(mlp)
    with pytest.raises(ValueError, match=r"x must have shape \(n, 3\)"):
        derivative(mlp, params, x[:, :2])
    with pytest.raises(ValueError, match="params must have 2 layers"):
        derivative(mlp, params[:1], x)
    with pytest.raises(ValueError, match="no gradient passes"):
        derivative(MLP((3, 4, 2), "step"), params, x)
    with pytest.raises(TypeError, match="real numbers"):
        derivative(mlp, params, x.astype(complex))
