"""Many networks in one compiled call: masked networks are small networks, and each is what `fit` makes of it."""

import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from support import quick

from mlpjax import MLP, Penalty, backprop, fit, init, loss, predict, selection
from mlpjax.fitting import interrupts
from mlpjax.selection import Split, capacity, chunks, masks

KEY = jax.random.key(3)
ADAM = optax.adam(1e-2)
X = np.random.default_rng(0).uniform(-1, 1, (41, 2))
Y = np.sin(3 * X[:, :1]) + X[:, 1:] ** 2
BASE = MLP((2, 5, 1), "sigmoid")
GRID = {"l1": (0, 0.01), "l2": (0, 0.1), "depths": (0, 1, 3), "widths": (2, 5), "seeds": 2}
USUAL = {"key": KEY, "optimizer": ADAM, "epochs": 5, "batch_size": 8}


@pytest.fixture(scope="module")
def record():
    return selection.sweep(BASE, X, Y, **GRID, **USUAL)


def leaves(tree):
    return [np.asarray(leaf) for leaf in jax.tree.leaves(tree)]


def largest_difference(one, other) -> float:
    return max(float(np.abs(a - b).max()) for a, b in zip(leaves(one), leaves(other), strict=True))


MASKED = jax.jit(masks.masked_backprop, static_argnums=0)
LABELS = "softmax_cross_entropy_with_integer_labels"


@pytest.mark.parametrize("activation", quick(["sigmoid", "gelu"], "sigmoid"))
@pytest.mark.parametrize(("depth", "width"), [(0, 3), (1, 2), (2, 3), (3, 1)])
def test_a_masked_network_is_the_small_one(activation, depth, width):
    """MASK-depth, MASK-width: definition, loss, gradient, and nothing outside; against jax.grad as well."""
    mlp = MLP((2, 4, 3), activation, LABELS)
    largest, small = masks.largest(mlp, (0, 1, 2, 3), (1, 2, 3)), masks.small(mlp, depth, width)
    params = init(small, jax.random.key(depth), "glorot_normal")
    params = jax.tree.map(lambda leaf: leaf + 0.1, params)
    x, y, weights = X[:7], np.arange(7) % 3, np.arange(7.0)
    mask = masks.Mask(jnp.asarray(depth), jnp.asarray(width))
    options = {"weights": weights, "penalty": Penalty(0.1, 0.2)}
    value, gradient = MASKED(largest, mask, masks.embedded(largest, params), x, y, **options)
    expected, oracle = backprop(small, params, x, y, **options)
    inside = masks.extracted(largest, gradient, depth, width)
    assert abs(value - expected) <= 1e-14 * abs(expected)
    assert largest_difference(inside, oracle) <= 1e-14
    assert largest_difference(gradient, masks.embedded(largest, inside)) == 0
    by_jax = jax.grad(lambda params: loss(small, params, x, y, **options))(params)
    assert largest_difference(inside, by_jax) <= 1e-12


def test_inputs_that_are_wider_than_the_layers_are_never_passed_on():
    """MASK-depth"""
    mlp = MLP((2, 1, 1), "tanh")
    params = init(mlp, KEY)
    mask = masks.Mask(jnp.asarray(1), jnp.asarray(1))
    assert largest_difference(masks.masked_backprop(mlp, mask, params, X, Y), backprop(mlp, params, X, Y)) <= 1e-15


def test_each_network_is_what_fit_makes_of_it(record):
    """ENSEMBLE: to rounding, the start, the losses and the parameters of the small network trained alone."""
    for row in range(len(record.seed)):
        small, params = selection.member(record, row)
        start, order = selection.keys(KEY, record.seed[row], record.replicate[row])
        options = {"key": order, "epochs": 5, "batch_size": 8, "optimizer": ADAM}
        state, history = fit(small, init(small, start), X, Y, penalty=Penalty(record.l1[row], record.l2[row]), **options)
        assert largest_difference(params, state.params) <= 1e-14
        np.testing.assert_allclose(record.losses[row], history.loss, rtol=1e-13)
        np.testing.assert_allclose(record.loss[row], loss(small, state.params, X, Y), rtol=1e-13)


def test_the_order_of_the_rows(record):
    wanted = [
        (l1, l2, depth, width, 0, seed)
        for l1 in (0, 0.01)
        for l2 in (0, 0.1)
        for depth in (0, 1, 3)
        for width in (2, 5)
        for seed in (0, 1)
    ]
    assert list(zip(*record[:6], strict=True)) == wanted
    assert (record.epochs == 5).all()
    assert record.held_out_loss is None


def test_networks_that_differ_in_penalty_alone_start_alike():
    record = selection.sweep(BASE, X, Y, key=KEY, l2=(0, 1.0), epochs=1, batch_size=41, optimizer=optax.sgd(1e-9))
    np.testing.assert_allclose(record.losses[1] > record.losses[0], True)
    one, other = (selection.member(record, row)[1] for row in (0, 1))
    assert largest_difference(one, other) < 1e-7


def test_predictions_are_those_of_the_members(record):
    many = selection.predictions(record, X[:6])
    for row in (0, 13, 47):
        np.testing.assert_allclose(many[row], predict(*selection.member(record, row), X[:6]), rtol=1e-12, atol=1e-14)


@pytest.mark.slow
def test_a_smaller_memory_changes_nothing_but_the_rounding(record, monkeypatch):
    """Loops over fewer networks are another program: JAX 0.12 compiles it to other roundings."""
    calls = []
    compiled_for = capacity.taken
    monkeypatch.setattr(capacity, "taken", lambda compiled: calls.append(compiled_for(compiled)) or calls[-1])
    said = []
    again = selection.sweep(BASE, X, Y, memory=60_000, callback=lambda *told: said.append(told), **GRID, **USUAL)
    assert calls[0] > 60_000 >= calls[-1]
    assert said[-1] == (48 * 5, 48 * 5)
    for one, other in zip(record, again, strict=True):
        if not isinstance(one, MLP | None):
            assert largest_difference(one, other) <= 1e-13


def test_one_network_that_does_not_fit():
    with pytest.raises(MemoryError, match=r"one network takes [\d,]+ bytes of memory and 1,000 are to be had"):
        selection.sweep(BASE, X, Y, memory=1000, **GRID, **USUAL)


FOLDS = Split(np.array([[0, 1, 2, 3, 4, 5], [6, 7, 8, 9, 10, -1]]), np.array([[6, 7, 8], [0, 1, -1]]))


def test_each_replicate_trains_on_its_rows_and_is_measured_on_the_others():
    weights = np.arange(1.0, 42.0)
    record = selection.sweep(BASE, X, Y, split=FOLDS, weights=weights, key=KEY, epochs=3, batch_size=2, optimizer=ADAM)
    small, params = selection.member(record, 1)
    start, order = selection.keys(KEY, 0, 1)
    rows, counted = FOLDS.train[1], np.where(FOLDS.train[1] < 0, 0, weights[FOLDS.train[1]])
    state, _ = fit(
        small, init(small, start), X[rows], Y[rows], weights=counted, key=order, epochs=3, batch_size=2, optimizer=ADAM
    )
    assert largest_difference(params, state.params) <= 1e-14
    held_out = loss(small, params, X[:2], Y[:2], weights=weights[:2])
    np.testing.assert_allclose(record.held_out_loss[1], held_out, rtol=1e-13)
    assert record.held_out_score.shape == (2,)


def test_l1_by_proximal_steps_gives_exact_zeros():
    options = {"key": KEY, "l1": (0, 1.0), "epochs": 30, "optimizer": optax.sgd(0.05), "batch_size": 41}
    subgradient = selection.sweep(BASE, X, Y, **options)
    proximal = selection.sweep(BASE, X, Y, proximal_rate=0.05, **options)
    zeros = [np.mean([np.mean(layer.W == 0) for layer in selection.member(record, 1)[1]]) for record in (subgradient, proximal)]
    assert zeros[0] == 0 < 0.5 < zeros[1]
    assert largest_difference(*(selection.member(record, 0)[1] for record in (subgradient, proximal))) < 1e-12


@pytest.mark.slow
def test_a_line_search_each_for_itself():
    record = selection.sweep(BASE, X, Y, key=KEY, l2=(0, 0.1), epochs=4, batch_size=41, optimizer=optax.lbfgs())
    small, params = selection.member(record, 1)
    start, order = selection.keys(KEY, 0)
    state, _ = fit(small, init(small, start), X, Y, key=order, epochs=4, penalty=Penalty(l2=0.1), optimizer=optax.lbfgs())
    assert largest_difference(params, state.params) < 1e-9


def test_a_network_that_diverges_leaves_the_others_alone():
    options = {"key": KEY, "epochs": 60, "batch_size": 41}
    record = selection.sweep(MLP((2, 5, 1), "relu"), X, Y, l2=(0, 1e6), optimizer=optax.sgd(0.1), **options)
    assert np.isfinite(record.loss[0])
    assert not np.isfinite(record.loss[1])


@pytest.mark.slow
def test_ctrl_c_returns_what_has_been_trained(monkeypatch):
    monkeypatch.setattr(chunks, "SECONDS_A_STRETCH", 0)

    def interrupt(done, wanted):
        if done >= 24:
            raise KeyboardInterrupt

    with pytest.warns(RuntimeWarning, match="the sweep was interrupted: 0 of 48 networks are complete"):
        record = selection.sweep(BASE, X, Y, callback=interrupt, memory=60_000, **GRID, **USUAL)
    assert 0 < len(record.seed) < 48
    assert record.epochs.tolist() == [3] * len(record.seed)
    assert np.isnan(record.losses[:, 3:]).all()
    assert np.isfinite(record.loss).all()
    assert interrupts.ctrl_c()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"depths": ()}, r"depths must be one or more numbers, each once; got \(\)"),
        ({"depths": (1, 1)}, r"depths must be one or more numbers, each once; got \(1, 1\)"),
        ({"widths": (0,)}, "widths must be 1 or more, got 0"),
        ({"depths": (-1,)}, "depths must be 0 or more, got -1"),
        ({"l2": (-1,)}, "l2 must be one or more finite numbers of 0 or more"),
        ({"seeds": 0}, "seeds must be 1 or more, got 0"),
        ({"batch_size": 42}, "batch_size must be from 1 to 41"),
        ({"epochs": 0}, "epochs must be 1 or more"),
        ({"memory": 0}, "memory must be 1 or more"),
        ({"split": Split(np.zeros(3, int))}, r"split.train must be whole numbers of shape \(replicates, rows\)"),
        ({"split": Split(np.array([[41]]))}, "split.train must hold rows from 0 to 40, or -1 for none; got 41 to 41"),
        ({"split": Split(np.array([[-1]]))}, "split.train: replicate 0 has no example that counts"),
        ({"split": Split(np.array([[1]]), np.array([[1], [2]]))}, "split has 1 replicates to train on and 2 held out"),
        ({"weights": np.zeros(41)}, "split.train: replicate 0 has no example that counts"),
    ],
)
def test_what_cannot_be_swept(options, message):
    with pytest.raises(ValueError, match=message):
        selection.sweep(BASE, X, Y, **{**USUAL, **options})


@pytest.mark.parametrize(
    ("mlp", "options", "message"),
    [
        (MLP((2, 3, 4, 1)), {}, r"a network of several widths, \(3, 4\), cannot be masked: give widths, such as widths=\(4,\)"),
        (MLP((2, 3, 3, 1), ("relu", "tanh")), {}, "all hidden layers must have one activation to be masked"),
        (MLP((2, 1)), {"depths": (0, 1)}, "which activation"),
    ],
)
def test_networks_that_cannot_be_masked(mlp, options, message):
    with pytest.raises(ValueError, match=message):
        selection.sweep(mlp, X, Y, **USUAL, **options)


@pytest.mark.slow
def test_several_devices_change_nothing_but_the_time(record):
    script = """
import jax
jax.config.update("jax_num_cpu_devices", 4)
jax.config.update("jax_enable_x64", True)
import sys
sys.path.insert(0, "tests")
import numpy as np
from test_sweep import BASE, GRID, USUAL, X, Y, selection
assert len(jax.devices()) == 4
record = selection.sweep(BASE, X, Y, **{**GRID, "seeds": 3}, **USUAL)
print(*[value.hex() for value in record.losses[:, -1].tolist()])
assert selection.predictions(record, X).shape == (72, 41, 1)
"""
    out = subprocess.run(
        [sys.executable, "-c", script], cwd=Path(__file__).parent.parent, capture_output=True, text=True, check=True
    ).stdout
    spread = np.array([float.fromhex(text) for text in out.split()]).reshape(24, 3)
    np.testing.assert_allclose(spread[:, :2].ravel(), record.losses[:, -1], rtol=1e-13)
