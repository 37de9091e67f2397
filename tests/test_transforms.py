"""Under jit, vmap, scan and export."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax import export
from support import LOSSES, SMOOTH, problem, quick, relative_error

from mlpjax import MLP, Penalty, epoch, forward, init, loss, predict
from mlpjax.gradients import METHODS, backprop
from mlpjax.training import start

SGD = optax.sgd(0.1)


@pytest.fixture(scope="module")
def example():
    mlp = MLP((3, 4, 2), SMOOTH["tanh"], LOSSES["softmax_cross_entropy_with_integer_labels"])
    return mlp, *problem(mlp)


@pytest.mark.parametrize("method", quick(METHODS, "autodiff", "backprop"))
def test_vmap_over_parameters_and_over_penalties(example, method):
    mlp, params, x, y, *_ = example
    gradient = METHODS[method]
    many = [problem(mlp, seed=seed)[0] for seed in range(3)]
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *many)
    batched = jax.vmap(lambda p: gradient(mlp, p, x, y))(stacked)
    one_by_one = jax.tree.map(lambda *leaves: jnp.stack(leaves), *(gradient(mlp, p, x, y) for p in many))
    assert relative_error(batched, one_by_one) <= 1e-9

    strengths = jnp.array([0.0, 0.1, 1.0])
    batched = jax.vmap(lambda l2: gradient(mlp, params, x, y, penalty=Penalty(l2=l2)))(strengths)
    one_by_one = [gradient(mlp, params, x, y, penalty=Penalty(l2=l2)) for l2 in strengths]
    assert relative_error(batched, jax.tree.map(lambda *leaves: jnp.stack(leaves), *one_by_one)) <= 1e-9


def test_vmap_over_initialisation_and_training(example):
    mlp, _, x, y, *_ = example

    def trained(key):
        state = start(init(mlp, key), SGD, key)
        return epoch(mlp, SGD, state, x, y, batch_size=2)[0].params

    keys = jax.random.split(jax.random.key(0), 3)
    batched = jax.jit(jax.vmap(trained))(keys)
    one_by_one = jax.tree.map(lambda *leaves: jnp.stack(leaves), *(trained(key) for key in keys))
    assert relative_error(batched, one_by_one) <= 1e-12


@pytest.mark.parametrize("method", quick(METHODS, "autodiff", "backprop"))
def test_scan_and_jit(example, method):
    mlp, params, x, y, *_ = example

    def descend(params, _):
        value, gradient = METHODS[method](mlp, params, x, y)
        return jax.tree.map(lambda p, g: p - 0.1 * g, params, gradient), value

    _, values = jax.jit(lambda params: jax.lax.scan(descend, params, length=3))(params)
    expected = []
    for _ in range(3):
        params, value = descend(params, None)
        expected.append(value)
    np.testing.assert_allclose(values, expected, rtol=1e-8)
    assert values[2] < values[0]


@pytest.mark.parametrize("name", ["backprop", "autodiff", "forward_mode"])
def test_export_lowers_for_every_platform(example, name):
    mlp, params, x, y, *_ = example
    exported = export.export(jax.jit(functools.partial(METHODS[name], mlp)), platforms=["cpu", "cuda", "tpu"])(params, x, y)
    again = export.deserialize(exported.serialize())
    assert again.platforms == ("cpu", "cuda", "tpu")
    assert relative_error(again.call(params, x, y), METHODS[name](mlp, params, x, y)) <= 1e-12


def test_export_of_the_prediction(example):
    mlp, params, x, *_ = example
    exported = export.export(jax.jit(functools.partial(predict, mlp)), platforms=["cpu", "cuda", "tpu"])(params, x)
    np.testing.assert_allclose(exported.call(params, x), predict(mlp, params, x), rtol=1e-13)


def test_training_lowers_for_every_platform(example):
    mlp, params, x, y, *_ = example

    def one_epoch(state, x, y):
        return epoch(mlp, SGD, state, x, y, batch_size=2)

    traced = jax.jit(one_epoch).trace(start(params, SGD, jax.random.key(0)), x, y)
    for platform in ("cpu", "cuda", "tpu"):
        assert "while" in traced.lower(lowering_platforms=(platform,)).as_text()


def test_functions_trace_without_a_key_or_a_global(example):
    mlp, params, x, y, *_ = example
    for function in (lambda p: loss(mlp, p, x, y), lambda p: predict(mlp, p, x), lambda p: forward(mlp, p, x)):
        assert not jax.make_jaxpr(function)(params).effects


def test_float64_inputs_leave_float32_parameters_float32(example):
    mlp, params, x, y, *_ = example
    narrow = jax.tree.map(lambda p: p.astype(jnp.float32), params)
    state, info = epoch(mlp, SGD, start(narrow, SGD, jax.random.key(0)), x, y, batch_size=2, penalty=Penalty(l2=jnp.array(0.1)))
    assert {leaf.dtype for leaf in jax.tree.leaves(state.params)} == {jnp.dtype(jnp.float32)}
    assert info.loss.dtype == jnp.float32
    _, gradient = backprop(mlp, narrow, x, y, weights=jnp.ones(5))
    assert gradient[0].W.dtype == jnp.float32


@pytest.mark.slow
@pytest.mark.parametrize("jacobian", [jax.jacrev, jax.jacfwd])
@pytest.mark.parametrize("sizes", [(3, 2), (3, 4, 2), (3, 4, 4, 2)])
def test_the_derivative_of_backprop_is_that_of_autodiff(sizes, jacobian):
    """BP1 BP2: the Hessian, where slopes are exactly 0 as well: a last layer of zeros that fits the first example."""
    mlp = MLP(sizes, SMOOTH["tanh"], LOSSES["squared_error"])
    params, x, y, weights, penalty = problem(mlp)
    params = (*params[:-1], jax.tree.map(jnp.zeros_like, params[-1]))
    y = y.at[0].set(0.0)
    ours, theirs = (
        jacobian(lambda p, method=METHODS[name]: method(mlp, p, x, y, weights=weights, penalty=penalty)[1])(params)
        for name in ("backprop", "autodiff")
    )
    assert relative_error(ours, theirs) <= 1e-12


def test_a_nan_spreads_as_far_as_in_autodiff():
    mlp = MLP((2, 3, 2), SMOOTH["tanh"], LOSSES["squared_error"])
    params, x, y, *_ = problem(mlp)
    ours, theirs = (METHODS[name](mlp, params, x, y.at[0, 0].set(jnp.nan))[1] for name in ("backprop", "autodiff"))
    assert jax.tree.all(jax.tree.map(lambda a, b: jnp.array_equal(jnp.isnan(a), jnp.isnan(b)), ours, theirs))


def test_finite_differences_batch_with_float64_off():
    """FD: what is float64 inside stays inside."""
    with jax.enable_x64(False):
        mlp = MLP((3, 4, 2), SMOOTH["tanh"], LOSSES["squared_error"])
        keys = jax.random.split(jax.random.key(0), 2)
        x, y = jnp.ones((5, 3)), jnp.ones((5, 2))
        many = jax.vmap(lambda key: METHODS["finite_difference"](mlp, init(mlp, key), x, y))(keys)
        one = [METHODS["finite_difference"](mlp, init(mlp, key), x, y) for key in keys]
        assert many[0].dtype == jnp.float32
        assert relative_error(many, jax.tree.map(lambda *leaves: jnp.stack(leaves), *one)) <= 1e-6
