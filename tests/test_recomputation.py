"""Backpropagation that computes parts of its trace twice: the same gradient in less memory."""

import jax
import jax.numpy as jnp
import optax
import pytest
from support import LOSSES, SMOOTH, problem, relative_error

from mlpjax import MLP, backprop, fit, init
from mlpjax.gradients import autodiff, recomputing


@pytest.mark.against_jax
@pytest.mark.parametrize("every", [None, 1, 2, 3, 5, 9])
@pytest.mark.parametrize("name", ["tanh", "gelu", "relu"])
def test_the_gradient_is_that_of_autodiff(name, every):
    """RECOMPUTE: for every length of the segments, also where the last is shorter and where there is but one."""
    mlp = MLP((3, 4, 3, 4, 3, 2), SMOOTH[name], LOSSES["softmax_cross_entropy_with_integer_labels"])
    params, x, y, weights, penalty = problem(mlp)
    with jax.disable_jit():
        options = {"weights": weights, "penalty": penalty}
        assert relative_error(recomputing(every)(mlp, params, x, y, **options), autodiff(mlp, params, x, y, **options)) <= 1e-12


def test_activations_that_differ_and_no_hidden_layer_at_all():
    for mlp in (MLP((3, 4, 5, 2), (SMOOTH["sin"], SMOOTH["relu"]), LOSSES["l2_loss"]), MLP((3, 2))):
        params, x, y, _, _ = problem(mlp)
        assert relative_error(recomputing(2)(mlp, params, x, y), autodiff(mlp, params, x, y)) <= 1e-12


def test_it_keeps_the_root_of_the_layers():
    """RECOMPUTE: 36 layers in segments of 6 hold 6 + 5 outputs and a few more, where backprop holds 36."""
    mlp, n = MLP((32,) * 37, "tanh"), 256
    params, x, y, *_ = jax.eval_shape(lambda: problem(mlp, n, dtype=jnp.float32))

    def outputs_held(method):
        temporary = method.lower(mlp, params, x, y).compile().memory_analysis().temp_size_in_bytes
        return temporary / (n * 32 * 4)

    assert 35 <= outputs_held(backprop) <= 38
    assert outputs_held(recomputing()) <= 15


def test_it_trains_and_compiles_once():
    mlp = MLP((1, 8, 8, 8, 1), "tanh")
    x = jnp.linspace(-1, 1, 40)[:, None]
    options = {"key": jax.random.key(1), "optimizer": optax.adam(0.01), "epochs": 20, "batch_size": 8}
    _, plain = fit(mlp, init(mlp, jax.random.key(0)), x, x**2, **options)
    _, again = fit(mlp, init(mlp, jax.random.key(0)), x, x**2, gradient=recomputing(2), **options)
    assert again.loss[-1] == pytest.approx(plain.loss[-1], rel=1e-6)
    assert recomputing(2) is recomputing(2)


@pytest.mark.slow
def test_the_derivative_of_the_gradient():
    mlp = MLP((2, 3, 3, 1), "tanh")
    params, x, y, *_ = problem(mlp, n=3)
    found, expected = (
        jax.grad(lambda params, method=method: sum(jnp.sum(layer.W**2) for layer in method(mlp, params, x, y)[1]))(params)
        for method in (recomputing(2), autodiff)
    )
    assert relative_error(found, expected) <= 1e-12


def test_bad_input():
    with pytest.raises(ValueError, match="every must be the number of layers in a segment, 1 or more; got 0"):
        recomputing(0)
    with pytest.raises(ValueError, match="whose slope is 0"):
        recomputing()(MLP((1, 1, 1), "step"), init(MLP((1, 1, 1), "step"), jax.random.key(0)), jnp.ones((1, 1)), jnp.ones((1, 1)))
