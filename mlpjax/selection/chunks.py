"""An ensemble in as many chunks as the memory asks for, each trained in stretches of epochs."""

import functools
import itertools
import operator
import time
from collections.abc import Callable, Iterable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from mlpjax.fitting import interrupts
from mlpjax.fitting.epochs import Examples
from mlpjax.initializers import Initializer
from mlpjax.network import MLP, init
from mlpjax.selection import capacity, ensemble, masks
from mlpjax.selection.ensemble import Measures, Member, Split, Task
from mlpjax.training import State
from mlpjax.types import Params, Penalty, PRNGKey

SECONDS_A_STRETCH = 0.5
"""How long the devices run by themselves before a callback, or Ctrl-C, is heard."""

MOST = 256
"""The most epochs of one stretch, for each of which the devices keep the losses."""

Callback = Callable[[int, int], None]
"""Called now and then with the epochs that are done, over all networks, and those wanted."""


class Cells(NamedTuple):
    """What each network is: one entry a network, as in `Sweep`."""

    l1: np.ndarray
    l2: np.ndarray
    depth: np.ndarray
    width: np.ndarray
    replicate: np.ndarray
    seed: np.ndarray

    @classmethod
    def product(cls, *values: Iterable) -> "Cells":
        """Every combination, the last column changing fastest."""
        return cls(*map(np.array, zip(*itertools.product(*values), strict=True)))

    def at(self, places: np.ndarray) -> "Cells":
        """Some of the networks."""
        return Cells(*(column[places] for column in self))


class Starting(NamedTuple):
    """How networks start: whose inputs, outputs, activation and loss they have, the randomness and the initialiser."""

    mlp: MLP
    key: PRNGKey
    initializer: Initializer | str | None


class Trained(NamedTuple):
    """What has become of the networks that were trained, the first of them if not all."""

    epochs: np.ndarray
    measures: Measures
    losses: np.ndarray
    params: Params


def keys(key: PRNGKey, seed, replicate=0) -> tuple[PRNGKey, PRNGKey]:
    """The keys of a network of a sweep: `init` takes the first, and `fit` the second.

    Args:
        key: that of the sweep.
        seed, replicate: whole numbers, as in the record.

    >>> start, order = keys(jax.random.key(0), seed=3)
    """
    start, order = jax.random.split(jax.random.fold_in(jax.random.fold_in(key, seed), replicate))
    return start, order


def train(
    task: Task,
    starting: Starting,
    cells: Cells,
    data: Examples,
    split: Split,
    epochs: int,
    memory: int,
    callback: Callback | None,
) -> Trained:
    """Train the networks, as many at a time as fit the memory; on Ctrl-C those that have begun are what there is.

    Args:
        task: what they have in common.
        starting: how they start.
        cells: what each is.
        data, split: the examples, and whose they are.
        epochs: how many.
        memory: bytes on each device.
        callback: who hears how far they have come.

    Raises:
        MemoryError: not even one network a device fits.
    """
    networks, devices = len(cells.seed), len(jax.local_devices())
    data, split = ensemble.placed(data, spread=False), ensemble.placed(jax.tree.map(jnp.asarray, split), spread=False)
    most = min(epochs, MOST)

    start, order = jax.vmap(keys, (None, 0, 0))(starting.key, cells.seed, cells.replicate)
    params = _starts(task.mlp, starting, cells, start)

    def ready(first: int, count: int) -> tuple[Member, Params, jax.Array]:
        places = _places(first, count, networks)
        return _members(cells.at(places)), jax.tree.map(operator.itemgetter(places), params), order[places]

    def compiled_for(count: int):
        members, *started = ready(0, count)
        states = jax.eval_shape(functools.partial(ensemble.begun, task), members, *started)
        spread = jax.tree.map(_described, (members, states))
        return ensemble.several.lower(task, most, *spread, jax.ShapeDtypeStruct((), jnp.int32), data, split).compile()

    size, call = capacity.fitting(compiled_for, networks, devices, memory)
    parts: list[Trained] = []
    with interrupts.noted(interrupts.ctrl_c()) as check:
        for first in range(0, networks, size):
            told = _told(callback, first, min(size, networks - first), epochs, networks, check)
            members, *started = (ensemble.placed(tree, spread=True) for tree in ready(first, size))
            states = ensemble.begun(task, members, *started)
            states, losses = _stretches(lambda *begun: call(*begun, data, split), members, states, epochs, most, told)
            measures = ensemble.measures(task, members, states.params, data, split)
            part = Trained(np.full(size, losses.shape[1]), measures, losses, states.params)
            parts.append(jax.tree.map(operator.itemgetter(slice(networks - first)), jax.device_get(part)))
            if losses.shape[1] < epochs:
                break
    return _joined(parts, epochs)


def _told(callback: Callback | None, first: int, count: int, epochs: int, networks: int, check: Callable[[], None]):
    """What happens between stretches of a chunk of so many networks from the first on."""

    def told(done: int) -> None:
        if callback:
            callback(first * epochs + done * count, networks * epochs)
        check()

    return told


def _places(first: int, count: int, networks: int) -> np.ndarray:
    """So many networks from the first on; the last one again where there are not as many."""
    return np.minimum(np.arange(first, first + count), networks - 1)


def _described(leaf) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=ensemble.sharding(spread=True))


def _members(cells: Cells) -> Member:
    depth, width, replicate = (jnp.asarray(column, jnp.int32) for column in (cells.depth, cells.width, cells.replicate))
    return Member(masks.Mask(depth, width), Penalty(jnp.asarray(cells.l1, float), jnp.asarray(cells.l2, float)), replicate)


def _starts(largest: MLP, starting: Starting, cells: Cells, start: jax.Array) -> Params:
    """The parameters of all the networks, each drawn as a small one."""
    shapes, which = np.unique(np.stack([cells.depth, cells.width], axis=1), axis=0, return_inverse=True)
    drawn = []
    for place, (depth, width) in enumerate(shapes.tolist()):
        small = masks.small(starting.mlp, depth, width)
        params = jax.vmap(lambda key, small=small: init(small, key, starting.initializer))(start[which == place])
        drawn.append(masks.embedded(largest, params))
    back = np.argsort(np.argsort(which, kind="stable"), kind="stable")
    return jax.tree.map(lambda *parts: np.concatenate(parts)[back], *drawn)


def _stretches(call: Callable, members: Member, states: State, epochs: int, most: int, told: Callable[[int], None]):
    """All the epochs, or those until Ctrl-C: the states after them, and their losses."""
    done, length, losses = 0, 1, []
    while done < epochs:
        count, began = min(length, most, epochs - done), time.perf_counter()
        states, rows = call(members, states, np.int32(count))
        losses.append(np.asarray(rows)[:, :count])
        done += count
        try:
            told(done)
        except KeyboardInterrupt:
            break
        length = max(1, min(8 * count, int(count * SECONDS_A_STRETCH / (time.perf_counter() - began))))
    return states, np.concatenate(losses, axis=1)


def _joined(parts: list[Trained], epochs: int) -> Trained:
    """The chunks as one record; the epochs that were not trained have no losses."""
    padded = [
        part._replace(losses=np.pad(part.losses, ((0, 0), (0, epochs - part.losses.shape[1])), constant_values=np.nan))
        for part in parts
    ]
    return jax.tree.map(lambda *leaves: np.concatenate(leaves), *padded)
