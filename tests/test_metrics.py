"""Accuracy and R², against scikit-learn's."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.metrics import accuracy_score, r2_score
from support import LOSSES, targets

from mlpjax import losses, metrics
from mlpjax.fitting.epochs import Examples, validate
from mlpjax.network import MLP, init, predict

N = 40


def logits_and_targets(loss, k: int):
    random = np.random.default_rng(k)
    z, y = jnp.asarray(random.normal(size=(N, k))), targets(loss, random, N, k)
    return z, y, jnp.asarray(random.uniform(size=N) * (random.uniform(size=N) < 0.8))


def decided(loss, z, y):
    """Predictions and targets as scikit-learn takes them: labels, rows of decisions, or numbers."""
    prediction = np.asarray(loss.inverse_link(z))
    if loss.target is losses.LABELS or loss.target is losses.DISTRIBUTIONS:
        return prediction.argmax(axis=1), np.asarray(y if y.ndim == 1 else y.argmax(axis=1))
    return (prediction > 0.5, np.asarray(y) > 0.5) if loss.target is losses.SHARES else (prediction, np.asarray(y))


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize("name", LOSSES)
def test_the_score_of_every_loss_is_scikit_learn_s(name, k, weighted):
    """ACCURACY R2: definition."""
    loss = LOSSES[name]
    z, y, weights = logits_and_targets(loss, k)
    weights = weights if weighted else None
    prediction, wanted = decided(loss, z, y)
    expected = {"accuracy": accuracy_score, "r2": r2_score}[metrics.score_name(loss)](wanted, prediction, sample_weight=weights)
    np.testing.assert_allclose(metrics.score(loss, z, y, weights), expected, rtol=1e-12)


def test_a_score_says_which_it_is():
    assert metrics.score_name(losses.squared_error) == metrics.score_name(losses.poisson_loss) == "r2"
    assert metrics.score_name(losses.softmax_cross_entropy) == metrics.score_name(losses.hinge_loss) == "accuracy"


def test_all_outputs_must_be_right():
    """ACCURACY: of two labels that do not exclude each other, one right one is not enough."""
    z, y = jnp.array([[1.0, 1.0], [1.0, -1.0], [-1.0, -1.0]]), jnp.ones((3, 2))
    np.testing.assert_allclose(metrics.score(losses.sigmoid_binary_cross_entropy, z, y), 1 / 3)


@pytest.mark.parametrize("value", [0.0, 0.5, 0.1, 1e6 + 0.1])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_constant_target(value, dtype):
    """R2: 1 where it is predicted exactly, 0 elsewhere, and no division by what rounding leaves."""
    y = jnp.full((7, 1), value, dtype)
    weights = jnp.linspace(0.1, 1.3, 7)
    assert metrics.r2(y, y, weights) == 1 == r2_score(y, y)
    assert metrics.r2(y + 1, y, weights) == 0 == r2_score(np.zeros((7, 1)), np.ones((7, 1)))


def test_outputs_count_alike():
    """R2: the mean over the outputs, whatever their units."""
    y = np.random.default_rng(0).normal(size=(N, 3)) * [1, 1000, 1]
    y[:, 2] = 4
    prediction = y + np.random.default_rng(1).normal(size=(N, 3)) * [1, 500, 0]
    got = metrics.r2(jnp.asarray(prediction), jnp.asarray(y), jnp.ones(N))
    np.testing.assert_allclose(got, r2_score(y, prediction), rtol=1e-12)


def test_large_numbers_in_float16_do_not_overflow():
    """R2"""
    y = np.linspace(-1000, 1000, N)[:, None].astype(np.float16)
    z = (0.75 * y).astype(np.float16)
    got = metrics.score(losses.squared_error, jnp.asarray(z), jnp.asarray(y))
    np.testing.assert_allclose(got, r2_score(y.astype(float), z.astype(float)), rtol=1e-6)


@pytest.mark.parametrize("name", ["squared_error", "softmax_cross_entropy_with_integer_labels"])
def test_validation_is_the_loss_without_the_penalty_and_the_score(name):
    """MEAN ACCURACY R2"""
    mlp = MLP((3, 4, 3), "tanh", name)
    params = init(mlp, jax.random.key(0))
    x = jax.random.normal(jax.random.key(1), (N, 3))
    _, y, weights = logits_and_targets(mlp.loss, 3)
    loss, score = validate(mlp, params, Examples(x, y, weights))
    prediction = predict(mlp, params, x)
    if name == "squared_error":
        rows = np.sum((prediction - y) ** 2, axis=1)
        expected = r2_score(y, prediction, sample_weight=weights)
    else:
        rows = -np.log(np.asarray(prediction)[np.arange(N), y])
        expected = accuracy_score(y, prediction.argmax(axis=1), sample_weight=weights)
    np.testing.assert_allclose(loss, np.average(rows, weights=weights), rtol=1e-12)
    np.testing.assert_allclose(score, expected, rtol=1e-12)
