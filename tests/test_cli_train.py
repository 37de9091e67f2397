"""`mlpjax train`, from the data to the folder of the run."""

import json
from pathlib import Path

import commands
import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from commands import QUICK, WRITTEN, columns, good, write
from safetensors.numpy import load_file

from mlpjax import data, load
from mlpjax.cli import running
from mlpjax.runs import folder, models

here = pytest.fixture(commands.here)


def read(path) -> dict:
    """JSON without NaN or infinity in it."""
    return json.loads(Path(path).read_text(), parse_constant=lambda name: pytest.fail(name))


@pytest.mark.slow
def test_the_main_job(here, monkeypatch):
    monkeypatch.setattr("mlpjax.plots.training_picture", commands.training_picture)
    result = good("train", "digits", "--out", "run")
    assert "digits: 1,437 training and 360 test examples, 64 features, 10 classes" in result.output
    assert "64 → 64 → 32 → 10, relu" in result.output
    assert "6,570 parameters" in result.output
    assert "backprop against jax.grad on 32 examples in float64: largest relative error" in result.output
    assert "epoch 100/100" in result.output
    assert "examples/s" in result.output
    assert commands.left(here / "run")[-1] == "training.png"

    report, history = read("run/report.json"), read("run/history.json")
    assert report["metrics"]["accuracy"] >= 0.97
    assert report["gradient_error"] <= 1e-12
    assert report["sizes"] == [64, 64, 32, 10]
    assert report["baselines"]["constant"]["accuracy"] < 0.15 < report["baselines"]["linear"]["accuracy"]
    assert len(history["loss"]) == len(history["validation_score"]) == len(history["gradient_norms"]) == 100
    assert history["loss"][-1] < history["loss"][0] / 5
    assert Path("run/training.png").read_bytes().startswith(b"\x89PNG")

    mlp, params = load("run/model.safetensors")
    digits = data.bundled("digits")
    model = models.Model(mlp, params, digits.preprocessing)
    right = models.outputs(model, digits.x_test).argmax(axis=1) == digits.y_test
    assert right.mean() == pytest.approx(report["metrics"]["accuracy"])


@pytest.mark.slow
@pytest.mark.parametrize("name", data.NAMES[1:])
def test_every_other_bundled_data_set(here, name):
    assert data.NAMES[0] == "digits"  # which the main job is about
    result = good("train", name, "--out", "run", *QUICK)
    assert ("test R²" if name == "diabetes" else "test accuracy") in result.output
    assert sorted(path.name for path in Path("run").iterdir()) == WRITTEN
    assert len(Path("run/log.jsonl").read_text().splitlines()) == 3


def test_a_table_of_ones_own(here):
    write("houses.csv", columns(*commands.FEATURES, "land", "price"))
    result = good("train", "houses.csv", "-t", "price", "--out", "run", *QUICK, "--epochs", "60")
    assert "houses.csv: 120 training and 30 test examples, 9 features, a number to predict" in result.output
    assert "column 'land' is 'CH' in every row and is dropped" in result.output
    report = read("run/report.json")
    assert report["metrics"]["r2"] > 0.9 > 0.1 > report["baselines"]["constant"]["r2"]
    assert set(report["baselines"]) == {"constant", "linear"}
    assert report["metrics"]["rmse"] < 40  # in the target's own unit, whose spread is 90


@pytest.mark.parametrize("kind", ["parquet", "stdin", "stream"])
def test_the_same_table_from_elsewhere(here, kind):
    table, text = columns(*commands.FEATURES, "price"), None
    write("houses.csv", table)
    pa.parquet.write_table(pa.table(table), "houses.parquet")
    if kind == "stdin":
        text = Path("houses.csv").read_bytes()
    name = {"parquet": "houses.parquet", "stdin": "-", "stream": "houses.csv"}[kind]
    memory = "1kB" if kind == "stream" else "1GB"
    result = good("train", name, "-t", "price", "--out", "run", "--memory", memory, *QUICK, text=text)
    assert ("read as a stream" in result.output) == (kind == "stream")
    assert "9 features" in result.output
    report = read("run/report.json")
    assert report["training_examples"] + report["test_examples"] == 150
    assert commands.left(here / "run")  # and no temporary file beside it
    assert not [name for name in commands.left(here) if name.startswith(("mlpjax-", ".", "tmp"))]


def test_several_targets(here):
    write("houses.csv", columns(*commands.FEATURES, "price", "visits"))
    result = good("train", "houses.csv", "-t", "price", "-t", "visits", "--out", "run", *QUICK)
    assert "2 numbers to predict" in result.output
    assert good("predict", "run", "houses.csv").stdout.splitlines()[0] == "price,visits"


@pytest.mark.parametrize("memory", ["1GB", "1kB"])
def test_classes_weights_balance_and_patience(here, memory):
    write("houses.csv", columns(*commands.FEATURES, "kind", "weight"))
    options = ["--balanced", "--weights", "weight", "--patience", "2", "--memory", memory]
    result = good("train", "houses.csv", "-t", "kind", "--out", "run", *QUICK, "--epochs", "300", *options)
    assert "3 classes: cheap, dear, fair" in result.output
    assert " validation and " in result.output
    assert "stopped: the validation loss has not improved for 2 epochs; the best was epoch" in result.output
    report = read("run/report.json")
    assert report["stopped"] == "patience"
    assert report["best_epoch"] == report["epochs"] - 2
    assert report["training_examples"] + report["validation_examples"] + report["test_examples"] == 150
    assert report["validation_examples"] == (12 if memory == "1GB" else 2)
    assert {"accuracy", "balanced_accuracy", "f1", "log_loss"} == set(report["metrics"])


def test_balance_and_weights_change_what_is_learned(here):
    write("houses.csv", columns(*commands.FEATURES, "kind", "weight"))
    for name, options in {"plain": ["--drop", "weight"], "weighted": ["--weights", "weight"]}.items():
        good("train", "houses.csv", "-t", "kind", "--out", name, *options, *QUICK)
    good("train", "houses.csv", "-t", "kind", "--out", "balanced", "--drop", "weight", "--balanced", *QUICK)
    learned = {load_file(path / "model.safetensors")["layers.0.W"].tobytes() for path in here.glob("*") if path.is_dir()}
    assert len(learned) == 3


@pytest.mark.slow
def test_counts_keep_their_unit(here):
    write("houses.csv", columns(*commands.FEATURES, "visits"))
    good("train", "houses.csv", "-t", "visits", "--out", "run", "--loss", "poisson_loss", "--l2", "0", *QUICK, "--epochs", "40")
    predicted = np.array(good("predict", "run", "houses.csv").stdout.split()[1:], float)
    assert (predicted > 0).all()
    assert predicted.mean() == pytest.approx(np.mean(commands.houses()["visits"]), rel=0.2)
    good("train", "diabetes", "--out", "bundled", "--loss", "poisson_loss", *QUICK)


@pytest.mark.slow
@pytest.mark.parametrize("options", [
    ["--layers", "none", "--l1", "0.5", "--optimizer", "sgd", "--learning-rate", "0.05"],
    ["--activation", "leaky_relu(0.2)", "--batch-size", "120", "--l2", "0"],
    ["--schedule", "cosine", "--clip", "0.1", "--optimizer", "momentum"],
    ["--optimizer", "lbfgs", "--patience", "1", "--layers", "none"],
    ["--gradient", "autodiff"],
    ["--gradient", "forward_mode", "--layers", "none"],
    ["--gradient", "finite_difference", "--layers", "none"],
    ["--gradient", "path_sum", "--layers", "2"],
])  # fmt: skip
def test_options(here, options):
    result = good("train", "iris", "--out", "run", "--epochs", "2", "--layers", "4", *options)
    config = folder.read_config(Path("run"))
    assert config.options.gradient == (options[1] if options[0] == "--gradient" else "backprop")
    assert ("exactly 0" in result.output) == ("--l1" in options)
    assert ("learning rate" in result.output) == ("lbfgs" not in options)


@pytest.mark.slow
@pytest.mark.parametrize("loss", ["huber_loss(2.0)", "squared_error@softplus"])
def test_losses(here, loss):
    write("houses.csv", columns(*commands.FEATURES, "price"))
    good("train", "houses.csv", "-t", "price", "--loss", loss, "--out", "run", *QUICK)
    assert load("run/model.safetensors")[0].loss.name == loss
    predicted = np.array(good("predict", "run", "houses.csv").stdout.split()[1:], float)
    assert (predicted < 100).all() == ("@" in loss)  # in its own unit the output has hardly begun its way up


def test_the_same_seed_gives_the_same_bits(here):
    for name in ("one", "two"):
        good("train", "iris", "--out", name, "--seed", "7", *QUICK)
    assert Path("one/model.safetensors").read_bytes() == Path("two/model.safetensors").read_bytes()
    good("train", "iris", "--out", "three", "--seed", "8", *QUICK)
    assert Path("one/model.safetensors").read_bytes() != Path("three/model.safetensors").read_bytes()


def test_runs_that_start_in_the_same_second_are_all_kept(here, monkeypatch):
    monkeypatch.setattr(running.time, "strftime", lambda layout: "20260101-120000")
    for _ in range(3):
        good("train", "iris", *QUICK)
    assert sorted(path.name for path in Path("runs").iterdir()) == [f"iris-20260101-120000{end}" for end in ("", "-2", "-3")]


def test_json_for_machines(here):
    write("houses.csv", columns(*commands.FEATURES, "kind"))
    result = good("train", "houses.csv", "-t", "kind", "--out", "run", "--json", *QUICK)
    said = json.loads(result.stdout)
    assert said == {"folder": "run", **read("run/report.json")}
    assert {"data", "sizes", "loss", "epochs", "stopped", "seconds", "metrics", "baselines", "gradient_error"} < set(said)
    assert "training and" in result.stderr


def test_divergence_is_told_and_what_was_learned_is_kept(here):
    result = commands.call("train", "diabetes", "--out", "run", "--optimizer", "sgd", *QUICK, "--learning-rate", "1e12")
    assert result.exit_code == 1
    assert "warning: training diverged in epoch 1, step" in result.output
    assert all(np.isfinite(array).all() for array in load_file("run/model.safetensors").values())
    assert read("run/report.json")["stopped"] == read("run/history.json")["stopped"] == "diverged"


def test_a_picture_that_fails_costs_only_the_picture(here, monkeypatch):
    def fail(*arguments):
        raise OSError("no fonts")

    monkeypatch.setattr("mlpjax.plots.training_picture", fail)
    result = good("train", "iris", "--out", "run", *QUICK)
    assert "warning: the picture could not be drawn: no fonts" in result.stderr
    assert sorted(path.name for path in Path("run").iterdir()) == WRITTEN[:-1]


def test_a_wrong_gradient_is_told_and_leaves_nothing(here, monkeypatch):
    monkeypatch.setattr("mlpjax.runs.training.gradient_error", lambda *arguments: float("nan"))
    result = commands.call("train", "iris", *QUICK)
    assert result.exit_code == 1
    assert "error: the gradient is wrong" in result.stderr
    assert commands.left(here) == []


def test_names_are_no_markup_no_formula_and_no_command_to_the_terminal(here, monkeypatch):
    monkeypatch.setattr("mlpjax.plots.training_picture", commands.training_picture)
    table = columns(*commands.FEATURES, "kind")
    hostile = {"cheap": "[bold]", "dear": "$\\frac$", "fair": "\x1b[2J值"}
    table["kind"] = [hostile[kind] for kind in table["kind"]]
    write("houses.csv", {{"size": "[red]$x", "kind": "$k[i]nd"}.get(name, name): cells for name, cells in table.items()})
    result = good("train", "houses.csv", "-t", "$k[i]nd", "--out", "run", *QUICK)
    assert "[bold]" in result.output
    assert "\x1b[2J" not in result.output
    assert Path("run/training.png").exists()
    assert "[red]$x" in good("inspect", "run").output
