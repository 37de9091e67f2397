"""Every registered activation: its derivatives, its extremes, its dtypes and its name."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support import ACTIVATIONS, SMOOTH, relative_error

from mlpjax import MLP, activations, initializers, losses
from mlpjax.activations import Activation
from mlpjax.gradients import METHODS

DTYPES = [jnp.float16, jnp.bfloat16, jnp.float32, jnp.float64]
GRID = jnp.concatenate([jnp.linspace(-6, 6, 241), jnp.array([-30.0, -1e-3, 1e-3, 30.0])])
AWAY_FROM_KINKS = GRID[jnp.abs(GRID) > 1e-9]
REFERENCE = {
    "identity": lambda z: z,
    "step": lambda z: jnp.heaviside(z, 0),
    "sigmoid": jax.nn.sigmoid,
    "tanh": jnp.tanh,
    "relu": jax.nn.relu,
    "leaky_relu(0.01)": jax.nn.leaky_relu,
    "leaky_relu(0.3)": lambda z: jax.nn.leaky_relu(z, 0.3),
    "elu(1.0)": jax.nn.elu,
    "elu(0.5)": lambda z: jax.nn.elu(z, 0.5),
    "selu": jax.nn.selu,
    "softplus": jax.nn.softplus,
    "softsign": jax.nn.soft_sign,
    "silu": jax.nn.silu,
    "gelu": lambda z: jax.nn.gelu(z, approximate=False),
    "gelu_tanh": jax.nn.gelu,
    "sin": jnp.sin,
}


def derivative(f):
    return jax.grad(lambda z: jnp.sum(f(z)))


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_f_is_the_field_s(name):
    """ACT-identity ACT-step ACT-sigmoid ACT-tanh ACT-relu ACT-leaky_relu ACT-elu ACT-selu ACT-softplus ACT-softsign
    ACT-silu ACT-gelu ACT-gelu_tanh ACT-sin"""
    np.testing.assert_allclose(ACTIVATIONS[name](GRID), REFERENCE[name](GRID), rtol=1e-13, atol=1e-14)


@pytest.mark.against_jax
@pytest.mark.parametrize("name", SMOOTH)
def test_slope_and_curvature_are_the_derivatives(name):
    """ACT-identity ACT-sigmoid ACT-tanh ACT-relu ACT-leaky_relu ACT-elu ACT-selu ACT-softplus ACT-softsign ACT-silu ACT-gelu
    ACT-gelu_tanh ACT-sin: by jax.grad, once and twice, at 245 points."""
    f, z = SMOOTH[name], AWAY_FROM_KINKS
    slope, curvature = derivative(REFERENCE[name]), derivative(derivative(REFERENCE[name]))
    assert relative_error((f.df(z, f(z)), f.d2f(z, f(z))), (slope(z), curvature(z))) <= 1e-12
    np.testing.assert_allclose(f.df(z, f(z)), slope(z), rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(f.d2f(z, f(z)), curvature(z), rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("name", [name for name, f in SMOOTH.items() if f.bend])
def test_bend_is_curvature_over_slope(name):
    f, z = SMOOTH[name], AWAY_FROM_KINKS
    np.testing.assert_allclose(f.bend(z, f(z)) * f.df(z, f(z)), f.d2f(z, f(z)), rtol=1e-11, atol=1e-14)


def test_what_is_made_of_straight_pieces():
    straight = {name for name, f in SMOOTH.items() if f.piecewise_linear}
    assert straight == {"identity", "relu", "leaky_relu(0.01)", "leaky_relu(0.3)"}


@pytest.mark.parametrize("name", SMOOTH)
def test_slope_at_zero_is_that_of_jax_nn(name):
    zero = jnp.zeros(1)
    np.testing.assert_array_equal(SMOOTH[name].df(zero, SMOOTH[name](zero)), derivative(REFERENCE[name])(zero))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_stable_at_extremes_in_every_dtype(name, dtype):
    f = ACTIVATIONS[name]
    z = jnp.array([-1e4, -300, -41, -20, -11, -1, 0, 1, 11, 20, 41, 300, 1e4], dtype)
    values = [f(z), f.df(z, f(z)), f.d2f(z, f(z))] if f.differentiable else [f(z)]
    expected = REFERENCE[name](z.astype(jnp.float64))
    for value in values:
        assert value.dtype == dtype
        assert np.isfinite(np.asarray(value, np.float64)).all()
    np.testing.assert_allclose(values[0].astype(jnp.float64), expected, rtol=8 * jnp.finfo(dtype).eps, atol=jnp.finfo(dtype).eps)


@pytest.mark.parametrize("name", SMOOTH)
def test_slopes_at_the_ends(name):
    f, z = SMOOTH[name], jnp.array([-1e4, 1e4])
    if name != "sin":
        np.testing.assert_allclose(f.df(z, f(z)), derivative(REFERENCE[name])(z), rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_a_name_finds_its_record(name):
    assert activations.named(name) == ACTIVATIONS[name]
    assert hash(activations.named(name)) == hash(ACTIVATIONS[name])
    assert initializers.named(ACTIVATIONS[name].initializer)


def test_every_record_of_the_module_is_registered():
    records = {value for value in vars(activations).values() if isinstance(value, Activation)}
    assert records == set(activations.RECORDS.values())


def test_silu_needs_its_input_for_its_slope():
    z = jnp.array([-0.5001, -2.5088])
    a = activations.silu(z)
    np.testing.assert_allclose(a, -0.1888, atol=1e-4)
    np.testing.assert_allclose(activations.silu.df(z, a), [0.260, -0.099], atol=1e-3)


@pytest.mark.parametrize("method", METHODS)
def test_training_with_step_points_to_the_perceptron(method):
    mlp = MLP((2, 3, 1), ("step",))
    with pytest.raises(ValueError, match=r"hidden layer 1 .*'step'.*losses\.perceptron_loss"):
        METHODS[method](mlp, (), jnp.ones((1, 2)), jnp.ones((1, 1)))


def test_step_at_the_output_points_to_the_perceptron():
    with pytest.raises(ValueError, match=r"'step' has no slope.*perceptron_loss"):
        losses.at_output(losses.squared_error, activations.step)
    with pytest.raises(ValueError, match=r"perceptron_loss"):
        activations.step.df(jnp.ones(1), jnp.ones(1))


@pytest.mark.parametrize("family", ["leaky_relu", "elu"])
def test_a_slope_of_nothing_is_refused(family):
    with pytest.raises(ValueError, match=r"must be above 0, got -1.*use relu"):
        activations.FAMILIES[family](-1)


def test_unknown_names_suggest_the_nearest():
    with pytest.raises(ValueError, match="unknown activation 'rellu': did you mean 'relu'"):
        activations.named("rellu")
    with pytest.raises(ValueError, match=r"leaky_relu\(1,2,3\)"):
        activations.named("leaky_relu(1,2,3)")
    with pytest.raises(ValueError, match="unknown activation"):
        activations.named("__import__('os')")
