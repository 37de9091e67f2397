"""The prediction as one file for machines that have JAX and nothing else: a serialised `jax.export`."""

import jax
import jax.numpy as jnp
from jax import export

from mlpjax import checks, storage
from mlpjax.data import Preprocessing, encode
from mlpjax.network import MLP, predict
from mlpjax.types import Params

PLATFORMS = ("cpu", "cuda", "rocm", "tpu")


def to_artifact(mlp: MLP, params: Params, preprocessing: Preprocessing | None = None) -> bytes:
    """The prediction for any number of rows, compiled for nothing yet: a serialised `jax.export` for cpu, cuda, rocm and tpu.

    Where it is to run, it needs JAX, flatbuffers and these bytes:

        from jax import export
        prediction = export.deserialize(content).call(x)

    Args:
        mlp: the network.
        params: its parameters, which become constants of the artefact.
        preprocessing: of the table that the network was trained on. With it the artefact takes the raw cells of rows in place of
            features, as `mlpjax.data.encode` does: a number, or the place of a category in its column's list; NaN where a cell is
            missing and -1 for a category that training did not have. And it gives numbers in the unit of the target.

    Returns:
        The bytes of a function from x, shape (n, sizes[0]) or (n, columns), in the dtype of the parameters, to what `predict`
            gives, shape (n, sizes[-1]), for any n.

    Raises:
        ValueError: the parameters or the preprocessing do not fit the network.
        ModuleNotFoundError: flatbuffers is not installed, which JAX writes and reads these bytes with: pip install flatbuffers.

    >>> from mlpjax import init
    >>> mlp = MLP((4, 3, 2), "tanh", "softmax_cross_entropy")
    >>> content = to_artifact(mlp, init(mlp, jax.random.key(0)))
    >>> export.deserialize(content).call(jnp.ones((5, 4), float)).shape
    (5, 2)
    """
    import flatbuffers  # noqa: F401  jax.export would say only that it cannot

    checks.check_params(mlp, params)
    width = mlp.sizes[0]
    if preprocessing is not None:
        storage.check_preprocessing(mlp, preprocessing)
        width = len(preprocessing.columns)
    n, columns = export.symbolic_shape(f"n, {width}")
    cells = jax.ShapeDtypeStruct((n, columns), params[0].W.dtype)
    whole = jax.jit(lambda x: _prediction(mlp, params, preprocessing, x))
    return bytes(export.export(whole, platforms=PLATFORMS)(cells).serialize())


def _prediction(mlp: MLP, params: Params, preprocessing: Preprocessing | None, x: jax.Array) -> jax.Array:
    if preprocessing is None:
        return predict(mlp, params, x)
    found = predict(mlp, params, encode(preprocessing.columns, preprocessing.statistics, x))
    if preprocessing.target.classes:
        return found
    mean, scale = (jnp.asarray(array, found.dtype) for array in preprocessing.target_statistics)
    return found * scale + mean
