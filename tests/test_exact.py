"""Numbers that can be checked by hand, and numbers that others have published."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from support import relative_error

from mlpjax import MLP, Layer, Penalty, activations, fit, forward, losses, predict
from mlpjax.gradients import METHODS, autodiff, backprop
from mlpjax.neuron import neuron


def lecture_network(n):
    """The lecture's 4-3-2-1 network, sigmoid at every neuron, squared error; random numbers, no penalty."""
    mlp = MLP((4, 3, 2, 1), "sigmoid", "squared_error@sigmoid")
    keys = iter(jax.random.split(jax.random.key(4321), 8))
    params = tuple(
        Layer(W=jax.random.normal(next(keys), shape), b=jax.random.normal(next(keys), shape[1:]))
        for shape in ((4, 3), (3, 2), (2, 1))
    )
    return mlp, params, jax.random.normal(next(keys), (n, 4)), jax.random.uniform(next(keys), (n, 1))


def derivatives_by_hand(params, x, y):
    """All 20 dL/dw of the lecture, for one example, written out as there: w_ij into layer k, O_kj out of neuron j of layer k."""
    (W1, b1), (W2, b2), (W3, b3) = params

    def f(z):
        return 1 / (1 + np.exp(-z))

    def neuron_of(inputs, W, b, j):
        return f(sum(inputs[i] * W[i, j] for i in range(len(inputs))) + b[j])

    O1 = [neuron_of(x, W1, b1, j) for j in range(3)]
    O2 = [neuron_of(O1, W2, b2, j) for j in range(2)]
    O31 = neuron_of(O2, W3, b3, 0)

    dL_dO31 = -2 * (y - O31)
    slope_31 = O31 * (1 - O31)
    slope_21, slope_22 = O2[0] * (1 - O2[0]), O2[1] * (1 - O2[1])
    slope_1 = [O * (1 - O) for O in O1]
    dO31_dO21, dO31_dO22 = slope_31 * W3[0, 0], slope_31 * W3[1, 0]
    dO21_dO1 = [slope_21 * W2[j, 0] for j in range(3)]
    dO22_dO1 = [slope_22 * W2[j, 1] for j in range(3)]

    dw3 = {(i, 0): dL_dO31 * slope_31 * O2[i] for i in range(2)}
    dw2 = {
        (0, 0): dL_dO31 * dO31_dO21 * slope_21 * O1[0],
        (1, 0): dL_dO31 * dO31_dO21 * slope_21 * O1[1],
        (2, 0): dL_dO31 * dO31_dO21 * slope_21 * O1[2],
        (0, 1): dL_dO31 * dO31_dO22 * slope_22 * O1[0],
        (1, 1): dL_dO31 * dO31_dO22 * slope_22 * O1[1],
        (2, 1): dL_dO31 * dO31_dO22 * slope_22 * O1[2],
    }
    dw1 = {
        (i, j): dL_dO31 * (dO31_dO21 * dO21_dO1[j] + dO31_dO22 * dO22_dO1[j]) * slope_1[j] * x[i]
        for i in range(4)
        for j in range(3)
    }
    return dw1, dw2, dw3


@pytest.mark.parametrize("n", [1, 3])
@pytest.mark.parametrize("method", METHODS)
def test_the_twenty_weights_of_the_lecture(method, n):
    """PATH BP1 BP2 BP3: one path for layer 2, two for layer 1."""
    mlp, params, x, y = lecture_network(n)
    by_hand = [derivatives_by_hand(params, np.asarray(x[i]), float(y[i, 0])) for i in range(n)]
    assert sum(len(layer) for layer in by_hand[0]) == 20
    _, gradient = METHODS[method](mlp, params, x, y)
    for l, layer in enumerate(gradient):
        for i, j in by_hand[0][l]:
            expected = np.mean([derivatives[l][i, j] for derivatives in by_hand])
            tolerance = 1e-7 if method == "finite_difference" else 1e-12
            np.testing.assert_allclose(layer.W[i, j], expected, rtol=tolerance, atol=tolerance * 1e-2)


def test_lecture_formula_for_one_neuron():
    """BP1 BP3: dL/dw = sum -2 x (y - yhat), where the lecture's loss is the sum and ours the mean."""
    x = jax.random.normal(jax.random.key(0), (6, 3))
    y = jax.random.normal(jax.random.key(1), (6, 1))
    params = (Layer(W=jnp.array([[0.5], [-1.0], [2.0]]), b=jnp.zeros(1)),)
    _, gradient = backprop(MLP((3, 1)), params, x, y)
    expected = sum(-2 * x[i] * (y[i] - x[i] @ params[0].W) for i in range(6)) / 6
    np.testing.assert_allclose(gradient[0].W[:, 0], expected, rtol=1e-13)


def test_scikit_learn_s_worked_example():
    """FORWARD STEP: `test_fit` of scikit-learn's MLP, 3-2-1 with sigmoids, one step at learning rate 0.1, alpha = 0.1 = 2 l2.

    Its published output, 0.7654329236196236, was worked out from the hidden units rounded to three places.
    """
    mlp = MLP((3, 2, 1), "sigmoid", "sigmoid_binary_cross_entropy")
    params = (
        Layer(W=jnp.array([[0.1, 0.2], [0.3, 0.1], [0.5, 0.0]]), b=jnp.array([0.1, 0.1])),
        Layer(W=jnp.array([[0.1], [0.2]]), b=jnp.array([1.0])),
    )
    x, y = jnp.array([[0.6, 0.8, 0.7]]), jnp.array([[0.0]])
    np.testing.assert_allclose(forward(mlp, params, x).a[1], [[0.679178699175393, 0.574442516811659]], rtol=1e-14)
    rounded = neuron(jnp.array([0.679, 0.574]), params[1].W[:, 0], params[1].b[0], activations.sigmoid)
    np.testing.assert_allclose(rounded, 0.7654329236196236, rtol=1e-14)
    np.testing.assert_allclose(predict(mlp, params, x), [[0.7654329236196236]], atol=2e-5)

    _, gradient = backprop(mlp, params, x, y, penalty=Penalty(l2=0.05))
    (W1, b1), (W2, b2) = jax.tree.map(lambda p, g: p - 0.1 * g, params, gradient)
    np.testing.assert_allclose(W1, [[0.098, 0.195756], [0.2956664, 0.096008], [0.4939998, -0.002244]], atol=5e-4)
    np.testing.assert_allclose(b1, [0.098333, 0.09589], atol=5e-4)
    np.testing.assert_allclose(W2, [[0.04706], [0.154089]], atol=5e-4)
    np.testing.assert_allclose(b2, [0.9235], atol=5e-4)


def test_nielsen_s_neuron_of_chapter_3():
    """STEP: one sigmoid neuron, w = 0.6 and b = 0.9, unlearns to output 1 for the input 1: 0.82 falls to 0.09 in 300 epochs."""
    mlp = MLP((1, 1), loss=losses.at_output(losses.l2_loss, activations.sigmoid))
    params = (Layer(W=jnp.array([[0.6]]), b=jnp.array([0.9])),)
    x, y = jnp.ones((1, 1)), jnp.zeros((1, 1))
    np.testing.assert_allclose(predict(mlp, params, x), [[0.8176]], atol=1e-4)
    state, _ = fit(mlp, params, x, y, key=jax.random.key(0), optimizer=optax.sgd(0.15), epochs=300)
    np.testing.assert_allclose(predict(mlp, state.params, x), [[0.0940]], atol=1e-4)


def test_a_neuron_by_hand():
    """NEURON"""
    x, w = jnp.array([1.0, -2.0, 3.0]), jnp.array([0.5, 0.25, -0.125])
    np.testing.assert_allclose(neuron(x, w, jnp.array(0.1), activations.sigmoid), 1 / (1 + np.exp(0.275)), rtol=1e-14)


def test_autodiff_and_backprop_agree_on_the_lecture_network():
    mlp, params, x, y = lecture_network(5)
    assert relative_error(backprop(mlp, params, x, y), autodiff(mlp, params, x, y)) <= 1e-12
