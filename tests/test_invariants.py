"""What must hold whatever the numbers are."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support import LOSSES, SMOOTH, problem, quick, relative_error

from mlpjax import MLP, Layer, Penalty, deltas, forward, init, layer_gradients, loss, predict
from mlpjax.gradients import METHODS, autodiff, backprop, finite_difference, forward_mode
from mlpjax.neuron import layer, neuron


@pytest.fixture(scope="module")
def example():
    mlp = MLP((3, 4, 5, 2), SMOOTH["tanh"], LOSSES["softmax_cross_entropy_with_integer_labels"])
    return mlp, *problem(mlp)


def test_a_layer_is_a_vmapped_neuron(example):
    """NEURON LAYER FORWARD"""
    mlp, params, x, *_ = example
    trace = forward(mlp, params, x)
    for l, f in enumerate(mlp.activations):
        np.testing.assert_allclose(layer(trace.a[l], params[l], f), trace.a[l + 1], rtol=1e-13, atol=1e-15)
    by_neuron = [[neuron(row, params[0].W[:, j], params[0].b[j], jnp.tanh) for j in range(4)] for row in x]
    np.testing.assert_allclose(by_neuron, trace.a[1], rtol=1e-13, atol=1e-15)


def test_backprop_is_forward_then_deltas_then_layer_gradients(example):
    """BP1 BP2 BP3 BP4"""
    mlp, params, x, y, weights, _ = example
    trace = forward(mlp, params, x)
    by_parts = layer_gradients(trace, deltas(mlp, params, trace, y, weights=weights))
    assert relative_error(by_parts, backprop(mlp, params, x, y, weights=weights)[1]) <= 1e-14


def test_deltas_are_the_derivatives_in_the_pre_activations(example):
    """BP1 BP2: shift z by adding to a bias for one example at a time."""
    mlp, params, x, y, *_ = example
    trace = forward(mlp, params, x)
    for l, delta in enumerate(deltas(mlp, params, trace, y)):
        for i in range(len(x)):
            one = jnp.zeros(len(x)).at[i].set(1.0)
            _, gradient = autodiff(mlp, params, x, y, weights=one)
            np.testing.assert_allclose(delta[i] * len(x), gradient[l].b, rtol=1e-12, atol=1e-15)


def test_permuting_hidden_units_changes_nothing(example):
    mlp, (first, second, third), x, y, *_ = example
    order = jnp.array([2, 0, 3, 1])
    permuted = (Layer(first.W[:, order], first.b[order]), Layer(second.W[order], second.b), third)
    value, gradient = backprop(mlp, (first, second, third), x, y)
    value_permuted, gradient_permuted = backprop(mlp, permuted, x, y)
    np.testing.assert_allclose(value_permuted, value, rtol=1e-14)
    np.testing.assert_allclose(gradient_permuted[0].W, gradient[0].W[:, order], rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(gradient_permuted[1].W, gradient[1].W[order], rtol=1e-12, atol=1e-15)


def test_softmax_deltas_sum_to_zero_over_the_outputs(example):
    mlp, params, x, y, *_ = example
    np.testing.assert_allclose(deltas(mlp, params, forward(mlp, params, x), y)[-1].sum(axis=1), 0, atol=1e-16)


@pytest.mark.parametrize("method", quick(METHODS, "autodiff", "backprop"))
def test_doubling_the_weights_of_examples_equals_repeating_them(example, method):
    """MEAN"""
    mlp, params, x, y, *_ = example
    doubled = METHODS[method](mlp, params, x, y, weights=jnp.array([1.0, 2.0, 1.0, 2.0, 1.0]))
    rows = jnp.array([0, 1, 1, 2, 3, 3, 4])
    tolerance = 1e-7 if method == "finite_difference" else 1e-13
    assert relative_error(doubled, METHODS[method](mlp, params, x[rows], y[rows])) <= tolerance


def test_weights_of_zero_leave_examples_out(example):
    """MEAN"""
    mlp, params, x, y, *_ = example
    weights = jnp.array([1.0, 1.0, 0.0, 1.0, 0.0])
    rows = jnp.array([0, 1, 3])
    assert relative_error(backprop(mlp, params, x, y, weights=weights), backprop(mlp, params, x[rows], y[rows])) <= 1e-14
    value, gradient = backprop(mlp, params, x, y, weights=jnp.zeros(5))
    assert value == 0
    assert all(not leaf.any() for leaf in jax.tree.leaves(gradient))


def test_the_scale_of_the_weights_does_not_matter(example):
    mlp, params, x, y, weights, _ = example
    assert relative_error(backprop(mlp, params, x, y, weights=7 * weights), backprop(mlp, params, x, y, weights=weights)) <= 1e-14


def test_loss_is_the_mean_over_the_examples_plus_the_penalty(example):
    """MEAN OBJECTIVE PENALTY: definition."""
    mlp, params, x, y, _, penalty = example
    one_by_one = [loss(mlp, params, x[i : i + 1], y[i : i + 1]) for i in range(len(x))]
    weights = sum(penalty.l1 * jnp.abs(W).sum() + penalty.l2 * (W**2).sum() for W, _ in params)
    np.testing.assert_allclose(loss(mlp, params, x, y, penalty=penalty), np.mean(one_by_one) + weights, rtol=1e-14)
    np.testing.assert_allclose(backprop(mlp, params, x, y, penalty=penalty)[0], np.mean(one_by_one) + weights, rtol=1e-14)


def test_prediction_is_the_inverse_link_of_the_logits(example):
    """PREDICT"""
    mlp, params, x, *_ = example
    np.testing.assert_allclose(predict(mlp, params, x), jax.nn.softmax(forward(mlp, params, x).z[-1]), rtol=1e-13)
    np.testing.assert_allclose(predict(mlp, params, x).sum(axis=1), 1, rtol=1e-14)


@pytest.mark.parametrize("method", quick(METHODS, "autodiff", "backprop"))
def test_same_bits_twice(example, method):
    mlp, params, x, y, weights, penalty = example
    once = METHODS[method](mlp, params, x, y, weights=weights, penalty=penalty)
    jax.clear_caches()
    twice = METHODS[method](mlp, params, x, y, weights=weights, penalty=penalty)
    assert all(np.array_equal(a, b) for a, b in zip(jax.tree.leaves(once), jax.tree.leaves(twice), strict=True))
    assert all(
        np.array_equal(a, b)
        for a, b in zip(jax.tree.leaves(init(mlp, jax.random.key(7))), jax.tree.leaves(init(mlp, jax.random.key(7))), strict=True)
    )


@pytest.mark.against_jax
def test_finite_differences_get_better_with_the_square_of_the_step(example):
    """FD: the error at the default step is far below that of float32 arithmetic."""
    mlp, params, x, y, *_ = example
    assert relative_error(finite_difference(mlp, params, x, y), autodiff(mlp, params, x, y)) <= 1e-8
    narrow = jax.tree.map(lambda p: p.astype(jnp.float32), params)
    exact = autodiff(mlp, jax.tree.map(lambda p: p.astype(jnp.float64), narrow), x, y)
    assert relative_error(finite_difference(mlp, narrow, x, y), exact) <= 1e-6


@pytest.mark.against_jax
def test_a_tangent_pushed_forward_is_the_gradient_along_it(example):
    """FM1 FM2 FM3"""
    from mlpjax.gradients.forward_mode import push_forward

    mlp, params, x, y, *_ = example
    tangent = problem(mlp, seed=9)[0]
    trace = forward(mlp, params, x)
    _, expected = jax.jvp(lambda p: forward(mlp, p, x).z[-1], (params,), (tangent,))
    pushed = push_forward(mlp, params, trace, tangent)
    assert relative_error(pushed, expected) <= 1e-13
    np.testing.assert_allclose(pushed, expected, rtol=1e-12, atol=1e-14)
    assert relative_error(forward_mode(mlp, params, x, y), backprop(mlp, params, x, y)) <= 1e-13


def test_a_penalty_of_nothing_is_no_penalty(example):
    mlp, params, x, y, *_ = example
    assert relative_error(backprop(mlp, params, x, y, penalty=Penalty()), backprop(mlp, params, x, y)) == 0
