"""The derivative along one direction, pushed forward by hand, against `jax.jvp`."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from support import LOSSES, SMOOTH, normal_like, problem, relative_error

from mlpjax import MLP, backprop, init, loss, predict
from mlpjax.gradients import jvp, predict_jvp


def drawn(mlp, **options):
    """A problem, a direction in its parameters and one in its examples."""
    params, x, *rest = problem(mlp, **options)
    return params, x, *rest, normal_like(params), normal_like(x, 8)


@pytest.mark.against_jax
@pytest.mark.parametrize("name", LOSSES)
def test_of_the_loss_and_of_the_prediction(name):
    """JVP: every loss, in the parameters and in x, with weights and penalty."""
    mlp = MLP((3, 4, 3, 2), ("tanh", "silu"), LOSSES[name])
    params, x, y, weights, penalty, v, dx = drawn(mlp)
    with jax.disable_jit():
        got = jvp(mlp, params, x, y, v, dx, weights=weights, penalty=penalty)
        expected = jax.jvp(lambda p, x: loss(mlp, p, x, y, weights=weights, penalty=penalty), (params, x), (v, dx))
        assert relative_error(got, expected) <= 1e-12
        predicted = jax.jvp(lambda p, x: predict(mlp, p, x), (params, x), (v, dx))
        assert relative_error(predict_jvp(mlp, params, x, v, dx), predicted) <= 1e-12


@pytest.mark.parametrize("name", SMOOTH)
def test_every_activation(name):
    """JVP: and the input at rest."""
    mlp = MLP((3, 4, 3, 2), SMOOTH[name], "l2_loss")
    params, x, y, _, _, v, _ = drawn(mlp)
    with jax.disable_jit():
        assert relative_error(jvp(mlp, params, x, y, v), jax.jvp(lambda p: loss(mlp, p, x, y), (params,), (v,))) <= 1e-12


def test_it_is_the_inner_product_with_the_gradient():
    """JVP: and linear in the direction; one layer, one example."""
    for mlp, n in ((MLP((3, 4, 2), "gelu"), 5), (MLP((3, 2)), 1)):
        params, x, y, weights, penalty, v, dx = drawn(mlp, n=n)
        weights = weights[:n]
        value, slope = jvp(mlp, params, x, y, v, weights=weights, penalty=penalty)
        same, gradient = backprop(mlp, params, x, y, weights=weights, penalty=penalty)
        np.testing.assert_allclose((value, slope), (same, optax.tree.vdot(gradient, v)), rtol=1e-13)
        both = jvp(mlp, params, x, y, v, dx)[1]
        rest = jax.tree.map(jnp.zeros_like, v)
        np.testing.assert_allclose(both, jvp(mlp, params, x, y, v)[1] + jvp(mlp, params, x, y, rest, dx)[1], rtol=1e-12)


def test_it_keeps_nothing_of_a_layer():
    """JVP: about as little memory at 32 layers as at 4."""

    def temporary(layers):
        mlp = MLP((32,) * (layers + 1), "tanh", "l2_loss")
        params, x, y, *_ = jax.eval_shape(lambda: problem(mlp, 64, dtype=jnp.float32))
        return jax.jit(lambda *given: jvp(mlp, *given)).lower(params, x, y, params).compile().memory_analysis()

    few, many = (temporary(layers).temp_size_in_bytes for layers in (4, 32))
    assert many <= 1.5 * few  # where each layer kept would make it 8 times


def test_bad_input():
    mlp = MLP((2, 3, 1), "tanh")
    params = init(mlp, jax.random.key(0))
    x, y = jnp.ones((5, 2)), jnp.ones((5, 1))
    with pytest.raises(ValueError, match="a direction must have the type and the shapes of the parameters"):
        jvp(mlp, params, x, y, params[:1])
    with pytest.raises(ValueError, match="a direction must have the type and the shapes of the parameters"):
        predict_jvp(mlp, params, x, jax.tree.map(jnp.transpose, params))
    with pytest.raises(TypeError, match="a direction must hold real numbers, got dtype complex"):
        jvp(mlp, params, x, y, jax.tree.map(lambda p: p * 1j, params))
    with pytest.raises(ValueError, match=r"must have its shape, \(5, 2\); got \(5, 1\)"):
        jvp(mlp, params, x, y, params, y)
    with pytest.raises(TypeError, match="dx must hold real numbers"):
        jvp(mlp, params, x, y, params, x * 1j)
    with pytest.raises(ValueError, match="whose slope is 0"):
        jvp(MLP((2, 3, 1), "step"), params, x, y, params)
