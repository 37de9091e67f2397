"""A state and a history as one array of bytes, and back."""

import hashlib
import json

import jax
import jax.numpy as jnp
import numpy as np

from mlpjax.diagnosis.health import Health
from mlpjax.fitting.history import COLUMNS, History, columns, records
from mlpjax.training import State

MOST_ROWS = 10**8


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


def arrays_of_history(history: History) -> dict[str, np.ndarray]:
    """The columns of a history, and what was recorded, by name."""
    return _named(columns(history), records(history))


def _named(columns: dict, records: dict) -> dict:
    parts = {"history": columns, "health": records}
    return {f"{part}.{name}": rows for part, fields in parts.items() for name, rows in fields.items()}


def history_like(history: History, epochs, recorded) -> dict[str, np.ndarray]:
    """What to expect of so many epochs and recorded steps, without taking memory for a number that stands in a file.

    Raises:
        ValueError: one of them is no such number.
    """
    for number, what in ((epochs, "epochs"), (recorded, "recorded steps")):
        if not (isinstance(number, int) and 0 <= number <= MOST_ROWS):
            raise ValueError(f"it says that it has {number!r} {what}")

    def of(length, fields):
        return {name: np.broadcast_to(np.zeros((), rows.dtype), (length, *rows.shape[1:])) for name, rows in fields.items()}

    return _named(of(epochs, columns(history)), of(recorded, records(history)))


def history_from(like: History, arrays: dict[str, np.ndarray], said: dict) -> History:
    """The history made of its columns and of what else is said of it, of the kind of another."""
    held: dict = {name: arrays.get(f"history.{name}") for name in COLUMNS}
    health = None if like.health is None else Health(**{name: arrays[f"health.{name}"] for name in Health._fields})
    ended = {name: said[name] for name in ("best_epoch", "stopped", "message")}
    return History(**held, **ended, health=health, health_every=like.health_every)


def layout(arrays: dict[str, np.ndarray]) -> dict[str, str]:
    """The dtype and shape of each array, in words."""
    return {name: f"{array.dtype} of shape {array.shape}" for name, array in arrays.items()}


def packed(arrays: dict[str, np.ndarray]) -> np.ndarray:
    """The bytes of all arrays, one after another."""
    return np.frombuffer(b"".join(array.tobytes() for array in arrays.values()), np.uint8)


def unpacked(content: np.ndarray, like: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The arrays that such bytes hold, of the names, dtypes and shapes of others."""
    ends = np.cumsum([array.nbytes for array in like.values()])
    parts = np.split(content, ends[:-1])
    return {name: part.view(array.dtype).reshape(array.shape) for (name, array), part in zip(like.items(), parts, strict=True)}


def digest_of(content: np.ndarray, about: dict) -> str:
    """What changes with any of the bytes, and with what is said about them."""
    said = {name: entry for name, entry in about.items() if name != "digest"}
    digest = hashlib.sha256(json.dumps(said, sort_keys=True).encode())
    digest.update(content.data)
    return digest.hexdigest()
