"""One neuron and three losses: perceptron, logistic regression, linear regression."""

import jax
import numpy as np
import optax
import pytest
from sklearn.linear_model import Lasso, LinearRegression, LogisticRegression, QuantileRegressor

from mlpjax import MLP, Penalty, epoch, fit, init, penalties, predict
from mlpjax.training import epoch_plan, start

ROSENBLATT = optax.sgd(1.0)


def separable(seed: int, n: int = 40, d: int = 3, margin: float = 0.3):
    """Points at least `margin` away from a random plane, and the plane, with the bias as a last component of norm 1."""
    rng = np.random.default_rng(seed)
    plane = rng.normal(size=d + 1)
    plane[-1] *= 0.2
    plane /= np.linalg.norm(plane)
    x = rng.normal(size=(20 * n, d))
    distance = x @ plane[:-1] + plane[-1]
    keep = np.abs(distance) >= margin
    return x[keep][:n], np.sign(distance[keep][:n])[:, None], plane


def rosenblatt(x, y, orders):
    """His error-correction rule in NumPy: on a mistake add y x, and count the mistakes."""
    w, b, mistakes = np.zeros(x.shape[1]), 0.0, 0
    for i in orders:
        predicted = 1.0 if w @ x[i] + b > 0 else -1.0
        if predicted != y[i, 0]:
            w, b, mistakes = w + y[i, 0] * x[i], b + y[i, 0], mistakes + 1
    return w, b, mistakes


@pytest.mark.parametrize("seed", range(5))
def test_perceptron_repeats_rosenblatt_s_rule_and_keeps_novikoff_s_bound(seed):
    """LOSS-perceptron_loss STEP EPOCH BATCHES"""
    x, y, plane = separable(seed)
    mlp = MLP((3, 1), loss="perceptron_loss")
    state = start(init(mlp, jax.random.key(0), "zeros"), ROSENBLATT, jax.random.key(seed))
    orders = []
    for _ in range(8):
        orders.extend(np.asarray(epoch_plan(state.key, len(x), 1, None)[1].rows)[:, 0])
        state, _ = epoch(mlp, ROSENBLATT, state, x, y, batch_size=1)
    w, b, mistakes = rosenblatt(x, y, orders)
    np.testing.assert_array_equal(state.params[0].W[:, 0], w)
    np.testing.assert_array_equal(state.params[0].b[0], b)

    extended = np.c_[x, np.ones(len(x))]
    radius, margin = np.linalg.norm(extended, axis=1).max(), (y[:, 0] * (extended @ plane)).min()
    assert 0 < mistakes <= (radius / margin) ** 2
    np.testing.assert_array_equal(predict(mlp, state.params, x), y)


@pytest.fixture(scope="module")
def measurements():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(80, 3))
    return x, (x @ [1.0, -2.0, 0.0] + 0.5 + 0.3 * rng.normal(size=80))[:, None]


def descend(mlp, x, y, penalty=None, optimizer=None, epochs=2000, batch_size=None):
    """Full-batch descent from zeros until nothing moves any more."""
    params = init(mlp, jax.random.key(0), "zeros")
    optimizer = optimizer or optax.sgd(0.2)
    state, history = fit(
        mlp,
        params,
        x,
        y,
        key=jax.random.key(0),
        optimizer=optimizer,
        epochs=epochs,
        batch_size=batch_size or len(x),
        penalty=penalty,
        tol=1e-13,
    )
    assert history.stopped == "converged"
    return state.params[0]


def test_identity_and_squared_error_are_linear_regression(measurements):
    """LOSS-squared_error FIT"""
    x, y = measurements
    theirs = LinearRegression().fit(x, y[:, 0])
    W, b = descend(MLP((3, 1)), x, y)
    np.testing.assert_allclose(W[:, 0], theirs.coef_, rtol=1e-8)
    np.testing.assert_allclose(b[0], theirs.intercept_, rtol=1e-8)


def test_sigmoid_and_cross_entropy_are_logistic_regression(measurements):
    """LOSS-sigmoid_binary_cross_entropy PENALTY: scikit-learn's penalty ||w||^2 / 2 on a sum is ours / (2 C n) on a mean."""
    x, y = measurements
    labels = (y > 0).astype(float)
    theirs = LogisticRegression(C=1.0, tol=1e-10).fit(x, labels[:, 0])
    W, b = descend(
        MLP((3, 1), loss="sigmoid_binary_cross_entropy"), x, labels, Penalty(l2=1 / (2 * len(x))), optax.sgd(1.0), 5000
    )
    np.testing.assert_allclose(W[:, 0], theirs.coef_[0], rtol=1e-5)
    np.testing.assert_allclose(b[0], theirs.intercept_[0], rtol=1e-5)


def test_softmax_over_two_classes_learns_what_the_sigmoid_learns(measurements):
    x, _ = measurements
    labels = (x[:, 0] + np.random.default_rng(1).normal(size=len(x)) > 0).astype(int)
    two = descend(MLP((3, 2), loss="softmax_cross_entropy_with_integer_labels"), x, labels, None, optax.sgd(1.0), 5000)
    one = descend(MLP((3, 1), loss="sigmoid_binary_cross_entropy"), x, labels[:, None], None, optax.sgd(1.0), 5000)
    np.testing.assert_allclose(two.W[:, 1] - two.W[:, 0], one.W[:, 0], rtol=1e-8)
    np.testing.assert_allclose(two.b[1] - two.b[0], one.b[0], rtol=1e-8)


def test_l1_by_the_proximal_step_is_the_lasso(measurements):
    """PENALTY-proximal: zeros where scikit-learn's has them; its loss is half of the mean square."""
    x, y = measurements
    theirs = Lasso(alpha=0.2, tol=1e-12).fit(x, y[:, 0])
    optimizer = optax.chain(optax.sgd(0.2), penalties.proximal(Penalty(l1=0.2), 0.2))
    W, b = descend(MLP((3, 1), loss="l2_loss"), x, y, None, optimizer)
    assert (np.asarray(W[:, 0]) == 0).tolist() == (theirs.coef_ == 0).tolist() == [False, False, True]
    np.testing.assert_allclose(W[:, 0], theirs.coef_, rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(b[0], theirs.intercept_, rtol=1e-8)


def test_quantile_loss_is_quantile_regression(measurements):
    """LOSS-quantile_loss"""
    x, y = measurements
    theirs = QuantileRegressor(quantile=0.8, alpha=0.0).fit(x, y[:, 0])
    mlp = MLP((3, 1), loss="quantile_loss(0.8)")
    schedule = optax.exponential_decay(0.05, 1000, 0.5)
    params = init(mlp, jax.random.key(0), "zeros")
    state, _ = fit(mlp, params, x, y, key=jax.random.key(0), optimizer=optax.adam(schedule), epochs=10_000, batch_size=80)
    np.testing.assert_allclose(predict(mlp, state.params, x)[:, 0], theirs.predict(x), atol=0.02)
    assert abs(float((y < predict(mlp, state.params, x)).mean()) - 0.8) < 0.05
