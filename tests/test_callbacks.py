"""What follows a training: JSON lines, TensorBoard, the bar."""

import io
import json
import re
import sys
from types import SimpleNamespace

import jax
import numpy as np
import optax
import pytest
from rich.console import Console

from mlpjax import MLP, Checkpoints, fit, fit_stream, init
from mlpjax.callbacks import JsonLines, ProgressBar, TensorBoard, finite
from mlpjax.fitting.history import columns

NETWORK = MLP((2, 3, 1), "tanh")
OPTIMIZER = optax.adam(0.01)
X = np.random.default_rng(0).standard_normal((12, 2))
Y = X[:, :1]


def train(callback=None, epochs=20, **options):
    options |= {"key": jax.random.key(1), "optimizer": OPTIMIZER, "batch_size": 4, "epochs": epochs, "callback": callback}
    return fit(NETWORK, init(NETWORK, jax.random.key(0)), X, Y, **options)[1]


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def check_lines(path, history):
    rows = lines(path)
    assert [row.pop("epoch") for row in rows] == list(range(1, history.epochs + 1))
    assert set(rows[0]) == set(columns(history))
    for name, column in columns(history).items():
        np.testing.assert_array_equal([row[name] for row in rows], column)


@pytest.mark.parametrize("every", [None, 1, 3])
def test_one_line_of_json_an_epoch_equal_to_the_history(tmp_path, every):
    history = train(JsonLines(tmp_path / "log.jsonl"), every=every, validation=0.25)
    check_lines(tmp_path / "log.jsonl", history)


def test_a_line_is_there_as_soon_as_its_epoch_is_known(tmp_path):
    seen = []
    train([JsonLines(tmp_path / "log"), lambda epoch, *_: seen.append((epoch, len(lines(tmp_path / "log"))))], every=1, epochs=4)
    assert seen == [(1, 1), (2, 2), (3, 3), (4, 4)]


def test_a_training_that_goes_on_leaves_one_line_an_epoch(tmp_path):
    path, kept = tmp_path / "log.jsonl", Checkpoints(tmp_path / "checkpoints", epochs=2)

    def stop(epoch, *_):
        if epoch == 5:
            raise KeyboardInterrupt

    with pytest.warns(RuntimeWarning, match="interrupted after 5 of 9 epochs"):
        train([JsonLines(path), stop], every=1, epochs=9, checkpoints=kept)
    with path.open("a") as file:
        file.write('{"epoch": 6, "half of a li')
    check_lines(path, train(JsonLines(path), every=1, epochs=9, checkpoints=kept))


def test_a_full_disk_costs_the_log_only():
    with pytest.warns(RuntimeWarning, match="/dev/full cannot be written: No space left on device. Training goes on") as said:
        history = train(JsonLines("/dev/full"), every=1)
    assert len(said) == 1
    assert history.stopped == "epochs"


def test_numbers_that_json_has_not_are_null():
    assert finite({"a": [float("nan"), 1.0, (float("inf"),)], "b": "x"}) == {"a": [None, 1.0, [None]], "b": "x"}


def events(folder):
    """What TensorBoard would read, by name: the steps and the values."""
    from tensorboardX.proto.event_pb2 import Event

    found = {}
    for path in sorted(folder.glob("events*")):
        content, place = path.read_bytes(), 0
        while place < len(content):
            length = int.from_bytes(content[place : place + 8], "little")
            event = Event.FromString(content[place + 12 : place + 12 + length])
            place += 16 + length
            for value in event.summary.value:
                found.setdefault(value.tag, []).append((event.step, value.simple_value))
    return found


def test_tensorboard_gets_the_history(tmp_path):
    history = train(TensorBoard(tmp_path), every=7, validation=0.25)
    found = events(tmp_path)
    expected = {name: column for name, column in columns(history).items() if name != "gradient_norms"}
    expected |= {f"gradient_norm/layer_{l + 1}": column for l, column in enumerate(history.gradient_norms.T)}
    assert found.keys() == expected.keys()
    for name, column in expected.items():
        assert [step for step, _ in found[name]] == list(range(1, 21))
        np.testing.assert_allclose([value for _, value in found[name]], column, rtol=1e-6)


MISSING = [(TensorBoard, "tensorboardX", "tensorboard"), (ProgressBar, "rich", "cli")]


@pytest.mark.parametrize(("made", "module", "extra"), MISSING)
def test_what_is_missing_is_named(monkeypatch, tmp_path, made, module, extra):
    for name in [name for name in sys.modules if name.split(".")[0] == module]:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ModuleNotFoundError, match=rf"{module}.*pip install 'mlpjax\[{extra}\]'"):
        made(tmp_path if made is TensorBoard else 3)


def shown(terminal: bool, **options) -> str:
    console = Console(file=io.StringIO(), force_terminal=terminal, width=120, highlight=False)
    with ProgressBar(20, examples=12, console=console, **options) as bar:
        train(bar, every=1, validation=0.25)
    return console.file.getvalue()


def test_ten_lines_where_there_is_no_terminal():
    said = shown(False, score="R²").splitlines()
    assert [line.split()[1] for line in said] == [f"{number}/20" for number in range(2, 21, 2)]
    assert all(re.fullmatch(r"epoch \d+/20  loss \d\.\d{4}  R² -?\d+\.\d{4}  [\d,]+ examples/s", line) for line in said)


def test_a_bar_on_a_terminal():
    said = shown(True)
    assert "20/20" in said
    assert re.search(r"  loss \d\.\d{4}  validation score -?\d+\.\d{4}  [\d,]+/s", said)
    assert "━" in said
    assert "epoch 20/20  " not in said


def test_within_an_epoch_of_a_stream_it_says_how_far_it_has_come(monkeypatch):
    monkeypatch.setattr("mlpjax.fitting.blocks.MOST_BATCHES", 1)
    moments = iter(np.arange(1e6))
    monkeypatch.setattr("mlpjax.callbacks.time", SimpleNamespace(perf_counter=lambda: float(next(moments))))
    console = Console(file=io.StringIO(), force_terminal=False, width=120, highlight=False)

    def batches(epoch, start):
        for row in range(start, 12):
            yield X[row : row + 1], Y[row : row + 1]

    with ProgressBar(4, examples=12, console=console) as bar:
        fit_stream(NETWORK, init(NETWORK, jax.random.key(0)), batches, batch_size=1, epochs=4, callback=bar)
    said = [line.split() for line in console.file.getvalue().splitlines()]
    assert [line[1] for line in said] == [f"{round(epoch, 2):g}/4" for epoch in np.ceil(np.arange(1, 11) * 4.8) / 12]
    assert [line[-2] for line in said] == ["1"] * 10
