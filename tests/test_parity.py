"""Every gradient method against `jax.grad`, over all coordinates."""

import jax
import jax.numpy as jnp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import DEPTHS, LOSSES, SMOOTH, problem, quick, relative_error

from mlpjax import MLP, Penalty
from mlpjax.gradients import METHODS, autodiff, backprop

TOLERANCE = {"autodiff": 0, "backprop": 1e-12, "forward_mode": 1e-12, "path_sum": 1e-12, "finite_difference": 1e-6}
OTHERS = [name for name in METHODS if name != "autodiff"]
VARIANTS = {"plain": (False, False), "weights": (True, False), "penalty": (False, True), "both": (True, True)}


def backprop_and_autodiff(mlp, params, x, y, weights, penalty):
    """Both methods on the four combinations of equal or given weights and no or a given penalty, in one batched call."""
    weights = jnp.stack([jnp.ones_like(weights), weights, jnp.ones_like(weights), weights])
    penalty = Penalty(*(jnp.array([0, 0, strength, strength], weights.dtype) for strength in penalty))

    def both(weights, penalty):
        return tuple(method(mlp, params, x, y, weights=weights, penalty=penalty) for method in (backprop, autodiff))

    return jax.vmap(both)(weights, penalty)


def check_backprop(mlp):
    """Against `autodiff`, in float64 and in float32."""
    with jax.disable_jit():  # a thousand compilations would take longer than a million small operations
        assert relative_error(*backprop_and_autodiff(mlp, *problem(mlp))) <= 1e-12
        assert relative_error(*backprop_and_autodiff(mlp, *problem(mlp, dtype=jnp.float32))) <= 1e-5


@pytest.mark.parametrize("loss", LOSSES)
def test_without_hidden_layers_backprop_equals_autodiff(loss):
    """BP1 BP3 BP4: every loss."""
    check_backprop(MLP(DEPTHS[1], loss=LOSSES[loss]))


@pytest.mark.against_jax
@pytest.mark.parametrize("depth", quick([2, 3, 6], 2))
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("name", SMOOTH)
def test_backprop_equals_autodiff(name, loss, depth):
    """BP1 BP2 BP3 BP4 PENALTY-gradient: every activation, loss and depth, with and without weights and penalty."""
    check_backprop(MLP(DEPTHS[depth], SMOOTH[name], LOSSES[loss]))


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("depth", quick([1, 2, 4], 1, 2))
@pytest.mark.parametrize("method", quick(OTHERS, "backprop", "forward_mode"))
def test_methods_agree(method, depth, variant):
    """BP1 FM1 FM2 FM3 FD PATH: every registered gradient method, in float64."""
    mlp = MLP((3, 4, 2, 3, 2)[: depth + 1], SMOOTH["silu"], LOSSES["softmax_cross_entropy_with_integer_labels"])
    params, x, y, weights, penalty = problem(mlp)
    weighted, penalised = VARIANTS[variant]
    options = {"weights": weights if weighted else None, "penalty": penalty if penalised else None}
    error = relative_error(METHODS[method](mlp, params, x, y, **options), autodiff(mlp, params, x, y, **options))
    assert error <= TOLERANCE[method]


@pytest.mark.parametrize("method", quick(OTHERS, "forward_mode"))
@pytest.mark.parametrize("name", SMOOTH)
def test_methods_agree_for_every_activation(name, method):
    mlp = MLP((3, 4, 3, 2), SMOOTH[name], LOSSES["squared_error"])
    params, x, y, _, _ = problem(mlp, n=4, seed=3)
    assert relative_error(METHODS[method](mlp, params, x, y), autodiff(mlp, params, x, y)) <= TOLERANCE[method]


@pytest.mark.parametrize("method", quick(OTHERS, "forward_mode"))
@pytest.mark.parametrize("loss", LOSSES)
def test_methods_agree_for_every_loss(loss, method):
    mlp = MLP((3, 4, 2), SMOOTH["tanh"], LOSSES[loss])
    params, x, y, _, _ = problem(mlp, n=4, seed=3)
    assert relative_error(METHODS[method](mlp, params, x, y), autodiff(mlp, params, x, y)) <= TOLERANCE[method]


@pytest.mark.slow
@settings(max_examples=30, deadline=None, derandomize=True)
@given(
    sizes=st.lists(st.sampled_from([1, 2, 3, 5]), min_size=2, max_size=5),
    n=st.sampled_from([1, 2, 7]),
    seed=st.integers(0, 2**31 - 1),
    name=st.sampled_from(["tanh", "relu", "gelu"]),
)
def test_backprop_equals_autodiff_for_any_shape(sizes, n, seed, name):
    mlp = MLP(sizes, SMOOTH[name], LOSSES["squared_error"])
    assert relative_error(*jax.jit(backprop_and_autodiff, static_argnums=0)(mlp, *problem(mlp, n, seed))) <= 1e-12


@pytest.mark.parametrize("method", quick(METHODS, "autodiff", "backprop", "forward_mode"))
@pytest.mark.parametrize("dtype", [jnp.float16, jnp.bfloat16, jnp.float32, jnp.float64])
def test_dtype_follows_the_parameters(method, dtype):
    mlp = MLP((3, 4, 2), SMOOTH["tanh"], LOSSES["sigmoid_binary_cross_entropy"])
    params, x, y, weights, penalty = problem(mlp, dtype=dtype)
    x = x.astype(jnp.float64)
    result = METHODS[method](mlp, params, x, y, weights=weights, penalty=penalty)
    assert {leaf.dtype for leaf in jax.tree.leaves(result)} == {jnp.dtype(dtype)}
    assert jax.tree.map(jnp.shape, result[1]) == jax.tree.map(jnp.shape, params)


def test_different_activations_in_one_network():
    mlp = MLP((3, 4, 5, 2), (SMOOTH["sin"], SMOOTH["relu"]), LOSSES["l2_loss"])
    assert relative_error(*backprop_and_autodiff(mlp, *problem(mlp))) <= 1e-12


def test_matmul_precision_reaches_every_product():
    mlp = MLP((3, 4, 2), precision="float32")
    params, x, y, _, _ = problem(mlp, dtype=jnp.float32)
    text = backprop.lower(mlp, params, x, y).as_text()
    products = [line for line in text.splitlines() if "dot_general" in line]
    assert len(products) == 5
    assert all("precision = [HIGHEST, HIGHEST]" in line for line in products)
