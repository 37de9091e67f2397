"""A model to a file and back: one self-contained safetensors file, nothing that runs.

It holds the network, its parameters and, where the network was trained on a table, the preprocessing: all that prediction
needs.

>>> import jax, pathlib, tempfile
>>> from mlpjax import MLP, init, load, save
>>> mlp = MLP((4, 3, 2, 1), "leaky_relu(0.2)")
>>> with tempfile.TemporaryDirectory() as folder:
...     path = pathlib.Path(folder) / "model.safetensors"
...     save(path, mlp, init(mlp, jax.random.key(0)))
...     again, params = load(path)
>>> again == mlp, [layer.W.shape for layer in params]
(True, [(4, 3), (3, 2), (2, 1)])
"""

import json
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from mlpjax import checks
from mlpjax.data.preprocessing import ARRAYS, Preprocessing, describe, restore
from mlpjax.files import write_whole
from mlpjax.network import MLP
from mlpjax.types import Layer, Params

FORMAT_VERSION = 2
"""1: the network and its parameters; 2: the preprocessing and the versions of the software too."""

MOST_BYTES_BESIDES = 2**28
"""For the names of columns and categories, and the statistics of the columns."""


def save(path: str | os.PathLike, mlp: MLP, params: Params, preprocessing: Preprocessing | None = None) -> None:
    """Write a network and its parameters, whole or not at all.

    Args:
        path: the file, replaced if it exists.
        mlp: the network. Activations and losses are stored by name.
        params: its parameters.
        preprocessing: from the rows of a table to the network's inputs, with the names of features and classes.

    Raises:
        ValueError: the parameters or the preprocessing do not fit the network, or an activation or a loss is your own, which
            a file cannot hold.
        ModuleNotFoundError: safetensors is not installed: pip install safetensors.
        OSError: the file cannot be written.
    """
    from safetensors.numpy import save as to_bytes

    checks.check_params(mlp, params)
    _check_restorable(mlp)
    arrays = {
        f"layers.{l}.{name}": np.asarray(array) for l, layer in enumerate(params) for name, array in layer._asdict().items()
    }
    metadata = {
        "format": "mlpjax",
        "format_version": str(FORMAT_VERSION),
        "network": json.dumps(_description(mlp)),
        "versions": json.dumps({"mlpjax": version("mlpjax"), "jax": jax.__version__, "python": platform.python_version()}),
    }
    if preprocessing is not None:
        check_preprocessing(mlp, preprocessing)
        description, statistics = describe(preprocessing)
        metadata["preprocessing"] = json.dumps(description)
        arrays |= {f"preprocessing.{name}": array for name, array in statistics.items()}
    whole = {name: np.ascontiguousarray(array) for name, array in arrays.items()}  # safetensors reads past the end of a view
    write_whole(path, _in_order(to_bytes(whole, metadata)))


def _in_order(content: bytes) -> bytes:
    """The same model always as the same bytes: safetensors leaves the order of its header to chance."""
    end = 8 + int.from_bytes(content[:8], "little")
    header = json.dumps(json.loads(content[8:end]), sort_keys=True, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header + content[end:]


def _description(mlp: MLP) -> dict:
    activations = [f.name for f in mlp.activations]
    return {"sizes": list(mlp.sizes), "activations": activations, "loss": mlp.loss.name, "precision": mlp.precision}


def _check_restorable(mlp: MLP) -> None:
    names = [f.name for f in mlp.activations]
    try:
        same = MLP(mlp.sizes, names, mlp.loss.name, mlp.precision) == mlp
    except ValueError:
        same = False
    if not same:
        raise ValueError(
            f"a file holds names only, and {', '.join([*names, mlp.loss.name])} do not all stand for mlpjax's own records: "
            "save the parameters alone, for instance with safetensors"
        )


def check_preprocessing(mlp: MLP, preprocessing: Preprocessing) -> None:
    """The preprocessing fits the network.

    Raises:
        ValueError: it makes another number of features, or has another number of outputs.
    """
    features, outputs = len(preprocessing.features), preprocessing.outputs
    two_in_one = len(preprocessing.target.classes) == 2 and mlp.sizes[-1] == 1
    if mlp.sizes[0] != features or not (mlp.sizes[-1] == outputs or two_in_one):
        raise ValueError(
            f"the preprocessing makes {features} features and has {outputs} outputs, and the network's sizes are {mlp.sizes}"
        )


def load(path: str | os.PathLike) -> tuple[MLP, Params]:
    """Read the network and its parameters from what `save` wrote, in this version or an earlier one.

    Returns:
        The network and its parameters.

    Raises:
        ValueError: the file is not a model, is damaged, is of a newer version, or names an activation or a loss that is not
            known here.
        ModuleNotFoundError: safetensors is not installed: pip install safetensors.
        OSError: the file cannot be read.
    """
    with _opened(path) as (file, metadata):
        mlp = _network(metadata)
        layers = range(len(mlp.sizes) - 1)
        params = tuple(Layer(*(jnp.asarray(file.get_tensor(f"layers.{l}.{name}")) for name in Layer._fields)) for l in layers)
        checks.check_params(mlp, params)
    return mlp, params


def load_preprocessing(path: str | os.PathLike) -> Preprocessing | None:
    """Read the preprocessing from what `save` wrote; `None` if it has none.

    Raises:
        ValueError, ModuleNotFoundError, OSError: as `load`.
    """
    with _opened(path) as (file, metadata):
        if "preprocessing" not in metadata:
            return None
        arrays = {name: file.get_tensor(f"preprocessing.{name}") for name in ARRAYS}
        preprocessing = restore(json.loads(metadata["preprocessing"]), arrays)
        check_preprocessing(_network(metadata), preprocessing)
        return preprocessing


def load_versions(path: str | os.PathLike) -> dict[str, str]:
    """The versions of the software that wrote a file, by name; empty if it does not say.

    Raises:
        ValueError, ModuleNotFoundError, OSError: as `load`.
    """
    with _opened(path) as (_, metadata):
        said = json.loads(metadata.get("versions", "{}"))
        return {str(name): str(number) for name, number in said.items()} if isinstance(said, dict) else {}


@contextmanager
def _opened(path: str | os.PathLike) -> Iterator[tuple]:
    """The file and its metadata; whatever is wrong with them is said with the name of the file."""
    from safetensors import SafetensorError, safe_open

    path = Path(path)
    if path.exists() and not path.is_file():
        raise ValueError(f"{path} is not a file")
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            _check_version(metadata)
            _check_size(path, metadata)
            yield file, metadata
    except SafetensorError as error:
        raise ValueError(f"{path} is not a whole safetensors file written by mlpjax: {error}") from None
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError) as error:
        what = f"it lacks {error}" if isinstance(error, KeyError) else str(error)
        raise ValueError(f"{path} is not a model that this version of mlpjax can read: {what}") from None


def _check_version(metadata: dict[str, str]) -> None:
    if metadata.get("format") != "mlpjax":
        raise ValueError(f"its format is {metadata.get('format', 'unknown')!r:.80}, not 'mlpjax'")
    number = metadata.get("format_version", "")
    if not (number.isascii() and number.isdigit() and 1 <= len(number) <= 9):
        raise ValueError(f"its format version is {number!r:.80}, not a number")
    if not 1 <= int(number) <= FORMAT_VERSION:
        raise ValueError(f"its format version is {number}, and this mlpjax reads 1 to {FORMAT_VERSION}: upgrade mlpjax")


def _check_size(path: Path, metadata: dict[str, str]) -> None:
    """A file that is far larger than what it says to hold would only fill the memory."""
    size, expected = path.stat().st_size, 8 * _network(metadata).parameter_count + MOST_BYTES_BESIDES
    if size > expected:
        raise ValueError(f"it has {size:,} bytes, and a network of the sizes that it gives needs fewer than {expected:,}")


def _network(metadata: dict[str, str]) -> MLP:
    network = json.loads(metadata["network"])
    return MLP(network["sizes"], network["activations"], network["loss"], network["precision"])
