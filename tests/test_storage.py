"""Networks to files and back."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from safetensors.numpy import save as to_bytes

from mlpjax import MLP, activations, init, load, losses, save
from mlpjax.storage import umask

MIXED = MLP((4, 3, 2, 1), ("leaky_relu(0.2)", "gelu_tanh"), "squared_error@sigmoid", precision="highest")


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "network.safetensors"
    save(path, MIXED, init(MIXED, jax.random.key(0)))
    return path


@pytest.mark.parametrize("mlp", [MIXED, MLP((2, 1)), MLP((3, 5, 2), "elu(0.5)", losses.huber_loss(0.3))])
def test_round_trip(tmp_path, mlp):
    params = init(mlp, jax.random.key(1))
    save(tmp_path / "network", mlp, params)
    again, loaded = load(tmp_path / "network")
    assert again == mlp
    for a, b in zip(jax.tree.leaves(loaded), jax.tree.leaves(params), strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)


def test_only_the_file_is_left(file):
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_a_failed_write_leaves_the_old_file(file):
    before = file.read_bytes()
    with pytest.raises(ValueError, match="params must have 3 layers"):
        save(file, MIXED, ())
    assert file.read_bytes() == before
    with pytest.raises(OSError, match="No such file"):
        save(file.parent / "missing" / "network", MIXED, init(MIXED, jax.random.key(0)))


@pytest.mark.parametrize("mlp", [
    MLP((2, 2, 1), activations.Activation("mine", f=jnp.sin, df=lambda z, a: jnp.cos(z), d2f=lambda z, a: -a)),
    MLP((2, 2, 1), activations.Activation("relu", f=jnp.sin, df=lambda z, a: jnp.cos(z), d2f=lambda z, a: -a)),
    MLP((2, 1), loss=losses.at_output(losses.at_output(losses.squared_error, activations.sigmoid), activations.tanh)),
])  # fmt: skip
def test_a_network_that_a_file_cannot_hold_is_refused(tmp_path, mlp):
    with pytest.raises(ValueError, match="a file holds names only"):
        save(tmp_path / "network", mlp, init(mlp, jax.random.key(0)))
    assert not list(tmp_path.iterdir())


def test_others_may_read_the_file(file):
    assert file.stat().st_mode & 0o444 == 0o444 & ~umask()


@pytest.mark.parametrize("cut", [0, 4, 40, -8])
def test_a_damaged_file_is_named(file, cut):
    file.write_bytes(file.read_bytes()[:cut])
    with pytest.raises(ValueError, match="not a whole safetensors file"):
        load(file)


def written(path, metadata, arrays=None):
    path.write_bytes(to_bytes(arrays or {"layers.0.W": np.ones((2, 1)), "layers.0.b": np.ones(1)}, metadata))
    return path


def described(**changes):
    network = {"sizes": [2, 1], "activations": [], "loss": "squared_error", "precision": None, **changes}
    return {"format": "mlpjax", "format_version": "1", "network": json.dumps(network)}


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        (None, "is not a network of format mlpjax 1: its metadata say format 'none'"),
        ({**described(), "format_version": "99"}, "version '99'"),
        (described(loss="nothing"), "does not describe a network that this version knows: unknown loss 'nothing'"),
        (described(activations=["__import__('os').system('x')"], sizes=[2, 2, 1]), "unknown activation"),
        (described(sizes=[2, -1]), "every size must be 1 or more"),
        (described(sizes=[2, 3]), "layer 1 .* must have W of shape"),
        (described(sizes=[2, 1, 1]), "activation must be one record or one for each of 1 hidden layers, got 0"),
        (described(sizes=[2, 1, 1], activations=["relu"]), "not a whole safetensors file"),
        ({**described(), "network": "{"}, "does not describe a network"),
    ],
)
def test_a_foreign_file_is_named(tmp_path, metadata, message):
    with pytest.raises(ValueError, match=message):
        load(written(tmp_path / "file", metadata))
