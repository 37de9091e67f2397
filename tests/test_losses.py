"""Every registered loss: delta, curvature and inverse link against JAX, its extremes and its name."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from support import LOSSES, relative_error, targets

from mlpjax import activations, losses
from mlpjax.losses import Loss

N, K = 6, 3


def draw(loss, seed=0, scale=2.0):
    random = np.random.default_rng(seed)
    z, v = scale * random.normal(size=(N, K)), random.normal(size=(N, K))
    return jnp.asarray(z), targets(loss, random, N, K), jnp.asarray(v)


OPTAX = {
    "squared_error": optax.losses.squared_error,
    "l2_loss": optax.losses.l2_loss,
    "huber_loss(1.0)": optax.losses.huber_loss,
    "sigmoid_binary_cross_entropy": optax.losses.sigmoid_binary_cross_entropy,
    "softmax_cross_entropy": optax.losses.softmax_cross_entropy,
    "softmax_cross_entropy_with_integer_labels": optax.losses.softmax_cross_entropy_with_integer_labels,
    "perceptron_loss": optax.losses.perceptron_loss,
    "hinge_loss": optax.losses.hinge_loss,
}
WRITTEN_OUT = {
    "absolute_error": lambda z, y: jnp.abs(z - y),
    "quantile_loss(0.5)": lambda z, y: jnp.maximum(0.5 * (y - z), -0.5 * (y - z)),
    "quantile_loss(0.9)": lambda z, y: jnp.maximum(0.9 * (y - z), -0.1 * (y - z)),
    "poisson_loss": lambda z, y: jnp.exp(z) - y * z,
    "squared_error@sigmoid": lambda z, y: (jax.nn.sigmoid(z) - y) ** 2,
    "huber_loss(0.5)@softplus": lambda z, y: optax.losses.huber_loss(jax.nn.softplus(z), y, delta=0.5),
}


@pytest.mark.parametrize("name", LOSSES)
def test_value_is_the_field_s(name):
    """LOSS-squared_error LOSS-l2_loss LOSS-huber_loss LOSS-absolute_error LOSS-quantile_loss LOSS-sigmoid_binary_cross_entropy
    LOSS-softmax_cross_entropy LOSS-softmax_cross_entropy_with_integer_labels LOSS-perceptron_loss LOSS-hinge_loss
    LOSS-poisson_loss LOSS-at_output"""
    z, y, _ = draw(LOSSES[name])
    expected = {**OPTAX, **WRITTEN_OUT}[name](z, y)
    expected = expected.sum(axis=1) if expected.ndim == 2 else expected
    np.testing.assert_allclose(LOSSES[name].value(z, y), expected, rtol=1e-12, atol=1e-14)


@pytest.mark.against_jax
@pytest.mark.parametrize("name", LOSSES)
def test_delta_is_the_gradient_and_curvature_the_hessian_times_a_vector(name):
    """LOSS-squared_error LOSS-l2_loss LOSS-huber_loss LOSS-absolute_error LOSS-quantile_loss LOSS-sigmoid_binary_cross_entropy
    LOSS-softmax_cross_entropy LOSS-softmax_cross_entropy_with_integer_labels LOSS-perceptron_loss LOSS-hinge_loss
    LOSS-poisson_loss LOSS-at_output"""
    loss = LOSSES[name]
    z, y, v = draw(loss)
    gradient = jax.grad(lambda z: loss.value(z, y).sum())
    expected = gradient(z), jax.jvp(gradient, (z,), (v,))[1]
    assert relative_error((loss.delta(z, y), loss.curvature(z, y, v)), expected) <= 1e-13
    np.testing.assert_allclose(loss.delta(z, y), expected[0], rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(loss.curvature(z, y, v), expected[1], rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("dtype", [jnp.float16, jnp.bfloat16, jnp.float32, jnp.float64])
@pytest.mark.parametrize("name", [name for name in LOSSES if name != "poisson_loss"])
def test_delta_is_finite_at_extreme_logits_and_keeps_the_dtype(name, dtype):
    loss = LOSSES[name]
    z = jnp.array([[1e4, -1e4, 0], [100, -100, 1e-3], [0, 0, 0]], dtype)
    y = targets(loss, np.random.default_rng(0), 3, 3)
    y = y if loss.target.labels else y.astype(dtype)
    for value in (loss.delta(z, y), loss.curvature(z, y, jnp.ones_like(z)), loss.inverse_link(z)):
        assert value.dtype == dtype
        assert np.isfinite(np.asarray(value, np.float64)).all()
    if dtype != jnp.float16:
        assert np.isfinite(np.asarray(loss.value(z, y), np.float64)).all()


@pytest.mark.parametrize("name", LOSSES)
def test_delta_agrees_with_autodiff_where_the_loss_has_a_kink(name):
    loss = LOSSES[name]
    z = jnp.zeros((N, K))
    y = jnp.zeros((N, K)) if loss.target in (losses.NUMBERS, losses.COUNTS) else draw(loss)[1]
    np.testing.assert_allclose(loss.delta(z, y), jax.grad(lambda z: loss.value(z, y).sum())(z), atol=1e-15)


def test_softmax_delta_sums_to_zero():
    loss = losses.softmax_cross_entropy_with_integer_labels
    z, y, v = draw(loss, scale=30.0)
    np.testing.assert_allclose(loss.delta(z, y).sum(axis=1), 0, atol=1e-15)
    np.testing.assert_allclose(loss.curvature(z, y, v).sum(axis=1), 0, atol=1e-14)


def test_one_hot_and_integer_labels_are_the_same_loss():
    z, y, _ = draw(losses.softmax_cross_entropy_with_integer_labels)
    one_hot = jax.nn.one_hot(y, K)
    for part in ("value", "delta"):
        of_labels = getattr(losses.softmax_cross_entropy_with_integer_labels, part)(z, y)
        np.testing.assert_allclose(of_labels, getattr(losses.softmax_cross_entropy, part)(z, one_hot), rtol=1e-14)


def test_cross_entropies_keep_their_precision_far_out():
    far = jnp.array([[50.0]])
    np.testing.assert_allclose(losses.sigmoid_binary_cross_entropy.value(far, jnp.ones((1, 1))), np.exp(-50.0), rtol=1e-12)
    certain = losses.softmax_cross_entropy_with_integer_labels.value(jnp.array([[1e4, -1e4]]), jnp.array([1]))
    np.testing.assert_allclose(certain, 2e4)


def test_two_class_softmax_is_the_sigmoid_of_the_difference():
    z = jax.random.normal(jax.random.key(0), (N, 2))
    y = jax.random.bernoulli(jax.random.key(1), shape=(N,)).astype(int)
    softmax = losses.softmax_cross_entropy_with_integer_labels.value(z, y)
    sigmoid = losses.sigmoid_binary_cross_entropy.value(z[:, 1:] - z[:, :1], y[:, None])
    np.testing.assert_allclose(softmax, sigmoid, rtol=1e-12)


@pytest.mark.parametrize("name", LOSSES)
def test_a_name_finds_its_record(name):
    assert losses.named(name) == LOSSES[name]


def test_every_record_of_the_module_is_registered():
    assert {value for value in vars(losses).values() if isinstance(value, Loss)} == set(losses.RECORDS.values())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: losses.huber_loss(0), "delta must be above 0, got 0"),
        (lambda: losses.quantile_loss(1.0), "quantile must lie between 0 and 1, got 1.0"),
        (lambda: losses.named("squared_eror"), "unknown loss 'squared_eror': did you mean 'squared_error'"),
        (lambda: losses.named("squared_error@sigmoit"), "unknown activation 'sigmoit': did you mean 'sigmoid'"),
    ],
)
def test_bad_options_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_at_output_chains_the_slope():
    loss = losses.at_output(losses.squared_error, activations.tanh)
    z, y = jnp.array([[0.3]]), jnp.array([[0.9]])
    a = jnp.tanh(z)
    np.testing.assert_allclose(loss.delta(z, y), -2 * (y - a) * (1 - a**2), rtol=1e-14)
    np.testing.assert_allclose(loss.inverse_link(z), a)


@pytest.mark.parametrize("name", LOSSES)
def test_many_directions_at_once_in_single_precision(name):
    """XLA has fused the softmax's curvature into wrong numbers, from 16 directions and 256 examples on."""
    loss = LOSSES[name]
    random = np.random.default_rng(0)
    z, v = jnp.asarray(random.normal(size=(256, 10))), jnp.asarray(random.normal(size=(16, 256, 10)))
    y = targets(loss, random, 256, 10)

    def curvatures(z, y, v):
        return jax.vmap(lambda v: loss.curvature(z, y, v))(v)

    single = [t.astype(jnp.float32) if jnp.issubdtype(t.dtype, jnp.floating) else t for t in (z, y, v)]
    expected = curvatures(z, y, v)
    np.testing.assert_allclose(jax.jit(curvatures)(*single), expected, atol=1e-5 * float(jnp.abs(expected).max()))
