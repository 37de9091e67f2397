"""The command line, as a person uses it."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from safetensors.numpy import load_file
from typer.testing import CliRunner

from mlpjax import data, load, runs
from mlpjax.cli import app

QUICK = ["--epochs", "3", "--layers", "8"]


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "200")

    def call(*arguments):
        result = CliRunner().invoke(app, [str(argument) for argument in arguments])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.output
        return result

    return call


def nothing_is_left(folder):
    return [path.name for path in folder.rglob("*") if "cache" not in path.parts] == []


@pytest.mark.slow
def test_the_main_job(run, tmp_path):
    result = run("train", "digits", "--out", "run")
    assert result.exit_code == 0
    assert "digits: 1,437 training and 360 test examples, 64 features, 10 classes" in result.output
    assert "64 → 64 → 32 → 10, relu" in result.output
    assert "6,570 parameters" in result.output
    assert "backprop against jax.grad on 32 examples in float64: largest relative error" in result.output
    assert "epoch 100/100" in result.output
    assert "examples/s" in result.output

    config = json.loads((tmp_path / "run/config.json").read_text())
    assert config["test_accuracy"] >= 0.97
    assert config["gradient_error"] <= 1e-12
    assert config["sizes"] == [64, 64, 32, 10]
    history = json.loads((tmp_path / "run/history.json").read_text())
    assert len(history["loss"]) == len(history["training_score"]) == len(history["gradient_norms"]) == 100
    assert history["loss"][-1] < history["loss"][0] / 5
    assert (tmp_path / "run/training.png").read_bytes().startswith(b"\x89PNG")
    assert sorted(load_file(tmp_path / "run/parameters.safetensors")) == [f"layers.{l}.{name}" for l in range(3) for name in "Wb"]

    mlp, params = load(tmp_path / "run/parameters.safetensors")
    digits = data.bundled("digits")
    np.testing.assert_allclose(runs.score(mlp, params, digits.x_test, digits.y_test).score, config["test_accuracy"])


@pytest.mark.parametrize("name", data.NAMES)
def test_every_bundled_data_set(run, tmp_path, name):
    result = run("train", name, "--out", "run", *QUICK)
    assert result.exit_code == 0, result.output
    assert ("test R²" if name == "diabetes" else "test accuracy") in result.output
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == [
        "config.json", "history.json", "parameters.safetensors", "training.png",
    ]  # fmt: skip


@pytest.mark.parametrize("options", [
    ["--layers", "none", "--l1", "0.05", "--optimizer", "sgd", "--learning-rate", "0.05"],
    ["--activation", "leaky_relu(0.2)", "--batch-size", "120", "--l2", "0"],
    ["--gradient", "autodiff"],
    ["--gradient", "forward_mode", "--layers", "3"],
    ["--gradient", "finite_difference", "--layers", "3"],
    ["--gradient", "path_sum", "--layers", "3,2"],
])  # fmt: skip
def test_options(run, tmp_path, options):
    result = run("train", "iris", "--out", "run", "--epochs", "2", *options)
    assert result.exit_code == 0, result.output
    config = json.loads((tmp_path / "run/config.json").read_text())
    assert config["gradient"] == (options[1] if options[0] == "--gradient" else "backprop")
    assert ("exactly 0" in result.output) == ("--l1" in options)


def test_the_same_seed_gives_the_same_bits(run, tmp_path):
    for name in ("one", "two"):
        run("train", "wine", "--out", name, "--seed", "7", *QUICK)
    one, two = (load_file(tmp_path / name / "parameters.safetensors") for name in ("one", "two"))
    assert all(np.array_equal(one[key], two[key]) for key in one)


def test_the_default_folder_has_a_name_and_a_date(run, tmp_path):
    run("train", "iris", *QUICK)
    (folder,) = (tmp_path / "runs").iterdir()
    assert folder.name.startswith("iris-20")


@pytest.mark.parametrize(("options", "message"), [
    (["digit"], "unknown data set 'digit': did you mean 'digits'"),
    (["iris", "--activation", "rellu"], "unknown activation 'rellu': did you mean 'relu'"),
    (["iris", "--activation", "[bold]"], "unknown activation '[bold]'"),
    (["iris", "--activation", "step"], "losses.perceptron_loss"),
    (["iris", "--optimizer", "adma"], "unknown optimizer 'adma': did you mean 'adam'"),
    (["iris", "--gradient", "backpop"], "unknown gradient method 'backpop': did you mean 'backprop'"),
    (["iris", "--layers", "8,x"], "--layers must be sizes such as 64,32, or none for no hidden layer; got '8,x'"),
    (["iris", "--layers", "0"], "every size must be 1 or more, got (4, 0, 3)"),
    (["iris", "--batch-size", "0"], "batch_size must be from 1 to 120, the number of examples; got 0"),
    (["iris", "--batch-size", "121"], "batch_size must be from 1 to 120, the number of examples; got 121"),
    (["iris", "--epochs", "0"], "epochs must be 1 or more, got 0"),
    (["iris", "--learning-rate", "0"], "the learning rate must be a finite number above 0, got 0.0"),
    (["iris", "--l1", "-1"], "the l1 penalty must be a finite number of 0 or more, got -1.0"),
    (["iris", "--l2", "-1"], "the l2 penalty must be a finite number of 0 or more, got -1.0"),
    (["iris", "--seed", "-1"], "Invalid value for '--seed'"),
    (["digits", "--layers", "512,512,512", "--gradient", "path_sum"], "use backprop, or a smaller network"),
])  # fmt: skip
def test_bad_options(run, tmp_path, options, message):
    result = run("train", *options)
    assert result.exit_code == 2
    assert f"error: {message}" in result.output or message in result.output
    assert "Traceback" not in result.output
    assert nothing_is_left(tmp_path)


def test_a_folder_that_exists_is_left_alone(run, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run/mine").write_text("precious")
    result = run("train", "iris", "--out", "run", *QUICK)
    assert result.exit_code == 2
    assert "run already exists: choose another folder with --out" in result.output
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["mine"]


def test_two_runs_of_one_name_are_both_kept(run, tmp_path, monkeypatch):
    monkeypatch.setattr(runs, "claim_folder", lambda path: path)
    for _ in range(3):
        assert run("train", "iris", "--out", "run", *QUICK).exit_code == 0
    assert sorted(path.name for path in tmp_path.glob("run*")) == ["run", "run-2", "run-3"]


def test_a_picture_that_fails_costs_only_the_picture(run, tmp_path, monkeypatch):
    def fail(*arguments):
        raise OSError("no fonts")

    monkeypatch.setattr("mlpjax.plots.training_picture", fail)
    result = run("train", "iris", "--out", "run", *QUICK)
    assert result.exit_code == 2
    assert "no fonts" in result.output
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == ["config.json", "history.json", "parameters.safetensors"]


def test_history_is_json_even_when_the_score_is_not_finite(run, tmp_path):
    run("train", "diabetes", "--out", "run", "--optimizer", "sgd", "--learning-rate", "1e12", *QUICK)
    config = json.loads((tmp_path / "run/config.json").read_text(), parse_constant=lambda name: pytest.fail(name))
    assert config["stopped"] == "diverged"


def test_a_folder_that_cannot_be_made(run, tmp_path):
    (tmp_path / "file").write_text("")
    result = run("train", "iris", "--out", "file/run", *QUICK)
    assert result.exit_code == 2
    assert "the run folder file/run cannot be made" in result.output


def test_divergence_is_told_and_what_was_learned_is_kept(run, tmp_path):
    result = run("train", "diabetes", "--out", "run", "--optimizer", "sgd", "--learning-rate", "1e4", *QUICK)
    assert result.exit_code == 1
    assert "warning: training diverged in epoch 1, step" in result.output
    arrays = load_file(tmp_path / "run/parameters.safetensors")
    assert all(np.isfinite(array).all() for array in arrays.values())
    assert json.loads((tmp_path / "run/history.json").read_text())["stopped"] == "diverged"


@pytest.mark.slow
def test_ctrl_c_keeps_what_was_learned_and_compiled_code_is_kept_on_disk(tmp_path):
    command = [sys.executable, "-m", "mlpjax", "train", "digits", "--epochs", "100000", "--out", str(tmp_path / "run")]
    environment = {key: value for key, value in os.environ.items() if key != "JAX_COMPILATION_CACHE_DIR"}
    environment |= {"XDG_CACHE_HOME": str(tmp_path / "cache"), "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment)
    for line in process.stdout:
        if line.startswith("training:"):
            break
    time.sleep(6)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 130, output
    assert "training was interrupted after" in output
    history = json.loads((tmp_path / "run/history.json").read_text())
    assert history["stopped"] == "interrupted"
    assert len(history["loss"]) > 0
    assert (tmp_path / "run/parameters.safetensors").exists()
    assert any((tmp_path / "cache/mlpjax/xla").iterdir())


def test_help_teaches(run):
    result = run("train", "--help")
    assert result.exit_code == 0
    for word in ("digits", "--layers", "leaky_relu", "path_sum", "Examples", "Exit codes"):
        assert word in result.output
    assert "train" in run("--help").output
    assert "mlpjax 0." in run("--version").output


def test_without_the_extras_it_says_what_to_install():
    code = "import sys; sys.modules['typer'] = None; sys.argv = ['mlpjax']; from mlpjax.__main__ import main; main()"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 1
    assert "pip install 'mlpjax[cli]'" in result.stderr
