"""`backprop` against `autodiff`: the time of plain gradient descent with each, and the temporary memory of one gradient."""

import jax
import jax.numpy as jnp
import numpy as np

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
    difference = _difference(problem, gradients)
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


def _difference(problem: Problem, gradients: dict) -> float:
    """The norm of the difference between the two gradients over the norm of one, which must be small."""
    ours, theirs = (
        np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(gradients[name](*_arguments(problem)))]) for name in METHODS
    )
    difference = float(np.linalg.norm(ours - theirs) / np.linalg.norm(theirs))
    if not difference < TOLERANCE:
        raise ValueError(f"{problem.network}: the gradients of backprop and autodiff differ by {difference:.1e}")
    return float(f"{difference:.1e}")
