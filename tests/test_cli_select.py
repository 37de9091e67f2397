"""`mlpjax select`, from the data to the folder with its table and its map."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from commands import FEATURES, call, columns, good, refused, write

from mlpjax.data import Target
from mlpjax.data.tables import split
from mlpjax.plots import selection as pictures
from mlpjax.runs import DataOptions, Options, prepare, selecting
from mlpjax.selection.cross_validation import CrossValidation, cross_validate

GRID = ["--depths", "0,1", "--widths", "4", "--l2", "0,0.01", "--folds", "3", "--epochs", "5", "--learning-rate", "0.01"]


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(pictures, "selection_map", lambda path, *arguments: Path(path).write_bytes(b"a picture"))
    return tmp_path


@pytest.mark.slow
def test_a_table_of_classes(here):
    write("houses.csv", columns(*FEATURES, "kind"))
    result = good("select", "houses.csv", "-t", "kind", *GRID, "--out", "chosen", "--batch-size", "16", "--json")
    said, written = json.loads(result.stdout), json.loads(Path("chosen/select.json").read_text())
    assert said == written
    assert sorted(path.name for path in Path("chosen").iterdir()) == ["select.json", "select.png"]
    assert (said["training_examples"], said["test_examples"], said["folds"], said["epochs"]) == (120, 30, 3, 5)
    assert said["loss"] == "softmax_cross_entropy_with_integer_labels"
    assert said["score"] == "accuracy"
    models = said["models"]
    assert [(model["l2"], model["layers"]) for model in models] == [(0.0, []), (0.0, [4]), (0.01, []), (0.01, [4])]
    for model in models:
        assert len(model["fold_losses"]) == 3
        assert model["loss"] == pytest.approx(np.mean(model["fold_losses"]))
        assert model["loss_error"] == pytest.approx(np.std(model["fold_losses"], ddof=1) / 3**0.5)
        assert 0 <= model["score"] <= 1
    assert said["best"] == min(models, key=lambda model: model["loss"])
    near = [model for model in models if model["loss"] <= said["best"]["loss"] + said["best"]["loss_error"]]
    assert said["chosen"] == min(near, key=lambda model: (model["depth"], -model["l2"]))

    table = result.stderr
    assert "120 training examples in 3 folds; 30 test examples, which are not looked at" in table
    assert "target kind taken as 3 classes" in table
    assert "100 % of all epochs" in table
    rows = [line for line in table.splitlines() if "±" in line and "standard" not in line]
    assert len(rows) == 4
    assert max(map(len, rows)) <= 80
    assert "best" in rows[0]
    assert sum("chosen" in row for row in rows) == 1

    command = said["command"].split()
    layers = ",".join(map(str, said["chosen"]["layers"])) or "none"
    expected = [
        "houses.csv",
        "--target",
        "kind",
        "--layers",
        layers,
        "--learning-rate",
        "0.01",
        "--batch-size",
        "16",
        "--epochs",
        "5",
    ]
    assert command == ["mlpjax", "train", *expected, "--l2", str(said["chosen"]["l2"])]
    good(*command[1:], "--out", "trained")
    asked = json.loads(Path("trained/config.json").read_text())["options"]
    assert (asked["layers"], asked["l2"]) == (said["chosen"]["layers"], said["chosen"]["l2"])


@pytest.mark.slow
def test_the_rows_held_out_for_test_are_not_looked_at(here):
    """Whatever stands in them, the choice is the same to the last digit."""
    table = columns("size", "rooms", "price")
    _, test, _ = split(np.array(table["price"])[:, None], Target(("price",)), 3, 0.2)
    others = {name: [cell * 3 - 1 if row in test else cell for row, cell in enumerate(cells)] for name, cells in table.items()}
    found = []
    for number, cells in enumerate((table, others)):
        write("houses.csv", cells)
        good("select", "houses.csv", "-t", "price", *GRID, "--depths", "0", "--seed", "3", "--out", f"chosen{number}")
        found.append(json.loads(Path(f"chosen{number}/select.json").read_text()))
    assert found[0]["models"] == found[1]["models"]
    assert found[0]["command"].endswith("--l2 " + str(found[0]["chosen"]["l2"]) + " --seed 3")
    assert found[0]["score"] == "r2"


@pytest.mark.slow
def test_l1_takes_proximal_steps_and_l_bfgs_all_examples(here, monkeypatch):
    asked = []
    monkeypatch.setattr(
        selecting, "cross_validate", lambda *arrays, **options: asked.append(options) or cross_validate(*arrays, **options)
    )
    good(
        "select",
        "diabetes",
        *GRID,
        "--l2",
        "0",
        "--l1",
        "0,10",
        "--depths",
        "0",
        "--optimizer",
        "sgd",
        "--epochs",
        "30",
        "--out",
        "lasso",
    )
    good("select", "diabetes", *GRID, "--l2", "0", "--depths", "0", "--optimizer", "lbfgs", "--out", "lbfgs")
    assert [options["proximal_rate"] for options in asked] == [0.01, None]
    assert [options["batch_size"] for options in asked] == [None, 236]
    lasso, lbfgs = (json.loads(Path(name, "select.json").read_text()) for name in ("lasso", "lbfgs"))
    assert [model["l1"] for model in lasso["models"]] == [0, 10]
    assert lasso["models"][1]["score"] == pytest.approx(0, abs=0.1)  # all weights are 0 under so strong a penalty
    assert lasso["models"][0]["score"] > 0.3
    assert lbfgs["best"]["score"] > 0.4


@pytest.mark.slow
def test_weights_and_repeats(here, monkeypatch):
    asked = []
    monkeypatch.setattr(
        selecting,
        "cross_validate",
        lambda *arrays, **options: asked.append((arrays, options)) or cross_validate(*arrays, **options),
    )
    write("houses.csv", columns("size", "price", "weight"))
    good(
        "select", "houses.csv", "-t", "price", "--weights", "weight", *GRID, "--depths", "0", "--repeats", "2", "--out", "chosen"
    )
    ((mlp, x, y), options) = asked[0]
    assert (mlp.sizes[0], len(x), len(y)) == (1, 6 * 120, 6 * 120)
    assert (options["repeats"], len(options["folds"].train)) == (2, 6)
    prepared = prepare(DataOptions("houses.csv", ("price",), weights="weight"), Options())
    np.testing.assert_array_equal(options["weights"], np.tile(prepared.training.weights, 6))
    for rows, held_out in zip(*options["folds"], strict=True):
        assert set(rows // 120) == set(held_out // 120)
        assert sorted({*(rows % 120), *(held_out % 120)}) == list(range(120))


def test_every_network_diverges(here):
    result = call(
        "select", "diabetes", *GRID, "--depths", "0", "--l2", "1e6,1e7", "--optimizer", "sgd", "--epochs", "50", "--out", "chosen"
    )
    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1].startswith("error: every network diverged: try a smaller --learning-rate")
    assert result.stdout.count("3 diverged") == 2
    said = json.loads(Path("chosen/select.json").read_text())
    assert (said["best"], said["chosen"], said["command"], said["models"][0]["loss"]) == (None, None, None, None)


def made(n, losses, epochs):
    """A record of n linear models of which the last is the best."""
    zeros = np.zeros(n)
    whole = zeros.astype(int)
    found = (
        zeros,
        np.arange(n) / 100,
        whole,
        whole,
        losses,
        zeros,
        zeros,
        zeros,
        zeros,
        epochs,
        whole,
        zeros[:, None],
        n - 1,
        n - 1,
    )
    return lambda *arrays, **options: CrossValidation(*found)


def test_ctrl_c_tells_what_is_known(here, monkeypatch):
    monkeypatch.setattr(selecting, "cross_validate", made(3, np.array([np.inf, np.inf, 1.0]), np.array([2, 2, 3])))
    result = call("select", "diabetes", *GRID, "--out", "chosen")
    assert result.exit_code == 130
    assert result.stdout.count(" interrupted ") == 2
    assert "interrupted after 2 of 5 epochs" in result.stdout
    assert json.loads(Path("chosen/select.json").read_text())["epochs"] == 2


def test_ctrl_c_before_anything_is_known_leaves_nothing(here, monkeypatch):
    def interrupted(*arrays, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(selecting, "cross_validate", interrupted)
    assert call("select", "diabetes", *GRID, "--out", "chosen").exit_code == 130
    assert not Path("chosen").exists()


def test_a_long_table_shows_the_best(here, monkeypatch):
    monkeypatch.setattr(selecting, "cross_validate", made(40, np.arange(40)[::-1] / 10, np.full(40, 5)))
    result = good("select", "diabetes", *GRID)
    assert "… and 10 more models, all of them in select.json" in result.stdout
    assert [line.split()[1] for line in result.stdout.splitlines() if line.startswith(" none ")][:2] == ["0.39", "0.38"]
    (path,) = Path("runs").iterdir()
    assert path.name.startswith("diabetes-select-2")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--l2", "0,many"], "--l2 must be numbers such as 0,1e-3,1e-2; got '0,many'"),
        (["--depths", "1.5"], "--depths must be whole numbers such as 1,2,4; got '1.5'"),
        (["--l2", "-1"], "l2 must be one or more finite numbers of 0 or more, each once; got (-1.0,)"),
        (["--widths", "0"], "widths must be 1 or more, got 0"),
        (["--depths", "1,1"], "depths must be one or more numbers, each once; got (1, 1)"),
        (["--folds", "1"], "folds must be from 2 to 353, the number of examples; got 1"),
        (["--repeats", "0"], "repeats must be 1 or more, got 0"),
        (["--epochs", "0"], "epochs must be 1 or more, got 0"),
        (["--batch-size", "300"], "batch_size must be from 1 to 236, the number of examples; got 300"),
        (["--optimizer", "adamm"], "unknown optimizer 'adamm': did you mean 'adam'?"),
        (["--activation", "step"], "step"),
        (["--loss", "hinge_loss"], "the loss hinge_loss cannot learn numbers from a table"),
        (["--test", "1"], "the part to hold out must be more than 0 and less than 1, got 1.0"),
        (["--out", "."], ". already exists: choose another folder with --out"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_chosen_among_is_told_in_one_line(here, options, message):
    assert message in refused("select", "diabetes", *GRID, *options)
    assert list(Path(".").iterdir()) == []


def test_a_table_that_is_not_in_memory_is_refused(here):
    write("houses.csv", columns("size", "price"))
    line = refused("select", "houses.csv", "-t", "price", *GRID, "--memory", "1k")
    assert line == "to choose among models their examples must be in memory: raise --memory, or give some of the rows"


def test_the_networks_are_spread_over_the_cores(here):
    """In a process of its own, before JAX has computed anything."""
    code = "import jax; from mlpjax.cli import selecting; selecting._use_all_cores(); print(len(jax.devices('cpu')))"
    environment = {**os.environ, "JAX_PLATFORMS": "cpu"}
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert int(result.stdout) == len(os.sched_getaffinity(0))


def test_the_command_says_all_that_is_not_usual():
    data = DataOptions("a b.csv", ("x", "y"), "numbers", drop=("id",), weights="w", test=0.3, memory=10)
    asked = Options((), "tanh", optimizer="sgd", l1=0.5, l2=0.0, seed=2)
    assert selecting.command(data, asked) == (
        "mlpjax train 'a b.csv' --target x --target y --task numbers --drop id --weights w --test 0.3 --memory 10 "
        "--layers none --activation tanh --optimizer sgd --l1 0.5 --l2 0.0 --seed 2"
    )
