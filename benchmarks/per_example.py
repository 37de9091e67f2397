"""Norms and clipped means of all examples' gradients, against one `backprop` and against gradients that are all made."""

import jax
import jax.numpy as jnp
import numpy as np
import optax

from benchmarks.problems import Problem
from benchmarks.timing import Effort, interleaved
from mlpjax import MLP, backprop, loss
from mlpjax.gradients import clipped_gradient, per_example_norms

PROBLEM = Problem((256,) * 6, 512, 512)
ACTIVATIONS = ("relu", "tanh")
BOUND = 0.1
TOLERANCE = 1e-4
"""How far what is computed in two ways may differ, over its largest number: float32, summed in another order."""


def compare(effort: Effort, say) -> list[dict]:
    """One result for each activation."""
    return [_one(activation, effort, say) for activation in ACTIVATIONS]


def _one(activation: str, effort: Effort, say) -> dict:
    say(f"per_example: {PROBLEM.network}, batch {PROBLEM.batch}, {activation}")
    arguments = PROBLEM.params(), *map(jnp.asarray, PROBLEM.data())
    compiled = {name: jax.jit(run).lower(*arguments).compile() for name, run in _contenders(PROBLEM.mlp(activation)).items()}
    for one, other in (("norms", "vmap norms"), ("clipped", "vmap clipped")):
        _check_equal(compiled[one](*arguments), compiled[other](*arguments))
    memory = {name: run.memory_analysis().temp_size_in_bytes for name, run in compiled.items()}
    times = interleaved({name: _run(run, arguments) for name, run in compiled.items()}, effort)
    pairs = (("norms", "backprop"), ("vmap norms", "norms"), ("clipped", "backprop"), ("vmap clipped", "clipped"))
    return {
        "network": PROBLEM.network,
        "batch": PROBLEM.batch,
        "activation": activation,
        **times.counts(),
        "microseconds": times.microseconds(),
        "temporary_bytes": memory,
        "ratios": {
            f"{one} over {other}": {"time": times.ratio(one, other), "memory": round(memory[one] / memory[other], 3)}
            for one, other in pairs
        },
    }


def _contenders(mlp: MLP) -> dict:
    def each(params, x, y):
        return jax.vmap(lambda x, y: jax.grad(loss, argnums=1)(mlp, params, x[None], y[None]))(x, y)

    def clipped_by_optax(params, x, y):
        transform = optax.contrib.differentially_private_aggregate(BOUND, 0.0, jax.random.key(0))
        return transform.update(each(params, x, y), transform.init(params))[0]

    return {
        "backprop": lambda params, x, y: backprop(mlp, params, x, y)[1],
        "norms": lambda params, x, y: per_example_norms(mlp, params, x, y),
        "vmap norms": lambda params, x, y: jax.vmap(optax.tree.norm)(each(params, x, y)),
        "clipped": lambda params, x, y: clipped_gradient(mlp, params, x, y, BOUND)[1],
        "vmap clipped": clipped_by_optax,
    }


def _run(run, arguments: tuple):
    return lambda: jax.block_until_ready(run(*arguments))


def _check_equal(ours, theirs) -> None:
    for one, other in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        difference = float(np.max(np.abs(one - other)) / np.max(np.abs(other)))
        if not difference < TOLERANCE:
            raise ValueError(f"what is computed in two ways differs by {difference:.1e}")
