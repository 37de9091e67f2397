"""The gradient of each example by itself, its norm and its products, against `jax.grad` of one example after another."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from support import LOSSES, SMOOTH, each_gradient, problem, quick, relative_error, rows

from mlpjax import MLP, backprop, init, predict
from mlpjax.gradients import gram, per_example_gradients, per_example_layer_norms, per_example_norms

SMALL = MLP((3, 4, 2), "tanh")
DEPTHS = {1: (3, 2), 2: (3, 4, 2), 4: (3, 4, 3, 5, 2)}
QUICK = [("relu", "huber_loss(1.0)", 1), ("tanh", "squared_error", 2), ("silu", "softmax_cross_entropy_with_integer_labels", 4)]
SLOW = [*((name, "squared_error", 2) for name in SMOOTH), *(("tanh", name, 2) for name in LOSSES)]


@functools.partial(jax.jit, static_argnums=0)
def ours(mlp, params, x, y, weights, x2, y2):
    options = {"weights": weights}
    return (
        per_example_gradients(mlp, params, x, y, **options),
        per_example_layer_norms(mlp, params, x, y, **options),
        per_example_norms(mlp, params, x, y, **options),
        gram(mlp, params, (x, y, weights), (x2, y2)),
    )


@pytest.mark.against_jax
@pytest.mark.parametrize(("activation", "name", "depth"), [*QUICK, *(pytest.param(*one, marks=pytest.mark.slow) for one in SLOW)])
def test_gradients_norms_and_products_are_those_of_autodiff(activation, name, depth):
    """PX-norm PX-gram: definition, every activation, loss and depth, with weights, all coordinates in float64."""
    mlp = MLP(DEPTHS[depth], SMOOTH[activation], LOSSES[name])
    params, x, y, weights, _ = problem(mlp)
    each = each_gradient(mlp, params, x, y, weights)
    others = rows(each) / np.asarray(weights)[:, None]
    layers = np.stack([np.linalg.norm(rows(layer), axis=1) for layer in each], axis=1)
    expected = (each, layers, np.linalg.norm(rows(each), axis=1), rows(each) @ others[:3].T)
    assert relative_error(ours(mlp, params, x, y, weights, x[:3], y[:3]), expected) <= 1e-12


def test_together_they_are_the_gradient_of_the_batch():
    """PX-norm: the sum over the sum of the weights, the mean without weights, is what backprop computes."""
    params, x, y, weights, _ = problem(SMALL)
    for given in (None, weights):
        each = per_example_gradients(SMALL, params, x, y, weights=given)
        total = len(x) if given is None else jnp.sum(given)
        _, expected = backprop(SMALL, params, x, y, weights=given)
        assert relative_error(jax.tree.map(lambda g, total=total: jnp.sum(g, axis=0) / total, each), expected) <= 1e-12


def test_an_example_is_alone_whoever_is_beside_it():
    """PX-norm: invariant, neither the batch nor its weights change the norm of one; a weight multiplies, 0 as well."""
    params, x, y, weights, _ = problem(SMALL)
    norms = per_example_norms(SMALL, params, x, y)
    np.testing.assert_allclose(per_example_norms(SMALL, params, x[:1], y[:1]), norms[:1], rtol=1e-12)
    np.testing.assert_allclose(per_example_norms(SMALL, params, x[::-1], y[::-1]), norms[::-1], rtol=1e-12)
    weights = weights.at[2].set(0)
    np.testing.assert_allclose(per_example_norms(SMALL, params, x, y, weights=weights), weights * norms, rtol=1e-12)


def test_a_gram_matrix_is_symmetric_and_positive_with_the_norms_on_its_diagonal():
    """PX-gram PX-norm: invariant; and of rank at most the number of parameters."""
    mlp = MLP((2, 1), loss="l2_loss")
    params, x, y, weights, _ = problem(mlp, n=6)
    found = np.asarray(gram(mlp, params, (x, y, weights)))
    np.testing.assert_array_equal(found, found.T)
    np.testing.assert_allclose(np.diag(found), per_example_norms(mlp, params, x, y, weights=weights) ** 2, rtol=1e-12)
    eigenvalues = np.linalg.eigvalsh(found)
    assert np.abs(eigenvalues[:3]).max() <= 1e-13 * eigenvalues[-1]
    assert (eigenvalues[3:] > 1e-6 * eigenvalues[-1]).all()


def test_the_products_of_squared_error_are_residuals_times_the_tangent_kernel():
    """PX-gram: the kernel is the product of the Jacobians of the output."""
    mlp = MLP((3, 5, 1), "tanh", "l2_loss")
    params, x, y, *_ = problem(mlp)
    jacobian = rows(jax.vmap(jax.grad(lambda p, x: predict(mlp, p, x[None])[0, 0]), (None, 0))(params, x))
    residual = (predict(mlp, params, x) - y)[:, 0]
    expected = np.outer(residual, residual) * (jacobian @ jacobian.T)
    np.testing.assert_allclose(gram(mlp, params, (x, y)), expected, rtol=1e-11)


def test_an_example_that_is_fitted_has_the_norm_0_and_a_derivative():
    """PX-norm: edge; the derivative of the norms is that of their definition, and 0 where the norm is 0."""
    params, x, y, *_ = problem(SMALL)
    params = tuple(layer._replace(b=jnp.zeros_like(layer.b)) for layer in params)
    x, y = x.at[0].set(0), y.at[0].set(0)
    norms = per_example_norms(SMALL, params, x, y)
    assert norms[0] == 0
    found = jax.jit(jax.grad(lambda p: jnp.sum(per_example_norms(SMALL, p, x, y))))(params)
    others = [leaf[1:] for leaf in (x, y)]
    expected = jax.jit(jax.grad(lambda p: jnp.sum(jax.vmap(optax.tree.norm)(each_gradient(SMALL, p, *others)))))(params)
    assert relative_error(found, expected) <= 1e-12


def test_norms_whose_squares_underflow_or_overflow():
    """PX-norm: edge, 1e-30 in float32, 1e3 in float16."""
    mlp = MLP((2, 2), loss="l2_loss")
    params = init(mlp, jax.random.key(0), "zeros", dtype=jnp.float32)
    x, y = jnp.zeros((1, 2)), jnp.array([[3e-30, 4e-30]])
    np.testing.assert_allclose(per_example_norms(mlp, params, x, y), [5e-30], rtol=1e-6)
    half = init(mlp, jax.random.key(0), "zeros", dtype=jnp.float16)
    np.testing.assert_allclose(per_example_norms(mlp, half, jnp.full((1, 2), 1e3), 1e33 * y), [5e3 * np.sqrt(2e6 + 1)], rtol=1e-3)


@pytest.mark.parametrize("dtype", quick([jnp.float16, jnp.bfloat16, jnp.float32], jnp.float16))
def test_dtypes(dtype):
    params, x, y, weights, _ = problem(SMALL)
    narrow = jax.tree.map(lambda leaf: leaf.astype(dtype), params)
    gradients, *others = found = ours(SMALL, narrow, x, y, weights, x[:3], y[:3])
    assert {leaf.dtype for leaf in jax.tree.leaves(gradients)} == {jnp.dtype(dtype)}
    assert {leaf.dtype for leaf in others} == {jnp.dtype(jnp.float32)}
    assert relative_error(found, ours(SMALL, params, x, y, weights, x[:3], y[:3])) <= 20 * float(jnp.finfo(dtype).eps)


def test_vmap_over_networks():
    _, x, y, *_ = problem(SMALL)
    many = [problem(SMALL, seed=seed)[0] for seed in range(3)]
    stacked = jax.tree.map(lambda *leaves: np.stack(leaves), *many)
    found = jax.vmap(lambda p: per_example_norms(SMALL, p, x, y))(stacked)
    np.testing.assert_allclose(found, [per_example_norms(SMALL, p, x, y) for p in many], rtol=1e-12)


def test_norms_hold_no_gradient():
    """PX-norm: less than the gradients of two examples, for 256 of them."""
    mlp, n = MLP((64, 64, 64, 64), "tanh"), 256
    params, x, y, *_ = jax.eval_shape(lambda: problem(mlp, n, dtype=jnp.float32))
    bytes_held = per_example_norms.lower(mlp, params, x, y).compile().memory_analysis().temp_size_in_bytes
    assert bytes_held <= 8 * n * 64 * 4 < n * mlp.parameter_count * 4 / 20


def test_bad_input():
    params, x, y, weights, _ = problem(SMALL)
    with pytest.raises(ValueError, match=r"weights must have shape \(5,\)"):
        per_example_norms(SMALL, params, x, y, weights=weights[:3])
    with pytest.raises(ValueError, match="y must have shape"):
        gram(SMALL, params, (x, y), (x, y[:3]))
    with pytest.raises(ValueError, match="whose slope is 0"):
        per_example_gradients(MLP((3, 4, 2), "step"), params, x, y)
