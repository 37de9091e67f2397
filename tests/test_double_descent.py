"""Double descent in linear regression: measured against its closed forms, and gradient descent against the least norm."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support import relative_error

from mlpjax.experiments.double_descent import descend_from_zero, double_descent, expected_risk, limiting_risk, minimum_norm

KEY = jax.random.key(0)
FEATURES = (5, 10, 14, 26, 30, 40, 80)


def test_the_measured_risk_is_the_exact_one():
    """LINEAR-double_descent: definition, 1,000 training sets of 20 examples are within four standard errors, each below 5 %."""
    record = double_descent(KEY, FEATURES, n=20, noise=0.5, draws=1000)
    assert (np.abs(record.risk - record.expected) < 4 * record.standard_error).all()
    assert (record.standard_error < 0.05 * record.expected).all()
    np.testing.assert_allclose(record.expected, [expected_risk(20, p) for p in FEATURES])
    np.testing.assert_allclose(record.limit, limiting_risk(record.ratio))


def test_the_risk_descends_explodes_and_descends_again():
    """LINEAR-double_descent: in each of five sets of draws the peak is ten times the risk on either side."""
    for key in jax.random.split(KEY, 5):
        few, peak, many = double_descent(key, (10, 20, 40), n=20, draws=100).risk
        assert peak > 10 * max(few, many)


def test_without_noise_only_what_the_examples_do_not_see_is_missing():
    """LINEAR-double_descent: edge, the share 1 - n/p, none with as many examples as features."""
    record = double_descent(KEY, (5, 20, 40, 80), n=20, noise=0.0, draws=400)
    np.testing.assert_allclose(record.expected, [0, 0, 0.5, 0.75])
    np.testing.assert_allclose(record.limit, record.expected)
    np.testing.assert_allclose(record.risk, record.expected, atol=0.02)


@pytest.mark.parametrize("noise", [0.3, 1.0])
def test_the_limit_of_many_examples(noise):
    """LINEAR-double_descent: the published form, written out, is the limit of the exact one; infinite where they are as many."""
    gamma = np.array([0.1, 0.5, 0.9])
    np.testing.assert_allclose(limiting_risk(gamma, noise), noise**2 * gamma / (1 - gamma), rtol=1e-12)
    np.testing.assert_allclose(limiting_risk(1 / gamma, noise), 1 - gamma + noise**2 / (1 / gamma - 1), rtol=1e-12)
    for ratio in (*gamma, *(1 / gamma)):
        np.testing.assert_allclose(expected_risk(1e7, ratio * 1e7, noise), limiting_risk(ratio, noise), rtol=1e-5)
    assert limiting_risk(1.0, noise) == np.inf
    assert np.isinf(expected_risk(20, [19, 20, 21], noise)).all()
    assert np.isfinite(expected_risk(20, [18, 22], noise)).all()


@pytest.mark.parametrize("shape", [(30, 10), (10, 30), (1, 4), (4, 1)])
def test_gradient_descent_finds_the_least_norm(shape):
    """LINEAR-minimum_norm: definition by backprop from zeros; invariant, no other solution is shorter."""
    of_x, of_y, of_other = jax.random.split(KEY, 3)
    x, y = jax.random.normal(of_x, shape), jax.random.normal(of_y, (shape[0], 2))
    w = minimum_norm(x, y)
    assert relative_error(descend_from_zero(x, y), w) <= 1e-9
    np.testing.assert_allclose(x.T @ (x @ w - y), 0, atol=1e-10)
    np.testing.assert_allclose(w, np.linalg.lstsq(x, y)[0], atol=1e-10)
    other = jax.random.normal(of_other, w.shape)
    unseen = other - minimum_norm(x, x @ other)
    np.testing.assert_allclose(x @ (w + unseen), x @ w, atol=1e-10)
    np.testing.assert_allclose(jnp.sum((w + unseen) ** 2), jnp.sum(w**2) + jnp.sum(unseen**2), rtol=1e-10)


def test_features_that_say_the_same_share_the_weight():
    """LINEAR-minimum_norm: edge, equal columns and a column of zeros."""
    x = jnp.array([[1.0, 1.0, 0.0], [2.0, 2.0, 0.0], [3.0, 3.0, 0.0]])
    y = 4 * x[:, :1]
    np.testing.assert_allclose(minimum_norm(x, y)[:, 0], [2, 2, 0], atol=1e-12)
    np.testing.assert_allclose(descend_from_zero(x, y, steps=50)[:, 0], [2, 2, 0], atol=1e-12)


@pytest.mark.parametrize("options", [{"n": 0}, {"features": (0, 3)}, {"draws": 1}])
def test_what_cannot_be_measured_is_said(options):
    with pytest.raises(ValueError, match="draws of 2 or more"):
        double_descent(KEY, **({"features": (1, 2)} | options))
