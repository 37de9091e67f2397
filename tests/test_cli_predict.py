"""`mlpjax predict`, `evaluate`, `inspect` and `check`."""

import io
import json
import os
import re
from pathlib import Path

import commands
import jax
import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
from commands import call, columns, good, process, write
from sklearn import metrics

import mlpjax
from mlpjax.data import cells, encode, open_source
from mlpjax.runs import models

here = pytest.fixture(commands.here)
trained = pytest.fixture(commands.trained, scope="module")


def numbers(text: str) -> np.ndarray:
    """One column of numbers from CSV."""
    return np.array(text.split()[1:], float)


@pytest.fixture
def expected(trained):
    """What the run that learned the price predicts of the table of houses."""
    return numbers(good("predict", trained / "numbers", trained / "houses.csv").stdout)


def test_a_prediction_for_each_row_in_its_unit(trained, expected):
    truth = np.array(commands.houses()["price"])
    assert len(expected) == 150
    assert metrics.r2_score(truth, expected) > 0.8


def test_a_model_is_its_file(here, trained, expected):
    Path("model").write_bytes((trained / "numbers/model.safetensors").read_bytes())
    np.testing.assert_array_equal(numbers(good("predict", "model", trained / "houses.csv").stdout), expected)


@pytest.mark.parametrize("name", ["out.csv", "out.parquet", "out.jsonl"])
def test_every_kind_of_output(here, trained, expected, name):
    assert good("predict", trained / "numbers", trained / "houses.csv", "-o", name).stdout == ""
    read = {
        ".csv": lambda: pa.csv.read_csv(name)["price"].to_pylist(),
        ".parquet": lambda: pa.parquet.read_table(name)["price"].to_pylist(),
        ".jsonl": lambda: [json.loads(line)["price"] for line in Path(name).read_text().splitlines()],
    }
    np.testing.assert_allclose(read[Path(name).suffix](), expected, rtol=1e-12)
    assert commands.left(here) == [name]


def test_columns_in_another_order_of_other_types_and_with_others_among_them(here, trained, expected):
    table = commands.houses()
    table["rooms"] = [str(rooms) for rooms in table["rooms"]]
    table["garden"] = [garden == "true" for garden in table["garden"]]
    table["age"] = [None if age is None else float(age) for age in table["age"]]
    pa.parquet.write_table(pa.table(dict(reversed(table.items()))), "houses.parquet")
    np.testing.assert_array_equal(numbers(good("predict", trained / "numbers", "houses.parquet").stdout), expected)


def test_classes_and_their_probabilities(trained):
    result = good("predict", trained / "classes", trained / "houses.csv", "--probabilities", "--json")
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    names = ["cheap", "dear", "fair"]
    assert list(rows[0]) == ["kind", *(f"probability of {name}" for name in names)]
    for row in rows:
        shares = [row[f"probability of {name}"] for name in names]
        assert sum(shares) == pytest.approx(1, abs=1e-5)
        assert row["kind"] == names[int(np.argmax(shares))]
    plain = good("predict", trained / "classes", trained / "houses.csv").stdout.split()
    assert plain == ["kind", *(row["kind"] for row in rows)]


def test_an_unknown_category_and_missing_cells_are_predicted_too(here, trained):
    write("new.csv", {"size": [100, None], "rooms": [3, 4], "city": ["Oslo", None], "garden": ["true", None], "age": [None, 5]})
    result = good("predict", trained / "numbers", "new.csv")
    assert np.isfinite(numbers(result.stdout)).all()
    assert "warning: column 'city' has 1 cell with a value that training did not have, such as 'Oslo'" in result.stderr
    assert "warning: column 'size' has 1 missing cell, and training had none" in result.stderr


def test_names_with_commas_and_quotes_come_back_whole(here):
    table = columns(*commands.FEATURES, "kind")
    table['the "kind", again'] = [{"cheap": "a,b", "dear": 'say "x"', "fair": "é\nf"}[kind] for kind in table.pop("kind")]
    write("houses.csv", table)
    good("train", "houses.csv", "-t", 'the "kind", again', "--out", "run", *commands.QUICK)
    result = good("predict", "run", "houses.csv")
    read = pa.csv.read_csv(io.BytesIO(result.stdout.encode()), parse_options=pa.csv.ParseOptions(newlines_in_values=True))
    assert read.column_names == ['the "kind", again']
    assert set(read.columns[0].to_pylist()) <= {"a,b", 'say "x"', "é\nf"}
    assert read.num_rows == 150


def test_the_file_that_is_replaced_keeps_its_permissions(here, trained):
    Path("out.csv").write_text("old")
    os.chmod("out.csv", 0o640)
    os.symlink("out.csv", "link.csv")
    good("predict", trained / "numbers", trained / "houses.csv", "-o", "link.csv")
    assert Path("link.csv").is_symlink()
    assert len(Path("out.csv").read_text().split()) == 151
    assert Path("out.csv").stat().st_mode & 0o777 == 0o640


def test_preprocessing_and_network_export_as_one_function(trained, expected):
    """From raw cells in float64 to a price, in any program that runs StableHLO."""
    model = models.load(trained / "numbers")
    mean, scale = model.preprocessing.target_statistics

    def from_cells(raw):
        x = encode(model.preprocessing.columns, model.preprocessing.statistics, raw).astype("float32")
        return mlpjax.predict(model.mlp, model.params, x) * scale + mean

    source = open_source(str(trained / "houses.csv"))
    raw = np.concatenate([cells.raw(model.preprocessing.columns, batch) for batch in source.batches()])
    with jax.enable_x64(True):
        rows, width = jax.export.symbolic_shape("n, 5")
        shape = jax.ShapeDtypeStruct((rows, width), np.float64)
        exported = jax.export.deserialize(jax.export.export(jax.jit(from_cells))(shape).serialize())
        np.testing.assert_allclose(exported.call(raw)[:, 0], expected, rtol=1e-6)


def test_evaluate(here, trained, expected):
    truth = np.array(commands.houses()["price"])
    said = json.loads(good("evaluate", trained / "numbers", trained / "houses.csv", "--json").stdout)
    assert said["metrics"]["r2"] == pytest.approx(metrics.r2_score(truth, expected))
    assert said["metrics"]["mae"] == pytest.approx(metrics.mean_absolute_error(truth, expected))
    assert said["baselines"]["constant"]["r2"] == pytest.approx(0, abs=1e-9)
    assert said["examples"] == 150
    shown = good("evaluate", trained / "classes", trained / "houses.csv").output
    assert "houses.csv, 150 examples" in shown
    assert "true ↓  predicted →   cheap   dear   fair" in shown


def test_evaluate_with_weights(here, trained, expected):
    table = commands.houses()
    write("houses.csv", table)
    said = json.loads(good("evaluate", trained / "numbers", "houses.csv", "--weights", "weight", "--json").stdout)
    assert said["metrics"]["r2"] == pytest.approx(
        metrics.r2_score(table["price"], expected, sample_weight=table["weight"]), rel=1e-6
    )


def test_evaluate_with_weights_that_are_all_0(here, trained):
    write("houses.csv", commands.houses() | {"weight": [0] * 150})
    said = commands.refused("evaluate", trained / "numbers", "houses.csv", "--weights", "weight")
    assert said == "the weights 'weight' are 0 in all the rows of houses.csv: one at least must count"


def test_inspect(trained):
    said = json.loads(good("inspect", trained / "classes", trained / "houses.csv", "--json").stdout)
    assert said["sizes"] == [9, 8, 3]
    assert said["classes"] == ["cheap", "dear", "fair"]
    assert said["features"][:4] == ["size", "rooms", "age", "age is missing"]
    assert {"mlpjax", "jax", "python"} == set(said["versions"])
    assert said["parameters"] == sum(layer["parameters"] for layer in said["layers"]) == 9 * 8 + 8 + 8 * 3 + 3

    model = models.load(trained / "classes")
    x, y, _ = models.examples(model, open_source(str(trained / "houses.csv")))
    _, gradient = mlpjax.backprop(model.mlp, model.params, x, y)
    norms = [float(np.linalg.norm(layer.W)) for layer in gradient]
    assert said["health"]["gradient_norm"] == pytest.approx(norms, rel=1e-4)
    assert [finding["condition"] for finding in said["findings"]] == ["healthy"]


def test_inspect_fits_on_80_columns(here, trained, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    shown = good("inspect", trained / "classes", trained / "houses.csv").output
    (row,) = [line for line in shown.splitlines() if "grad : W" in line]
    assert "dead" in row
    assert max(map(len, shown.splitlines()[1:-1])) <= 80 or "healthy" in shown
    assert "predicts kind, 3 classes: cheap, dear, fair" in shown


def test_check_proves_every_method(here, trained):
    options = ["-t", "price", "--drop", "kind", "--layers", "3", "--examples", "4"]
    said = json.loads(good("check", trained / "houses.csv", *options, "--json").stdout)
    assert said["sizes"] == [9, 3, 1]
    assert {one["method"] for one in said["methods"]} == set(mlpjax.gradients.METHODS)
    assert all(one["error"] <= one["limit"] for one in said["methods"])
    assert good("check", trained / "houses.csv", *options).output.count("exact") == len(mlpjax.gradients.METHODS)


def test_check_with_weights(here):
    write("houses.csv", columns("size", "rooms", "price", "weight"))
    options = ["-t", "price", "--weights", "weight", "--layers", "2", "--examples", "4"]
    said = json.loads(good("check", "houses.csv", *options, "--json").stdout)
    assert said["sizes"] == [2, 2, 1]
    assert all(one["error"] <= one["limit"] for one in said["methods"])


def test_check_finds_a_wrong_gradient(here, trained, monkeypatch):
    monkeypatch.setattr("mlpjax.runs.training.relative_error", lambda *arguments: 1e-3)
    result = call("check", trained / "houses.csv", "-t", "price", "--layers", "2", "--examples", "2")
    assert result.exit_code == 1
    assert "WRONG" in result.output


@pytest.mark.slow
def test_check_leaves_out_what_would_take_minutes(here):
    result = good("check", "digits", "--layers", "64,64", "--examples", "1")
    assert re.search(r"path_sum is left out: [\d,]{7,} paths an example; try --layers 8,4", result.output)


@pytest.mark.slow
def test_a_pipe_from_cat_to_head(here, trained):
    table = Path(trained / "houses.csv").read_text().split("\n", 1)
    Path("big.csv").write_text(table[0] + "\n" + table[1] * 500)
    with open("big.csv") as file, process(trained / "cache", "predict", trained / "numbers", "-", stdin=file) as running:
        assert running.stdout.readline() == "price\n"
        float(running.stdout.readline())
        running.stdout.close()
        assert (running.wait(60), running.stderr.read()) == (0, "")


@pytest.mark.slow
def test_a_full_disk_behind_standard_output(here, trained):
    arguments = ["predict", trained / "numbers", trained / "houses.csv"]
    with open("/dev/full", "w") as full, process(trained / "cache", *arguments, stdout=full) as running:
        _, said = running.communicate(timeout=60)
    assert (running.returncode, said) == (2, "error: No space left on device\n")


@pytest.mark.slow
def test_the_shell_completes(here, trained):
    words = "import os; os.environ.update(_MLPJAX_COMPLETE='complete_bash', COMP_WORDS='mlpjax train di', COMP_CWORD='2')"
    with process(trained / "cache", setting=words) as running:
        said, _ = running.communicate(timeout=60)
    assert said.split() == ["digits", "diabetes"]


def test_help_teaches(here):
    result = good("train", "--help")
    for word in ("digits", "--layers", "leaky_relu", "path_sum", "Examples", "Exit codes"):
        assert word in result.output
    for name in ("train", "predict", "evaluate", "inspect", "check"):
        assert name in good("--help").output
        assert "Exit codes" in good(name, "--help").output
    assert "mlpjax 0." in good("--version").output
