"""The influence of training examples, against autodiff, against what training did, and on labels that are wrong."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from support import each_gradient, problem, relative_error, rows

from mlpjax import MLP, backprop, fit, init, predict
from mlpjax.gradients import gram, per_example_norms, tracin

SMALL = MLP((3, 4, 2), "tanh")


def example(count=3):
    checkpoints = [problem(SMALL, seed=seed)[0] for seed in range(count)]
    _, x, y, weights, _ = problem(SMALL, n=5)
    _, x2, y2, *_ = problem(SMALL, n=4, seed=9)
    return checkpoints, jnp.array([0.5, 0.1, 2.0][:count]), (x, y, weights), (x2, y2)


@pytest.mark.against_jax
def test_influence_by_its_definition():
    """TRACIN: the learning rates times the products of gradients by autodiff, summed; checkpoints in a list or stacked."""
    checkpoints, rates, train, test = example()
    expected = sum(
        rate * rows(each_gradient(SMALL, params, *train)) @ rows(each_gradient(SMALL, params, *test)).T
        for rate, params in zip(rates, checkpoints, strict=True)
    )
    assert relative_error(tracin(SMALL, checkpoints, rates, train, test), expected) <= 1e-12
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *checkpoints)
    assert relative_error(tracin(SMALL, stacked, rates, train, test), expected) <= 1e-12


def test_all_influences_are_what_training_did():
    """TRACIN: invariant, over steps on one example each they add up to the fall of the loss, to the square of the rate."""
    mlp = MLP((3, 4, 1), "tanh")
    start, x, y, *_ = problem(mlp, n=6)
    _, x2, y2, *_ = problem(mlp, n=2, seed=1)

    def error(rate):
        def step(params, r):
            _, gradient = backprop(mlp, params, x[r][None], y[r][None])
            return jax.tree.map(lambda p, g: p - rate * g, params, gradient), params

        order = jnp.tile(jnp.arange(6), 5)
        end, before = jax.lax.scan(step, start, order)
        each = jax.vmap(lambda params, r: rate * gram(mlp, params, (x[r][None], y[r][None]), (x2, y2))[0])(before, order)
        losses = [mlp.loss.value(predict(mlp, params, x2), y2) for params in (start, end)]
        return np.abs(losses[0] - losses[1] - np.sum(each, axis=0))

    np.testing.assert_allclose(error(1e-4) / error(5e-5), 4, rtol=0.05)


def test_a_single_checkpoint_and_rates_of_0():
    """TRACIN: edge."""
    checkpoints, rates, train, test = example(count=1)
    expected = rates[0] * gram(SMALL, checkpoints[0], train, test)
    assert relative_error(tracin(SMALL, checkpoints, rates, train, test), expected) <= 1e-15
    assert not np.any(tracin(SMALL, checkpoints, 0 * rates, train, test))


def test_influence_on_oneself():
    """TRACIN PX-norm: the diagonal is the rates times the squared norms."""
    checkpoints, rates, (x, y, weights), _ = example()
    found = jnp.diag(tracin(SMALL, checkpoints, rates, (x, y, weights), (x, y, weights)))
    norms = [per_example_norms(SMALL, params, x, y, weights=weights) for params in checkpoints]
    assert relative_error(found, rates @ jnp.stack(norms) ** 2) <= 1e-12


@pytest.mark.slow
def test_wrong_labels_influence_themselves_most():
    """TRACIN: of 200 points on two sides of a line, 20 with the label of the other side."""
    mlp = MLP((2, 16, 2), "tanh", "softmax_cross_entropy_with_integer_labels")
    x = jax.random.uniform(jax.random.key(0), (200, 2), minval=-1.0)
    y = (x[:, 0] > x[:, 1]).astype(int)
    y = y.at[:20].set(1 - y[:20])
    params = init(mlp, jax.random.key(1))
    checkpoints = []
    for _ in range(3):
        state, _ = fit(mlp, params, x, y, key=jax.random.key(2), optimizer=optax.sgd(0.1), epochs=10, batch_size=10)
        params = state.params
        checkpoints.append(params)
    influence = sum(0.1 * per_example_norms(mlp, params, x, y) ** 2 for params in checkpoints)
    suspected = np.argsort(-influence)[:20]
    assert np.sum(suspected < 20) >= 15


def test_float32_and_vmap():
    checkpoints, rates, train, test = example()
    narrow = jax.tree.map(lambda leaf: leaf.astype(jnp.float32), checkpoints)
    found = jax.vmap(lambda scale: tracin(SMALL, narrow, scale * rates, train, test))(jnp.array([1.0, 2.0]))
    assert found.dtype == jnp.float32
    assert relative_error(found[1], 2 * tracin(SMALL, checkpoints, rates, train, test)) <= 1e-5


def test_bad_input():
    checkpoints, rates, train, test = example()
    with pytest.raises(ValueError, match=r"learning_rates must have shape \(3,\), one for each checkpoint; got \(2,\)"):
        tracin(SMALL, checkpoints, rates[:2], train, test)
    with pytest.raises(ValueError, match="y must have shape"):
        tracin(SMALL, checkpoints, rates, train, (test[0], test[1][:1]))
    with pytest.raises(ValueError, match="at least one checkpoint"):
        tracin(SMALL, [], rates, train, test)
