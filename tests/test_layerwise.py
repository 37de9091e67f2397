"""The step layer by layer: that of the whole network, for optimisers that look at one layer at a time."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from support import problem

from mlpjax import MLP, layerwise, training

OPTIMIZERS = {
    "sgd": optax.sgd(0.1, momentum=0.9),
    "adamw": optax.adamw(1e-2),
    "schedule": optax.chain(optax.clip_by_block_rms(1e-3), optax.adam(optax.linear_schedule(0.1, 0.01, 3))),
}
MLP_ = MLP((3, 4, 5, 2), ("tanh", "gelu"))


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_three_steps_are_those_of_the_whole(name):
    """LAYERWISE"""
    optimizer, (params, x, y, weights, penalty) = OPTIMIZERS[name], problem(MLP_)
    options = {"weights": weights, "penalty": penalty}
    whole = training.start(params, optimizer, jax.random.key(0))
    layers = layerwise.start(jax.tree.map(jnp.copy, params), optimizer, jax.random.key(0))
    for _ in range(3):
        whole, info = training.step(MLP_, optimizer, whole, x, y, **options)
        layers, same = layerwise.step(MLP_, optimizer, layers, x, y, **options)
        for found, expected in zip(jax.tree.leaves((layers.params, same)), jax.tree.leaves((whole.params, info)), strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("optimizer", [optax.chain(optax.clip_by_global_norm(1.0), optax.sgd(0.1)), optax.lbfgs()])
def test_an_optimiser_of_all_layers_is_refused(optimizer):
    params, x, y, _, _ = problem(MLP_)
    state = layerwise.start(params, optax.sgd(0.1), jax.random.key(0))
    with pytest.raises(ValueError, match=r"several layers at once.* training\.step"):
        layerwise.step(MLP_, optimizer, state, x, y)


def test_the_state_is_used_up():
    """Its memory becomes that of the next, which is what the step is for."""
    params, x, y, _, _ = problem(MLP_)
    state = layerwise.start(params, OPTIMIZERS["sgd"], jax.random.key(0))
    layerwise.step(MLP_, OPTIMIZERS["sgd"], state, x, y)
    assert all(leaf.is_deleted() for leaf in jax.tree.leaves(state.params))


def test_fewer_gradients_are_there_at_a_time():
    """LAYERWISE: less temporary memory than the step of the whole, also if that may reuse its own."""
    mlp, adam = MLP((512,) * 9, "tanh"), optax.adam(1e-3)
    shapes = jax.eval_shape(lambda: problem(mlp, n=8, dtype=jnp.float32))
    whole = jax.eval_shape(lambda params: training.start(params, adam, jax.random.key(0)), shapes[0])
    layers = jax.eval_shape(lambda params: layerwise.start(params, adam, jax.random.key(0)), shapes[0])
    donated = jax.jit(training.step.__wrapped__, static_argnums=(0, 1), donate_argnums=2)
    need = [
        function.lower(mlp, adam, state, *shapes[1:3]).compile().memory_analysis().temp_size_in_bytes
        for function, state in ((layerwise.step, layers), (donated, whole))
    ]
    assert need[0] < 0.75 * need[1]
