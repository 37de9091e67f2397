"""`apply` against `predict` in somebody else's loss: the time of plain gradient descent with each, and one gradient's memory.

Over whole batches, and as a model of one example that is vmapped over the batch.
"""

import jax
import jax.numpy as jnp
import optax

from benchmarks.problems import GRADIENTS, Problem
from benchmarks.timing import Effort, interleaved
from mlpjax import MLP, predict
from mlpjax.gradients import apply

LEARNING_RATE = 1e-6
"""So small that the network, and with it the work, stays the same from round to round."""

FUNCTIONS = {"apply": apply, "predict": predict}
CASES = (("relu", "batches"), ("tanh", "batches"), ("gelu", "batches"), ("tanh", "rows"))


def _batches(function, mlp, params, x):
    return function(mlp, params, x)


def _rows(function, mlp, params, x):
    return jax.vmap(lambda row: function(mlp, params, row[None])[0])(x)


WAYS = {"batches": _batches, "rows": _rows}


def compare(effort: Effort, say) -> list[dict]:
    """One result for each network, activation and way to call the model."""
    return [_one(problem, *case, effort, say) for problem in GRADIENTS for case in CASES]


def _one(problem: Problem, activation: str, way: str, effort: Effort, say) -> dict:
    say(f"drop-in: {problem.network}, batch {problem.batch}, {activation}, {way}")
    steps = max(5, min(2000, round(3e9 / problem.multiplications)))
    gradients = {name: _gradient(name, problem, activation, way) for name in FUNCTIONS}
    memory = {name: _temporary(gradient, problem) for name, gradient in gradients.items()}
    times = interleaved({name: _descent(gradient, problem, steps) for name, gradient in gradients.items()}, effort)
    return {
        "network": problem.network,
        "batch": problem.batch,
        "activation": activation,
        "way": way,
        **times.counts(),
        "microseconds_per_step": times.microseconds(steps),
        "time_ratio": times.ratio("apply", "predict"),
        "temporary_bytes": memory,
        "memory_ratio": round(memory["apply"] / memory["predict"], 4) if memory["predict"] else None,
    }


def _gradient(name: str, problem: Problem, activation: str, way: str):
    """Of Optax's cross-entropy; the network's loss is the squared error, whose prediction is the logits."""
    mlp = MLP(problem.sizes, activation)

    def loss(params, x, y):
        return optax.softmax_cross_entropy_with_integer_labels(WAYS[way](FUNCTIONS[name], mlp, params, x), y).mean()

    return jax.grad(loss)


def _temporary(gradient, problem: Problem) -> int:
    compiled = jax.jit(gradient).lower(problem.params(), *map(jnp.asarray, problem.data())).compile()
    return compiled.memory_analysis().temp_size_in_bytes


def _descent(gradient, problem: Problem, steps: int):
    params, x, y = problem.params(), *map(jnp.asarray, problem.data())

    def step(params, _):
        return jax.tree.map(lambda p, g: p - LEARNING_RATE * g, params, gradient(params, x, y)), None

    descend = jax.jit(lambda params: jax.lax.scan(step, params, length=steps)[0])
    return lambda: jax.block_until_ready(descend(params))
