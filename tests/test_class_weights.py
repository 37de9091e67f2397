"""Weights for classes, as weights for their examples: against scikit-learn's."""

import jax
import numpy as np
import optax
import pytest
from sklearn.utils.class_weight import compute_sample_weight

from mlpjax import MLP, fit, init, losses
from mlpjax.fitting.class_weights import example_weights


def test_balanced_weights_are_scikit_learn_s():
    """CLASS-WEIGHTS"""
    y = np.array([0, 0, 0, 1, 2, 2])
    got = example_weights(losses.softmax_cross_entropy_with_integer_labels, y, 3, "balanced")
    np.testing.assert_allclose(got, compute_sample_weight("balanced", y))
    np.testing.assert_allclose([got[y == number].sum() for number in range(3)], [2, 2, 2])
    np.testing.assert_allclose(example_weights(losses.softmax_cross_entropy, np.eye(3)[y], 3, "balanced"), got)


def test_two_classes_however_they_are_written():
    """CLASS-WEIGHTS"""
    y = np.array([1, 0, 0, 0, 1, 0])
    wanted = compute_sample_weight("balanced", y)
    shares, signs = y[:, None].astype(float), 2.0 * y[:, None] - 1
    np.testing.assert_allclose(example_weights(losses.sigmoid_binary_cross_entropy, shares, 1, "balanced"), wanted)
    np.testing.assert_allclose(example_weights(losses.hinge_loss, signs, 1, "balanced"), wanted)
    np.testing.assert_allclose(example_weights(losses.perceptron_loss, signs, 1, {1: 5.0}), np.where(y, 5, 1))
    half = example_weights(losses.sigmoid_binary_cross_entropy, np.array([[0.25]]), 1, [1.0, 3.0])
    np.testing.assert_allclose(half, [0.75 * 1 + 0.25 * 3])


def test_a_class_without_examples_is_no_division_by_zero():
    """CLASS-WEIGHTS"""
    got = example_weights(losses.softmax_cross_entropy_with_integer_labels, np.array([0, 2, 2]), 3, "balanced")
    np.testing.assert_allclose(got, [1, 0.5, 0.5])


def same(one, other) -> bool:
    leaves = [jax.tree.leaves((state.params, history)) for state, history in (one, other)]
    return all(np.array_equal(a, b) for a, b in zip(*leaves, strict=True))


def test_class_weights_are_weights_of_examples():
    """CLASS-WEIGHTS"""
    mlp = MLP((3, 4, 3), "tanh", "softmax_cross_entropy_with_integer_labels")
    params, y = init(mlp, jax.random.key(0)), (np.arange(30) % 7 % 3).astype(np.int32)
    x = np.random.default_rng(0).standard_normal((30, 3))
    options = {"key": jax.random.key(1), "optimizer": optax.adam(0.03), "epochs": 3, "batch_size": 4}
    options["validation"] = (x[:6], y[:6])
    weights = np.linspace(0.1, 2, 30)
    for given in ([1.0, 2.0, 0.5], np.array([1.0, 2.0, 0.5]), {1: 2.0, 2: 0.5}):
        got = fit(mlp, params, x, y, class_weights=given, weights=weights, **options)
        assert same(got, fit(mlp, params, x, y, weights=weights * np.array([1, 2, 0.5])[y], **options))
    balanced = fit(mlp, params, x, y, class_weights="balanced", **options)
    assert same(balanced, fit(mlp, params, x, y, weights=compute_sample_weight("balanced", y), **options))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("balance", "numbers or \"balanced\", got 'balance'"),
        ([1.0, 2.0], "must be 3 finite numbers of 0 or more"),
        ([1.0, 2.0, -1.0], "must be 3 finite numbers of 0 or more"),
        ([1.0, 2.0, np.nan], "must be 3 finite numbers of 0 or more"),
        ({3: 1.0}, "names the class 3; there are classes 0 to 2"),
    ],
)
def test_class_weights_that_cannot_be(given, message):
    with pytest.raises(ValueError, match=message):
        example_weights(losses.softmax_cross_entropy_with_integer_labels, np.array([0, 1, 2]), 3, given)


@pytest.mark.parametrize("loss", [losses.squared_error, losses.poisson_loss, losses.sigmoid_binary_cross_entropy])
def test_class_weights_need_classes(loss):
    with pytest.raises(ValueError, match=r"classes that exclude each other.*Pass weights"):
        example_weights(loss, np.ones((4, 2)), 2, "balanced")
