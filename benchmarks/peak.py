"""`backprop` on a wide network against the machine's own rate of matrix products."""

import jax
import jax.numpy as jnp
import numpy as np

import mlpjax
from benchmarks.problems import GRADIENTS, Problem
from benchmarks.timing import Effort, interleaved
from mlpjax import Params, Trace

PROBLEM = GRADIENTS[-1]
SQUARE = 2048


def compare(effort: Effort, say) -> list[dict]:
    """The rate of `backprop`, of its products alone and of a square product, in GFLOP/s."""
    say(f"peak: {PROBLEM.network}, batch {PROBLEM.batch}")
    work = {"backprop": PROBLEM.multiplications, "its products": PROBLEM.multiplications, "square": SQUARE**3}
    times = interleaved({"backprop": _backprop(PROBLEM), "its products": _products(PROBLEM), "square": _square()}, effort)
    over = {name: times.ratio(name, "backprop", work["backprop"] / work[name]) for name in work if name != "backprop"}
    rates = {name: 2 * work[name] / np.median(seconds) / 1e9 for name, seconds in times.seconds.items()}
    return [
        {
            "network": PROBLEM.network,
            "batch": PROBLEM.batch,
            "square": SQUARE,
            **times.counts(),
            "microseconds": times.microseconds(),
            "gflop": {name: 2 * count / 1e9 for name, count in work.items()},
            "gflop_per_second": {name: round(float(rate), 1) for name, rate in rates.items()},
            "rate_over": over,
        }
    ]


def _ready(function, *arguments):
    compiled = jax.jit(function).lower(*arguments).compile()
    return lambda: jax.block_until_ready(compiled(*arguments))


def _backprop(problem: Problem):
    mlp = problem.mlp()
    return _ready(lambda params, x, y: mlpjax.backprop(mlp, params, x, y), problem.params(), *map(jnp.asarray, problem.data()))


def _products(problem: Problem):
    mlp, params = problem.mlp(), problem.params()
    x, y = problem.data()
    trace = mlpjax.forward(mlp, params, x)
    return _ready(_every_product, params, trace, mlpjax.deltas(mlp, params, trace, y))


def _every_product(params: Params, trace: Trace, deltas):
    """The matrix products of one gradient, and nothing else."""
    forward = [a @ layer.W for a, layer in zip(trace.a, params, strict=True)]
    weights = [a.T @ delta for a, delta in zip(trace.a, deltas, strict=True)]
    backward = [delta @ layer.W.T for delta, layer in zip(deltas[1:], params[1:], strict=True)]
    return forward, weights, backward


def _square():
    a, b = jax.random.normal(jax.random.key(0), (2, SQUARE, SQUARE))
    return _ready(jnp.matmul, a, b)
