"""Vanishing and exploding gradients: Nielsen's numbers, the lecture's, and symmetry."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from support import quick

from mlpjax import MLP, activations, init, step
from mlpjax.experiments.exploding import explosion
from mlpjax.experiments.vanishing import delta_norms, nielsen, sigmoid_chain
from mlpjax.gradients import autodiff
from mlpjax.network import loss
from mlpjax.propagation import expectation
from mlpjax.training import start

KEY = jax.random.key(0)
PUBLISHED = {2: (0.07, 0.31), 3: (0.012, 0.060, 0.283), 4: (0.003, 0.017, 0.070, 0.285)}


@pytest.mark.parametrize("hidden_layers", quick(PUBLISHED, 2))
def test_nielsen_s_gradient_norms(hidden_layers):
    """VARIANCE-backward: published values lie between the 5th and 95th percentile of 100 seeds, and within 35 % of the middle.

    And theory: E[sigma'^2]^(1/2) a layer, within 10 %, but for the last hidden layer, which hands on 10 deltas and not 30.
    """
    found = nielsen(KEY, hidden_layers, seeds=100)
    assert found.norms.shape == (100, hidden_layers)
    assert (found.low < jnp.array(PUBLISHED[hidden_layers])).all()
    assert (found.high > jnp.array(PUBLISHED[hidden_layers])).all()
    np.testing.assert_allclose(found.typical, PUBLISHED[hidden_layers], rtol=0.35)
    q = 1.3  # E[z^2] = E[a^2] + 1 in the hidden layers
    slope = jnp.sqrt(expectation(lambda z: activations.sigmoid.df(z, activations.sigmoid(z)) ** 2, variance=q))
    np.testing.assert_allclose(found.typical[:-1] / found.typical[1:], slope, rtol=0.1)


@pytest.mark.slow
def test_delta_norms_are_those_of_jax_grad():
    """BP4: seed by seed, and the summary is of them."""
    mlp = MLP((3, 5, 4, 2), "tanh")
    x, y = jax.random.normal(KEY, (6, 3)), jax.random.normal(KEY, (6, 2))
    found = delta_norms(mlp, KEY, x, y, seeds=7)
    for row, key in zip(found.norms, jax.random.split(KEY, 7), strict=True):
        gradient = jax.grad(loss, argnums=1)(mlp, init(mlp, key), x, y)
        np.testing.assert_allclose(row, [jnp.linalg.norm(layer.b) for layer in gradient], rtol=1e-10)
    np.testing.assert_allclose(found.typical, np.exp(np.log(found.norms).mean(axis=0)), rtol=1e-12)
    np.testing.assert_allclose([found.low, found.high], np.percentile(found.norms, [5, 95], axis=0), rtol=1e-12)


@pytest.mark.slow
def test_rectifiers_with_he_s_start_do_not_vanish():
    """VARIANCE-backward: the cure: the first of 10 layers has a gradient of the size of the last's."""
    x, y = jax.random.normal(KEY, (50, 32)), jax.random.normal(KEY, (50, 32))
    relu, sigmoid = (
        delta_norms(MLP((32,) * 11, name), KEY, x, y, seeds=10, initializer=start).typical
        for name, start in (("relu", "he_normal"), ("sigmoid", "glorot_normal"))
    )
    assert relu[0] > relu[-1] / 10
    assert sigmoid[0] < sigmoid[-1] * 1e-4


def test_no_seed_is_refused():
    with pytest.raises(ValueError, match="seeds must be 1 or more, got 0"):
        nielsen(KEY, 2, seeds=0)


def gradient_by_jax(layers: int, first: float, weight: float) -> float:
    """dL/dw of the first weight of a chain, from jax.grad of the chain written out."""

    def squared(w):
        a = jax.nn.sigmoid(w)
        for _ in range(layers - 1):
            a = jax.nn.sigmoid(weight * a)
        return a**2

    return jax.grad(squared)(first).item()


@pytest.mark.slow
@pytest.mark.parametrize("weight", [1.0, 0.4, -0.7, 6.0])
def test_the_chain_is_the_lecture_s(weight):
    """BP2: against jax.grad; and never above the bound, of 0.25 |w| a layer."""
    found = sigmoid_chain(weight=weight)
    expected = [gradient_by_jax(layers, 2.5, weight) for layers in found.layers]
    np.testing.assert_allclose(found.gradient, expected, rtol=1e-9)
    np.testing.assert_allclose(found.after, 2.5 - np.array(expected), rtol=1e-15)
    assert (abs(found.gradient) <= found.bound).all()
    assert (found.largest_factor <= 0.25 * abs(weight)).all()


def test_the_lecture_s_numbers():
    """BP2: 2.499 after 4 layers, 2.49999999 after 12, and from 27 on nothing moves; with weights of 0.4 a tenth a layer."""
    found = sigmoid_chain((2, 4, 12, 27, 100))
    assert [f"{after:.8f}" for after in found.after[:3]] == ["2.47958489", "2.49906850", "2.49999999"]
    assert (found.after[3:] == 2.5).all()
    assert (found.gradient[3:] > 0).all()
    tenths = sigmoid_chain((10, 20, 100), weight=0.4)
    np.testing.assert_allclose(np.log10(tenths.gradient), [-10, -20, -100], atol=1.1)
    assert 0.09 < tenths.largest_factor.min() <= tenths.largest_factor.max() < 0.1


def test_a_chain_of_one_layer():
    """BP2: no factor, no bound but the slope of the output."""
    found = sigmoid_chain((1,), learning_rate=2.0)
    assert found.largest_factor == 0
    np.testing.assert_allclose(found.gradient, gradient_by_jax(1, 2.5, 1.0))
    np.testing.assert_allclose(found.after, 2.5 - 2 * found.gradient)
    assert found.bound == 0.5


@pytest.mark.slow
def test_factors_above_1_explode_and_fit_says_so():
    """FIT VARIANCE-backward: deltas doubled by each hidden layer; the loss overflows; cut to norm 1 the gradient trains."""
    wild, tame = explosion(KEY), explosion(KEY, gain=1.0)
    np.testing.assert_allclose(np.exp(np.log(wild.factors[:-1]).mean()), 2, rtol=0.15)
    np.testing.assert_allclose(wild.factors, 2 * tame.factors, rtol=0.05)
    assert wild.stopped == "diverged"
    assert "optax.clip_by_global_norm" in wild.message
    assert wild.gradient > 1e5 * tame.gradient
    assert tame.stopped == "epochs"
    assert tame.loss[-1] < tame.loss[0] / 10
    clipped = explosion(KEY, clip=1.0)
    assert clipped.stopped == "epochs"
    assert len(clipped.loss) == 100
    assert clipped.loss[-1] < clipped.loss[0] / 10


def equal_units(params, tolerance=1e-12) -> bool:
    """Whether the units of each hidden layer have the same weights in, the same bias and the same weights out."""
    into = all(np.ptp(layer.W, axis=1).max() <= tolerance and np.ptp(layer.b) <= tolerance for layer in params[:-1])
    return into and all(np.ptp(layer.W, axis=0).max() <= tolerance for layer in params[1:])


@pytest.mark.parametrize("optimizer", [optax.sgd(0.1), optax.adam(0.01)], ids=["sgd", "adam"])
@pytest.mark.parametrize("activation", ["sigmoid", "tanh"])
def test_symmetry_is_never_broken_from_equal_weights(activation, optimizer):
    """INIT-zeros: from zeros or any constant, 200 steps leave the units of a layer equal; from random weights not."""
    mlp = MLP((3, 5, 4, 2), activation)
    x = jax.random.normal(KEY, (20, 3))
    y = jnp.sin(2 * x[:, :2])
    constant = jax.tree.map(lambda array: jnp.full_like(array, 0.3), init(mlp, KEY))

    @jax.jit
    def trained(params):
        def one(state, _):
            return step(mlp, optimizer, state, x, y)[0], None

        return jax.lax.scan(one, start(params, optimizer, KEY), length=200)[0].params

    for params in (init(mlp, KEY, "zeros"), constant):
        after = trained(params)
        assert equal_units(after)
        assert loss(mlp, after, x, y) < loss(mlp, params, x, y) - 1e-3
    assert not equal_units(trained(init(mlp, KEY)), tolerance=1e-2)
    assert equal_units(autodiff(mlp, constant, x, y)[1])
