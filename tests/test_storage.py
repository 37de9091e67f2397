"""Models to files and back."""

import functools
import json
import os
import re
from pathlib import Path

import commands
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save as to_bytes

from mlpjax import MLP, activations, init, load, losses, predict, save
from mlpjax.data import Column, Preprocessing, Statistics, Target, describe
from mlpjax.files import umask
from mlpjax.storage import FORMAT_VERSION, load_preprocessing, load_versions

FILES = Path(__file__).parent / "files"
MIXED = MLP((4, 3, 2, 1), ("leaky_relu(0.2)", "gelu_tanh"), "squared_error@sigmoid", precision="highest")
COLUMNS = (
    Column("größe 📐", "numeric"),
    Column("age", "numeric", missing=True),
    Column("city", "categorical", ("Lima", "Zürich, CH", '"'), missing=True),
    Column("garden", "categorical", ("false", "true")),
)
NUMBERS = Preprocessing(
    COLUMNS,
    Statistics(np.array([1e9 + 0.1, -0.0]), np.array([1e-300, 3.0])),
    Target(("price", "值")),
    Statistics(np.array([1.0, 2.0]), np.array([0.1, 1e100])),
)
CLASSES = Preprocessing(COLUMNS, NUMBERS.statistics, Target(("kind",), ("b", "a", "é")), Statistics(np.array([]), np.array([])))


def network(preprocessing: Preprocessing) -> MLP:
    loss = "softmax_cross_entropy_with_integer_labels" if preprocessing.target.classes else "squared_error"
    return MLP((len(preprocessing.features), 3, preprocessing.outputs), "tanh", loss)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "network.safetensors"
    save(path, MIXED, init(MIXED, jax.random.key(0)))
    return path


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "model.safetensors"
    save(path, network(CLASSES), init(network(CLASSES), jax.random.key(0)), CLASSES)
    return path


@pytest.mark.parametrize("mlp", [MIXED, MLP((2, 1)), MLP((3, 5, 2), "elu(0.5)", losses.huber_loss(0.3))])
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_round_trip(tmp_path, mlp, dtype):
    params = init(mlp, jax.random.key(1), dtype=dtype)
    save(tmp_path / "network", mlp, params)
    again, loaded = load(tmp_path / "network")
    assert again == mlp
    for a, b in zip(jax.tree.leaves(loaded), jax.tree.leaves(params), strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)
    assert load_preprocessing(tmp_path / "network") is None


@pytest.mark.parametrize("preprocessing", [NUMBERS, CLASSES])
def test_round_trip_of_preprocessing(tmp_path, preprocessing):
    mlp = network(preprocessing)
    save(tmp_path / "model", mlp, init(mlp, jax.random.key(1)), preprocessing)
    again = load_preprocessing(tmp_path / "model")
    assert (again.columns, again.target) == (preprocessing.columns, preprocessing.target)
    assert again.features == preprocessing.features
    for found, expected in zip(describe(again)[1].values(), describe(preprocessing)[1].values(), strict=True):
        np.testing.assert_array_equal(found, expected)
    assert load(tmp_path / "model")[0] == mlp


def test_one_output_can_stand_for_two_classes(tmp_path):
    two = Preprocessing(
        COLUMNS[3:], Statistics(np.array([]), np.array([])), Target(("y",), ("n", "y")), CLASSES.target_statistics
    )
    mlp = MLP((2, 1), loss="sigmoid_binary_cross_entropy")
    save(tmp_path / "model", mlp, init(mlp, jax.random.key(0)), two)
    assert load_preprocessing(tmp_path / "model").target.classes == ("n", "y")


def test_the_versions_are_told(model):
    assert load_versions(model)["jax"] == jax.__version__
    assert set(load_versions(model)) == {"mlpjax", "jax", "python"}
    assert load_versions(FILES / "version-1.safetensors") == {}


def test_files_of_version_1():
    mlp, params = load(FILES / "version-1.safetensors")
    assert mlp == MLP((4, 3, 2, 1), ("leaky_relu(0.2)", "tanh"), "squared_error@sigmoid", precision="float32")
    assert predict(mlp, params, np.ones((1, 4), np.float32)).item() == pytest.approx(0.62189746, abs=1e-7)
    assert load_preprocessing(FILES / "version-1.safetensors") is None


def test_files_of_version_2():
    mlp, params = load(FILES / "version-2.safetensors")
    preprocessing = load_preprocessing(FILES / "version-2.safetensors")
    assert mlp == MLP((9, 3, 3), "tanh", "softmax_cross_entropy_with_integer_labels")
    assert (preprocessing.columns, preprocessing.target) == (COLUMNS, CLASSES.target)
    np.testing.assert_array_equal(preprocessing.statistics.mean, CLASSES.statistics.mean)
    assert predict(mlp, params, np.ones((1, 9), np.float32))[0].tolist() == pytest.approx(VERSION_2, abs=1e-7)


VERSION_2 = [0.15598162, 0.15617083, 0.68784755]


def test_every_version_has_a_file():
    assert sorted(path.name for path in FILES.iterdir()) == [f"version-{n}.safetensors" for n in range(1, FORMAT_VERSION + 1)]


def test_the_same_model_is_the_same_bytes(model, tmp_path):
    save(tmp_path / "again", network(CLASSES), init(network(CLASSES), jax.random.key(0)), CLASSES)
    assert (tmp_path / "again").read_bytes() == model.read_bytes()
    content = model.read_bytes()
    names = list(json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")]))
    assert names == sorted(names)


def test_only_the_file_is_left(file):
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_a_failed_write_leaves_the_old_file(file):
    before, params = file.read_bytes(), init(MIXED, jax.random.key(0))
    with pytest.raises(ValueError, match="params must have 3 layers"):
        save(file, MIXED, ())
    with pytest.raises(ValueError, match="the preprocessing makes 9 features and has 3 outputs, and the network's sizes are"):
        save(file, MIXED, params, CLASSES)
    with pytest.raises(OSError, match="missing/network cannot be written: No such file"):
        save(file.parent / "missing" / "network", MIXED, params)
    with commands.full_disk(100), pytest.raises(OSError, match=re.escape(f"{file} cannot be written: File too large")):
        save(file, MIXED, params)
    assert file.read_bytes() == before
    assert [path.name for path in file.parent.iterdir()] == [file.name]
    with pytest.raises(OSError, match="cannot be written: Is a directory"):
        save(file.parent, MIXED, params)
    assert list(file.parent.parent.glob(f".{file.parent.name}*")) == []


def test_permissions(file):
    assert file.stat().st_mode & 0o777 == 0o666 & ~umask()
    os.chmod(file, 0o600)
    save(file, MIXED, init(MIXED, jax.random.key(1)))
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("mlp", [
    MLP((2, 2, 1), activations.Activation("mine", f=jnp.sin, df=lambda z, a: jnp.cos(z), d2f=lambda z, a: -a)),
    MLP((2, 2, 1), activations.Activation("relu", f=jnp.sin, df=lambda z, a: jnp.cos(z), d2f=lambda z, a: -a)),
    MLP((2, 1), loss=losses.at_output(losses.at_output(losses.squared_error, activations.sigmoid), activations.tanh)),
])  # fmt: skip
def test_a_network_that_a_file_cannot_hold_is_refused(tmp_path, mlp):
    with pytest.raises(ValueError, match="a file holds names only"):
        save(tmp_path / "network", mlp, init(mlp, jax.random.key(0)))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("cut", [0, 4, 40, -8, -1])
def test_a_damaged_file_is_named(model, cut):
    model.write_bytes(model.read_bytes()[:cut])
    with pytest.raises(ValueError, match=re.escape(f"{model} is not a whole safetensors file")):
        load(model)


def test_what_is_no_file_is_named(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    for name in ("fifo", ""):
        with pytest.raises(ValueError, match=re.escape(f"{tmp_path / name} is not a file")):
            load(tmp_path / name)
    with pytest.raises(FileNotFoundError, match="nowhere"):
        load(tmp_path / "nowhere")


def described(**changes) -> dict[str, str]:
    """The metadata of a network of version 1."""
    network = {"sizes": [2, 1], "activations": [], "loss": "squared_error", "precision": None, **changes}
    return {"format": "mlpjax", "format_version": "1", "network": json.dumps(network)}


def written(path, metadata, arrays=None):
    arrays = {"layers.0.W": np.ones((2, 1)), "layers.0.b": np.ones(1), **(arrays or {})}
    path.write_bytes(to_bytes(arrays, metadata))
    return path


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        (None, "its format is 'unknown', not 'mlpjax'"),
        (
            {**described(), "format_version": "99"},
            f"its format version is 99, and this mlpjax reads 1 to {FORMAT_VERSION}: upgrade",
        ),
        ({**described(), "format_version": "0"}, "its format version is 0"),
        ({**described(), "format_version": "٣"}, "its format version is '٣', not a number"),
        ({**described(), "format_version": "9" * 5000}, "not a number"),
        (described(loss="nothing"), "unknown loss 'nothing'"),
        (described(activations=["__import__('os').system('x')"], sizes=[2, 2, 1]), "unknown activation"),
        (described(sizes=[2, -1]), "every size must be 1 or more"),
        (described(sizes=[2, 3]), "layer 1 .* must have W of shape"),
        (described(sizes=[2, 1, 1]), "activation must be one record or one for each of 1 hidden layers, got 0"),
        (described(sizes=[2, 1, 1], activations=["relu"]), "layers.1.W"),
        (described(sizes=[2, 10**30]), "layer 1"),
        (described(sizes=[2, 1e400]), "size"),
        (described(sizes="21"), "size"),
        (described(sizes=None), "is not a model that this version"),
        (described(precision="no such"), "precision"),
        (described(precision=[1]), "precision"),
        (described(loss=["squared_error"]), "is not a model that this version"),
        ({**described(), "network": "{"}, "is not a model that this version"),
        ({**described(), "network": "[" * 10**5}, "is not a model that this version"),
        ({**described(), "network": "[]"}, "is not a model that this version"),
        ({"format": "mlpjax", "format_version": "1"}, "it lacks 'network'"),
    ],
)
def test_a_foreign_file_is_named(tmp_path, metadata, message):
    with pytest.raises(ValueError, match=message) as caught:
        load(written(tmp_path / "a file", metadata))
    assert str(caught.value).startswith(f"{tmp_path / 'a file'} is not a")


def retold(path, change) -> None:
    """The same file with other metadata and arrays."""
    content = path.read_bytes()
    end = 8 + int.from_bytes(content[:8], "little")
    header = json.dumps(change(json.loads(content[8:end]))).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header + content[end:])


def with_preprocessing(change):
    """A change of what the metadata say of the preprocessing."""

    def changed(header):
        said = json.loads(header["__metadata__"]["preprocessing"])
        header["__metadata__"]["preprocessing"] = json.dumps(change(said))
        return header

    return changed


@pytest.mark.parametrize(("change", "message"), [
    (lambda said: {}, "the preprocessing needs 'columns' as list, got None"),
    (lambda said: [said], "is not a model"),
    (lambda said: {**said, "columns": said["columns"][:3]}, "as many means and scales|the preprocessing makes"),
    (lambda said: {**said, "columns": [{**said["columns"][0], "kind": "text"}]}, "a column needs a name and a kind"),
    (lambda said: {**said, "columns": [{**said["columns"][0], "missing": 1}]}, "'missing' as bool, got 1"),
    (lambda said: {**said, "columns": said["columns"] * 2}, "must each have a name of their own"),
    (lambda said: {**said, "target": {"names": ["kind"], "classes": ["a", "a", "b"]}}, "classes are two or more"),
    (lambda said: {**said, "target": {"names": ["kind"], "classes": ["a", "b"]}}, "has 2 outputs"),
    (lambda said: {**said, "target": {"names": ["kind"], "classes": [1, 2, 3]}}, "'classes' as a list of texts"),
])  # fmt: skip
def test_preprocessing_that_cannot_be_is_refused(model, change, message):
    retold(model, with_preprocessing(change))
    with pytest.raises(ValueError, match=message) as caught:
        load_preprocessing(model)
    assert str(caught.value).startswith(f"{model} is not a model that this version of mlpjax can read: ")


@pytest.mark.parametrize(("bad", "message"), [
    (np.array([np.nan, 1.0]), "must be finite"),
    (np.array([0.0, 1.0]), "finite and positive"),
    (np.array([1.0]), "as many means and scales"),
    (np.array([1.0, 1.0], np.float32), "'scale' in float64, got .*float32"),
])  # fmt: skip
def test_statistics_that_cannot_be_are_refused(tmp_path, bad, message):
    mlp = network(CLASSES)
    description, statistics = describe(CLASSES)
    arrays = {
        f"layers.{l}.{name}": np.asarray(a)
        for l, layer in enumerate(init(mlp, jax.random.key(0)))
        for name, a in layer._asdict().items()
    }
    arrays |= {f"preprocessing.{name}": array for name, array in {**statistics, "scale": bad}.items()}
    told = {"sizes": mlp.sizes, "activations": ["tanh"], "loss": mlp.loss.name, "precision": None}
    metadata = {"format": "mlpjax", "format_version": "2", "network": json.dumps(told), "preprocessing": json.dumps(description)}
    (tmp_path / "model").write_bytes(to_bytes(arrays, metadata))
    with pytest.raises(ValueError, match=message):
        load_preprocessing(tmp_path / "model")


@pytest.mark.parametrize("dtype", ["F8_E5M2", "F8_E4M3", "BF16", "F16", "I64", "BOOL", "U8"])
def test_arrays_of_another_type_are_read_or_refused(model, dtype):
    def change(header):
        entry = header["layers.1.b"]
        size = {"F8_E5M2": 1, "F8_E4M3": 1, "BOOL": 1, "U8": 1, "I64": 8}.get(dtype, 2)
        begin, end = entry["data_offsets"]
        header["layers.1.b"] = {**entry, "dtype": dtype, "shape": [(end - begin) // size]}
        return header

    retold(model, change)
    with pytest.raises(ValueError, match=re.escape(str(model))):
        load(model)


def test_a_file_much_larger_than_its_network_is_refused(tmp_path):
    size = 2**40
    arrays = {"layers.0.W": ([2, 1], 0, 8), "layers.0.b": ([1], 8, 12)}
    header = {name: {"dtype": "F32", "shape": shape, "data_offsets": ends} for name, (shape, *ends) in arrays.items()}
    header |= {"__metadata__": described(), "big": {"dtype": "U8", "shape": [size - 12], "data_offsets": [12, size]}}
    text = json.dumps(header).encode()
    with open(tmp_path / "sparse", "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        file.truncate(8 + len(text) + size)
    with pytest.raises(ValueError, match="a network of the sizes that it gives needs fewer than"):
        load(tmp_path / "sparse")


@settings(max_examples=150, deadline=None)
@given(place=st.integers(0, 10**6), content=st.binary(min_size=1, max_size=40), cut=st.integers(0, 3))
def test_bytes_changed_at_random(tmp_path_factory, place, content, cut):
    original = (FILES / "version-2.safetensors").read_bytes()
    place %= len(original)
    path = tmp_path_factory.getbasetemp() / "fuzzed"
    path.write_bytes(original[:place] + content + original[place + len(content) * (cut > 0) :])
    only_our_errors(path)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from([2**64, -1, 0, 1e308]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_metadata_changed_at_random(tmp_path_factory, data):
    def change(header):
        part = data.draw(st.sampled_from(["network", "preprocessing", "versions", "arrays"]))
        if part == "arrays":
            entry = header[data.draw(st.sampled_from([name for name in header if name != "__metadata__"]))]
            entry[data.draw(st.sampled_from(list(entry)))] = data.draw(JSON)
            return header
        said = json.loads(header["__metadata__"][part])
        inner = said if part != "preprocessing" else data.draw(st.sampled_from([said, said["target"], *said["columns"]]))
        inner[data.draw(st.sampled_from(list(inner)))] = data.draw(JSON)
        header["__metadata__"][part] = json.dumps(said)
        return header

    path = tmp_path_factory.getbasetemp() / "fuzzed"
    path.write_bytes((FILES / "version-2.safetensors").read_bytes())
    retold(path, change)
    only_our_errors(path)


def only_our_errors(path) -> None:
    """Each reader gives something, or an error that names the file."""
    assert all(str(path) in error for error in map(functools.partial(error_of, path), (load, load_preprocessing, load_versions)))


def error_of(path, read) -> str:
    try:
        read(path)
    except (ValueError, OSError) as error:
        return str(error)
    return str(path)
