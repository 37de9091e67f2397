"""Networks, examples and errors that the tests share."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mlpjax import MLP, Layer, Penalty, activations, loss, losses

ACTIVATIONS = {
    record.name: record
    for record in (
        *activations.RECORDS.values(),
        *(family() for family in activations.FAMILIES.values()),
        activations.leaky_relu(0.3),
        activations.elu(0.5),
    )
}
SMOOTH = {name: f for name, f in ACTIVATIONS.items() if f.differentiable}
LOSSES = {
    record.name: record
    for record in (
        *losses.RECORDS.values(),
        *(family() for family in losses.FAMILIES.values()),
        losses.quantile_loss(0.9),
        losses.at_output(losses.squared_error, activations.sigmoid),
        losses.at_output(losses.huber_loss(0.5), activations.softplus),
    )
}
DEPTHS = {1: (3, 2), 2: (3, 4, 2), 3: (3, 4, 3, 2), 6: (3, 4, 3, 4, 3, 4, 2)}


def quick(values, *few):
    """Values to try a test with, of which all but a few are tried with the slow tests."""
    return [pytest.param(value, marks=[pytest.mark.slow] * (value not in few)) for value in values]


def targets(loss, random: np.random.Generator, n: int, k: int):
    """Random targets of the kind that a loss takes."""
    target = loss.target
    if target is losses.LABELS:
        return jnp.asarray(random.integers(0, k, n).astype(np.int32))
    if target is losses.SIGNS:
        return jnp.asarray(random.choice([-1.0, 1.0], (n, k)))
    if target is losses.COUNTS:
        return jnp.asarray(random.poisson(2.0, (n, k)).astype(float))
    if target is losses.SHARES:
        return jnp.asarray(random.uniform(size=(n, k)))
    if target is losses.DISTRIBUTIONS:
        return jnp.asarray(random.dirichlet(np.ones(k), n))
    return jnp.asarray(random.normal(size=(n, k)))


def problem(mlp: MLP, n: int = 5, seed: int = 0, dtype=jnp.float64):
    """Parameters, examples, targets, weights and a penalty for a network, drawn by NumPy, which compiles nothing."""
    random = np.random.default_rng(seed)

    def normal(*shape, scale=1.0):
        return jnp.asarray((scale * random.normal(size=shape)).astype(dtype))

    shapes = zip(mlp.sizes[:-1], mlp.sizes[1:], strict=True)
    params = tuple(Layer(normal(fan_in, fan_out, scale=fan_in**-0.5), normal(fan_out)) for fan_in, fan_out in shapes)
    x = normal(n, mlp.sizes[0])
    y = targets(mlp.loss, random, n, mlp.sizes[-1])
    weights = jnp.asarray(random.uniform(0.5, 2.0, n).astype(dtype))
    return params, x, y, weights, Penalty(l1=0.01, l2=0.1)


def normal_like(tree, seed: int = 7, many: tuple[int, ...] = ()):
    """Random numbers of the shapes and dtypes of a tree's arrays, each with the axes of `many` before its own."""
    random = np.random.default_rng(seed)
    return jax.tree.map(lambda leaf: jnp.asarray(random.normal(size=(*many, *leaf.shape)).astype(leaf.dtype)), tree)


ERRORS: list[float] = []
"""What `relative_error` found in float64 since a test began: of those against JAX the site shows the largest."""


def relative_error(got, expected) -> float:
    """The largest difference of any coordinate, over the largest of its own array; exact where that is all zeros."""

    def of_array(g, e):
        g, e = np.asarray(g, np.float64), np.asarray(e, np.float64)
        scale = np.max(np.abs(e))
        return np.max(np.abs(g - e)) / (scale if scale else np.finfo(float).tiny)

    assert jax.tree.structure(got) == jax.tree.structure(expected)
    largest = max(jax.tree.leaves(jax.tree.map(of_array, got, expected)))
    if all(jnp.result_type(leaf) == jnp.float64 for leaf in jax.tree.leaves(got)):
        ERRORS.append(float(largest))
    return largest


@functools.partial(jax.jit, static_argnums=0)
def each_gradient(mlp: MLP, params, x, y, weights=None):
    """The gradient of each example's own loss by `jax.grad`, times its weight."""

    def one(x, y, weight):
        return jax.grad(lambda p: weight * loss(mlp, p, x[None], y[None]))(params)

    return jax.vmap(one)(x, y, jnp.ones(len(x), params[0].W.dtype) if weights is None else weights)


def rows(gradients) -> np.ndarray:
    """Gradients with an axis of n before their shapes, as an array with a row for each."""
    leaves = jax.tree.leaves(gradients)
    return np.concatenate([np.reshape(leaf, (len(leaf), -1)) for leaf in leaves], axis=1)
