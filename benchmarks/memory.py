"""Memory for time on deep networks: recomputation against `backprop` and JAX's own, a step layer by layer against the whole."""

import jax
import jax.numpy as jnp
import optax

from benchmarks.problems import Problem
from benchmarks.timing import Effort, interleaved
from mlpjax import MLP, backprop, layerwise, training
from mlpjax.gradients import autodiff, recomputing
from mlpjax.network import batch, objective
from mlpjax.types import Trace

DEEP = Problem((256,) * 33, 1024, 1024)
ACTIVATIONS = ("tanh", "relu", "gelu")
SEGMENT = 6
WIDE = Problem((1024,) * 17, 32, 32)


def compare(effort: Effort, say) -> list[dict]:
    """One result for each activation, and one for the step."""
    effort = effort._replace(seconds=effort.seconds / (len(ACTIVATIONS) + 1))
    return [*(_gradients(activation, effort, say) for activation in ACTIVATIONS), _steps(effort, say)]


def _gradients(activation: str, effort: Effort, say) -> dict:
    say(f"memory: the gradient of 32 layers, {activation}")
    mlp, arguments = DEEP.mlp(activation), (DEEP.params(), *map(jnp.asarray, DEEP.data()))
    methods = {
        "backprop": backprop,
        "autodiff": autodiff,
        "recomputing()": recomputing(),
        f"recomputing({SEGMENT // 2})": recomputing(SEGMENT // 2),
        "jax.checkpoint": _checkpointed,
    }
    compiled = {name: jax.jit(method, static_argnums=0).lower(mlp, *arguments).compile() for name, method in methods.items()}
    run = {name: lambda call=call: jax.block_until_ready(call(*arguments)) for name, call in compiled.items()}
    return _result(f"gradient, {_size(DEEP)}, {activation}", "backprop", compiled, run, effort)


def _checkpointed(mlp: MLP, params, x, y):
    """`autodiff` with `jax.checkpoint` on segments as long as those of `recomputing`."""

    def loss(params):
        examples = batch(mlp, params, x, y, None)
        a = examples.x
        for first in range(0, len(params) - 1, SEGMENT):
            a = jax.checkpoint(_hidden, static_argnums=(0, 1))(mlp, first, params[first : first + SEGMENT], a)
        return objective(mlp, params, Trace((a,), (a @ params[-1].W + params[-1].b,)), examples, None)

    return jax.value_and_grad(loss)(params)


def _hidden(mlp: MLP, first: int, layers, a):
    for f, (W, b) in zip(mlp.activations[first:], layers, strict=False):
        a = f(a @ W + b)
    return a


def _steps(effort: Effort, say) -> dict:
    say("memory: a step with Adam, 16 layers")
    mlp, adam, (x, y) = WIDE.mlp("tanh"), optax.adam(1e-6), map(jnp.asarray, WIDE.data())
    whole = jax.jit(training.step.__wrapped__, static_argnums=(0, 1), donate_argnums=2)
    ways = {"training.step, donated": (whole, training.start), "layerwise.step": (layerwise.step, layerwise.start)}
    compiled, run = {}, {}
    for name, (step, start) in ways.items():
        states = [start(WIDE.params(), adam, jax.random.key(0))]
        compiled[name] = step.lower(mlp, adam, states[0], x, y).compile()

        def again(call=compiled[name], states=states):
            states[0], info = jax.block_until_ready(call(states[0], x, y))
            return info

        run[name] = again
    return _result(f"step, {_size(WIDE)}, Adam", "training.step, donated", compiled, run, effort)


def _size(problem: Problem) -> str:
    return f"{len(problem.sizes) - 1} layers of {problem.sizes[0]}, batch {problem.batch}"


def _result(what: str, reference: str, compiled: dict, run: dict, effort: Effort) -> dict:
    memory = {name: call.memory_analysis().temp_size_in_bytes for name, call in compiled.items()}
    times = interleaved(run, effort)
    return {
        "what": what,
        **times.counts(),
        "temporary_bytes": memory,
        "memory_ratio": {name: round(held / memory[reference], 4) for name, held in memory.items()},
        "microseconds": times.microseconds(),
        "time_ratio": {name: times.ratio(name, reference) for name in compiled},
    }
