"""Deep linear networks: Saxe's closed form against its differential equation and against gradient descent."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mlpjax import MLP, backprop, predict
from mlpjax.experiments.deep_linear import problem, strength, trajectories

KEY = jax.random.key(0)


@pytest.mark.parametrize("s", [0.2, 1.0, 5.0])
@pytest.mark.parametrize("u0", [1e-4, 0.5, 7.0])
def test_the_formula_solves_its_equation(s, u0):
    """LINEAR-saxe: du/dt = 2 u (s - u) by jax.grad, from u0 to s; and it is the formula as published."""
    np.testing.assert_allclose(strength(0.0, s, u0), u0, rtol=1e-12)
    np.testing.assert_allclose(strength(1e3, s, u0), s, rtol=1e-12)
    for t in (0.1, 1.0, 3.0):
        u = strength(t, s, u0)
        np.testing.assert_allclose(jax.grad(strength)(t, s, u0), 2 * u * (s - u), rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(u, s * np.exp(2 * s * t) / (np.exp(2 * s * t) - 1 + s / u0), rtol=1e-12)


def test_a_mode_takes_a_time_in_inverse_proportion_to_its_strength():
    """LINEAR-saxe: half of s is reached at log(s / u0 - 1) / (2 s)."""
    for s in (1.0, 4.0):
        np.testing.assert_allclose(strength(np.log(s / 1e-3 - 1) / (2 * s), s, 1e-3), s / 2, rtol=1e-9)


@pytest.mark.slow
def test_gradient_descent_follows_saxe():
    """LINEAR-saxe: within 0.5 % of s at learning rate 0.001, over 3 seeds; and half the rate halves the distance, within 3 %."""
    s = jnp.array([4.0, 3.0, 2.0, 1.0])
    found = jax.vmap(trajectories)(jax.random.split(KEY, 3))
    assert found.descent.shape == found.theory.shape == (3, 6001, 4)
    np.testing.assert_allclose(found.descent[:, 0], 1e-3, rtol=1e-9)
    np.testing.assert_allclose(found.descent / s, found.theory / s, atol=0.005)
    far, near = (
        jnp.abs(found.descent - found.theory).max(axis=0)
        for found in (trajectories(KEY, learning_rate=rate, steps=round(6 / rate)) for rate in (4e-3, 2e-3))
    )
    np.testing.assert_allclose(far / near, 2, rtol=0.03)


def test_modes_do_not_meet():
    """LINEAR-saxe: a mode grows alone as it does among others; the strongest first."""
    together = trajectories(KEY, (5.0, 2.0), steps=2000).descent
    for column, s in enumerate((5.0, 2.0)):
        alone = trajectories(jax.random.key(1), (s,), steps=2000).descent[:, 0]
        np.testing.assert_allclose(together[:, column], alone, rtol=1e-8)
    half = jnp.argmax(together > jnp.array([2.5, 1.0]), axis=0)
    np.testing.assert_allclose(half[1] / half[0], 2.5 * np.log(2 / 1e-3) / np.log(5 / 1e-3), rtol=0.02)


def test_the_problem_is_what_the_derivation_assumes():
    """LINEAR-saxe: white inputs of mean 0, the modes asked for, balanced, biases at rest; squared_error doubles it."""
    x, y, V, U, params = problem(KEY, (3.0, 2.0, 0.5), 0.01)
    n = len(x)
    np.testing.assert_allclose(x.T @ x / n, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(x.sum(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(V.T @ (x.T @ y / n) @ U, np.diag([3.0, 2.0, 0.5]), atol=1e-12)
    np.testing.assert_allclose(params[0].W.T @ params[0].W, params[1].W @ params[1].W.T, atol=1e-12)
    half, whole = (MLP((3, 3, 3), "identity", loss) for loss in ("l2_loss", "squared_error"))
    np.testing.assert_allclose(predict(half, params, x), 0.01 * x @ V @ U.T, atol=1e-12)
    _, gradient = backprop(half, params, x, y)
    np.testing.assert_allclose([layer.b for layer in gradient], 0, atol=1e-12)
    np.testing.assert_allclose(backprop(whole, params, x, y)[1][0].W, 2 * gradient[0].W, rtol=1e-12)
    error = np.diag([3.0, 2.0, 0.5]) - 0.01 * np.eye(3)
    np.testing.assert_allclose(gradient[0].W, -V @ error @ U.T @ params[1].W.T, atol=1e-12)
