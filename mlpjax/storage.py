"""A network and its parameters to a file and back: one self-contained safetensors file, nothing that runs.

>>> import jax, pathlib, tempfile
>>> from mlpjax import MLP, init, load, save
>>> mlp = MLP((4, 3, 2, 1), "leaky_relu(0.2)")
>>> with tempfile.TemporaryDirectory() as folder:
...     path = pathlib.Path(folder) / "network.safetensors"
...     save(path, mlp, init(mlp, jax.random.key(0)))
...     again, params = load(path)
>>> again == mlp, [layer.W.shape for layer in params]
(True, [(4, 3), (3, 2), (2, 1)])
"""

import json
import os
import tempfile
from pathlib import Path

import jax.numpy as jnp
import numpy as np

from mlpjax import checks
from mlpjax.network import MLP
from mlpjax.types import Layer, Params

FORMAT_VERSION = 1


def save(path: str | os.PathLike, mlp: MLP, params: Params) -> None:
    """Write a network and its parameters, whole or not at all.

    Args:
        path: the file, replaced if it exists.
        mlp: the network. Activations and losses are stored by name.
        params: its parameters.

    Raises:
        ValueError: the parameters do not fit the network, or an activation or a loss is your own, which a file cannot hold.
        ModuleNotFoundError: safetensors is not installed: pip install safetensors.
        OSError: the file cannot be written.
    """
    from safetensors.numpy import save as to_bytes

    checks.check_params(mlp, params)
    _check_restorable(mlp)
    arrays = {
        f"layers.{l}.{name}": np.asarray(array) for l, layer in enumerate(params) for name, array in layer._asdict().items()
    }
    metadata = {"format": "mlpjax", "format_version": str(FORMAT_VERSION), "network": json.dumps(_description(mlp))}
    _write_whole(Path(path), to_bytes(arrays, metadata))


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


def _write_whole(path: Path, content: bytes) -> None:
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~umask())
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def umask() -> int:
    """The permissions that this process leaves off new files."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def load(path: str | os.PathLike) -> tuple[MLP, Params]:
    """Read what `save` wrote.

    Returns:
        The network and its parameters.

    Raises:
        ValueError: the file is not a network, is damaged, or names an activation or a loss that is not known here.
        ModuleNotFoundError: safetensors is not installed: pip install safetensors.
        OSError: the file cannot be read.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            mlp = _network(path, metadata)
            layers = range(len(mlp.sizes) - 1)
            params = tuple(Layer(*(jnp.asarray(file.get_tensor(f"layers.{l}.{name}")) for name in Layer._fields)) for l in layers)
    except SafetensorError as error:
        raise ValueError(f"{path} is not a whole safetensors file written by mlpjax: {error}") from None
    checks.check_params(mlp, params)
    return mlp, params


def _network(path, metadata: dict[str, str]) -> MLP:
    version = metadata.get("format_version", "none")
    if metadata.get("format") != "mlpjax" or version != str(FORMAT_VERSION):
        raise ValueError(
            f"{path} is not a network of format mlpjax {FORMAT_VERSION}: its metadata say format "
            f"{metadata.get('format', 'none')!r}, version {version!r}"
        )
    try:
        network = json.loads(metadata["network"])
        return MLP(network["sizes"], network["activations"], network["loss"], network["precision"])
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} does not describe a network that this version knows: {error}") from None
