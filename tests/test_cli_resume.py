"""Runs that are interrupted, killed or out of room, and go on."""

import json
import random
import shutil
import signal
import time
from pathlib import Path

import commands
import jax
import pytest
from commands import QUICK, call, columns, good, process, refused, write

from mlpjax import callbacks
from mlpjax.cli import interrupts
from mlpjax.fitting.history import empty
from mlpjax.runs import folder, models
from mlpjax.training import State

here = pytest.fixture(commands.here)
TABLE = (*commands.FEATURES, "price")
TRAIN = ["train", "houses.csv", "-t", "price", *QUICK]
OFTEN = "from mlpjax.cli import running; running.SECONDS_BETWEEN_CHECKPOINTS = 0.05"


def learned(path) -> tuple[bytes, bytes, bytes]:
    """All that a run has learned, to the last bit."""
    return tuple(Path(path, name).read_bytes() for name in ("model.safetensors", "history.json", "log.jsonl"))


@pytest.fixture
def whole(here):
    """A run of 6 epochs at once."""
    write("houses.csv", columns(*TABLE))
    good(*TRAIN, "--epochs", "6", "--out", "whole")
    return Path("whole")


def test_more_epochs_give_the_bits_of_one_run(whole):
    good(*TRAIN, "--out", "run")
    assert "training examples" not in good("train", "--resume", "run", "--epochs", "6").stderr
    assert learned("run") == learned(whole)
    assert folder.read_config(Path("run")).options.epochs == 6


def test_a_run_that_has_ended_says_so_and_stays_as_it_is(whole):
    before = learned(whole)
    result = good("train", "--resume", whole)
    assert "nothing was left to train after 6 epochs; for more, raise --epochs" in result.output
    assert "holds 6 epochs of this training already, more than the 2 asked for" in refused_in_the_end(
        "train", "--resume", whole, "--epochs", "2"
    )
    assert learned(whole) == before
    assert folder.read_config(whole).options.epochs == 6


def test_a_run_that_was_killed_before_its_first_checkpoint(whole):
    good(*TRAIN, "--epochs", "6", "--out", "run")
    for path in Path("run").iterdir():
        if path.name != "config.json":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert "the run has not ended; go on with mlpjax train --resume run" in refused("predict", "run", "houses.csv")
    good("train", "--resume", "run")
    assert learned("run") == learned(whole)


def test_a_table_that_moved(whole):
    Path("houses.csv").rename("moved.csv")
    assert refused("train", "--resume", whole, "--epochs", "8").startswith("there is no file")
    good("train", "moved.csv", "--resume", whole, "--epochs", "8")
    assert folder.read_config(whole).data.data.endswith("moved.csv")
    assert len(json.loads((whole / "history.json").read_text())["loss"]) == 8


def test_a_table_that_changed_is_refused(whole):
    before = learned(whole), (whole / "config.json").read_bytes()
    table = columns(*TABLE)
    table["size"][7] += 1
    write("houses.csv", table)
    said = refused_in_the_end("train", "--resume", whole, "--epochs", "8")
    assert said.startswith("error: whole cannot go on: the data are not those that it began with (")
    write("other.csv", table)
    refused_in_the_end("train", "other.csv", "--resume", whole, "--epochs", "8")
    assert (learned(whole), (whole / "config.json").read_bytes()) == before


def refused_in_the_end(*arguments) -> str:
    result = call(*arguments)
    assert result.exit_code == 2
    return result.stderr.splitlines()[-1]


def test_standard_input_is_given_again(whole):
    text = Path("houses.csv").read_bytes()
    good("train", "-", "-t", "price", *QUICK, "--out", "run", text=text)
    assert "mlpjax train - --resume run < the same data" in refused("train", "--resume", "run", "--epochs", "6")
    good("train", "-", "--resume", "run", "--epochs", "6", text=text)
    assert learned("run") == learned(whole)


def test_a_stream_goes_on(whole):
    options = ["--memory", "1kB"]
    good(*TRAIN, *options, "--epochs", "5", "--out", "one")
    good(*TRAIN, *options, "--epochs", "2", "--out", "run")
    good("train", "--resume", "run", "--epochs", "5")
    assert learned("run") == learned("one")


@pytest.mark.parametrize(("option", "message"), [
    (["--layers", "3"], "only --epochs can be given beside it; got --layers"),
    (["--learning-rate", "1"], "got --learning-rate"),
    (["-t", "price"], "got --target"),
    (["--out", "other"], "got --out"),
    (["--epochs", "0"], "epochs must be 1 or more, got 0"),
])  # fmt: skip
def test_other_options_are_refused(whole, option, message):
    before = learned(whole), (whole / "config.json").read_bytes()
    assert message in refused("train", "--resume", whole, *option)
    assert (learned(whole), (whole / "config.json").read_bytes()) == before


def test_a_schedule_cannot_be_stretched(whole):
    good(*TRAIN, "--schedule", "cosine", "--out", "run")
    assert "--epochs cannot change in a run with the cosine schedule" in refused("train", "--resume", "run", "--epochs", "9")
    good("train", "--resume", "run", "--epochs", "3")


def test_a_folder_of_no_run(here):
    Path("other").mkdir()
    assert refused("train", "--resume", "other") == "other is not the folder of a run: it has no config.json"
    assert refused("train", "--resume", "nowhere") == "nowhere is not the folder of a run: it has no config.json"
    assert commands.left(here) == ["other"]


@pytest.mark.parametrize(("change", "message"), [
    (lambda said: {**said, "format_version": 99}, "it is of version 99 of the format"),
    (lambda said: {**said, "format": "something else"}, "it does not say that it is one"),
    (lambda said: {**said, "options": {}}, "its Options must have layers, activation"),
    (lambda said: {**said, "options": {**said["options"], "epochs": "many"}}, "its epochs is 'many'"),
    (lambda said: {**said, "options": {**said["options"], "layers": [8, "x"]}}, "its layers is (8, 'x')"),
    (lambda said: {**said, "options": {**said["options"], "seed": True}}, "its seed is True"),
    (lambda said: {**said, "data": None}, "it has no DataOptions but None"),
    (lambda said: [said], "it does not say that it is one"),
])  # fmt: skip
def test_a_configuration_that_cannot_be_used(here, change, message):
    Path("run").mkdir()
    folder.write_config(Path("run"), folder.Config(folder.DataOptions("iris"), folder.Options()))
    assert folder.read_config(Path("run")).data.data == "iris"
    changed = json.dumps(change(json.loads(Path("run/config.json").read_text())))
    Path("run/config.json").write_text(changed)
    assert message in refused("train", "--resume", "run")
    assert Path("run/config.json").read_text() == changed


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b"null"])
def test_a_configuration_that_is_damaged(here, content):
    Path("run").mkdir()
    Path("run/config.json").write_bytes(content)
    assert refused("train", "--resume", "run").startswith("run/config.json is not the configuration of a run: ")


def test_what_was_learned_survives_a_full_disk(whole, monkeypatch):
    write_results = folder.write_results

    def on_a_full_disk(*arguments):
        with commands.full_disk(100):
            write_results(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(folder, "write_results", on_a_full_disk)
        said = refused_in_the_end(*TRAIN, "--epochs", "6", "--out", "run")
    assert said == (
        "error: run/model.safetensors cannot be written: File too large. "
        "What was learned is in the checkpoints: mlpjax train --resume run reports it"
    )
    assert sorted(path.name for path in Path("run").iterdir()) == ["checkpoints", "config.json", "log.jsonl"]
    good("train", "--resume", "run")
    assert learned("run") == learned(whole)


def test_a_log_on_a_full_disk_costs_only_the_log(whole, monkeypatch):
    opened = Path.open

    def fail(self, *args, **options):
        if self.name == "log.jsonl":
            raise OSError(28, "No space left on device")
        return opened(self, *args, **options)

    with monkeypatch.context() as full:
        full.setattr(callbacks.Path, "open", fail)
        result = good(*TRAIN, "--epochs", "6", "--out", "run")
    assert result.stderr == "warning: run/log.jsonl cannot be written: No space left on device. Training goes on without it\n"
    assert learned(whole)[:2] == tuple(Path("run", name).read_bytes() for name in ("model.safetensors", "history.json"))


def test_a_table_of_predictions_on_a_full_disk(whole):
    good("predict", whole, "houses.csv")  # compiled code is kept on disk too, and may be missed there
    Path("out.csv").write_text("precious")
    with commands.full_disk():
        assert refused("predict", whole, "houses.csv", "-o", "out.csv") == "out.csv cannot be written: File too large"
    assert Path("out.csv").read_text() == "precious"
    assert not [name for name in commands.left(Path()) if name.startswith(".")]


@pytest.mark.parametrize(
    ("where", "left"), [("running.prepare", []), ("reporting.report", ["checkpoints", "config.json", "log.jsonl"])]
)
def test_ctrl_c_before_and_after_the_training(here, monkeypatch, where, left):
    def interrupt(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(f"mlpjax.cli.{where}", interrupt)
    result = call("train", "iris", *QUICK, "--out", "a/run")
    assert result.exit_code == 130
    assert "error: interrupted" in result.stderr
    assert ("mlpjax train --resume a/run" in result.stderr) == (where == "reporting.report")
    assert [path.name for path in sorted(here.glob("a/run/*"))] == left
    assert Path("a").exists() == bool(left)


@pytest.mark.parametrize("error", [MemoryError(), ValueError("a surprise")])
def test_what_goes_wrong_before_anything_is_learned_leaves_no_folder(here, monkeypatch, error):
    def fail(*arguments, **options):
        raise error

    monkeypatch.setattr("mlpjax.runs.training.fit", fail)
    result = call("train", "iris", *QUICK, "--out", "runs/of/mine")
    assert result.exit_code == 2
    assert ("there is not enough memory" in result.stderr) == isinstance(error, MemoryError)
    assert commands.left(here) == []


@pytest.mark.slow
@pytest.mark.parametrize("kill", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_and_a_polite_kill_keep_what_was_learned(here, kill):
    with process(here / "cache", "train", "iris", "--epochs", "1000000", "--out", "run", "--layers", "8") as train:
        wait_for(train, Path("run/log.jsonl"))
        train.send_signal(kill)
        out, err = train.communicate(timeout=60)
    assert train.returncode == 130, out + err
    assert "warning: training was interrupted after" in err
    assert "Traceback" not in err
    assert json.loads(Path("run/history.json").read_text())["stopped"] == "interrupted"
    assert models.load(Path("run")).mlp.sizes == (4, 8, 3)


def test_a_second_signal_ends_a_training_at_once():
    nothing = State((), (), jax.random.key(0)), empty(1, False)
    before = signal.getsignal(signal.SIGINT)
    with interrupts.between_stretches() as check:
        check(0, *nothing)
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            check(1, *nothing)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
    assert signal.getsignal(signal.SIGINT) is before


def wait_for(train, path: Path) -> None:
    """Until a training has begun."""
    end = time.monotonic() + 60
    while not (path.exists() and path.stat().st_size):
        assert train.poll() is None, train.communicate()
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.slow
def test_a_polite_kill_while_reading(here):
    with process(here / "cache", "train", "-", "-t", "price", stdin=-1) as train:
        time.sleep(4)
        train.send_signal(signal.SIGTERM)
        assert train.wait(60) == 130
        assert "Traceback" not in train.stderr.read()
    assert commands.left(here) == []


@pytest.mark.slow
def test_a_run_killed_at_random_ends_with_the_bits_of_one_that_was_not(here):
    write("houses.csv", columns(*TABLE))
    options = ["train", "houses.csv", "-t", "price", *QUICK, "--epochs", "3000"]
    with process(here / "cache", *options, "--out", "whole") as whole:
        assert whole.wait(120) == 0, whole.stderr.read()
    delay = random.uniform(0, 0.5)
    with process(here / "cache", *options, "--out", "run", setting=OFTEN) as killed:
        wait_for(killed, Path("run/log.jsonl"))
        time.sleep(delay)
        killed.kill()
    assert killed.returncode == -signal.SIGKILL, f"it ended before it was killed, after {delay} s"
    with process(here / "cache", "train", "--resume", "run") as again:
        assert again.wait(120) == 0, again.stderr.read()
    assert learned("run") == learned("whole"), f"killed after {delay} s"
