"""The count of paths and multiplications against the computation itself."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support import LOSSES, SMOOTH, problem, relative_error

from mlpjax import MLP, forward
from mlpjax.gradients import autodiff, path_count, path_multiplications, path_sum, paths
from mlpjax.gradients.paths import _layer_by_paths

SIZES = [(1, 1), (3, 2), (4, 3, 2, 1), (2, 3, 4, 2), (2, 2, 2, 2, 2, 2)]


def multiplications_of(jaxpr) -> int:
    """How many numbers the `mul` operations of a computation produce."""
    count = 0
    for equation in jaxpr.eqns:
        if equation.primitive.name == "mul" and jnp.issubdtype(equation.outvars[0].aval.dtype, jnp.floating):
            count += int(np.prod(equation.outvars[0].aval.shape))
        for parameter in equation.params.values():
            inner = getattr(parameter, "jaxpr", None)
            count += multiplications_of(inner) if inner is not None else 0
    return count


@pytest.mark.against_jax
@pytest.mark.parametrize("name", ["tanh", "silu", "relu"])
def test_the_sum_over_all_paths_is_the_gradient(name):
    """PATH: definition, the 4-3-2-1 network, all coordinates."""
    mlp = MLP((4, 3, 2, 1), SMOOTH[name])
    params, x, y, *_ = problem(mlp)
    with jax.disable_jit():
        assert relative_error(path_sum(mlp, params, x, y), autodiff(mlp, params, x, y)) <= 1e-13


@pytest.mark.parametrize("sizes", SIZES)
def test_path_count(sizes):
    """PATH: enumerated, for the weights of each layer and for its biases."""
    expected = 0
    for l in range(len(sizes) - 1):
        expected += len(list(itertools.product(*(range(size) for size in sizes[l:]))))
        expected += len(list(itertools.product(*(range(size) for size in sizes[l + 1 :]))))
    assert path_count(MLP(sizes)) == expected


@pytest.mark.parametrize("sizes", SIZES)
def test_path_multiplications_are_those_of_the_compiled_function(sizes):
    """PATH"""
    mlp = MLP(sizes, SMOOTH["tanh"], LOSSES["squared_error"])
    params, x, y, *_ = problem(mlp, n=1)
    trace = forward(mlp, params, x)
    a, slopes = [a[0] for a in trace.a], [1 - a[0] ** 2 for a in trace.a[1:]]

    def all_layers(a, slopes, delta):
        return [_layer_by_paths(mlp, params, l, a, slopes, delta) for l in range(len(params))]

    jaxpr = jax.make_jaxpr(all_layers)(a, slopes, 2 * (trace.z[-1] - y)[0])
    assert multiplications_of(jaxpr.jaxpr) == path_multiplications(mlp)
    assert path_multiplications(mlp, n=7) == 7 * path_multiplications(mlp)


def test_the_count_grows_exponentially_with_depth():
    counts = [path_multiplications(MLP((3,) * (depth + 1))) for depth in range(4, 10)]
    growth = np.array(counts[1:]) / counts[:-1]
    assert ((growth > 3) & (growth < 4.5)).all()
    assert paths.path_count(MLP((64, 64, 32, 10))) == 1_352_330
