"""Many networks that are trained side by side: one compiled call for all of them, spread over the devices.

Each member is trained by the very epochs that train a single network, `vmap`ped over parameters, penalties, masks, orders
and rows of the data; what it computes does not depend on the others (ENSEMBLE).
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array, Float, Int

from mlpjax import metrics, penalties
from mlpjax.fitting.epochs import Examples
from mlpjax.network import MLP, shares
from mlpjax.selection.masks import Mask, masked_backprop, masked_forward
from mlpjax.training import State, scanned_epoch, start
from mlpjax.types import Params, Penalty, Scalar

AXIS = "networks"


class Task(NamedTuple):
    """All that is static in the training of an ensemble.

    Attributes:
        mlp: the largest network.
        optimizer: any Optax transformation.
        proximal_rate: the learning rate of the proximal steps that take the L1 penalty; `None` if it is part of the gradient.
        batch_size: of every member.
        weighted: whether examples have weights, or replicates are of several lengths.
    """

    mlp: MLP
    optimizer: optax.GradientTransformation
    proximal_rate: optax.ScalarOrSchedule | None
    batch_size: int
    weighted: bool


class Member(NamedTuple):
    """What is one network's own; an ensemble has a leading axis of networks.

    Attributes:
        mask: its depth and width within the largest network.
        penalty: the strengths that it pays.
        replicate: which rows of the split are its own.
    """

    mask: Mask
    penalty: Penalty
    replicate: Int[Array, ""]


class Split(NamedTuple):
    """Which examples each replicate trains on, and on which it is measured: folds, bootstrap samples.

    Row numbers into the examples; -1 fills up a shorter replicate and stands for none.

    Attributes:
        train: shape (replicates, n).
        held_out: shape (replicates, m); `None` if nothing is held out.
    """

    train: Int[Array, "replicates n"] | np.ndarray
    held_out: Int[Array, "replicates m"] | np.ndarray | None = None


class Measures(NamedTuple):
    """How good a member is, on the examples that it trains on and on those held out."""

    loss: Scalar
    score: Scalar
    held_out_loss: Scalar | None
    held_out_score: Scalar | None


@dataclass(frozen=True)
class Chosen:
    """Some rows of an array, in an order, gathered when they are asked for."""

    array: Array
    rows: Int[Array, " n"]

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, places) -> Array:
        return self.array[self.rows[places]]


def mesh() -> Mesh:
    """All the devices of this process in a row."""
    return Mesh(np.array(jax.local_devices()), (AXIS,))


def over_networks(function: Callable, networks: int) -> Callable:
    """`function`, whose first arguments have a leading axis of networks and whose others are shared, over all the devices.

    Args:
        function: of an ensemble.
        networks: how many of its arguments have that axis; everything it returns has it.
    """

    def spread(*arguments):
        specs = tuple(PartitionSpec(AXIS) if place < networks else PartitionSpec() for place in range(len(arguments)))
        return jax.shard_map(function, mesh=mesh(), in_specs=specs, out_specs=PartitionSpec(AXIS), check_vma=False)(*arguments)

    return spread


def placed(tree, spread: bool):
    """A tree on the devices: a part of the networks on each, or all of it on all."""
    return jax.device_put(tree, sharding(spread))


def sharding(spread: bool) -> NamedSharding:
    """Where a tree lies: a part of the networks on each device, or all of it on all."""
    return NamedSharding(mesh(), PartitionSpec(AXIS) if spread else PartitionSpec())


def _optimizer(task: Task, member: Member) -> optax.GradientTransformation:
    if task.proximal_rate is None:
        return task.optimizer
    return optax.chain(task.optimizer, penalties.proximal(Penalty(l1=member.penalty.l1), task.proximal_rate))


def one_epoch(task: Task, data: Examples, split: Split, member: Member, state: State) -> tuple[State, Scalar]:
    """An epoch of one network on its own rows, and its mean loss."""
    penalty = member.penalty if task.proximal_rate is None else member.penalty._replace(l1=jnp.zeros_like(member.penalty.l1))
    rows, counts = _own(data, split.train[member.replicate])

    def gradient(mlp, params, x, y, *, weights=None, penalty=None):
        return masked_backprop(mlp, member.mask, params, x, y, weights=weights, penalty=penalty)

    x, y = Chosen(data.x, rows), Chosen(data.y, rows)
    optimizer = _optimizer(task, member)
    state, info = scanned_epoch(
        task.mlp, optimizer, gradient, task.batch_size, state, x, y, counts if task.weighted else None, penalty, same=True
    )
    return state, info.loss


def _own(data: Examples, rows: Int[Array, " n"]) -> tuple[Int[Array, " n"], Float[Array, " n"]]:
    """The rows of a replicate, and how much each counts."""
    there = rows >= 0
    rows = jnp.where(there, rows, 0)
    weights = jnp.ones(len(rows), data.x.dtype) if data.weights is None else data.weights[rows]
    return rows, weights * there


def measured(task: Task, data: Examples, split: Split, member: Member, params: Params) -> Measures:
    """How good one network is on its own rows."""

    def on(rows):
        rows, weights = _own(data, rows)
        z, y = masked_forward(task.mlp, member.mask, params, data.x[rows]).z[-1], data.y[rows]
        loss = jnp.sum(shares(weights, len(rows), z.dtype) * task.mlp.loss.value(z, y))
        return loss, metrics.score(task.mlp.loss, z, y, weights)

    held_out = (None, None) if split.held_out is None else on(split.held_out[member.replicate])
    return Measures(*on(split.train[member.replicate]), *held_out)


def predicted(mlp: MLP, x: Array, mask: Mask, params: Params) -> Float[Array, "n k"]:
    """What one network predicts."""
    return mlp.loss.inverse_link(masked_forward(mlp, mask, params, x).z[-1])


@functools.partial(jax.jit, static_argnames=("task", "most"), donate_argnames="states")
def several(task: Task, most: int, members: Member, states: State, count, data: Examples, split: Split):
    """`count` epochs of every network, at most `most`.

    Returns:
        The states after them, and the losses of the epochs, shape (networks, most), of which the first `count` are filled.
    """

    def epochs(members, states, count, data, split):
        def one(number, carry):
            states, losses = carry
            states, loss = jax.vmap(functools.partial(one_epoch, task, data, split))(members, states)
            return states, losses.at[:, number].set(loss)

        losses = jnp.zeros((members.replicate.shape[0], most), jnp.promote_types(data.x.dtype, jnp.float32))
        return jax.lax.fori_loop(0, count, one, (states, losses))

    return over_networks(epochs, 2)(members, states, count, data, split)


@functools.partial(jax.jit, static_argnames="task")
def begun(task: Task, members: Member, params: Params, keys: jax.Array) -> State:
    """The state of every network before its first step."""
    one = jax.vmap(lambda member, params, key: start(params, _optimizer(task, member), key))
    return over_networks(one, 3)(members, params, keys)


@functools.partial(jax.jit, static_argnames="task")
def measures(task: Task, members: Member, params: Params, data: Examples, split: Split) -> Measures:
    """How good every network is, one after another: no more of them are in memory than there are devices."""

    def all_of(members, params, data, split):
        return jax.lax.map(lambda one: measured(task, data, split, *one), (members, params))

    return over_networks(all_of, 2)(members, params, data, split)


@functools.partial(jax.jit, static_argnames="mlp")
def all_predicted(mlp: MLP, masks: Mask, params: Params, x: Array) -> Float[Array, "networks n k"]:
    """What every network predicts, one after another."""

    def all_of(masks, params, x):
        return jax.lax.map(lambda one: predicted(mlp, x, *one), (masks, params))

    return over_networks(all_of, 2)(masks, params, x)
