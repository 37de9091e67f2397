"""`fit` over data in memory: validation, early stopping, going on, interruption."""

import signal
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from support import relative_error

from mlpjax import MLP, Penalty, checks, epoch, fit, init, loss, metrics
from mlpjax.fitting import memory, options
from mlpjax.fitting.epochs import several
from mlpjax.network import forward
from mlpjax.training import start

RANDOM = np.random.default_rng(0)
X, Y = RANDOM.standard_normal((30, 3)), RANDOM.standard_normal((30, 2))
HELD_OUT = (RANDOM.standard_normal((9, 3)), RANDOM.standard_normal((9, 2)))
NETWORK = MLP((3, 5, 2), "tanh")
START = init(NETWORK, jax.random.key(0))
WILD, ADAM = optax.sgd(0.15), optax.adam(0.03)


def run(epochs=12, params=START, x=X, y=Y, **given):
    given = {"key": jax.random.key(1), "optimizer": WILD, "batch_size": 4} | given
    return fit(NETWORK, params, x, y, epochs=epochs, **given)


def by_hand(epochs, optimizer=WILD, state=None, key=1, **options):
    """The parameters after each epoch, and each epoch's loss."""
    state = start(START, optimizer, jax.random.key(key)) if state is None else state
    after, values = [], []
    for _ in range(epochs):
        state, info = epoch(NETWORK, optimizer, state, X, Y, batch_size=4, **options)
        after.append(state.params)
        values.append(info.loss)
    return after, np.array(values)


def same_bits(one, other) -> bool:
    leaves = [jax.tree.leaves((state.params, state.opt_state, history)) for state, history in (one, other)]
    return len(leaves[0]) == len(leaves[1]) and all(map(np.array_equal, *leaves))


@pytest.mark.parametrize("weighted", [False, True])
def test_validation_is_measured_after_each_epoch_and_the_best_parameters_come_back(weighted):
    """EARLY-STOPPING: definition, a loop over `epoch`."""
    weights = RANDOM.uniform(size=9) if weighted else None
    state, history = run(10, validation=(*HELD_OUT, weights) if weighted else HELD_OUT, penalty=Penalty(l2=0.01))
    after, values = by_hand(10, penalty=Penalty(l2=0.01))
    validation = [loss(NETWORK, params, *HELD_OUT, weights=weights) for params in after]
    scores = [
        metrics.score(NETWORK.loss, forward(NETWORK, p, HELD_OUT[0]).z[-1], jnp.asarray(HELD_OUT[1]), weights) for p in after
    ]
    np.testing.assert_allclose(history.loss, values, rtol=1e-11)
    np.testing.assert_allclose(history.validation_loss, validation, rtol=1e-11)
    np.testing.assert_allclose(history.validation_score, scores, rtol=1e-10)
    assert history.best_epoch == 1 + np.argmin(validation) < 10
    assert relative_error(state.params, after[history.best_epoch - 1]) <= 1e-11
    assert history.stopped == "epochs"


def test_validation_changes_nothing_but_which_parameters_come_back():
    _, history = run()
    _, watched = run(validation=HELD_OUT)
    np.testing.assert_array_equal(history.loss, watched.loss)
    np.testing.assert_array_equal(history.gradient_norms, watched.gradient_norms)
    _, other = run(validation=HELD_OUT, monitor="loss")
    np.testing.assert_array_equal(watched.validation_loss, other.validation_loss)


def test_with_the_training_loss_watched_the_last_parameters_come_back():
    state, history = run(validation=HELD_OUT, monitor="loss")
    assert history.best_epoch is None
    assert relative_error(state.params, run()[0].params) == 0


@pytest.mark.parametrize(("fraction", "held_out"), [(0.1, 3), (0.25, 8), (0.01, 1), (0.9, 27)])
def test_a_fraction_is_held_out_at_random_and_weights_follow(fraction, held_out):
    rows = np.arange(30)
    split = memory._split(NETWORK, jax.random.key(3), (X, Y, rows), fraction)
    (x, _, kept), (x_out, _, out) = split
    assert len(out) == held_out
    assert sorted([*kept, *out]) == list(range(30))
    np.testing.assert_array_equal(x, X[kept])
    np.testing.assert_array_equal(x_out, X[out])
    assert not np.array_equal(out, np.sort(out)) or held_out == 1
    again = memory._split(NETWORK, jax.random.key(3), (X, Y, rows), fraction)
    np.testing.assert_array_equal(again[1][2], out)
    others = [memory._split(NETWORK, jax.random.key(seed), (X, Y, rows), fraction)[1][2] for seed in range(10)]
    assert any(not np.array_equal(other, out) for other in others)


def test_a_fraction_is_the_same_as_the_two_parts():
    weights = RANDOM.uniform(size=30)
    (x, y, w), held_out = memory._split(NETWORK, jax.random.key(1), (X, Y, weights), 0.3)
    assert same_bits(run(weights=weights, validation=0.3), run(x=x, y=y, weights=w, validation=held_out))


@pytest.mark.parametrize("bad", [0.0, 1.0, -0.1, 2.5, float("nan")])
def test_a_fraction_out_of_range(bad):
    with pytest.raises(ValueError, match=f"a fraction between 0 and 1, got {bad}"):
        run(validation=bad)


def test_a_validation_set_that_cannot_be_used():
    with pytest.raises(ValueError, match="leaves none to train on"):
        run(x=X[:1], y=Y[:1], batch_size=1, validation=0.5)
    with pytest.raises(ValueError, match=r"validation: x must have shape \(n, 3\)"):
        run(validation=(X[:, :2], Y))
    with pytest.raises(ValueError, match=r"validation: y must hold finite numbers.*y\[2, 1\] is nan"):
        run(validation=(X[:3], np.array([[0, 0], [0, 0], [0, np.nan]])))
    with pytest.raises(ValueError, match=r"must be \(x, y\) or \(x, y, weights\), got 1 arrays"):
        run(validation=(X,))


def reference(values, patience: int, min_delta: float) -> tuple[int, int]:
    """EARLY-STOPPING in plain Python: how many epochs run, and which was the best."""
    best, best_epoch, waited = np.inf, 0, 0
    for number, value in enumerate(values, 1):
        waited = 0 if value < best - min_delta else waited + 1
        if value < best:
            best, best_epoch = value, number
        if waited >= patience:
            return number, best_epoch
    return len(values), best_epoch


@pytest.fixture(scope="module")
def forty():
    return run(epochs=40, validation=HELD_OUT, monitor="validation_loss")


@pytest.mark.parametrize("min_delta", [0.0, 0.02])
@pytest.mark.parametrize("patience", [1, 2, 5])
@pytest.mark.parametrize("monitor", ["loss", "validation_loss", "validation_score"])
def test_patience(forty, monitor, patience, min_delta):
    """EARLY-STOPPING"""
    column = getattr(forty[1], monitor)
    epochs, best = reference(-column if monitor == "validation_score" else column, patience, min_delta)
    state, history = run(epochs=40, validation=HELD_OUT, monitor=monitor, patience=patience, min_delta=min_delta)
    assert (history.epochs, history.best_epoch) == (epochs, None if monitor == "loss" else best)
    np.testing.assert_array_equal(history.loss, forty[1].loss[:epochs])
    assert history.stopped == ("patience" if epochs < 40 else "epochs")
    if history.stopped == "patience":
        watched = {"loss": "training loss"}.get(monitor, monitor.replace("_", " "))
        kept = "" if monitor == "loss" else ", whose parameters are kept"
        assert history.message == f"the {watched} has not improved for {patience} epochs; the best was epoch {best}{kept}"
    expected, _ = run(epochs=epochs if monitor == "loss" else best)
    assert relative_error(state.params, expected.params) == 0


def test_early_stopping_stops_early_and_not_at_once(forty):
    """The cases above are of every kind."""
    lengths = {reference(forty[1].validation_loss, patience, delta)[0] for patience in (1, 2, 5) for delta in (0.0, 0.02)}
    assert len(lengths) >= 3
    assert max(lengths) > 5


def test_patience_without_a_validation_set_watches_the_training_loss():
    _, history = run(epochs=40, patience=2)
    assert (history.epochs, history.stopped) == (reference(run(epochs=40)[1].loss, 2, 0.0)[0], "patience")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"monitor": "accuracy"}, "monitor must be one of loss, validation_loss, validation_score; got 'accuracy'"),
        ({"monitor": "validation_loss"}, "monitor='validation_loss' needs a validation set"),
        ({"monitor": "validation_score", "patience": 3}, "monitor='validation_score' needs a validation set"),
        ({"patience": 0}, "patience must be a whole number of epochs, 1 or more; got 0"),
        ({"patience": 1, "min_delta": -1.0}, "min_delta must be a finite number of 0 or more, got -1.0"),
        ({"patience": 1, "min_delta": float("inf")}, "min_delta must be a finite number"),
        ({"tol": -1e-3}, "tol must be a finite number of 0 or more, got -0.001"),
        ({"tol": float("nan")}, "tol must be a finite number"),
        ({"every": 0}, "every must be a whole number of epochs, 1 or more; got 0"),
        ({"epochs": 0}, "epochs must be 1 or more, got 0"),
        ({"batch_size": 31}, "batch_size must be from 1 to 30"),
        ({"validation": 0.1, "weights": np.zeros(30)}, "the weights of the validation set are all 0"),
        ({"validation": (X, Y, np.zeros(30))}, "the weights of the validation set are all 0"),
    ],
)
def test_options_that_cannot_be(options, message):
    with pytest.raises(ValueError, match=message):
        run(**options)


def test_what_is_no_array():
    with pytest.raises(TypeError, match=r"x must be a NumPy or a JAX array, got list: pass np.asarray\(x\)"):
        checks.check_is_array("x", X.tolist())
    with pytest.raises(TypeError, match=r"key must be one of JAX's, such as jax.random.key\(0\); got 0"):
        options.check_key(0)


def test_the_state_of_another_optimiser_is_refused():
    state, _ = run(1, optimizer=ADAM)
    with pytest.raises(ValueError, match="the state is of another optimiser"):
        run(params=state)


def test_whole_and_broken_numbers_are_one_compilation():
    several.clear_cache()
    for l2, tol, min_delta in ((1, 0, 0), (0.5, 1e-9, 1e-9), (jnp.float32(2), None, 0)):
        run(1, penalty=Penalty(l2=l2), tol=tol, min_delta=min_delta, patience=2)
    assert several._cache_size() == 1


def test_class_weights_are_of_the_training_part_alone():
    mlp = MLP((3, 5, 2), "tanh", "softmax_cross_entropy_with_integer_labels")
    labels = (X[:, 0] > 0).astype(int)
    options = {"key": jax.random.key(1), "optimizer": ADAM, "epochs": 3, "class_weights": [1.0, 50.0], "monitor": "loss"}
    order = np.asarray(jax.random.permutation(jax.random.fold_in(jax.random.key(1), 0), 30))
    held_out, rest = order[:6], order[6:]
    _, by_fraction = fit(mlp, START, X, labels, validation=0.2, **options)
    _, by_hand = fit(mlp, START, X[rest], labels[rest], validation=(X[held_out], labels[held_out]), **options)
    np.testing.assert_array_equal(by_fraction.validation_loss, by_hand.validation_loss)
    np.testing.assert_array_equal(by_fraction.validation_score, by_hand.validation_score)


def test_a_network_that_does_not_move_has_not_converged_unless_asked():
    """FIT: all zeros, and nothing to learn."""
    zeros = jax.tree.map(jnp.zeros_like, START)
    _, history = run(epochs=3, params=zeros, y=np.zeros((30, 2)))
    assert (history.stopped, history.epochs) == ("epochs", 3)
    _, history = run(epochs=3, params=zeros, y=np.zeros((30, 2)), tol=0.0)
    assert (history.stopped, history.epochs) == ("converged", 1)


@pytest.mark.parametrize("monitor", ["validation_loss", "validation_score"])
def test_a_validation_loss_that_is_never_a_number_keeps_the_last_parameters(monitor):
    huge = (X[:2], 1e200 * Y[:2])
    state, history = run(epochs=9, validation=huge, monitor=monitor, patience=4)
    assert not np.isfinite(history.validation_loss).any()
    assert (history.stopped, history.epochs, history.best_epoch) == ("patience", 4, None)
    assert history.message.endswith("has not improved for 4 epochs; it never was a finite number")
    assert relative_error(state.params, run(epochs=4)[0].params) == 0


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_validation_in_every_dtype(dtype):
    params = init(NETWORK, jax.random.key(0), dtype=dtype)
    state, history = run(epochs=4, params=params, validation=0.2, optimizer=ADAM, patience=9)
    assert history.validation_loss.dtype == (np.float64 if dtype == "float64" else np.float32)
    x, y, _ = memory._split(NETWORK, jax.random.key(1), (X, Y, None), 0.2)[1]
    exact = loss(NETWORK, jax.tree.map(lambda leaf: leaf.astype(float), state.params), x, y)
    np.testing.assert_allclose(history.validation_loss.min(), exact, rtol=16 * float(jnp.finfo(dtype).eps))
    assert {leaf.dtype for leaf in jax.tree.leaves(state.params)} == {params[0].W.dtype}


def test_going_on_from_a_state():
    """FIT: the optimiser's memory goes on, the order is of the new key, and what was best is forgotten."""
    first, _ = run(epochs=3, optimizer=ADAM, validation=HELD_OUT, monitor="loss")
    state, history = run(epochs=4, params=first, optimizer=ADAM, key=jax.random.key(5))
    after, values = by_hand(4, ADAM, first._replace(key=jax.random.key(5), best=None))
    np.testing.assert_allclose(history.loss, values, rtol=1e-11)
    assert relative_error(state.params, after[-1]) <= 1e-11
    assert (state.best, history.best_epoch) == (None, None)
    fresh, _ = run(epochs=4, params=first.params, optimizer=ADAM, key=jax.random.key(5))
    assert relative_error(fresh.params, after[-1]) > 1e-3


def test_schedules_and_clipping_are_optax_s():
    """STEP: against a loop over `epoch`, and the clip is felt."""
    clipped = optax.chain(optax.clip_by_global_norm(0.1), optax.sgd(optax.cosine_decay_schedule(1.0, 40)))
    state, _ = run(epochs=6, optimizer=clipped)
    assert relative_error(state.params, by_hand(6, clipped)[0][-1]) <= 1e-11
    length = np.sqrt(sum(np.sum((p - q) ** 2) for p, q in zip(*map(jax.tree.leaves, (state.params, START)), strict=True)))
    schedule = optax.cosine_decay_schedule(1.0, 40)
    assert 0 < length <= 0.1 * sum(schedule(number) for number in range(6 * 8))
    assert int(optax.tree.get(state.opt_state, "count")) == 48


def test_how_the_epochs_are_cut_changes_no_bit(monkeypatch):
    options = {"epochs": 20, "validation": 0.2, "patience": 19, "optimizer": ADAM}
    whole = run(**options)
    monkeypatch.setattr(memory, "SECONDS_A_STRETCH", 1e9)
    for every in (None, 1, 3, 7):
        assert same_bits(run(every=every, **options), whole)
        assert same_bits(run(every=every, callback=[lambda *_: None] * 2, **options), whole)


# Ctrl-C

TRAIN = """
import jax, numpy as np, signal, warnings
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have it ignored in the background
from mlpjax import MLP, fit, init
mlp = MLP((1, 2, 1))
x = np.linspace(-1, 1, 8)[:, None]
said = lambda epoch, *_: print(epoch, flush=True)
with warnings.catch_warnings(record=True) as warned:
    warnings.simplefilter("always")
    state, history = fit(mlp, init(mlp, jax.random.key(0)), x, x, key=jax.random.key(1), epochs=10**7, callback=said)
print("warned", warned[0].message)
print("learned", history.stopped, history.epochs, all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(state.params)))
"""


def test_a_real_ctrl_c():
    root = Path(__file__).parent.parent
    command = [sys.executable, "-c", TRAIN]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        seen = [process.stdout.readline() for _ in range(5)]
        process.send_signal(signal.SIGINT)
        said, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, "")
    *epochs, warned, learned = "".join([*seen, said]).splitlines()
    last = learned.split()[2]
    assert warned == f"warned training was interrupted after {last} of 10000000 epochs"
    assert learned == f"learned interrupted {last} True"
    assert epochs[-1] == last
