"""What tells one training from another, so that it does not go on from the other's checkpoints."""

import hashlib
import re

import jax
import jax.numpy as jnp
import numpy as np
import optax

from mlpjax.fitting.epochs import Task
from mlpjax.training import State
from mlpjax.types import Params, Penalty


def description(task: Task, begun: State, penalty: Penalty | None, health_every: int | None, examples: dict) -> dict:
    """Whatever has a say in the bits of a training, by name, as JSON can hold it.

    Args:
        task, penalty, health_every: of the training.
        begun: the state before its first epoch.
        examples: arrays by name.
    """
    mlp = task.mlp
    return {
        "network": f"{mlp.sizes} {[f.name for f in mlp.activations]} {mlp.loss.name} {mlp.precision}",
        "optimizer": _digest_of_optimizer(task.optimizer, begun.params),
        "gradient method": getattr(task.gradient, "__name__", type(task.gradient).__name__),
        "batch size": task.batch_size,
        "monitor": task.monitor,
        "penalty": [float(strength) for strength in penalty or Penalty()],
        **({} if health_every is None else {"health every": int(health_every)}),
        "start": digest((begun.params, jax.random.key_data(begun.key))),
        **{name: digest(arrays) for name, arrays in examples.items()},
    }


def _digest_of_optimizer(optimizer: optax.GradientTransformation, params: Params) -> str:
    """A short name for what an optimiser computes: Optax gives its transformations no names and keeps no rates."""

    def update(grads, state, params):
        value = jnp.zeros((), params[0].W.dtype)
        extra = {"value": value, "grad": grads, "value_fn": lambda params: jnp.sum(params[0].W)}
        return optax.with_extra_args_support(optimizer).update(grads, state, params, **extra)

    traced = jax.make_jaxpr(update)(params, jax.eval_shape(optimizer.init, params), params)
    return digest((np.frombuffer(re.sub("0x[0-9a-f]+", "", str(traced.jaxpr)).encode(), np.uint8), traced.consts))


def digest(tree) -> str:
    """A short name for the numbers of a tree of arrays."""
    sha = hashlib.sha256()
    for leaf in jax.tree.leaves(tree):
        array = np.ascontiguousarray(leaf)
        sha.update(f"{array.dtype} {array.shape}".encode())
        sha.update(array.data if array.size else b"")
    return sha.hexdigest()[:16]
