"""`backprop` against `autodiff`: the time of plain gradient descent with each, and the temporary memory of one gradient."""

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.differing import differ_by
from benchmarks.problems import GRADIENTS, Problem
from benchmarks.timing import Effort, interleaved
from mlpjax.gradients import autodiff, backprop
from mlpjax.types import GradFn

METHODS = {"backprop": backprop, "autodiff": autodiff}
ACTIVATIONS = ("relu", "tanh")
LEARNING_RATE = 1e-6
"""So small that the network, and with it the work, stays the same from round to round."""

TOLERANCE = 1e-3
"""How far the two gradients may differ, in norm: float32, or TF32 on a GPU, summed in another order."""


def compare(effort: Effort, say) -> list[dict]:
    """One result for each network and activation."""
    return [_one(problem, activation, effort, say) for problem in GRADIENTS for activation in ACTIVATIONS]


def _one(problem: Problem, activation: str, effort: Effort, say) -> dict:
    say(f"gradient: {problem.network}, batch {problem.batch}, {activation}")
    steps = scan_length(problem)
    gradients = {name: _compiled(method, problem, activation) for name, method in METHODS.items()}
    results = [gradient(*_arguments(problem)) for gradient in gradients.values()]
    difference = differ_by(f"{problem.network}: the gradients of backprop and autodiff", *results, TOLERANCE)
    memory = {name: gradient.memory_analysis().temp_size_in_bytes for name, gradient in gradients.items()}
    times = interleaved({name: _descent(method, problem, activation, steps) for name, method in METHODS.items()}, effort)
    return {
        "network": problem.network,
        "batch": problem.batch,
        "activation": activation,
        "scanned_steps": steps,
        **times.counts(),
        "microseconds_per_step": times.microseconds(steps),
        "time_ratio": times.ratio("backprop", "autodiff"),
        "temporary_bytes": memory,
        "memory_ratio": round(memory["backprop"] / memory["autodiff"], 4) if memory["autodiff"] else None,
        "gradients_differ_by": difference,
    }


def scan_length(problem: Problem) -> int:
    """Enough steps that the start of a call does not count."""
    work = 1e10 if jax.default_backend() == "cpu" else 1e12
    return int(np.clip(work / problem.multiplications, 5, 2000))


def _arguments(problem: Problem) -> tuple:
    return problem.params(), *map(jnp.asarray, problem.data())


def _descent(method: GradFn, problem: Problem, activation: str, steps: int):
    mlp = problem.mlp(activation)
    params, x, y = _arguments(problem)

    def step(params, _):
        loss, gradient = method(mlp, params, x, y)
        return jax.tree.map(lambda p, g: p - LEARNING_RATE * g, params, gradient), loss

    descend = jax.jit(lambda params: jax.lax.scan(step, params, length=steps), donate_argnums=0)

    def run():
        nonlocal params
        params, losses = jax.block_until_ready(descend(params))
        return losses

    return run


def _compiled(method: GradFn, problem: Problem, activation: str):
    mlp = problem.mlp(activation)
    return jax.jit(lambda params, x, y: method(mlp, params, x, y)).lower(*_arguments(problem)).compile()
