"""`laplacian` against the trace of `jax.hessian`: its time and temporary memory, and those of its gradient in the parameters."""

import jax
import jax.numpy as jnp

from benchmarks.differing import differ_by
from benchmarks.timing import Effort, interleaved
from mlpjax import MLP, Params, activations, init
from mlpjax.gradients import laplacian

INPUTS = (2, 8, 32)
WIDTH, HIDDEN, BATCH = 128, 3, 256
TOLERANCE = 1e-4
"""How far two results may differ, in norm: float32, or TF32 on a GPU, summed in another order."""


def compare(effort: Effort, say) -> list[dict]:
    """Two results for each number of inputs: the Laplacian, and its gradient in the parameters."""
    return [_one(inputs, of_loss, effort, say) for inputs in INPUTS for of_loss in (False, True)]


def _one(inputs: int, of_loss: bool, effort: Effort, say) -> dict:
    mlp = MLP((inputs, *(WIDTH,) * HIDDEN, 1), "tanh")
    of = "its gradient" if of_loss else "laplacian"
    say(f"input derivatives: {inputs} inputs, {of}")
    arguments = init(mlp, jax.random.key(0)), jax.random.normal(jax.random.key(1), (BATCH, inputs))
    compiled = {
        name: jax.jit(_gradient(method, mlp) if of_loss else lambda params, x, method=method: method(mlp, params, x))
        .lower(*arguments)
        .compile()
        for name, method in {"laplacian": laplacian, "hessian": by_hessian}.items()
    }
    results = [run(*arguments) for run in compiled.values()]
    times = interleaved({name: lambda run=run: jax.block_until_ready(run(*arguments)) for name, run in compiled.items()}, effort)
    memory = {name: run.memory_analysis().temp_size_in_bytes for name, run in compiled.items()}
    return {
        "inputs": inputs,
        "hidden": "-".join(map(str, mlp.sizes[1:-1])),
        "batch": BATCH,
        "of": of,
        **times.counts(),
        "microseconds": times.microseconds(),
        "time_ratio": times.ratio("laplacian", "hessian"),
        "temporary_bytes": memory,
        "memory_ratio": round(memory["laplacian"] / memory["hessian"], 4),
        "differ_by": differ_by("laplacian and the trace of the Hessian", *results, TOLERANCE),
    }


def by_hessian(mlp: MLP, params: Params, x):
    """What anybody would write."""

    def logits(a):
        for f, (W, b) in zip((*mlp.activations, activations.identity), params, strict=True):
            a = f(a @ W + b)
        return a

    return jax.vmap(lambda x: jnp.trace(jax.hessian(logits)(x), axis1=-2, axis2=-1))(x)


def _gradient(method, mlp: MLP):
    """That of a loss as it is in physics: the mean square of the Laplacian less a source."""
    return jax.grad(lambda params, x: jnp.mean((method(mlp, params, x) - 1) ** 2))
