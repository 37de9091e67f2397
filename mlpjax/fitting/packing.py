"""A state and a history as named NumPy arrays, and back."""

import hashlib

import jax
import jax.numpy as jnp
import numpy as np

from mlpjax.fitting.history import COLUMNS, History, columns
from mlpjax.training import State

MOST_EPOCHS = 10**8


def _is_key(leaf) -> bool:
    return jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def arrays_of(state: State) -> dict[str, np.ndarray]:
    """The arrays of a state by name, keys as the integers that they are made of."""
    leaves, _ = jax.tree_util.tree_flatten_with_path(state)
    plain = {
        "state." + jax.tree_util.keystr(path, simple=True, separator="."): jax.random.key_data(leaf) if _is_key(leaf) else leaf
        for path, leaf in leaves
    }
    return {name: np.asarray(array) for name, array in plain.items()}


def state_from(like: State, arrays: dict[str, np.ndarray]) -> State:
    """The state made of such arrays, of the structure of another."""
    leaves, structure = jax.tree.flatten(like)
    values = [jnp.asarray(arrays[name]) for name in arrays_of(like)]
    keyed = [
        jax.random.wrap_key_data(value, impl=jax.random.key_impl(leaf)) if _is_key(leaf) else value
        for leaf, value in zip(leaves, values, strict=True)
    ]
    return jax.tree.unflatten(structure, keyed)


def history_like(history: History, epochs) -> dict[str, np.ndarray]:
    """What to expect of so many epochs, without taking memory for a number that stands in a file."""
    if not (isinstance(epochs, int) and 0 <= epochs <= MOST_EPOCHS):
        raise ValueError(f"it says that it has {epochs!r} epochs")
    return {
        f"history.{name}": np.broadcast_to(np.zeros((), column.dtype), (epochs, *column.shape[1:]))
        for name, column in columns(history).items()
    }


def history_from(arrays: dict[str, np.ndarray], said: dict) -> History:
    """The history made of its columns and of what else is said of it."""
    held: dict = {name: arrays.get(f"history.{name}") for name in COLUMNS}
    return History(**held, best_epoch=said["best_epoch"], stopped=said["stopped"], message=said["message"])


def digest_of(arrays: dict[str, np.ndarray]) -> str:
    """What changes with any of the numbers, names, shapes or dtypes."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"{name} {array.dtype} {array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def check_same_arrays(found: dict, expected: dict[str, np.ndarray]) -> None:
    """What is found, shape and dtype by name, is what is expected.

    Raises:
        ValueError: it is not; the message names the first that differs.
    """
    wanted = {name: (array.shape, array.dtype) for name, array in expected.items()}
    for name in sorted(wanted.keys() | found.keys()):
        if wanted.get(name) != found.get(name):
            raise ValueError(
                f"it is from another training: {name} is {_words(found.get(name))} there and {_words(wanted.get(name))} here"
            )


def _words(entry: tuple | None) -> str:
    return "absent" if entry is None else f"{entry[1]} of shape {entry[0]}"
