"""L-BFGS through `fit`: Optax's own path, with gradients derived by hand, and no more of them than need be."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from support import relative_error

from mlpjax import MLP, Penalty, fit, init, loss, predict
from mlpjax.gradients import backprop
from mlpjax.line_search import forgotten, with_gradient_by_hand

X = np.random.default_rng(0).standard_normal((30, 3))
WEIGHTS, NONE = np.linspace(0.5, 1.5, 30), Penalty(0.0, 0.0)
NETWORK = MLP((3, 5, 2), "tanh")
START, TEACHER = (init(NETWORK, jax.random.key(seed)) for seed in (0, 1))
Y = np.asarray(predict(NETWORK, TEACHER, X))
LBFGS = optax.lbfgs()
calls = []


def counted(mlp, params, x, y, *, weights=None, penalty=None):
    """Backprop that counts how often it runs."""
    jax.debug.callback(lambda: calls.append(1))
    return backprop(mlp, params, x, y, weights=weights, penalty=penalty)


def standing_still(mlp, params, x, y, *, weights=None, penalty=None):
    """A method that is wrong on purpose."""
    value, grads = backprop(mlp, params, x, y, weights=weights, penalty=penalty)
    return value, jax.tree.map(jnp.zeros_like, grads)


def run(epochs, params=START, y=Y, optimizer=LBFGS, penalty=NONE, batch_size=30, gradient=counted):
    """All with weights and a penalty: one compilation serves them."""
    options = {"key": jax.random.key(1), "optimizer": optimizer, "batch_size": batch_size, "gradient": gradient}
    return fit(NETWORK, params, X, y, epochs=epochs, weights=WEIGHTS, penalty=penalty, **options)


def count() -> int:
    jax.effects_barrier()
    found = len(calls)
    calls.clear()
    return found


@jax.jit
def plain_step(params, opt_state, penalty):
    """A step of Optax's own loop; the value is a function that `jax.grad` could differentiate as well."""
    value_fn = with_gradient_by_hand(lambda p: counted(NETWORK, p, X, Y, weights=WEIGHTS, penalty=penalty))
    value, grad = optax.value_and_grad_from_state(value_fn)(params, state=opt_state)
    updates, opt_state = LBFGS.update(grad, opt_state, params, value=value, grad=grad, value_fn=value_fn)
    return optax.apply_updates(params, updates), opt_state, value


@pytest.mark.slow
def test_the_path_is_that_of_optax_s_own_loop_with_as_many_gradients():
    """STEP"""
    penalty = Penalty(l1=0.0, l2=0.01)
    state, history = run(10, penalty=penalty)
    ours = count()
    params, opt_state, values = START, LBFGS.init(START), []
    for _ in range(10):
        params, opt_state, value = plain_step(params, opt_state, penalty)
        values.append(value)
    assert ours == count() > 10
    np.testing.assert_allclose(history.loss, values, rtol=1e-10)
    assert relative_error(state.params, params) <= 1e-8


def test_the_value_of_a_line_search_is_differentiated_by_hand():
    """STEP: its derivative is what the gradient method says, right or wrong."""
    value = with_gradient_by_hand(lambda params: standing_still(NETWORK, params, X, Y))
    assert value(START) == loss(NETWORK, START, X, Y)
    assert all((leaf == 0).all() for leaf in jax.tree.leaves(jax.grad(value)(START)))
    right = with_gradient_by_hand(lambda params: backprop(NETWORK, params, X, Y))
    assert relative_error(jax.grad(right)(START), jax.grad(lambda p: loss(NETWORK, p, X, Y))(START)) <= 1e-12
    tripled = jax.grad(lambda params: 3 * right(params))(START)
    assert relative_error(tripled, jax.tree.map(lambda leaf: 3 * leaf, jax.grad(right)(START))) <= 1e-12


@pytest.mark.slow
def test_it_goes_far_beyond_adam():
    """FIT: a small regression, full batch, as many epochs."""
    _, lbfgs = run(100)
    adam = [run(100, optimizer=optax.adam(rate))[1].loss[-1] for rate in (0.01, 0.1)]
    assert lbfgs.loss[-1] < min(adam) / 10


def test_the_value_of_other_data_or_another_penalty_is_forgotten():
    first, _ = run(3)
    for change in ({"y": Y + 1}, {"penalty": Penalty(0.0, 1.0)}):
        _, history = run(1, params=first, **change)
        expected = loss(NETWORK, first.params, X, change.get("y", Y), weights=WEIGHTS, penalty=change.get("penalty", NONE))
        np.testing.assert_allclose(history.loss[0], expected, rtol=1e-12)


def test_unless_told_otherwise_it_sees_all_the_data():
    random = np.random.default_rng(3)
    x, y = random.standard_normal((50, 3)), random.standard_normal((50, 2))
    mlp, options = MLP((3, 4, 2), "tanh"), {"key": jax.random.key(0), "optimizer": optax.lbfgs(), "epochs": 3}
    params = init(mlp, jax.random.key(0))
    one, other = (fit(mlp, params, x, y, **options, **size)[1].loss for size in ({}, {"batch_size": 50}))
    np.testing.assert_array_equal(one, other)


@pytest.mark.slow
def test_a_mini_batch_is_not_measured_by_the_one_before():
    """EPOCH: where nothing moves, the loss of an epoch is that of all the data."""
    state, history = run(2, batch_size=15, gradient=standing_still)
    np.testing.assert_allclose(history.loss, loss(NETWORK, START, X, Y, weights=WEIGHTS), rtol=1e-12)
    assert relative_error(state.params, START) == 0


@pytest.mark.parametrize("optimizer", [optax.adam(0.1), optax.chain(optax.sgd(0.1), optax.contrib.reduce_on_plateau())])
def test_an_optimiser_without_a_line_search_has_nothing_to_forget(optimizer):
    opt_state = optimizer.init(START)
    assert forgotten(opt_state) is opt_state
