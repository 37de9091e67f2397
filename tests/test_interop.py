"""Stacks of layers of other libraries as networks, and activations known by what they compute."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from foreign import X
from support import ACTIVATIONS

from mlpjax import Layer, forward, losses
from mlpjax.gradients import apply
from mlpjax.interop.reading import Dense, Other, known_by_values, network


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_activation_is_known_by_what_it_computes(name):
    for width in (1, 2, 5):
        assert known_by_values(lambda z: ACTIVATIONS[name](jnp.asarray(z)), width) == name


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (jax.nn.gelu, "gelu_tanh"),
        (functools.partial(jax.nn.gelu, approximate=False), "gelu"),
        (jax.nn.leaky_relu, "leaky_relu(0.01)"),
        (functools.partial(jax.nn.leaky_relu, negative_slope=1 / 3), "leaky_relu(0.3333333)"),
        (functools.partial(jax.nn.elu, alpha=0.7), "elu(0.7)"),
        (jax.nn.celu, "elu(1.0)"),
        (jax.nn.swish, "silu"),
        (jax.nn.softmax, "softmax"),
        (jnp.exp, "exp"),
        (lambda z: z, "identity"),
        (jax.nn.relu6, None),
        (jax.nn.mish, None),
        (jax.nn.hard_tanh, None),
        (jax.nn.squareplus, None),
        (jax.nn.log_sigmoid, None),
        (lambda z: z.sum(), None),
        (lambda z: 1.0001 * jnp.tanh(z), None),
    ],
)
def test_functions_of_others(function, name):
    assert known_by_values(lambda z: function(jnp.asarray(z)), 3) == name


def test_a_loss_of_one_s_own_goes_with_logits_or_with_the_prediction_it_makes():
    linear = [Dense(jnp.ones((3, 2)))]
    assert network(linear, "hinge_loss")[0].loss == losses.hinge_loss
    labels = "softmax_cross_entropy_with_integer_labels"
    assert network([*linear, "softmax"], labels)[0].loss.name == labels
    with pytest.raises(ValueError, match="the last layer is softmax, and squared_error does not predict that"):
        network([*linear, "softmax"], "squared_error")


def test_the_logits_are_what_apply_gives_of_a_network_that_was_read():
    mlp, params = network([Dense(jnp.ones((3, 2))), Other("their tanh", jnp.tanh), Dense(jnp.ones((2, 1)))], "poisson_loss")
    np.testing.assert_array_equal(apply(mlp, params, X), forward(mlp, params, X).z[-1])
    assert isinstance(params[0], Layer)
