"""The noise scale of a gradient, against all the gradients there are and all the batches that can be drawn."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support import LOSSES, SMOOTH, each_gradient, problem, quick, rows

from mlpjax import MLP, init, penalties
from mlpjax.experiments.batch_size import expected_noise
from mlpjax.gradients import gradient_noise_scale

SMALL = MLP((3, 4, 2), "tanh")


@pytest.mark.parametrize("depth", quick([1, 2, 4], 1, 4))
def test_variance_and_squared_norm_by_their_definition(depth):
    """NOISE-SCALE: definition, from every gradient by autodiff."""
    mlp = MLP((3, 4, 3, 5, 2)[-depth - 1 :], SMOOTH["silu"], LOSSES["softmax_cross_entropy_with_integer_labels"])
    params, x, y, _, penalty = problem(mlp, n=6, seed=1)
    each = rows(each_gradient(mlp, params, x, y))
    mean = each.mean(axis=0)
    variance = np.sum(np.var(each, axis=0, ddof=1))
    found = gradient_noise_scale(mlp, params, x, y)
    np.testing.assert_allclose(found, [variance / (mean @ mean - variance / 6), variance, mean @ mean - variance / 6], rtol=1e-10)
    mean = mean + rows(jax.tree.map(lambda leaf: leaf[None], jax.jit(penalties.gradient)(penalty, params)))[0]
    penalised = gradient_noise_scale(mlp, params, x, y, penalty=penalty)
    np.testing.assert_allclose(penalised[1:], [variance, mean @ mean - variance / 6], rtol=1e-10)


def test_the_mean_of_the_estimates_over_all_batches_is_the_estimate_of_all():
    """NOISE-SCALE: invariant, what unbiased means: batches of 2 and of 3 out of 6."""
    params, x, y, *_ = problem(SMALL, n=6)
    whole = gradient_noise_scale(SMALL, params, x, y)
    for size in (2, 3):
        drawn = np.array(list(itertools.combinations(range(6), size)))
        found = jax.vmap(lambda batch: gradient_noise_scale(SMALL, params, x[batch], y[batch]))(drawn)
        np.testing.assert_allclose(np.mean(found.variance), whole.variance, rtol=1e-10)
        np.testing.assert_allclose(np.mean(found.squared_norm), whole.squared_norm, rtol=1e-9)


def test_estimates_with_weights_are_unbiased():
    """NOISE-SCALE: over all draws of 3 from a population of 4, independent, with weights that stay."""
    params, x, y, *_ = problem(SMALL, n=4)
    each = rows(each_gradient(SMALL, params, x, y))
    drawn = np.array(list(itertools.product(range(4), repeat=3)))
    weights = jnp.array([1.0, 2.0, 0.5])
    found = jax.vmap(lambda batch: gradient_noise_scale(SMALL, params, x[batch], y[batch], weights=weights))(drawn)
    mean = each.mean(axis=0)
    np.testing.assert_allclose(np.mean(found.variance), np.sum(np.var(each, axis=0)), rtol=1e-10)
    np.testing.assert_allclose(np.mean(found.squared_norm), mean @ mean, rtol=1e-9)


def test_a_weight_of_0_is_absence_and_a_common_factor_cancels():
    """NOISE-SCALE: invariant."""
    params, x, y, *_ = problem(SMALL, n=6)
    weights = jnp.array([2.0, 2.0, 2.0, 2.0, 0.0, 0.0])
    np.testing.assert_allclose(
        gradient_noise_scale(SMALL, params, x, y, weights=weights), gradient_noise_scale(SMALL, params, x[:4], y[:4]), rtol=1e-10
    )


def test_at_the_noise_scale_the_noise_is_as_long_as_the_gradient():
    """NOISE-SCALE COST-batch_noise: invariant."""
    params, x, y, *_ = problem(SMALL, n=6)
    scale, variance, squared_norm = map(float, gradient_noise_scale(SMALL, params, x, y))
    np.testing.assert_allclose(expected_noise(variance**0.5, 6, scale, replace=True), squared_norm**0.5, rtol=1e-12)


def test_without_noise_and_without_a_gradient():
    """NOISE-SCALE: edge, examples that are all alike, two that cancel, and one that has all the weight."""
    mlp = MLP((1, 1), loss="l2_loss")
    params, zero = init(mlp, jax.random.key(0), "zeros", dtype=jnp.float64), jnp.zeros((2, 1))
    alike = gradient_noise_scale(mlp, params, zero, jnp.array([[3.0], [3.0]]))
    assert (alike.scale, alike.variance, alike.squared_norm) == (0, 0, 9)
    opposed = gradient_noise_scale(mlp, params, zero, jnp.array([[3.0], [-3.0]]))
    assert (opposed.scale, opposed.variance, opposed.squared_norm) == (jnp.inf, 18, -9)
    lonely = gradient_noise_scale(mlp, params, zero, jnp.array([[3.0], [-3.0]]), weights=jnp.array([1.0, 0.0]))
    assert np.isnan(lonely).all()


@pytest.mark.parametrize("dtype", quick([jnp.float16, jnp.bfloat16, jnp.float32], jnp.float16))
def test_dtypes(dtype):
    params, x, y, weights, _ = problem(SMALL, n=6)
    found = gradient_noise_scale(SMALL, jax.tree.map(lambda leaf: leaf.astype(dtype), params), x, y, weights=weights)
    assert {leaf.dtype for leaf in found} == {jnp.dtype(jnp.float32)}
    expected = gradient_noise_scale(SMALL, params, x, y, weights=weights)
    np.testing.assert_allclose(found.variance, expected.variance, rtol=30 * float(jnp.finfo(dtype).eps))


def test_bad_input():
    params, x, y, *_ = problem(SMALL)
    with pytest.raises(ValueError, match="takes 2 examples or more to be seen, got 1"):
        gradient_noise_scale(SMALL, params, x[:1], y[:1])
    with pytest.raises(ValueError, match="weights must have shape"):
        gradient_noise_scale(SMALL, params, x, y, weights=jnp.ones(2))
