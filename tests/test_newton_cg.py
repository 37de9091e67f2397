"""Newton's method by conjugate gradients, and what a posterior by its matrix says; the sharpness that descent ends with."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree
from support import problem

from mlpjax import MLP, Penalty, init
from mlpjax.experiments.laplace import gap, laplace, predictive_variance
from mlpjax.experiments.newton_cg import newton_cg, race
from mlpjax.experiments.sharpness import edge_of_stability, sharpness
from mlpjax.gradients import hessian

KEY = jax.random.key(0)
ALPHA, BETA = 0.5, 4.0


def with_one(x):
    return np.column_stack([x, np.ones(len(x))])


@pytest.fixture(scope="module")
def regression():
    """A linear network at the mode of its posterior, examples, and the closed form: precision and mean."""
    mlp = MLP((3, 1), loss="l2_loss")
    params, x, y, _, _ = problem(mlp, n=12)
    found = newton_cg(mlp, params, x, y, steps=8, damping=1e-9, decay=ALPHA / (12 * BETA))
    precision = BETA * with_one(x).T @ with_one(x) + ALPHA * np.eye(4)
    return mlp, found, x, y, precision


def test_newton_solves_a_quadratic_in_one_step(regression):
    """GGN-product: the mode of Bayesian linear regression, its bias with it."""
    _, found, x, y, precision = regression
    mode = BETA * np.linalg.solve(precision, with_one(x).T @ y)
    np.testing.assert_allclose(ravel_pytree(found.params)[0], mode[:, 0], rtol=1e-6)
    np.testing.assert_allclose(found.loss[1:], found.loss[-1], rtol=1e-8)
    assert found.loss[0] > 1.5 * found.loss[1]


def test_the_posterior_of_linear_regression_is_the_closed_form(regression):
    """LAPLACE: covariance and predictive variance; with a wide prior on no examples' side it is the prior's."""
    mlp, found, x, y, precision = regression
    covariance = laplace(mlp, found.params, x, y, prior_precision=ALPHA, noise_precision=BETA)
    np.testing.assert_allclose(covariance, np.linalg.inv(precision), rtol=1e-10)
    new = jax.random.normal(jax.random.key(5), (6, 3))
    expected = np.einsum("np,pq,nq->n", with_one(new), np.linalg.inv(precision), with_one(new))
    np.testing.assert_allclose(predictive_variance(mlp, found.params, new, covariance)[:, 0], expected, rtol=1e-10)
    np.testing.assert_allclose(laplace(mlp, found.params, x, y, prior_precision=1e12), np.eye(4) * 1e-12, rtol=1e-9, atol=1e-22)
    with pytest.raises(ValueError, match="absolute_error is not the negative log-likelihood"):
        laplace(MLP((3, 1), loss="absolute_error"), found.params, x, y)


@pytest.mark.slow
def test_newton_wins_the_race_and_ends_at_a_minimum():
    found = race(KEY, steps=20, iterations=30)
    assert found.newton[-1] < 0.6 * found.descent[-1]
    assert (jnp.diff(found.newton) <= 0).all()
    np.testing.assert_allclose(found.newton[0], found.descent[0], rtol=1e-12)


def test_the_damping_rises_where_the_model_is_wrong():
    mlp = MLP((1, 8, 1), "tanh", "l2_loss")
    x = jnp.linspace(-2, 2, 30)[:, None]
    found = newton_cg(mlp, init(mlp, KEY), x, jnp.sin(3 * x), steps=25, damping=1e-8, iterations=30)
    assert found.damping[0] == 1e-8
    assert found.damping.max() > 2e-8
    assert found.loss[-1] < 0.5 * found.loss[0]


def test_a_network_is_less_sure_where_it_has_seen_nothing():
    """LAPLACE: in the gap and outside, and never surer than where the examples are."""
    found = gap(KEY)
    among = found.deviation[(abs(found.x) > 0.5) & (abs(found.x) < 1.5)]
    assert found.deviation[50] > 2 * among.max()
    assert found.deviation[-1] > 2 * among.max()
    np.testing.assert_allclose(found.mean[25:76:50], np.sin(3 * found.x[25:76:50]), atol=0.1)


def test_sharpness_is_the_largest_eigenvalue():
    """HVP-backward: of the dense Hessian, with weights and penalty."""
    mlp = MLP((2, 3, 1), "tanh")
    params, x, y, weights, _ = problem(mlp)
    options = {"weights": weights, "penalty": Penalty(l2=0.3)}
    with jax.disable_jit():
        expected = jnp.linalg.eigvalsh(hessian(mlp, params, x, y, **options))[-1]
    np.testing.assert_allclose(sharpness(mlp, params, x, y, **options), expected, rtol=1e-8)


@pytest.mark.slow
def test_descent_ends_at_the_edge_of_stability():
    """HVP-backward: within a tenth of 2 / learning rate, from well below, while the loss still falls."""
    found = edge_of_stability(KEY)
    assert found.limit == 20
    assert found.sharpness[0] < 0.3 * found.limit
    np.testing.assert_allclose(found.sharpness[-10:].mean(), found.limit, rtol=0.1)
    assert found.loss[-1] < 0.1 * found.loss[0]
