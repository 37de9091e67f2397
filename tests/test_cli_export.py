"""`mlpjax export`."""

import json
import sys
from pathlib import Path

import commands
import jax
import numpy as np
import pytest
from commands import good, refused
from jax import export
from support import problem

import mlpjax
from mlpjax import MLP
from mlpjax.data import cells, open_source
from mlpjax.runs import models

here = pytest.fixture(commands.here)
trained = pytest.fixture(commands.trained, scope="module")


def of_table(trained, name):
    """The raw cells of the table of houses for one of the runs."""
    columns = models.load(trained / name).preprocessing.columns
    return np.concatenate([cells.raw(columns, batch) for batch in open_source(trained / "houses.csv").batches()]).astype(
        np.float32
    )


def test_it_predicts_what_the_command_predicts_in_the_unit_of_the_target(here, trained):
    shown = good("export", trained / "numbers", "-o", "price.jaxexport").output
    assert "prediction = export.deserialize(open('price.jaxexport', 'rb').read())" in shown
    assert "prediction.call(cells)  # float32, shape (any, 5) to (any, 1)" in shown
    assert "2  city: 0 Lima, 1 Paris, 2 Zürich, CH" in shown
    assert "Comes out: price" in shown
    with jax.enable_x64(False):
        found = export.deserialize(Path("price.jaxexport").read_bytes()).call(of_table(trained, "numbers"))
    expected = good("predict", trained / "numbers", trained / "houses.csv").stdout.split()[1:]
    np.testing.assert_allclose(found[:, 0], np.array(expected, float), rtol=1e-5)


def test_for_machines(here, trained):
    said = json.loads(good("export", trained / "classes", "--json").stdout)
    assert said["file"] == "model.jaxexport"
    assert said["bytes"] == Path("model.jaxexport").stat().st_size
    assert said["outputs"] == ["probability of cheap", "probability of dear", "probability of fair"]
    assert said["inputs"][:3] == [
        {"name": "size", "holds": "a number"},
        {"name": "rooms", "holds": "a number"},
        {"name": "city", "holds": {"Lima": 0, "Paris": 1, "Zürich, CH": 2}},
    ]
    with jax.enable_x64(False):
        found = export.deserialize(Path("model.jaxexport").read_bytes()).call(of_table(trained, "classes"))
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-5)


def test_a_model_without_preprocessing_takes_features(here):
    mlp = MLP((40, 2))
    mlpjax.save("plain", mlp, problem(mlp, dtype="float32")[0])
    shown = good("export", "plain", "-o", "out").output
    assert "0  feature 0: a number" in shown
    assert "… and 10 more, which --json lists" in shown
    assert "Comes out: output 0, output 1" in shown


def test_what_cannot_be_exported(here, trained, monkeypatch):
    assert "there is no model" in refused("export", "nowhere")
    Path("model").write_bytes((trained / "numbers/model.safetensors").read_bytes())
    assert "-o model would replace what is read" in refused("export", "model", "-o", "model")
    assert "out/of/reach" in refused("export", "model", "-o", "out/of/reach")
    monkeypatch.setitem(sys.modules, "flatbuffers", None)
    assert "this needs flatbuffers: pip install" in refused("export", "model")
