"""`fit_stream`: the same steps as `fit`, whatever the blocks; bad batches, early ends, and no thread left behind."""

import threading
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from support import relative_error

from mlpjax import MLP, Penalty, fit_stream, init, loss
from mlpjax.fitting import blocks
from mlpjax.gradients import backprop
from mlpjax.training import MiniBatch, mini_batch_step, start, step

RANDOM = np.random.default_rng(0)
X, Y, WEIGHTS = RANDOM.standard_normal((22, 3)), RANDOM.standard_normal((22, 2)), RANDOM.uniform(0.2, 2, 22)
HELD_OUT = (RANDOM.standard_normal((9, 3)), RANDOM.standard_normal((9, 2)))
NETWORK = MLP((3, 5, 2), "tanh")
START = init(NETWORK, jax.random.key(0))
ADAM, WILD = optax.adam(0.03), optax.sgd(0.2)
PENALTY = Penalty(l1=0.001, l2=0.01)


def rows_of(epoch: int) -> list[np.ndarray]:
    """Five batches of 4 and one of 2."""
    return np.split(np.random.default_rng(epoch).permutation(22), range(4, 22, 4))


def batches(epoch, start, weighted=False):
    for rows in rows_of(epoch)[start:]:
        yield (X[rows], Y[rows], WEIGHTS[rows]) if weighted else (X[rows], Y[rows])


def run(source=batches, epochs=3, params=START, **options):
    return fit_stream(NETWORK, params, source, **{"batch_size": 4, "optimizer": ADAM, "epochs": epochs} | options)


def same_bits(one, other) -> bool:
    leaves = [jax.tree.leaves((state._replace(key=0), history)) for state, history in (one, other)]
    return len(leaves[0]) == len(leaves[1]) and all(map(np.array_equal, *leaves))


@pytest.fixture(autouse=True)
def no_thread_is_left():
    before = set(threading.enumerate())
    yield
    assert not {thread for thread in threading.enumerate() if thread not in before and "make" in thread.name}


def test_without_weights_an_epoch_is_its_steps():
    """EPOCH: one ordinary step after another, the short batch too."""
    state, losses = start(START, ADAM, jax.random.key(0)), []
    for epoch in (1, 2):
        seen = []
        for rows in rows_of(epoch):
            state, info = step(NETWORK, ADAM, state, X[rows], Y[rows], penalty=PENALTY)
            seen.append((info.loss, len(rows)))
        losses.append(np.average([value for value, _ in seen], weights=[size for _, size in seen]))
    after, history = run(epochs=2, penalty=PENALTY)
    assert relative_error(after.params, state.params) <= 1e-11
    np.testing.assert_allclose(history.loss, losses, rtol=1e-12)
    np.testing.assert_allclose(history.gradient_norms[-1], info.gradient_norms, rtol=1e-9)


def test_with_weights_an_epoch_is_that_of_fit_on_the_same_batches():
    """EPOCH BATCHES: a weight counts against 1, where `fit` takes it relative to the mean."""
    state = start(START, ADAM, jax.random.key(0))
    for rows in rows_of(1):
        batch = MiniBatch(jnp.asarray(rows), jnp.asarray(WEIGHTS[rows]), jnp.asarray(WEIGHTS[rows].mean()))
        state, _ = mini_batch_step(NETWORK, ADAM, backprop, state, X, Y, batch, PENALTY)
    after, _ = run(lambda *place: batches(*place, weighted=True), epochs=1, penalty=PENALTY)
    assert relative_error(after.params, state.params) <= 1e-11


def test_a_weight_of_one_is_no_weight():
    ones = lambda epoch, start: ((x, y, np.ones(len(x))) for x, y in batches(epoch, start))  # noqa: E731
    assert same_bits(run(ones), run())


def test_a_batch_of_weight_zero_moves_only_by_the_penalty():
    zeros = lambda epoch, start: ((x, y, np.zeros(len(x))) for x, y in batches(epoch, start))  # noqa: E731
    after, _ = run(zeros, epochs=1, optimizer=WILD, penalty=PENALTY)
    state = start(START, WILD, jax.random.key(0))
    for _ in range(6):
        state, _ = step(NETWORK, WILD, state, X[:4], Y[:4], weights=np.zeros(4), penalty=PENALTY)
    assert relative_error(after.params, state.params) <= 1e-12
    assert relative_error(run(zeros, optimizer=WILD)[0].params, START) == 0


def test_the_change_of_an_epoch_is_from_its_start():
    states = [run(epochs=number)[0].params for number in (1, 2)]
    flat = [np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(params)]) for params in (START, *states)]
    expected = [np.linalg.norm(flat[n + 1] - flat[n]) / np.linalg.norm(flat[n]) for n in range(2)]
    np.testing.assert_allclose(run(epochs=2)[1].change, expected, rtol=1e-10)


@pytest.mark.parametrize("most", [1, 2, 4, 6])
def test_the_size_of_the_blocks_changes_no_bit(monkeypatch, most):
    options = {"validation": HELD_OUT, "penalty": PENALTY}
    whole = run(**options)
    monkeypatch.setattr(blocks, "MOST_BATCHES", most)
    assert same_bits(run(**options), whole)


def test_blocks_are_bounded_in_bytes(monkeypatch):
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 2 * 4 * 4 * 3)
    made = list(blocks.blocks(NETWORK, batches, 1, 0, 4, np.float32))
    assert [int(block.filled) for block in made] == [2, 2, 2]
    assert {block.x.shape for block in made} == {(2, 4, 3)}
    assert [block.examples.tolist() for block in made] == [[4, 4], [4, 4], [4, 2]]
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 1)
    assert len(list(blocks.blocks(NETWORK, batches, 1, 4, 4, np.float32))) == 2


@pytest.mark.parametrize("loss", ["softmax_cross_entropy_with_integer_labels", "softmax_cross_entropy"])
def test_labels_and_distributions(loss):
    mlp = MLP((3, 4, 3), "tanh", loss)
    labels = np.arange(20) % 3
    y = labels if mlp.loss.target.labels else np.eye(3)[labels]
    source = lambda epoch, start: ((X[at : at + 5], y[at : at + 5]) for at in range(5 * start, 20, 5))  # noqa: E731
    _, history = fit_stream(mlp, init(mlp, jax.random.key(0)), source, batch_size=5, optimizer=ADAM, epochs=30)
    assert history.loss[-1] < 0.9 * history.loss[0]


BAD = {
    r"a batch must be \(x, y\) or \(x, y, weights\), got list": [X[:4], Y[:4]],
    r"a batch must be \(x, y\) or \(x, y, weights\), got tuple": (X[:4],),
    r"x must have shape \(n, 3\)": (X[:4, :2], Y[:4]),
    r"y must have shape \(4, 2\)": (X[:4], Y[:4, 0]),
    r"x must hold finite numbers; x\[1, 0\] is nan": (np.where(np.arange(4)[:, None] == 1, np.nan, X[:4]), Y[:4]),
    r"weights must hold finite numbers of 0 or more.*weights\[0\] is -1": (X[:4], Y[:4], np.array([-1.0, 1, 1, 1])),
    "it holds 5 examples, and batch_size is 4": (X[:5], Y[:5]),
    "x holds no examples": (X[:0], Y[:0]),
}


@pytest.mark.parametrize("message", BAD)
def test_a_bad_batch_is_named(message):
    def source(epoch, start):
        yield from batches(epoch, start)
        if epoch == 2:
            yield BAD[message]

    with pytest.raises((ValueError, TypeError), match=f"epoch 2, batch 7: {message}"):
        run(source)


def test_a_bad_batch_is_named_by_its_place_after_going_on_too():
    made = blocks.blocks(NETWORK, lambda epoch, start: iter([(X[:5], Y[:5])]), 3, 10, 4, np.float32)
    with pytest.raises(ValueError, match="epoch 3, batch 11: it holds 5"):
        next(made)


def test_a_stream_without_batches():
    with pytest.raises(ValueError, match="the stream gave no batches for epoch 1"):
        run(lambda epoch, start: iter(()))
    with pytest.raises(ValueError, match="the stream gave no batches for epoch 3"):
        run(lambda epoch, start: batches(epoch, start) if epoch < 3 else iter(()))


class BrokenError(Exception):
    pass


def test_an_error_of_the_iterator_comes_through():
    def source(epoch, start):
        yield from batches(epoch, 4)
        raise BrokenError("the cable")

    with pytest.raises(BrokenError, match="the cable"):
        run(source)


def test_an_error_of_a_callback_ends_the_stream_too():
    closed = []

    def endless(epoch, start):
        try:
            while True:
                yield X[:4], Y[:4]
        finally:
            closed.append(epoch)

    def fail(*_):
        raise BrokenError("mine")

    with pytest.raises(BrokenError, match="mine") as raised:
        run(endless, callback=fail)
    assert not [thread for thread in threading.enumerate() if "make" in thread.name], raised
    assert closed == [1]


def test_ctrl_c_keeps_what_has_been_learned(monkeypatch):
    monkeypatch.setattr(blocks, "MOST_BATCHES", 2)

    def stop(epoch, state, history):
        if epoch == 1 and state.cursor.batches == 4:
            raise KeyboardInterrupt

    with pytest.warns(RuntimeWarning, match="interrupted after 1 of 3 epochs"):
        state, history = run(callback=stop)
    assert (history.stopped, history.epochs, int(state.cursor.batches)) == ("interrupted", 1, 4)


def test_divergence_names_the_epoch_the_batch_and_the_layer():
    with pytest.warns(RuntimeWarning, match=r"diverged in epoch \d+, step \d+: the .* of layer \d of 2 overflow"):
        state, history = run(epochs=400, optimizer=optax.sgd(1e3))
    assert history.stopped == "diverged"
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(state.params))
    assert np.isfinite(history.loss).all()


def test_parameters_too_large_to_measure_are_a_divergence_that_says_so():
    params = init(NETWORK, jax.random.key(0), dtype=jnp.float32)
    with pytest.warns(RuntimeWarning, match="diverged in epoch 1, step 1: the update of layer 1 of 2 overflows"):
        run(lambda epoch, start: iter([(X[:4], Y[:4])]), params=params, optimizer=optax.sgd(1e25))


def test_validation_patience_and_the_best_parameters():
    """EARLY-STOPPING"""
    whole_state, whole = run(epochs=30, optimizer=WILD, validation=HELD_OUT)
    state, history = run(epochs=30, optimizer=WILD, validation=HELD_OUT, patience=4)
    best = int(np.argmin(history.validation_loss))
    assert history.stopped == "patience"
    assert history.epochs == best + 1 + 4 < 30
    np.testing.assert_array_equal(history.validation_loss, whole.validation_loss[: history.epochs])
    np.testing.assert_allclose(loss(NETWORK, state.params, *HELD_OUT), history.validation_loss[best], rtol=1e-12)
    assert history.best_epoch == best + 1
    assert relative_error(whole_state.params, state.params) == 0 or np.argmin(whole.validation_loss) != best


def test_stops_when_the_parameters_hardly_move():
    _, history = run(epochs=300, optimizer=optax.sgd(1e-3), tol=0.05)
    assert history.stopped == "converged"
    assert history.change[-1] <= 0.05
    assert (history.change[:-1] > 0.05).all()


def test_the_callback_sees_every_block_and_every_epoch(monkeypatch):
    monkeypatch.setattr(blocks, "MOST_BATCHES", 4)
    seen = []
    run(epochs=2, callback=lambda epoch, state, history: seen.append((epoch, int(state.cursor.batches), history.stopped)))
    assert seen == [(0, 4, ""), (0, 6, ""), (1, 0, ""), (1, 4, ""), (1, 6, ""), (2, 0, "epochs")]


def test_going_on_from_a_state():
    first = run(epochs=2)
    later = run(lambda epoch, start: batches(epoch + 2, start), epochs=1, params=first[0])
    assert relative_error(later[0].params, run(epochs=3)[0].params) == 0


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_every_dtype(dtype):
    params = init(NETWORK, jax.random.key(0), dtype=dtype)
    state, history = run(params=params, epochs=5, validation=HELD_OUT)
    assert history.loss[-1] < history.loss[0]
    assert history.loss.dtype == np.float32
    assert {leaf.dtype for leaf in jax.tree.leaves(state.params)} == {params[0].W.dtype}


def test_a_good_run_warns_of_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run(epochs=1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 0}, "batch_size must be 1 or more, got 0"),
        ({"monitor": "validation_loss"}, "needs a validation set"),
        ({"validation": (X[:, :1], Y)}, "validation: x must have shape"),
        ({"epochs": 0}, "epochs must be 1 or more"),
    ],
)
def test_options_that_cannot_be(options, message):
    with pytest.raises(ValueError, match=message):
        run(**options)
