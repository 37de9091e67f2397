"""`mlpjax train --health` and `inspect`: what they say of the gradient, what they draw and what they keep."""

import json
import re
from pathlib import Path

import commands
import jax
import numpy as np
import pytest
from commands import QUICK, call, columns, good, refused, write

from mlpjax import plots
from mlpjax.data import open_source
from mlpjax.diagnosis.health import Health, health
from mlpjax.diagnosis.spectrum import spectrum
from mlpjax.runs import models

here = pytest.fixture(commands.here)
OPTIONS = ["-t", "price", *QUICK, "--health"]
health_picture = plots.health_picture


@pytest.fixture
def house(here, monkeypatch):
    """A table, and no picture of health drawn."""
    monkeypatch.setattr(plots, "health_picture", lambda path, *arguments: Path(path).write_bytes(b"a picture"))
    return write("houses.csv", columns("size", "rooms", "price"))


def test_train_says_how_the_gradient_fares(house):
    shown = good("train", house, *OPTIONS, "--out", "run").output
    assert "the gradient in the end, on 120 training examples" in shown
    assert "healthy: the gradient reaches every layer" in shown
    assert Path("run/health.png").is_file()
    kept = json.loads(Path("run/history.json").read_text())["health"]
    assert kept["steps"] == list(range(1, 13))
    assert np.shape(kept["factor"]) == (12, 2)
    assert "health.png" not in good("train", house, "-t", "price", *QUICK, "--out", "other").output


def test_train_says_it_to_machines_and_records_as_often_as_asked(house):
    said = json.loads(good("train", house, *OPTIONS, "--health-every", "5", "--json", "--out", "run").stdout)
    assert [one["condition"] for one in said["findings"]] == ["healthy"]
    assert len(said["health"]["factor"]) == len(said["at_the_start"]["health"]["slope"]) == 2
    assert json.loads(Path("run/history.json").read_text())["health"]["steps"] == [1, 6, 11]
    assert "health" not in json.loads(good("train", house, "-t", "price", *QUICK, "--json", "--out", "other").stdout)


@pytest.mark.slow
def test_a_vanishing_gradient_is_named_with_its_cure(house):
    options = ["-t", "price", "--layers", ",".join(["8"] * 6), "--activation", "sigmoid", "--epochs", "1", "--health"]
    shown = good("train", house, *options, "--out", "run").output
    assert "vanishing (layers 1-" in shown
    assert "try: sigmoid has a slope of at most 0.25: use relu or tanh" in shown
    assert "vanishing (layers 1-" in good("inspect", "run").output
    assert "vanishing (layers 1-" in good("inspect", "run", house).output


@pytest.mark.slow
def test_what_ailed_it_at_the_start_alone_is_said_too(house):
    options = ["-t", "price", "--layers", "8", "--optimizer", "adam", "--learning-rate", "2", "--epochs", "60", "--health"]
    shown = good("train", house, *options, "--out", "run").output
    at_the_start = shown.partition("at the start, on the first mini-batch:")[2]
    assert re.search(r"exploding \(layers? [1-2-]+\): one step changes the weights of layer", at_the_start)
    assert "a learning rate" in at_the_start


@pytest.mark.slow
def test_a_stream_has_its_health(house):
    shown = good("train", house, *OPTIONS, "--memory", "1000", "--out", "run").output
    assert "read as a stream" in shown
    assert "healthy" in shown


def test_a_run_that_goes_on_has_all_its_records(house):
    good("train", house, *OPTIONS, "--epochs", "6", "--health-every", "5", "--out", "whole")
    good("train", house, *OPTIONS, "--health-every", "5", "--out", "run")
    assert "healthy" in good("train", "--resume", "run", "--epochs", "6").output
    one, other = (json.loads(Path(name, "history.json").read_text())["health"] for name in ("whole", "run"))
    assert one == other
    assert "got --health" in refused("train", "--resume", "run", "--health")


def test_recording_changes_nothing_of_the_model(house):
    for name, more in (("plain", []), ("recorded", ["--health"])):
        good("train", house, "-t", "price", *QUICK, *more, "--out", name)
    assert Path("plain/model.safetensors").read_bytes() == Path("recorded/model.safetensors").read_bytes()


@pytest.mark.slow
def test_training_that_diverges_has_its_health(house):
    result = call(
        "train", house, "-t", "price", *QUICK, "--optimizer", "sgd", "--learning-rate", "1e6", "--health", "--out", "run"
    )
    assert result.exit_code == 1
    assert "exploding" in result.output


def test_inspect_on_data(house):
    good("train", house, *OPTIONS, "--out", "run")
    said = json.loads(good("inspect", "run", house, "--spectrum", "--json").stdout)
    model = models.load(Path("run"))
    x, y, _ = models.examples(model, open_source(house))
    with jax.enable_x64(False):
        expected, values = health(model.mlp, model.params, x, y), spectrum(model.mlp, model.params, x[:64])
    for name, value in said["health"].items():
        np.testing.assert_allclose(value, getattr(expected, name), rtol=1e-4, atol=1e-6, err_msg=name)
    assert said["health"]["examples"] == 150
    assert [row["layer"] for row in said["spectrum"]] == ["1", "2", "whole"]
    assert said["spectrum"][-1]["largest"] == pytest.approx(np.median(values.whole[:, 0]), rel=1e-4)
    shown = good("inspect", "run", house, "--spectrum").output
    assert "the gradient on 150 examples" in shown
    assert "singular values of the Jacobians, the median of 64 examples" in shown


def test_inspect_without_data(house):
    good("train", house, *OPTIONS, "--out", "run")
    shown = good("inspect", "run").output
    assert "the gradient at step 12, on its 32 examples" in shown
    said = json.loads(good("inspect", "run", "--json").stdout)
    kept = json.loads(Path("run/history.json").read_text())["health"]
    assert said["health"]["factor"] == pytest.approx(kept["factor"][-1])
    assert "--spectrum needs data to look at" in refused("inspect", "run", "--spectrum")
    assert "the gradient" not in good("inspect", "run/model.safetensors").output


def test_a_history_that_is_none_is_refused(house):
    good("train", house, *OPTIONS, "--out", "run")
    for damage in ("[]", "{", '{"health": 3}', '{"health": {"steps": [1]}}', '{"health": {"steps": "a"}}'):
        Path("run/history.json").write_text(damage)
        assert "history.json is not the history of this run" in refused("inspect", "run")


@pytest.mark.slow
def test_a_history_of_another_network_is_refused(house):
    good("train", house, *OPTIONS, "--out", "run")
    good("train", house, *OPTIONS, "--layers", "4,4", "--out", "other")
    Path("run/history.json").write_bytes(Path("other/history.json").read_bytes())
    assert "a record of 3 layers, and the model has 2" in refused("inspect", "run")


def test_bad_options(house):
    assert "health_every must be a whole number of steps, 1 or more; got 0" in refused(
        "train", house, *OPTIONS, "--health-every", "0"
    )


@pytest.mark.slow
def test_a_bundled_set_can_be_inspected(house):
    """Its statistics are a view on one number, which a model file is to hold in full."""
    good("train", "digits", "--epochs", "1", "--layers", "4", "--out", "run")
    scales = models.load(Path("run")).preprocessing.statistics.scale
    assert len(set(scales.tolist())) == 1
    assert "the gradient on 1,797 examples" in good("inspect", "run", "digits").stdout


@pytest.mark.slow
def test_a_bundled_set_of_numbers_is_a_table_too(house):
    good("train", "diabetes", "--epochs", "1", "--layers", "4", "--out", "run")
    assert "the gradient on 442 examples" in good("inspect", "run", "diabetes").stdout


@pytest.mark.slow
@pytest.mark.parametrize("records", [1, 4])
def test_the_picture(tmp_path, records):
    """Also of what cannot be drawn to a logarithm: zeros and what is not finite, and of layers that are all zeros."""
    rows = np.random.default_rng(0).uniform(0.1, 1, (records, 3))
    rows[0, 0], rows[-1, 2] = 0, np.inf
    recorded = Health(**dict.fromkeys(Health._fields[:-1], rows), examples=np.full(records, 32.0))
    values = [np.random.default_rng(1).normal(size=(20, 3)), np.zeros((20, 2)), np.ones((20, 1))]
    health_picture(tmp_path / "health.png", "$a$ title", 1 + 5 * np.arange(records), recorded, values, values)
    assert (tmp_path / "health.png").read_bytes()[:4] == b"\x89PNG"
    nothing = recorded._replace(**dict.fromkeys(Health._fields[:-1], np.full((records, 3), np.nan)))
    health_picture(tmp_path / "none.png", "none", np.arange(records), nothing, values[1:2] * 3, values[1:2] * 3)
