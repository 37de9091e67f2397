"""`mlpjax train --init`: how the weights start."""

from pathlib import Path

import commands
import jax
import numpy as np
import pytest
from commands import QUICK, columns, good, refused, write
from safetensors.numpy import load_file

from mlpjax import forward, init
from mlpjax.runs import DataOptions, Options, folder, options, prepare
from mlpjax.runs import training as runs

here = pytest.fixture(commands.here)
TINY = [*QUICK, "--epochs", "1", "--learning-rate", "1e-30", "--optimizer", "sgd", "--l2", "0"]
"""So small a step that a network ends where it started."""


def started(name: str | None, seed: int = 3):
    """The network, the examples and the start of a run on iris."""
    data, asked = DataOptions("iris"), Options((8, 5), init=name, seed=seed)
    with jax.enable_x64(False):
        prepared = prepare(data, asked)
        mlp = options.network(prepared, options.settled(asked, prepared))
        return mlp, prepared, runs.start(mlp, asked, prepared)[0]


@pytest.mark.parametrize("name", [None, "he_uniform", "orthogonal", "nielsen"])
def test_a_run_starts_from_the_initialiser_asked_for(name):
    mlp, _, params = started(name)
    with jax.enable_x64(False):
        key, _ = jax.random.split(jax.random.key(3))
        expected = init(mlp, key, name)
    for got, wanted in zip(jax.tree.leaves(params), jax.tree.leaves(expected), strict=True):
        np.testing.assert_array_equal(got, wanted)


def test_lsuv_looks_at_the_training_examples():
    """LSUV"""
    mlp, prepared, params = started("lsuv")
    with jax.enable_x64(False):
        spreads = [float(z.var()) for z in forward(mlp, params, prepared.training.x).z]
    np.testing.assert_allclose(spreads, 1, rtol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("memory", ["1GB", "1kB"])
@pytest.mark.parametrize("name", ["orthogonal", "lsuv"])
def test_from_the_command_to_the_model(here, name, memory):
    write("houses.csv", columns(*commands.FEATURES, "price"))
    table = ["train", "houses.csv", "-t", "price", "--memory", memory]
    result = good(*table, *TINY, "--init", name, "--out", "run")
    assert f"training: {name} start, sgd" in result.output
    assert folder.read_config(Path("run")).options.init == name
    W = load_file("run/model.safetensors")["layers.0.W"]
    product = W @ W.T if W.shape[0] < W.shape[1] else W.T @ W
    scale = 1 if name == "orthogonal" else product[0, 0]
    np.testing.assert_allclose(product / scale, np.eye(len(product)), atol=1e-5)
    assert "start, " not in good(*table, *TINY, "--out", "plain").output


@pytest.mark.parametrize("memory", ["1GB", "1kB"])
def test_a_run_goes_on_to_the_same_bits(here, memory):
    write("houses.csv", columns(*commands.FEATURES, "price"))
    train = ["train", "houses.csv", "-t", "price", *QUICK, "--init", "lsuv", "--memory", memory]
    good(*train, "--epochs", "4", "--out", "whole")
    good(*train, "--epochs", "2", "--out", "run")
    good("train", "--resume", "run", "--epochs", "4")
    assert Path("run/model.safetensors").read_bytes() == Path("whole/model.safetensors").read_bytes()


def test_init_cannot_be_given_beside_resume(here):
    good("train", "iris", *QUICK, "--out", "run")
    message = "--resume goes on with the options of the run, and only --epochs can be given beside it; got --init"
    assert refused("train", "--resume", "run", "--init", "lsuv") == message


def test_what_lsuv_cannot_scale_leaves_no_folder(here):
    """LSUV: after two rectifiers in a row with opposite signs nothing is left to divide by."""
    said = refused("train", "iris", *QUICK, "--init", "lsuv", "--layers", "1,1,1,1,1,1")
    assert "by the standard deviation of its pre-activations, which is 0.0 on the 120 examples given: give it" in said
    assert said.endswith("choose another initialiser")
    assert commands.left(here) == []
