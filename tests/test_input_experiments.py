"""Training on derivatives in the input: the losses against nested JAX, and what they achieve."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support import problem, relative_error
from test_input_derivatives import by_jax_gradient, by_jax_laplacian

from mlpjax import MLP, Layer, forward
from mlpjax.experiments.minimising import minimised
from mlpjax.experiments.poisson import poisson, poisson_loss, solution
from mlpjax.experiments.signed_distance import circle, eikonal_loss
from mlpjax.experiments.sobolev import sobolev, sobolev_loss

KEY = jax.random.key(0)
NETWORK = MLP((3, 4, 5, 1), "tanh")


def both_ways(ours, theirs):
    """A loss of the parameters and its gradient, by the library and by nested JAX."""
    params = problem(NETWORK)[0]
    return (jax.value_and_grad(loss)(params) for loss in (ours, theirs))


@pytest.mark.against_jax
def test_the_eikonal_loss():
    """EIKONAL: definition, value and gradient in the parameters."""
    x = problem(NETWORK)[1]
    ours, theirs = both_ways(
        lambda params: eikonal_loss(NETWORK, params, x),
        lambda params: jnp.mean((jnp.linalg.norm(by_jax_gradient(NETWORK, params, x), axis=1) - 1) ** 2),
    )
    assert relative_error(ours, theirs) <= 1e-12


def test_the_eikonal_loss_of_a_distance_and_where_there_is_no_slope():
    """EIKONAL: invariant, a plane has slope 1 whatever its normal and its place; edge, a slope of 0 has a finite gradient."""
    normal = jnp.array([[0.6], [-0.8]])
    x = jax.random.normal(KEY, (5, 2))
    for b in (0.0, 3.0):
        np.testing.assert_allclose(eikonal_loss(MLP((2, 1)), (Layer(normal, jnp.array([b])),), x), 0, atol=1e-30)
    flat = (Layer(0 * normal, jnp.zeros(1)),)
    value, gradient = jax.value_and_grad(lambda params: eikonal_loss(MLP((2, 1)), params, x))(flat)
    assert value == 1
    np.testing.assert_array_equal(gradient[0].W, 0)


@pytest.mark.against_jax
def test_the_poisson_loss():
    """POISSON: definition, value and gradient in the parameters."""
    _, x, y, *_ = problem(NETWORK)
    ours, theirs = both_ways(
        lambda params: poisson_loss(NETWORK, params, x, y),
        lambda params: jnp.mean((by_jax_laplacian(NETWORK, params, x) + y) ** 2),
    )
    assert relative_error(ours, theirs) <= 1e-12


def test_the_solution_solves_the_equation():
    """POISSON: invariant, -laplacian u = 2 pi^2 u, and 0 on the edge."""
    x = jax.random.uniform(KEY, (5, 2))
    hessian = jax.vmap(jax.hessian(lambda x: solution(x[None])[0, 0]))(x)
    np.testing.assert_allclose(-jnp.trace(hessian, axis1=1, axis2=2), 2 * jnp.pi**2 * solution(x)[:, 0], rtol=1e-12)
    np.testing.assert_allclose(solution(jnp.array([[0.0, 0.3], [1.0, 0.5], [0.2, 1.0]])), 0, atol=1e-15)


@pytest.mark.against_jax
def test_the_sobolev_loss():
    """SOBOLEV: definition, value and gradient in the parameters."""
    _, x, y, *_ = problem(NETWORK)
    ours, theirs = both_ways(
        lambda params: sobolev_loss(NETWORK, params, x, y, x, 0.3),
        lambda params: (
            jnp.mean((forward(NETWORK, params, x).z[-1] - y) ** 2)
            + 0.3 * jnp.mean(jnp.sum((by_jax_gradient(NETWORK, params, x) - x) ** 2, axis=1))
        ),
    )
    assert relative_error(ours, theirs) <= 1e-12


def test_the_sobolev_loss_of_the_function_itself():
    """SOBOLEV: invariant, 0 at the function; edge, one example and a strength of 0, the loss of the values alone."""
    w, x = jnp.array([[2.0], [-1.0]]), jnp.array([[0.3, 0.4]])
    params, slope = (Layer(w, jnp.ones(1)),), jnp.broadcast_to(w.T, (1, 2))
    assert sobolev_loss(MLP((2, 1)), params, x, x @ w + 1, slope) == 0
    assert sobolev_loss(MLP((2, 1)), params, x, x @ w + 3, 0 * slope, 0.0) == 4


def test_a_minimum_is_found():
    params = problem(NETWORK)[0]
    found = jax.jit(lambda params: minimised(lambda params: sum(jnp.sum((W - 1) ** 4) for W, _ in params), params, 30))(params)
    assert found.loss.shape == (30,)
    assert found.loss[-1] < 1e-6 * found.loss[0]
    for (W, b), (_, b_before) in zip(found.params, params, strict=True):
        np.testing.assert_allclose(W, 1, atol=0.05)
        np.testing.assert_array_equal(b, b_before)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_the_distance_from_a_circle(seed):
    """EIKONAL: the square is filled from 16 points of the circle, as it is not without the term."""
    alone, found = (circle(jax.random.key(seed), strength=strength) for strength in (0.0, 1.0))
    assert found.error < 0.03
    assert found.error < alone.error / 5
    assert found.slope_error < alone.slope_error / 5
    assert found.loss[-1] < found.loss[0] / 50


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_a_poisson_equation_is_solved(seed):
    """POISSON: the error is small, and within the bound that needs no solution."""
    found = poisson(jax.random.key(seed))
    assert found.error < 0.01
    assert found.error < found.bound < 0.1
    assert found.residual < 0.05 * 2 * jnp.pi**2


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_slopes_stand_for_points(seed):
    """SOBOLEV: 16 values with their slopes say more than 16 values."""
    alone, both = (sobolev(jax.random.key(seed), strength=strength) for strength in (0.0, 1.0))
    assert both.error < alone.error / 3
    assert both.slope_error < alone.slope_error / 3
    assert alone.loss[-1] < 1e-3
