"""Steps, epochs and fits: what they see, when they stop, what they keep."""

import warnings

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from support import LOSSES, SMOOTH, problem, quick, relative_error

from mlpjax import MLP, Activation, Layer, Penalty, epoch, fit, init, loss, optimizers, predict, step
from mlpjax.activations import leaky_relu
from mlpjax.gradients import METHODS, backprop
from mlpjax.training import MiniBatch, mini_batch_step, mini_batches, start

SGD, ADAM = optax.sgd(0.1), optax.adam(0.05)


@pytest.fixture(scope="module")
def example():
    mlp = MLP((3, 4, 2), SMOOTH["tanh"], LOSSES["squared_error"])
    params, x, y, weights, penalty = problem(mlp, n=10)
    return mlp, params, x, y, weights, penalty


@pytest.mark.parametrize(
    ("n", "batch_size"), [(1, 1), (2, 1), (5, 5), (10, 3), (10, 10), (10, 1), (7, 4), (4096, 64), (4097, 64)]
)
def test_every_example_once_in_random_order(n, batch_size):
    """BATCHES: definition."""
    rows, weights, scale = mini_batches(jax.random.key(0), n, batch_size)
    counted = np.ones(rows.shape) if weights is None else np.asarray(weights)
    assert rows.shape == (-(-n // batch_size), batch_size)
    assert sorted(np.asarray(rows)[counted == 1]) == list(range(n))
    assert counted.sum() == n
    assert (counted.sum(axis=1) > 0).all()
    assert scale is None


@pytest.mark.parametrize("batch_size", [1, 3, 4, 10])
def test_an_example_has_its_weight_at_every_batch_size(example, batch_size):
    """BATCHES MEAN: the gradients of an epoch's batches, by their sizes, average to that of all the data."""
    mlp, params, x, y, weights, penalty = example
    batches = mini_batches(jax.random.key(1), 10, batch_size, weights)
    sgd = optax.sgd(1.0)
    total = jax.tree.map(jnp.zeros_like, params)
    for batch in zip(*batches, strict=True):
        share = (batch[1] > 0).sum() / 10
        after, _ = mini_batch_step(mlp, sgd, backprop, start(params, sgd, jax.random.key(0)), x, y, MiniBatch(*batch), penalty)
        total = jax.tree.map(lambda t, p, q, share=share: t + share * (p - q), total, params, after.params)
    assert relative_error(total, backprop(mlp, params, x, y, weights=weights, penalty=penalty)[1]) <= 1e-11


def test_batches_of_weight_zero_move_nothing(example):
    mlp, params, x, y, *_ = example
    state, info = epoch(mlp, SGD, start(params, SGD, jax.random.key(0)), x, y, batch_size=3, weights=jnp.zeros(10))
    assert relative_error(state.params, params) == 0
    assert info.loss == 0


def test_the_order_is_uniform():
    """BATCHES: each example comes first equally often; chi-square over 10 examples, 9 degrees of freedom."""
    first = jax.vmap(lambda key: mini_batches(key, 10, 1).rows[0, 0])(jax.random.split(jax.random.key(0), 4000))
    counts = np.bincount(first, minlength=10)
    assert ((counts - 400) ** 2 / 400).sum() < 27.9


def test_a_step_of_sgd_is_the_lecture_s(example):
    """STEP: definition, w_new = w_old - eta dL/dw."""
    mlp, params, x, y, weights, penalty = example
    state, info = step(mlp, SGD, start(params, SGD, jax.random.key(0)), x, y, weights=weights, penalty=penalty)
    value, gradient = backprop(mlp, params, x, y, weights=weights, penalty=penalty)
    assert relative_error(state.params, jax.tree.map(lambda p, g: p - 0.1 * g, params, gradient)) <= 1e-14
    np.testing.assert_allclose(info.loss, value)
    norms = [np.sqrt((layer.W**2).sum() + (layer.b**2).sum()) for layer in gradient]
    np.testing.assert_allclose(info.gradient_norms, norms, rtol=1e-12)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("batch_size", quick([1, 3, 10], 3))
def test_an_epoch_is_its_steps(example, batch_size, weighted):
    """EPOCH: the compiled scan, and one step after another."""
    mlp, params, x, y, weights, penalty = example
    weights = weights if weighted else None
    before = start(params, ADAM, jax.random.key(3))
    after, info = epoch(mlp, ADAM, before, x, y, batch_size=batch_size, weights=weights, penalty=penalty)
    batches = mini_batches(jax.random.split(before.key)[1], len(x), batch_size, weights)
    state, losses, seen = before, [], []
    for number in range(len(batches.rows)):
        batch = jax.tree.map(lambda leaf, number=number: leaf[number], batches)
        state, said = mini_batch_step(mlp, ADAM, backprop, state, x, y, batch, penalty)
        losses.append(said.loss)
        seen.append(batch_size if batch.weights is None else (batch.weights > 0).sum())
    assert relative_error(after.params, state.params) <= 1e-11
    np.testing.assert_allclose(info.loss, np.average(losses, weights=seen), rtol=1e-12)
    np.testing.assert_allclose(info.gradient_norms, said.gradient_norms, rtol=1e-9)


def test_without_weights_a_short_batch_is_an_ordinary_step(example):
    """STEP EPOCH: the examples that fill it up have no say."""
    mlp, params, x, y, _, penalty = example
    before = start(params, SGD, jax.random.key(3))
    batches = mini_batches(jax.random.key(4), len(x), 4)
    kept = batches.rows[0][batches.weights[0] > 0]
    assert len(kept) == 2
    batch = jax.tree.map(lambda leaf: leaf[0], batches)
    filled, _ = mini_batch_step(mlp, SGD, backprop, before, x, y, batch, penalty)
    plain, _ = step(mlp, SGD, before, x[kept], y[kept], penalty=penalty)
    assert relative_error(filled.params, plain.params) <= 1e-14


def test_full_batch_is_gradient_descent(example):
    mlp, params, x, y, *_ = example
    state, history = fit(mlp, params, x, y, key=jax.random.key(0), optimizer=SGD, epochs=3, batch_size=10)
    for _ in range(3):
        _, gradient = backprop(mlp, params, x, y)
        params = jax.tree.map(lambda p, g: p - 0.1 * g, params, gradient)
    assert relative_error(state.params, params) <= 1e-12
    assert history.loss.shape == (3,)
    assert history.gradient_norms.shape == (3, 2)


@pytest.mark.parametrize("method", quick(METHODS, "autodiff", "backprop"))
def test_every_method_trains(method):
    """FIT: XOR is learned with each of the gradient methods."""
    mlp = MLP((2, 4, 1), "tanh", "sigmoid_binary_cross_entropy")
    x = jnp.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    y = jnp.array([[0.0], [1.0], [1.0], [0.0]])
    params = init(mlp, jax.random.key(1))
    state, history = fit(
        mlp, params, x, y, key=jax.random.key(1), optimizer=ADAM, epochs=150, batch_size=2, gradient=METHODS[method]
    )
    assert history.loss[-1] < 0.1 < history.loss[0]
    assert loss(mlp, state.params, x, y) < 0.1


def test_same_bits_twice(example):
    mlp, params, x, y, weights, penalty = example
    options = {"optimizer": ADAM, "epochs": 5, "batch_size": 3, "weights": weights, "penalty": penalty}
    (one, history), (two, again) = (fit(mlp, params, x, y, key=jax.random.key(5), **options) for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(jax.tree.leaves(one.params), jax.tree.leaves(two.params), strict=True))
    np.testing.assert_array_equal(history.loss, again.loss)
    other, _ = fit(mlp, params, x, y, key=jax.random.key(6), **options)
    assert relative_error(other.params, one.params) > 1e-6


def test_stops_when_the_parameters_hardly_move(example):
    """FIT: by definition, the lecture's w_new ~ w_old."""
    mlp, params, x, y, *_ = example
    _, history = fit(mlp, params, x, y, key=jax.random.key(0), optimizer=SGD, epochs=500, batch_size=10, tol=1e-3)
    assert history.stopped == "converged"
    assert "no more than 0.001 of their norm" in history.message
    assert history.change[-1] <= 1e-3 < history.change[-2]
    assert len(history.loss) < 500


def test_the_callback_sees_every_epoch_if_asked(example):
    mlp, params, x, y, *_ = example
    seen = []
    callback = lambda *said: seen.append(said)  # noqa: E731
    state, history = fit(mlp, params, x, y, key=jax.random.key(0), epochs=4, callback=callback, every=1)
    assert [number for number, *_ in seen] == [1, 2, 3, 4]
    for number, _, so_far in seen:
        np.testing.assert_array_equal(so_far.loss, history.loss[:number])
    assert seen[-1][1] is state
    assert [so_far.stopped for *_, so_far in seen] == ["", "", "", "epochs"]


def test_callbacks_are_called_where_they_want_to_be_and_change_no_bit(example):
    mlp, params, x, y, *_ = example

    class Fourth:
        every = 4

        def __init__(self):
            self.seen = []

        def __call__(self, epoch, state, history):
            self.seen.append(epoch)

    one, other = Fourth(), []
    options = {"key": jax.random.key(0), "epochs": 400, "batch_size": 5}
    state, history = fit(mlp, params, x, y, callback=[one, lambda epoch, *_: other.append(epoch)], every=7, **options)
    assert set(one.seen) >= {*range(4, 401, 4), *range(7, 401, 7)}
    assert one.seen == other
    assert max(np.diff(one.seen)) <= 7
    quiet, again = fit(mlp, params, x, y, **options)
    assert relative_error(state.params, quiet.params) == 0
    np.testing.assert_array_equal(history.loss, again.loss)


def test_ctrl_c_keeps_what_has_been_learned(example):
    mlp, params, x, y, *_ = example

    def interrupt(number, state, history):
        if number == 3:
            raise KeyboardInterrupt

    with pytest.warns(RuntimeWarning, match="interrupted after 3 of 50 epochs"):
        state, history = fit(mlp, params, x, y, key=jax.random.key(0), epochs=50, callback=interrupt, every=1)
    whole, _ = fit(mlp, params, x, y, key=jax.random.key(0), epochs=3)
    assert history.stopped == "interrupted"
    assert history.epochs == 3
    assert relative_error(state.params, whole.params) == 0


@pytest.mark.parametrize("batch_size", [2, 10])
def test_divergence_keeps_the_last_finite_parameters_and_names_the_layer(example, batch_size):
    mlp, params, x, y, *_ = example
    mlp = MLP(mlp.sizes, "identity", "squared_error")
    params = jax.tree.map(lambda p: p.astype(jnp.float32), params)
    wild = optax.sgd(10.0)
    with pytest.warns(RuntimeWarning, match=r"diverged in epoch \d+, step \d+: .* layer [12] of 2,? overflow") as said:
        state, history = fit(mlp, params, x, y, key=jax.random.key(0), optimizer=wild, epochs=500, batch_size=batch_size)
    assert history.stopped == "diverged"
    assert history.message == str(said[0].message)
    assert "smaller learning rate" in history.message
    assert np.isfinite(history.loss).all()
    assert len(history.loss) < 500
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(state.params))
    assert relative_error(state.params, params) > 1e3


def test_divergence_in_the_very_first_step_returns_the_start(example):
    mlp, params, x, y, *_ = example
    huge = (params[0], Layer(params[1].W * 1e200, params[1].b))
    with pytest.warns(RuntimeWarning, match="epoch 1, step 1: the loss of the output, layer 2 of 2, overflows"):
        state, history = fit(mlp, huge, x, y, key=jax.random.key(0), epochs=2)
    assert relative_error(state.params, huge) == 0
    assert len(history.loss) == 0


def test_an_update_that_overflows_is_named(example):
    mlp, params, x, y, *_ = example
    with pytest.warns(RuntimeWarning, match="the update of layer 1 of 2 overflows"):
        state, _ = fit(mlp, params, x, y, key=jax.random.key(0), optimizer=optax.sgd(1e308), batch_size=10, epochs=2)
    assert relative_error(state.params, params) == 0


def test_a_good_run_warns_of_nothing(example):
    mlp, params, x, y, *_ = example
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _, history = fit(mlp, params, x, y, key=jax.random.key(0), epochs=2)
    assert history.message == ""


def test_one_compilation_for_all_epochs_and_for_equal_networks(example):
    mlp, params, x, y, *_ = example
    state = start(params, SGD, jax.random.key(0))
    epoch.clear_cache()
    for strength in (0.1, 0.2):
        for activation in ("tanh", SMOOTH["tanh"]):
            same = MLP(list(mlp.sizes), activation, "squared_error")
            state, _ = epoch(same, SGD, state, x, y, batch_size=5, penalty=Penalty(l2=jnp.array(strength)))
    assert epoch._cache_size() == 1


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_fit_in_every_dtype(dtype):
    with jax.enable_x64(dtype == "float64"):
        mlp = MLP((3, 4, 2), "tanh", "squared_error")
        params = init(mlp, jax.random.key(0), dtype=dtype)
        x, y = np.ones((10, 3)), np.ones((10, 2))
        state, history = fit(
            mlp, params, x, y, key=jax.random.key(0), optimizer=ADAM, epochs=3, batch_size=4, weights=np.ones(10)
        )
        assert history.stopped == "epochs"
        assert history.loss[-1] < history.loss[0]
        assert {leaf.dtype for leaf in jax.tree.leaves(state.params)} == {params[0].W.dtype}


def test_large_numbers_in_float16_are_no_divergence():
    mlp = MLP((3, 4, 2))
    params = init(mlp, jax.random.key(0), dtype=jnp.float16)
    params = (Layer(params[0].W, params[0].b + 200), params[1])
    _, history = fit(mlp, params, np.ones((5, 3)), np.ones((5, 2)), key=jax.random.key(0), optimizer=optax.sgd(1e-6), epochs=2)
    assert history.stopped == "epochs"


def test_float16_weights_do_not_overflow_their_sum():
    weights = np.full(70_000, 1.5, np.float16)
    assert np.allclose(mini_batches(jax.random.key(0), 70_000, 35_000, weights).scale, 1)


@pytest.mark.parametrize("make", [optax.lbfgs, lambda: optax.chain(optax.adam(0.05), optax.contrib.reduce_on_plateau())])
def test_optimisers_that_look_at_the_loss(example, make):
    mlp, params, x, y, weights, penalty = example
    optimizer = make()
    _, history = fit(
        mlp, params, x, y, key=jax.random.key(0), optimizer=optimizer, epochs=20, batch_size=10, weights=weights, penalty=penalty
    )
    assert history.loss[-1] < 0.7 * history.loss[0]


def test_a_named_optimiser_is_compiled_for_once():
    assert optimizers.named("adam", 0.01) is optimizers.named("adam", 0.01)
    assert optimizers.named("adam", 0.01) is not optimizers.named("adam", 0.02)


def test_networks_of_another_function_under_the_same_name_are_another_network():
    double, square = (
        MLP((1, 1, 1), Activation("mine", f=f, df=lambda z, a: z, d2f=lambda z, a: z)) for f in (lambda z: 2 * z, lambda z: z * z)
    )
    params = (Layer(jnp.ones((1, 1)), jnp.zeros(1)),) * 2
    assert predict(double, params, jnp.array([[3.0]])) == 6
    assert predict(square, params, jnp.array([[3.0]])) == 9
    assert leaky_relu(0.2) is leaky_relu(slope=0.2)
