"""Where, and in which precision, an estimator computes."""

import contextlib

import jax
import numpy as np

from mlpjax.network import MLP, forward
from mlpjax.sklearn.outputs import output
from mlpjax.types import Params

BLOCK = 2**13
"""Rows that are predicted in one call at most."""


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
    params = jax.device_put(params)
    return np.concatenate([_block(mlp, params, X[start : start + BLOCK], dtype) for start in range(0, X.shape[0], BLOCK)])


def _block(mlp: MLP, params: Params, X, dtype) -> np.ndarray:
    """The outputs for a block; its rows are filled up to a power of 2, so that a few compilations serve every number."""
    n = X.shape[0]
    dense = np.asarray(X if isinstance(X, np.ndarray) else X.toarray(), dtype)
    rows = np.pad(dense, ((0, max(16, 1 << (n - 1).bit_length()) - n), (0, 0)))
    return np.array(output(mlp, forward(mlp, params, rows).z[-1])[:n])
