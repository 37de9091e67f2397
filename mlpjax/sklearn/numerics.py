"""Where, and in which precision, an estimator computes."""

import contextlib

import jax
import numpy as np

from mlpjax.network import MLP
from mlpjax.sklearn.outputs import predictions
from mlpjax.types import Params

BLOCK = 2**26
"""Bytes of the examples, or of the outputs of a layer, that are predicted in one call at most."""


@contextlib.contextmanager
def numerics(dtype, device):
    """Compute in the precision of a dtype and on a device: `None`, "cpu", "gpu:1" or a `jax.Device`.

    Raises:
        ValueError: there is no such device.
    """
    with jax.enable_x64(np.dtype(dtype) == np.float64), contextlib.ExitStack() as stack:
        if device is not None:
            stack.enter_context(jax.default_device(_device(device)))
        yield


def _device(device):
    if not isinstance(device, str):
        return device
    platform, _, number = device.partition(":")
    try:
        return jax.devices(platform)[int(number or 0)]
    except (RuntimeError, ValueError, IndexError):
        here = ", ".join(f"{device.platform}:{device.id}" for device in jax.devices())
        raise ValueError(f"device must be a platform such as 'cpu' or one of {here}; got {device!r}") from None


def predicted(mlp: MLP, params: Params, X, dtype) -> np.ndarray:
    """The outputs of a network for dense or sparse examples, some rows at a time."""
    params, at_once = jax.device_put(params), _rows_at_once(mlp, dtype)
    X = X if isinstance(X, np.ndarray) else X.tocsr()
    blocks = (X[start : start + at_once] for start in range(0, X.shape[0], at_once))
    return np.concatenate([_block(mlp, params, block, dtype) for block in blocks])


def _rows_at_once(mlp: MLP, dtype) -> int:
    """A power of 2 of rows whose widest layer takes `BLOCK` bytes or less, but not so few or many that it would be slow."""
    return 1 << int(np.clip(BLOCK // (max(mlp.sizes) * np.dtype(dtype).itemsize), 16, 2**13)).bit_length() - 1


def _block(mlp: MLP, params: Params, X, dtype) -> np.ndarray:
    """The outputs for a block; its rows are filled up to a power of 2, so that a few compilations serve every number."""
    n, features = X.shape
    rows = np.zeros((max(16, 1 << (n - 1).bit_length()), features), dtype)
    if isinstance(X, np.ndarray):
        rows[:n] = X
    else:
        X.astype(dtype, copy=False).toarray(out=rows[:n])
    return np.array(predictions(mlp, params, rows)[:n])
