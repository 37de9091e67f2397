"""Hessian- and Gauss-Newton-vector products against JAX's forward over reverse: time of a product, and temporary memory."""

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.differing import differ_by
from benchmarks.gradient import scan_length
from benchmarks.problems import GRADIENTS, Problem
from benchmarks.timing import Effort, interleaved
from mlpjax import gradients, loss
from mlpjax.network import forward_pass

ACTIVATIONS = ("relu", "tanh", "gelu")
DEEP = Problem((64,) * 17, 256, 256)
SMALL = 1e-6
"""How far parameters and vector move from one product to the next: the work stays the same from round to round."""

TOLERANCE = 1e-3
"""How far two products may differ, in norm: float32, or TF32 on a GPU, summed in another order."""


def hvp(mlp, params, x, y, v):
    """The loss, its gradient and the Hessian times v, by the library."""
    return gradients.hvp(mlp, params, x, y, v)


def hvp_by_jax(mlp, params, x, y, v):
    """The same, forward over reverse."""
    (value, gradient), (_, product) = jax.jvp(jax.value_and_grad(lambda p: loss(mlp, p, x, y)), (params,), (v,))
    return value, gradient, product


def ggnvp(mlp, params, x, y, v):
    """The loss, and the Gauss-Newton matrix times v in place of both others."""
    product = gradients.ggnvp(mlp, params, x, y, v)
    return loss(mlp, params, x, y), product, product


def ggnvp_by_jax(mlp, params, x, y, v):
    """The same: forward to the logits, forward over reverse on the loss alone, and back."""

    def of_logits(z):
        return jnp.mean(mlp.loss.value(z, y))

    def logits(params):
        return forward_pass(mlp, params, x).z[-1]

    z, dz = jax.jvp(logits, (params,), (v,))
    (product,) = jax.vjp(logits, params)[1](jax.jvp(jax.grad(of_logits), (z,), (dz,))[1])
    return of_logits(z), product, product


PAIRS = {"hvp": {"mlpjax": hvp, "jax": hvp_by_jax}, "ggnvp": {"mlpjax": ggnvp, "jax": ggnvp_by_jax}}


def compare(effort: Effort, say) -> list[dict]:
    """One result for each product, network and activation."""
    return [
        _one(product, problem, activation, effort, say)
        for product in PAIRS
        for problem in (*GRADIENTS, DEEP)
        for activation in ACTIVATIONS
    ]


def _one(product: str, problem: Problem, activation: str, effort: Effort, say) -> dict:
    say(f"second_order: {product}, {problem.network}, batch {problem.batch}, {activation}")
    mlp, steps, arguments = problem.mlp(activation), scan_length(problem), _arguments(problem)
    calls = {
        name: jax.jit(lambda *given, function=function: function(mlp, *given)).lower(*arguments).compile()
        for name, function in PAIRS[product].items()
    }
    results = [call(*arguments) for call in calls.values()]
    difference = differ_by(f"{product}, {problem.network}: mlpjax and jax", *results, TOLERANCE)
    memory = {name: call.memory_analysis().temp_size_in_bytes for name, call in calls.items()}
    times = interleaved({name: _loop(function, mlp, problem, steps) for name, function in PAIRS[product].items()}, effort)
    return {
        "product": product,
        "network": problem.network,
        "batch": problem.batch,
        "activation": activation,
        "scanned_steps": steps,
        **times.counts(),
        "microseconds_per_step": times.microseconds(steps),
        "time_ratio": times.ratio("mlpjax", "jax"),
        "temporary_bytes": memory,
        "memory_ratio": round(memory["mlpjax"] / memory["jax"], 4) if memory["jax"] else None,
        "products_differ_by": difference,
    }


def _arguments(problem: Problem) -> tuple:
    params, random = problem.params(), np.random.default_rng(1)
    v = jax.tree.map(lambda p: jnp.asarray(random.standard_normal(p.shape, dtype=np.float32)), params)
    return params, *map(jnp.asarray, problem.data()), v


def _loop(function, mlp, problem: Problem, steps: int):
    """Product after product; parameters and vector move, so that nothing is computed once for all of them."""
    params, x, y, v = _arguments(problem)

    def step(carry, _):
        value, *moves = function(mlp, carry[0], x, y, carry[1])
        return jax.tree.map(lambda now, move: now - SMALL * move, carry, tuple(moves)), value

    products = jax.jit(lambda carry: jax.lax.scan(step, carry, length=steps), donate_argnums=0)
    carry = params, v

    def run():
        nonlocal carry
        carry, values = jax.block_until_ready(products(carry))
        return values

    return run
