"""Penalties: their value, their gradient, and the proximal step."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import problem, relative_error

from mlpjax import MLP, Layer, Penalty, fit, penalties

PARAMS = problem(MLP((3, 4, 2)))[0]
STRENGTHS = [Penalty(), Penalty(l1=0.3), Penalty(l2=0.7), Penalty(0.3, 0.7)]


@pytest.mark.parametrize("penalty", STRENGTHS)
def test_value_and_gradient(penalty):
    """PENALTY PENALTY-gradient: definition, on weights and not on biases."""
    expected = sum(penalty.l1 * np.abs(W).sum() + penalty.l2 * np.square(W).sum() for W, _ in PARAMS)
    np.testing.assert_allclose(penalties.value(penalty, PARAMS), expected, rtol=1e-14)
    gradient = penalties.gradient(penalty, PARAMS)
    assert relative_error(gradient, jax.grad(penalties.value, argnums=1)(penalty, PARAMS)) <= 1e-14
    assert all(not layer.b.any() for layer in gradient)


def test_the_subgradient_at_zero_is_zero():
    params = (Layer(W=jnp.zeros((2, 2)), b=jnp.ones(2)),)
    assert not penalties.gradient(Penalty(l1=1.0), params)[0].W.any()
    assert not jax.grad(penalties.value, argnums=1)(Penalty(l1=1.0), params)[0].W.any()


@settings(max_examples=50, deadline=None, derandomize=True)
@given(w=st.floats(-3, 3), l1=st.floats(0, 2), l2=st.floats(0, 2), rate=st.floats(0.01, 2))
def test_the_proximal_step_is_the_minimiser_that_defines_it(w, l1, l2, rate):
    """PENALTY-proximal: no v on a fine grid does better."""
    (layer,) = penalties.proximal_step(Penalty(l1, l2), (Layer(jnp.array([[w]]), jnp.array([5.0])),), rate)

    def cost(v):
        return (v - w) ** 2 / (2 * rate) + l1 * np.abs(v) + l2 * v**2

    grid = np.linspace(-3.5, 3.5, 70_001)
    assert cost(float(layer.W[0, 0])) <= cost(grid).min() + 1e-12
    assert layer.b[0] == 5.0


def test_proximal_steps_give_exact_zeros_where_subgradients_do_not():
    """PENALTY-proximal"""
    mlp, key = MLP((20, 1)), jax.random.key(0)
    x = jax.random.normal(key, (100, 20))
    y = x[:, :3] @ jnp.array([[2.0], [-1.0], [1.0]])
    params = problem(mlp)[0]
    exact = optax.chain(optax.sgd(0.05), penalties.proximal(Penalty(l1=0.2), 0.05))
    sparse, _ = fit(mlp, params, x, y, key=key, optimizer=exact, epochs=200, batch_size=100)
    dense, _ = fit(mlp, params, x, y, key=key, optimizer=optax.sgd(0.05), penalty=Penalty(l1=0.2), epochs=200, batch_size=100)
    assert (sparse.params[0].W == 0).sum() >= 15
    assert not (dense.params[0].W == 0).any()
    np.testing.assert_allclose(sparse.params[0].W, dense.params[0].W, atol=0.05)


def test_proximal_follows_a_schedule():
    schedule = optax.piecewise_constant_schedule(1.0, {1: 0.5})
    transformation = penalties.proximal(Penalty(l1=1.0), schedule)
    params = (Layer(jnp.array([[10.0]]), jnp.zeros(1)),)
    state, nothing = transformation.init(params), jax.tree.map(jnp.zeros_like, params)
    moved = []
    for _ in range(2):
        updates, state = transformation.update(nothing, state, params)
        params = optax.apply_updates(params, updates)
        moved.append(float(params[0].W[0, 0]))
    np.testing.assert_allclose(moved, [9.0, 8.5])


def test_proximal_needs_the_parameters():
    transformation = penalties.proximal(Penalty(l1=1.0), 0.1)
    with pytest.raises(ValueError, match="update\\(updates, state, params\\)"):
        transformation.update(PARAMS, transformation.init(PARAMS))
