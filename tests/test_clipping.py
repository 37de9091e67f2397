"""Gradients that are clipped example by example, against Optax's own on gradients that are all made."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from support import LOSSES, SMOOTH, each_gradient, problem, quick, relative_error, rows

from mlpjax import MLP, Penalty, backprop, fit, init, loss, penalties
from mlpjax.gradients import clipped_gradient, per_example_gradients, per_example_norms

SMALL = MLP((3, 4, 2), "tanh")
KEY = jax.random.key(7)


def by_optax(max_norm, noise_multiplier, each):
    transform = optax.contrib.differentially_private_aggregate(max_norm, noise_multiplier, KEY)
    return transform.update(each, transform.init(None))[0]


@pytest.mark.against_jax
@pytest.mark.parametrize("noise_multiplier", [None, 0.7])
@pytest.mark.parametrize("max_norm", [0.0, 0.3, 1.0])
def test_it_is_what_optax_makes_of_the_gradients(max_norm, noise_multiplier):
    """PX-clip: definition, to the noise of the same key; edge, a bound of 0."""
    params, x, y, *_ = problem(SMALL)
    noise = {} if noise_multiplier is None else {"key": KEY, "noise_multiplier": noise_multiplier}
    value, found = clipped_gradient(SMALL, params, x, y, max_norm, **noise)
    for each in (each_gradient(SMALL, params, x, y), per_example_gradients(SMALL, params, x, y)):
        assert relative_error(found, by_optax(max_norm, noise_multiplier or 0.0, each)) <= 1e-12
    np.testing.assert_allclose(value, loss(SMALL, params, x, y), rtol=1e-14)


@pytest.mark.parametrize("depth", quick([1, 2, 4], 1, 4))
def test_with_weights_and_a_penalty(depth):
    """PX-clip: the weighted gradients are clipped, divided by the sum of the weights, and the penalty's added as it is."""
    mlp = MLP((3, 4, 3, 5, 2)[-depth - 1 :], SMOOTH["gelu"], LOSSES["softmax_cross_entropy"])
    params, x, y, weights, penalty = problem(mlp)
    weights = weights.at[1].set(0)
    each = each_gradient(mlp, params, x, y, weights)
    bound = np.median(np.linalg.norm(rows(each), axis=1))
    summed, _ = jax.jit(optax.per_example_global_norm_clip)(jax.tree.leaves(each), bound)
    of_penalty = jax.tree.leaves(jax.jit(penalties.gradient)(penalty, params))
    expected = [np.asarray(g) / np.sum(weights) + p for g, p in zip(summed, of_penalty, strict=True)]
    value, found = clipped_gradient(mlp, params, x, y, bound, weights=weights, penalty=penalty)
    assert relative_error(jax.tree.leaves(found), expected) <= 1e-12
    np.testing.assert_allclose(value, loss(mlp, params, x, y, weights=weights, penalty=penalty), rtol=1e-14)


def test_without_a_bound_it_is_backprop():
    """PX-clip: invariant, with weights and a penalty too; and for a bound that no example reaches."""
    params, x, y, weights, penalty = problem(SMALL)
    expected = backprop(SMALL, params, x, y, weights=weights, penalty=penalty)
    longest = float(jnp.max(per_example_norms(SMALL, params, x, y, weights=weights)))
    for bound in (jnp.inf, 1.01 * longest):
        assert relative_error(clipped_gradient(SMALL, params, x, y, bound, weights=weights, penalty=penalty), expected) <= 1e-12


def test_no_example_moves_the_sum_by_more_than_the_bound():
    """PX-clip: invariant, whatever the example is; and by just that where its gradient is longer."""
    params, x, y, weights, _ = problem(SMALL)
    y = y.at[0].set(1e6)
    total = np.sum(weights)
    _, with_it = clipped_gradient(SMALL, params, x, y, 0.2, weights=weights)
    _, without = clipped_gradient(SMALL, params, x, y, 0.2, weights=weights.at[0].set(0))
    moved = jax.tree.map(lambda one, other: total * one - (total - weights[0]) * other, with_it, without)
    np.testing.assert_allclose(optax.tree.norm(moved), 0.2, rtol=1e-10)


def test_with_one_layer_and_one_output_it_is_the_gradient_of_huber():
    """PX-clip: the slope of the loss is bounded by the bound over the length of (x, 1)."""
    params, x, y, *_ = problem(MLP((3, 1)), n=7)
    x = jnp.sqrt(3) * x / jnp.linalg.norm(x, axis=1, keepdims=True)
    _, found = clipped_gradient(MLP((3, 1), loss="l2_loss"), params, x, y, 0.5)
    _, expected = backprop(MLP((3, 1), loss="huber_loss(0.25)"), params, x, y)
    assert relative_error(found, expected) <= 1e-12


def test_an_example_without_a_gradient_stays_so():
    """PX-clip: edges, a norm of 0, a batch without weight, and a single example."""
    mlp = MLP((2, 1), loss="l2_loss")
    params = init(mlp, KEY, "zeros", dtype=jnp.float64)
    for bound in (0.0, 1.0):
        _, found = clipped_gradient(mlp, params, jnp.ones((1, 2)), jnp.zeros((1, 1)), bound)
        assert not np.any(rows([leaf[None] for leaf in jax.tree.leaves(found)]))
    value, found = clipped_gradient(mlp, params, jnp.ones((1, 2)), jnp.ones((1, 1)), 1.0, weights=jnp.zeros(1))
    assert value == 0
    assert not np.any(found[0].W)


def test_the_noise_is_as_loud_as_optax_s():
    """PX-clip: C m / sum of the weights, in every coordinate."""
    mlp = MLP((40, 50))
    params, x, y, *_ = problem(mlp)
    weights = jnp.array([1.0, 1.0, 0.0, 1.5, 0.5])
    _, quiet = clipped_gradient(mlp, params, x, y, 0.5, weights=weights)
    _, noisy = clipped_gradient(mlp, params, x, y, 0.5, weights=weights, key=KEY, noise_multiplier=3.0)
    noise = np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(jax.tree.map(jnp.subtract, noisy, quiet))])
    np.testing.assert_allclose(np.std(noise), 0.5 * 3.0 / 4, rtol=0.05)
    assert abs(np.mean(noise)) < 4 * np.std(noise) / np.sqrt(len(noise))


@pytest.mark.parametrize("dtype", quick([jnp.float16, jnp.bfloat16, jnp.float32], jnp.float16))
def test_dtypes(dtype):
    params, x, y, weights, penalty = problem(SMALL)
    narrow, options = jax.tree.map(lambda leaf: leaf.astype(dtype), params), {"weights": weights, "penalty": penalty}
    noise = {"key": KEY, "noise_multiplier": jnp.float32(0.0)}
    found = clipped_gradient(SMALL, narrow, x, y, 0.5, **options, **noise)
    assert {leaf.dtype for leaf in jax.tree.leaves(found)} == {jnp.dtype(dtype)}
    exact = clipped_gradient(SMALL, params, x, y, 0.5, **options)
    assert relative_error(found, exact) <= 20 * float(jnp.finfo(dtype).eps)


def test_vmap_over_bounds_and_keys():
    params, x, y, *_ = problem(SMALL)
    bounds, keys = jnp.array([0.3, 1.0]), jax.random.split(KEY, 2)

    def noisy(bound, key):
        return clipped_gradient(SMALL, params, x, y, bound, key=key, noise_multiplier=0.7)[1]

    found = jax.vmap(noisy)(bounds, keys)
    expected = [noisy(bound, key) for bound, key in zip(bounds, keys, strict=True)]
    assert relative_error(found, jax.tree.map(lambda *leaves: np.stack(leaves), *expected)) <= 1e-12


@pytest.mark.slow
def test_it_trains_past_examples_that_are_wrong():
    """In `fit`, whose last mini-batch is filled up with examples of weight 0."""

    def clipped(mlp, params, x, y, *, weights=None, penalty=None):
        return clipped_gradient(mlp, params, x, y, 0.1, weights=weights, penalty=penalty)

    x = jnp.linspace(-1, 1, 50)[:, None]
    wrong = (2 * x).at[::10].add(100.0)
    options = {"key": KEY, "optimizer": optax.sgd(0.3), "epochs": 60, "batch_size": 16}
    mlp = MLP((1, 1))
    state, _ = fit(mlp, init(mlp, KEY), x, wrong, gradient=clipped, **options)
    astray, _ = fit(mlp, init(mlp, KEY), x, wrong, **options)
    assert loss(mlp, state.params, x, 2 * x) < 0.1 < 10 < loss(mlp, astray.params, x, 2 * x)


def test_bad_input():
    params, x, y, *_ = problem(SMALL)
    with pytest.raises(ValueError, match=r"max_norm must be one number of 0 or more, .* got -1"):
        clipped_gradient(SMALL, params, x, y, -1.0)
    with pytest.raises(ValueError, match="max_norm must be one number"):
        clipped_gradient(SMALL, params, x, y, jnp.ones(5))
    with pytest.raises(ValueError, match="got noise_multiplier without key"):
        clipped_gradient(SMALL, params, x, y, 1.0, noise_multiplier=1.0)
    with pytest.raises(ValueError, match="got key without noise_multiplier"):
        clipped_gradient(SMALL, params, x, y, 1.0, key=KEY)
    with pytest.raises(ValueError, match="give a finite one, or no key"):
        clipped_gradient(SMALL, params, x, y, jnp.inf, key=KEY, noise_multiplier=1.0)
    with pytest.raises(ValueError, match="y must have shape"):
        clipped_gradient(SMALL, params, x, y[:2], 1.0, penalty=Penalty(l2=0.1))
