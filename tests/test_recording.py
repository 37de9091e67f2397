"""Health recorded in training: the same bits as without, the steps that are due, and what survives a crash."""

import json
import re

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from support import quick

from mlpjax import MLP, Checkpoints, Penalty, fit, fit_stream, init
from mlpjax.callbacks import JsonLines
from mlpjax.diagnosis.health import health
from mlpjax.fitting import blocks, recording
from mlpjax.fitting.packing import arrays_of, arrays_of_history
from mlpjax.gradients import backprop
from mlpjax.training import epoch_plan, mini_batch_step, start

MLPS = {"tanh": MLP((3, 5, 2), "tanh"), "relu": MLP((3, 4, 4, 2), "relu", "softmax_cross_entropy_with_integer_labels")}
RANDOM = np.random.default_rng(0)
X, WEIGHTS = RANDOM.standard_normal((22, 3)), RANDOM.uniform(0.2, 2, 22)
Y = {"tanh": RANDOM.standard_normal((22, 2)), "relu": (X[:, 0] > 0).astype(int)}
ADAM = optax.adam(0.03)
SGD = optax.chain(optax.clip_by_global_norm(1.0), optax.sgd(0.1, momentum=0.9))
PENALTY = Penalty(l1=0.001, l2=0.01)


def run(name="tanh", **options):
    """Six steps an epoch, of which the first has two examples."""
    options = {"key": jax.random.key(1), "optimizer": ADAM, "epochs": 5, "batch_size": 4} | options
    mlp = MLPS[name]
    return fit(mlp, init(mlp, jax.random.key(0), dtype=options.pop("dtype", None)), X, Y[name], **options)


def batches(epoch, start):
    for rows in np.split(np.random.default_rng(epoch).permutation(22), range(4, 22, 4))[start:]:
        yield X[rows], Y["tanh"][rows], WEIGHTS[rows]


def streamed(**options):
    mlp = MLPS["tanh"]
    options = {"batch_size": 4, "optimizer": ADAM, "epochs": 3, "penalty": PENALTY} | options
    return fit_stream(mlp, init(mlp, jax.random.key(0)), batches, **options)


def same_bits(one, other) -> bool:
    first, second = (arrays_of(state._replace(cursor=None)) | arrays_of_history(history) for state, history in (one, other))
    return first.keys() == second.keys() and all(np.array_equal(first[name], second[name]) for name in first)


def parameters_and_columns(result) -> tuple:
    state, history = result
    return state._replace(cursor=None), history._replace(health=None, health_every=None)


@pytest.mark.parametrize("every", [1, 4, 100])
@pytest.mark.parametrize("name", quick(["tanh", "relu"], "tanh"))
@pytest.mark.parametrize("options", [{}, {"optimizer": SGD, "weights": WEIGHTS, "penalty": PENALTY}], ids=["adam", "sgd"])
def test_recording_changes_no_bit(name, options, every):
    """FIT"""
    recorded = run(name, health_every=every, dtype=jnp.float32, validation=(X[:5], Y[name][:5]), **options)
    plain = run(name, dtype=jnp.float32, validation=(X[:5], Y[name][:5]), **options)
    assert same_bits(parameters_and_columns(recorded), parameters_and_columns(plain))
    assert plain[1].health is None
    assert recorded[1].health_steps.tolist() == list(range(1, 31, every))


@pytest.mark.parametrize("every", [1, 4])
def test_recording_a_stream_changes_no_bit(every):
    recorded = streamed(health_every=every)
    assert same_bits(parameters_and_columns(recorded), parameters_and_columns(streamed()))
    assert recorded[1].health_steps.tolist() == list(range(1, 19, every))


@pytest.mark.slow
def test_where_an_epoch_is_one_step_or_a_line_is_searched():
    history = run(batch_size=22, epochs=9, health_every=4)[1]
    assert history.health_steps.tolist() == [1, 5, 9]
    searched = {"optimizer": optax.lbfgs(), "batch_size": None, "epochs": 4}
    assert same_bits(parameters_and_columns(run(**searched, health_every=2)), parameters_and_columns(run(**searched)))


@pytest.mark.parametrize("weighted", quick([False, True], True))
def test_a_record_is_the_health_of_its_step(weighted):
    """Step by step by hand: the mini-batch, its weights, what the optimiser did, and the gradient that it was given."""
    mlp, weights = MLPS["tanh"], WEIGHTS if weighted else None
    history = run(health_every=5, epochs=2, weights=weights, penalty=PENALTY)[1]
    state, number, found = start(init(mlp, jax.random.key(0)), ADAM, jax.random.key(1)), 0, []
    for _ in range(2):
        key, plan = epoch_plan(state.key, 22, 4, weights)
        for row in range(6):
            batch = jax.tree.map(lambda values, row=row: values[row], plan)
            after, _ = mini_batch_step(mlp, ADAM, backprop, state, X, Y["tanh"], batch, PENALTY)
            if number % 5 == 0:
                scale = 1 if batch.scale is None else batch.scale
                update = jax.tree.map(jnp.subtract, after.params, state.params)
                penalty = Penalty(PENALTY.l1 / scale, PENALTY.l2 / scale)
                given = {"weights": batch.weights, "penalty": penalty, "update": update}
                one = health(mlp, state.params, X[batch.rows], Y["tanh"][batch.rows], **given)
                scaled = {name: getattr(one, name) * scale for name in ("gradient_norm", "gradient_to_weight")}
                found.append(one._replace(**scaled))
            state, number = after, number + 1
        state = state._replace(key=key)
    assert len(history.health.factor) == len(found) == 3
    for name in history.health._fields:
        expected = np.stack([getattr(one, name) for one in found])
        np.testing.assert_allclose(getattr(history.health, name), expected, rtol=1e-9, err_msg=name)
    assert history.health.examples.tolist() == [2, 4, 4]


@pytest.mark.slow
def test_the_length_of_a_loop_changes_no_record(monkeypatch):
    whole = run(health_every=4, epochs=8)
    assert same_bits(run(health_every=4, epochs=8, every=1), whole)
    monkeypatch.setattr(recording, "ROOM", 1)
    assert same_bits(run(health_every=4, epochs=8), whole)
    stream = streamed(health_every=4)
    monkeypatch.setattr(blocks, "MOST_BATCHES", 2)
    assert same_bits(streamed(health_every=4), stream)


def test_the_device_has_room_for_the_records_of_a_loop():
    history = run(health_every=1, epochs=400)[1]
    assert history.health.factor.shape == (2400, 2)
    assert (history.health.delta_rms > 0).all()


@pytest.mark.slow
@pytest.mark.parametrize("kind", [run, streamed])
def test_a_training_that_goes_on_has_the_same_records(tmp_path, kind):
    whole = kind(health_every=5, epochs=6)
    kept = Checkpoints(tmp_path, epochs=1, seconds=None)
    kind(health_every=5, epochs=2, checkpoints=kept)
    again = kind(health_every=5, epochs=6, checkpoints=kept)
    assert same_bits(again, whole)
    assert again[1].health_steps.tolist() == whole[1].health_steps.tolist()
    with pytest.raises(ValueError, match="its health every is 5, here it is 7"):
        kind(health_every=7, epochs=6, checkpoints=kept)
    with pytest.raises(ValueError, match="its health every is 5, here it is absent"):
        kind(epochs=6, checkpoints=kept)


def test_a_checkpoint_that_claims_too_many_records_is_refused(tmp_path):
    run(health_every=5, epochs=2, checkpoints=Checkpoints(tmp_path, epochs=2, seconds=None, keep=1))
    (path,) = tmp_path.glob("*/about/metadata")
    path.write_text(re.sub('"recorded": ?3', '"recorded":99999999999', path.read_text()))
    with pytest.raises(ValueError, match="it says that it has 99999999999 recorded steps"):
        run(health_every=5, epochs=2, checkpoints=Checkpoints(tmp_path))


def test_where_training_diverges_the_records_end():
    with pytest.warns(RuntimeWarning, match="diverged"):
        _, history = run(health_every=1, optimizer=optax.sgd(1e3), epochs=20, batch_size=2)
    assert history.stopped == "diverged"
    assert 0 < len(history.health.factor) < 20 * 11
    assert np.isfinite(history.health.delta_rms).all()
    assert history.health.update_to_weight.max() > 1


def test_a_log_has_its_epochs_all_the_same(tmp_path):
    run(health_every=4, epochs=3, callback=JsonLines(tmp_path / "log.jsonl"))
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [1, 2, 3]
    assert "health" not in lines[0]


@pytest.mark.parametrize("every", [0, -1, 2**31])
@pytest.mark.parametrize("kind", [run, streamed])
def test_every_how_many_steps_is_a_whole_number(kind, every):
    with pytest.raises(ValueError, match="health_every must be a whole number of steps, 1 or more; got"):
        kind(health_every=every)
