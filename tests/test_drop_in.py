"""`apply` inside other people's code: its derivatives in both modes, and every transformation of JAX's."""

import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.sharding import AxisType, PartitionSpec
from support import LOSSES, SMOOTH, problem, quick, relative_error

from mlpjax import MLP, Activation, Layer, backprop, forward, init, predict
from mlpjax.gradients import apply

MIXED = MLP((3, 4, 5, 2), (SMOOTH["tanh"], SMOOTH["gelu"]))


def logits(mlp, params, x):
    """The same function without a rule by hand."""
    return forward(mlp, params, x).z[-1]


def energy(function, mlp):
    """Something that another might make of the logits."""
    return lambda params, x: jnp.sum(jnp.sin(3 * function(mlp, params, x)) ** 2)


def both(mlp, derivative, *arguments):
    """A derivative of the energy with the rule by hand, and with JAX's own."""
    return (derivative(energy(function, mlp))(*arguments) for function in (apply, logits))


GRADIENT = jax.jit(jax.grad(energy(logits, MIXED), (0, 1)))
"""What the gradient of the energy must be."""


@pytest.mark.against_jax
@pytest.mark.parametrize("sizes", [(3, 2), (3, 4, 2), (3, 4, 3, 2)])
@pytest.mark.parametrize("name", SMOOTH)
def test_any_cotangent_comes_back_as_jax_brings_it(name, sizes):
    """APPLY: every coordinate of the parameters and of x, float64, for every activation."""
    mlp = MLP(sizes, SMOOTH[name])
    params, x, *_ = problem(mlp)
    c = jax.random.normal(jax.random.key(7), (5, 2))
    with jax.disable_jit():
        (value, back), (expected, oracle) = (
            jax.vjp(lambda params, x, function=function: function(mlp, params, x), params, x) for function in (apply, logits)
        )
        np.testing.assert_array_equal(value, expected)
        assert relative_error(back(c), oracle(c)) <= 1e-12


@pytest.mark.parametrize("loss", LOSSES)
def test_with_a_loss_of_the_library_it_gives_the_gradient_of_backprop(loss):
    """APPLY: BP1 is the cotangent that the loss brings."""
    mlp = MLP((3, 4, 2), "silu", LOSSES[loss])
    params, x, y, *_ = problem(mlp)
    with jax.disable_jit():
        mean = jax.value_and_grad(lambda params: jnp.mean(mlp.loss.value(apply(mlp, params, x), y)))
        assert relative_error(mean(params), backprop(mlp, params, x, y)) <= 1e-12


def test_the_two_modes_are_each_other_s_transpose():
    """APPLY: <c, J v> = <J' c, v>."""
    params, x, *_ = problem(MIXED)
    along = jax.tree.map(lambda leaf: jnp.cos(7 * leaf) + 1, (params, x))
    c = jax.random.normal(jax.random.key(7), (5, 2))
    with jax.disable_jit():
        _, moved = jax.jvp(lambda *at: apply(MIXED, *at), (params, x), along)
        _, back = jax.vjp(lambda *at: apply(MIXED, *at), params, x)
        assert jnp.vdot(c, moved).item() == pytest.approx(optax.tree.vdot(back(c), along).item(), rel=1e-12)


def test_the_slope_is_the_record_s_own():
    """JAX sees a constant in this activation's place and would find no gradient; the record knows better."""
    square = Activation("square", lambda z: jax.lax.stop_gradient(z) ** 2, lambda z, a: 2 * z, lambda z, a: 2 + 0 * z)
    mlp = MLP((1, 1, 1), square)
    params, x = (Layer(jnp.array([[3.0]]), jnp.zeros(1)), Layer(jnp.ones((1, 1)), jnp.zeros(1))), jnp.array([[2.0]])
    assert jax.grad(lambda x: predict(mlp, params, x)[0, 0])(x).item() == 0
    assert jax.grad(lambda x: apply(mlp, params, x)[0, 0])(x).item() == 36
    assert jax.jvp(lambda x: apply(mlp, params, x)[0, 0], (x,), (jnp.ones((1, 1)),))[1].item() == 36


@pytest.mark.parametrize(
    "derivative",
    [
        pytest.param(lambda f: jax.jacfwd(f, (0, 1)), id="forward"),
        pytest.param(lambda f: jax.jacrev(jax.grad(f, (0, 1)), (0, 1)), id="reverse over reverse"),
        pytest.param(lambda f: jax.jacfwd(jax.grad(f, (0, 1)), (0, 1)), id="forward over reverse", marks=pytest.mark.slow),
        pytest.param(lambda f: jax.jacrev(jax.jacfwd(f, (0, 1)), (0, 1)), id="reverse over forward", marks=pytest.mark.slow),
    ],
)
def test_both_modes_over_each_other(derivative):
    mlp = MLP((2, 3, 3, 1), (SMOOTH["silu"], SMOOTH["sigmoid"]))
    params, x, *_ = problem(mlp, n=2)
    assert relative_error(*both(mlp, lambda f: jax.jit(derivative(f)), params, x)) <= 1e-12


def transformed(f):
    """The gradient of the energy through everything that JAX has for one device."""

    def by_scan(params, x):
        def step(total, row):
            return total + f(params, row[None]), None

        return jax.lax.scan(step, jnp.zeros(()), x)[0]

    def by_rows(params, x):
        return jnp.sum(jax.vmap(lambda row: f(params, row[None]))(x))

    return {
        "jit": jax.jit(jax.grad(f, (0, 1))),
        "scan": jax.jit(jax.grad(by_scan, (0, 1))),
        "checkpoint": jax.jit(jax.grad(jax.checkpoint(f), (0, 1))),
        "vmap of rows": jax.jit(jax.grad(by_rows, (0, 1))),
    }


@pytest.mark.parametrize("way", ["jit", "scan", "checkpoint", "vmap of rows"])
def test_under_a_transformation(way):
    params, x, *_ = problem(MIXED)
    found = transformed(energy(apply, MIXED))[way](params, x)
    assert relative_error(found, GRADIENT(params, x)) <= 1e-12


def test_the_gradient_of_each_example():
    params, x, *_ = problem(MIXED)
    each = jax.jit(jax.vmap(jax.grad(energy(apply, MIXED)), (None, 0)))(params, x[:, None])
    expected = jax.jit(jax.grad(energy(logits, MIXED)))(params, x[2:3])
    assert relative_error(jax.tree.map(lambda leaf: leaf[2], each), expected) <= 1e-12


def test_many_networks_at_once():
    keys = jax.random.split(jax.random.key(0), 3)
    stacked = jax.jit(jax.vmap(lambda key: init(MIXED, key)))(keys)
    x = jax.random.normal(jax.random.key(1), (5, 3))
    found = jax.jit(jax.vmap(jax.grad(energy(apply, MIXED)), (0, None)))(stacked, x)
    expected = jax.jit(jax.grad(energy(logits, MIXED)))(jax.tree.map(lambda leaf: leaf[1], stacked), x)
    assert relative_error(jax.tree.map(lambda leaf: leaf[1], found), expected) <= 1e-12


def sharded(f, devices: int):
    """The gradient with the examples spread over devices: each has its own sum, which the transpose adds."""
    mesh = jax.make_mesh((devices,), ("i",), axis_types=(AxisType.Auto,))
    rows, whole = PartitionSpec("i"), PartitionSpec()

    def total(params, x):
        return jax.lax.psum(f(params, x), "i")

    return jax.jit(jax.grad(jax.shard_map(total, mesh=mesh, in_specs=(whole, rows), out_specs=whole), (0, 1)))


def check_under_shard_map(devices: int):
    params, x, *_ = problem(MIXED, n=4)
    found = sharded(energy(apply, MIXED), devices)(params, x)
    assert relative_error(found, GRADIENT(params, x)) <= 1e-12


def test_under_shard_map():
    check_under_shard_map(1)


@pytest.mark.slow
def test_under_shard_map_on_four_devices():
    settings = "import jax; jax.config.update('jax_num_cpu_devices', 4); jax.config.update('jax_enable_x64', True)"
    code = f"{settings}; from test_drop_in import check_under_shard_map; check_under_shard_map(4)"
    result = subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parent, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


def products(derivative, function) -> int:
    """How many matrix products a derivative has before XLA looks at it."""
    params, x, *_ = problem(MIXED)
    return jax.jit(derivative(energy(function, MIXED))).lower(params, x).as_text().count("dot_general")


DERIVATIVES = {
    "backward, params": lambda f: jax.grad(f),
    "backward, x": lambda f: jax.grad(f, 1),
    "forward, params": lambda f: lambda params, x: jax.jvp(lambda params: f(params, x), (params,), (params,)),
    "forward, x": lambda f: lambda params, x: jax.jvp(lambda x: f(params, x), (x,), (x,)),
}


@pytest.mark.parametrize("derivative", DERIVATIVES.values(), ids=list(DERIVATIVES))
def test_nothing_is_computed_for_what_rests(derivative):
    assert products(derivative, apply) == products(derivative, logits)


def test_over_single_examples_no_gradient_of_one_is_ever_held():
    mlp, n = MLP((64,) * 5, "tanh"), 128
    params, x, *_ = jax.eval_shape(lambda: problem(mlp, n, dtype=jnp.float32))

    def mean(params, x):
        return jnp.mean(jax.vmap(lambda row: apply(mlp, params, row[None])[0])(x) ** 2)

    memory = jax.jit(jax.grad(mean)).lower(params, x).compile().memory_analysis().temp_size_in_bytes
    assert memory < 4 * mlp.parameter_count * n / 10


@pytest.mark.parametrize("dtype", quick([jnp.float16, jnp.bfloat16, jnp.float32], jnp.bfloat16))
def test_dtypes(dtype):
    params, x, *_ = problem(MIXED, dtype=dtype)
    x = x.astype(jnp.float64)
    with jax.disable_jit():
        value, gradient = jax.value_and_grad(energy(apply, MIXED), (0, 1))(params, x)
    assert {leaf.dtype for leaf in jax.tree.leaves((value, gradient[0]))} == {jnp.dtype(dtype)}
    assert gradient[1].dtype == jnp.float64
    exact = GRADIENT(jax.tree.map(lambda leaf: leaf.astype(jnp.float64), params), x)
    assert relative_error(gradient, exact) <= 100 * float(jnp.finfo(dtype).eps)


def test_bad_input():
    params, x, *_ = problem(MIXED)
    with pytest.raises(ValueError, match=r"x must have shape \(n, 3\).*for a single example pass x\[None, :\]"):
        apply(MIXED, params, x[0])
    with pytest.raises(ValueError, match="params must have 3 layers"):
        apply(MIXED, params[:2], x)
    with pytest.raises(TypeError, match="x must hold real numbers"):
        apply(MIXED, params, 1j * x)


def test_a_threshold_can_be_applied_but_not_differentiated():
    mlp = MLP((1, 1, 1), "step")
    params, x = init(mlp, jax.random.key(0)), jnp.ones((1, 1))
    np.testing.assert_array_equal(apply(mlp, params, x), predict(mlp, params, x))
    with pytest.raises(ValueError, match="whose slope is 0"):
        jax.grad(energy(apply, mlp))(params, x)
