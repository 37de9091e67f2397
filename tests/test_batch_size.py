"""What a mini-batch costs and brings: the noise of its gradient against every mini-batch there is, its memory against bounds."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree
from support import problem

from mlpjax import MLP, init, loss
from mlpjax.experiments.batch_size import (
    compare_batch_sizes,
    expected_noise,
    gradient_deviation,
    gradient_noise,
    remembered_bytes,
    temporary_bytes,
)
from mlpjax.experiments.scaling import exponent

KEY = jax.random.key(0)
SMALL = MLP((3, 4, 2), "tanh")


def gradients(mlp, params, x, y):
    """The gradient of every example by `jax.grad`, one row each."""

    def one(x, y):
        return ravel_pytree(jax.grad(loss, argnums=1)(mlp, params, x[None], y[None]))[0]

    return np.asarray(jax.vmap(one)(x, y))


@pytest.mark.parametrize("batch_size", [1, 2, 3, 6])
@pytest.mark.parametrize("replace", [False, True])
def test_the_noise_of_all_the_mini_batches_there_are(batch_size, replace):
    """COST-batch_noise: definition, the mean over every choice of examples, each as likely, with and without replacement."""
    n = 6 if not replace else 4
    params, x, y, *_ = problem(SMALL, n=n)
    each = gradients(SMALL, params, x, y)
    every = itertools.product(range(n), repeat=batch_size) if replace else itertools.combinations(range(n), batch_size)
    distances = [np.sum((each[list(rows)].mean(axis=0) - each.mean(axis=0)) ** 2) for rows in every]
    deviation = gradient_deviation(SMALL, params, x, y).item()
    np.testing.assert_allclose(deviation, np.sqrt(np.mean(np.sum((each - each.mean(axis=0)) ** 2, axis=1))), rtol=1e-12)
    np.testing.assert_allclose(
        expected_noise(deviation, n, batch_size, replace=replace), np.sqrt(np.mean(distances)), rtol=1e-12, atol=1e-15
    )


@pytest.mark.slow
@pytest.mark.parametrize("batch_size", [5, 32])
@pytest.mark.parametrize("replace", [False, True])
def test_the_noise_that_is_measured(batch_size, replace):
    """COST-batch_noise: 1,000 mini-batches are within a twentieth of the law."""
    params, x, y, *_ = problem(SMALL, n=40)
    measured = gradient_noise(SMALL, params, KEY, x, y, batch_size, draws=1000, replace=replace)
    deviation = gradient_deviation(SMALL, params, x, y)
    np.testing.assert_allclose(measured, expected_noise(deviation, 40, batch_size, replace=replace), rtol=0.05)


def test_the_noise_falls_with_the_root_and_ends_at_all_the_data():
    """COST-batch_noise: invariant, the power -1/2 with replacement; edges, a batch of one, of all, and a single example."""
    sizes = np.array([1, 10, 100, 1000])
    np.testing.assert_allclose(exponent(sizes, expected_noise(3.0, 1000, sizes, replace=True)), -0.5, rtol=1e-12)
    assert expected_noise(3.0, 1000, 1) == 3.0
    assert expected_noise(3.0, 1000, 1000) == 0.0
    params, x, y, *_ = problem(SMALL, n=5)
    assert gradient_noise(SMALL, params, KEY, x, y, 5, draws=3) < 1e-14
    assert gradient_deviation(SMALL, params, x[:1], y[:1]) == expected_noise(0.0, 1, 1) == 0.0


@pytest.mark.slow
@pytest.mark.parametrize(("activation", "kept"), [("relu", 1), ("tanh", 1), ("silu", 2)])
def test_the_memory_of_a_compiled_step(activation, kept):
    """COST-batch_memory: between what must be remembered and the bound above it, and twice as much for twice the batch."""
    mlp = MLP((8, 64, 96, 64, 2), activation)
    params, x, y = init(mlp, KEY, dtype=jnp.float32), jnp.zeros((1, 8), jnp.float32), jnp.zeros((1, 2), jnp.float32)
    batch_sizes = np.array([4096, 8192])
    measured = np.array([temporary_bytes(mlp, params, x, y, size) for size in batch_sizes.tolist()])
    assert [remembered_bytes(mlp, size) for size in batch_sizes.tolist()] == list(batch_sizes * (64 + 96 + 64) * 4)
    outputs = 4 * mlp.parameter_count
    assert (measured + outputs >= batch_sizes * 224 * 4).all()
    assert (measured <= batch_sizes * (kept * 224 + 96 + 2) * 4 + outputs).all()
    np.testing.assert_allclose(measured[1] / measured[0], 2, rtol=0.02)


def test_a_network_without_hidden_layers_remembers_nothing():
    """COST-batch_memory: edge; and in proportion to the batch and to the bytes of a number."""
    assert remembered_bytes(MLP((5, 2)), 100) == 0
    assert remembered_bytes(MLP((5, 3, 2)), 100, jnp.float64) == 2 * remembered_bytes(MLP((5, 3, 2)), 100) == 2400


@pytest.mark.slow
def test_a_record_of_several_batch_sizes():
    _, x, y, *_ = problem(SMALL, n=20)
    record = compare_batch_sizes(SMALL, KEY, x, y, [4, 20], draws=300, rounds=1)
    assert all(len(field) == 2 for field in record)
    np.testing.assert_allclose(record.noise[0], record.expected_noise[0], rtol=0.2)
    assert record.noise[1] < 1e-14
    assert (record.gradient_norm == record.gradient_norm[0]).all()
    assert record.remembered_bytes.tolist() == [128, 640]
    assert (record.epoch_seconds > 0).all()
    assert (record.temporary_bytes >= 0).all()


@pytest.mark.parametrize("batch_size", [0, 21])
def test_a_batch_that_cannot_be_drawn(batch_size):
    params, x, y, *_ = problem(SMALL, n=20)
    with pytest.raises(ValueError, match="batch_size"):
        compare_batch_sizes(SMALL, KEY, x, y, [batch_size])
    with pytest.raises(ValueError, match="batch_size"):
        gradient_noise(SMALL, params, KEY, x, y, batch_size)


def test_no_draws_are_refused():
    params, x, y, *_ = problem(SMALL, n=20)
    with pytest.raises(ValueError, match="1 or more, got 2 and 0"):
        gradient_noise(SMALL, params, KEY, x, y, 2, draws=0)
