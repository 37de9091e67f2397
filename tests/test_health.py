"""What a network's health is: against its definitions from `jax.grad`, its invariants and its edges."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support import ACTIVATIONS, LOSSES, SMOOTH, problem, quick

from mlpjax import MLP, Layer, Penalty, autodiff, forward, init, loss
from mlpjax.diagnosis.health import DEAD, SATURATED, health, slopes_at, steepest

DEEP = (3, 4, 3, 4, 2)


def by_hand(mlp, params, x, y, weights):
    """The delta of each example's own loss from `jax.grad` in the biases, the outputs and the slopes by `jax.grad` too."""
    grads = jax.vmap(lambda x, y: jax.grad(loss, argnums=1)(mlp, params, x[None], y[None]))(x, y)
    trace = forward(mlp, params, x)
    fs = [*(f.f for f in mlp.activations), lambda z: z]
    slopes = [jax.vmap(jax.vmap(jax.grad(f)))(z) for f, z in zip(fs, trace.z, strict=True)]
    return [layer.b for layer in grads], [*trace.a[1:], trace.z[-1]], slopes, weights / weights.sum()


def mean(share, values):
    return np.average(np.mean(np.asarray(values, float), axis=1), weights=share)


@pytest.mark.parametrize("name", quick(["sigmoid", "relu", "selu", "gelu", "sin"], "sigmoid", "relu"))
def test_by_definition(name):
    """HEALTH-factor HEALTH-slope HEALTH-saturated HEALTH-spread"""
    mlp = MLP(DEEP, SMOOTH[name])
    params, x, y, weights, penalty = problem(mlp, n=7)
    x = 4 * x
    update = jax.tree.map(lambda leaf: 0.01 * leaf**2, params)
    found = health(mlp, params, x, y, weights=weights, penalty=penalty, update=update)
    delta, outputs, slopes, share = by_hand(mlp, params, x, y, weights)
    grads = autodiff(mlp, params, x, y, weights=weights, penalty=penalty)[1]
    norms = [np.linalg.norm(layer.W) for layer in params]
    sizes = [np.sqrt(share @ np.sum(d**2, axis=1)) for d in delta]
    limits = [steepest(SMOOTH[name])] * 3 + [1.0]
    expected = {
        "delta_rms": [np.sqrt(mean(share, d**2)) for d in delta],
        "gradient_norm": [np.linalg.norm(layer.W) for layer in grads],
        "gradient_to_weight": [np.linalg.norm(layer.W) / norm for layer, norm in zip(grads, norms, strict=True)],
        "update_to_weight": [np.linalg.norm(layer.W) / norm for layer, norm in zip(update, norms, strict=True)],
        "activation_mean": [mean(share, a) for a in outputs],
        "activation_std": [np.sqrt(mean(share, (a - mean(share, a)) ** 2)) for a in outputs],
        "saturated": [mean(share, abs(df) < SATURATED * most) for df, most in zip(slopes, limits, strict=True)],
        "dead": [
            np.mean(np.asarray(np.all(abs(df) <= DEAD * most, axis=0), float)) for df, most in zip(slopes, limits, strict=True)
        ],
        "slope": [np.sqrt(mean(share, df**2)) for df in slopes],
        "factor": [*(one / after for one, after in itertools.pairwise(sizes)), 1],
        "spread": [max(apart(share, z), apart(share, d)) for z, d in zip(forward(mlp, params, x).z, delta, strict=True)],
        "examples": 7,
    }
    for field, value in expected.items():
        np.testing.assert_allclose(getattr(found, field), value, rtol=1e-9, atol=1e-15, err_msg=field)


def apart(share, values):
    differences = values - np.mean(values, axis=1, keepdims=True)
    return np.sqrt((share @ np.sum(differences**2, axis=1)) / (share @ np.sum(values**2, axis=1)))


@pytest.mark.slow
@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_has_its_health(name):
    mlp = MLP((3, 5, 4), "tanh", LOSSES[name])
    params, x, y, weights, _ = problem(mlp)
    with jax.disable_jit():
        found = health(mlp, params, x, y, weights=weights)
    delta, _, _, share = by_hand(mlp, params, x, y, weights)
    np.testing.assert_allclose(found.delta_rms, [np.sqrt(mean(share, d**2)) for d in delta], rtol=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_the_factors_multiply_up_and_keep_their_bound(seed):
    """HEALTH-factor: the product is the first size over the last, and no factor exceeds the norm times the steepest slope."""
    mlp = MLP((3, 6, 5, 4, 2), "sigmoid")
    params, x, y, *_ = problem(mlp, n=20, seed=seed)
    found = health(mlp, params, x, y)
    units = np.array(mlp.sizes[1:])
    sizes = np.asarray(found.delta_rms) * np.sqrt(units)
    np.testing.assert_allclose(np.prod(found.factor), sizes[0] / sizes[-1], rtol=1e-12)
    bounds = [np.linalg.norm(layer.W, 2) * steepest(ACTIVATIONS["sigmoid"]) for layer in params[1:]]
    assert (np.asarray(found.factor[:-1]) <= bounds).all()


@pytest.mark.parametrize("depth", quick([2, 10, 20, 100], 2, 10))
def test_a_sigmoid_layer_passes_on_a_quarter_at_most(depth):
    """HEALTH-factor: the lecture's bound of 0.25 a layer, for weights of norm 1, 2 to 100 layers deep."""
    mlp = MLP((6,) * (depth + 1) + (1,), "sigmoid")
    params = init(mlp, jax.random.key(depth), "orthogonal")
    x = jax.random.normal(jax.random.key(1), (50, 6))
    found = health(mlp, params, x, x[:, :1])
    assert (found.factor <= 0.25).all(where=np.arange(depth + 1) < depth)
    assert 0 < np.prod(found.factor) <= 0.25**depth


@pytest.mark.parametrize(("name", "expected"), [("sigmoid", 0.2119), ("relu", 0.5**0.5)])
def test_the_slope_at_standard_normal_inputs(name, expected):
    """HEALTH-slope: E[f'^2]^1/2 of z from N(0, 1), 0.21 for the sigmoid and the root of a half for ReLU; and with He's
    variance ReLU's factor is 1, within 5 standard errors."""
    mlp = MLP((400, 400, 400, 400), name)
    x = jax.random.normal(jax.random.key(0), (400, 400))
    params = init(mlp, jax.random.key(1), "lecun_normal")
    found = health(mlp, params, x, jax.random.normal(jax.random.key(2), (400, 400)))
    assert found.slope[0] == pytest.approx(expected, rel=0.01)
    assert found.factor[0] == pytest.approx(found.slope[0], rel=5 / 400**0.5)


def scaled(params, size):
    return tuple(Layer(W=size * layer.W, b=layer.b) for layer in params)


@pytest.mark.parametrize("name", ["tanh", "relu", "gelu"])
def test_the_size_of_the_loss_does_not_matter(name):
    """HEALTH-factor HEALTH-spread: deltas a billion times smaller have the same factors."""
    mlp = MLP(DEEP, name)
    params, x, y, weights, _ = problem(mlp, n=9)
    z = forward(mlp, params, x).z[-1]
    far, near = health(mlp, params, x, z + y, weights=weights), health(mlp, params, x, z + 1e-9 * y, weights=weights)
    for field in ("factor", "spread", "slope", "saturated", "dead"):
        np.testing.assert_allclose(getattr(near, field), getattr(far, field), rtol=1e-6, err_msg=field)
    np.testing.assert_allclose(near.gradient_norm, 1e-9 * far.gradient_norm, rtol=1e-6)


def test_deltas_whose_squares_underflow():
    """HEALTH-factor: in float32, where a network has learned all but 1e-30, as where it has not."""
    mlp = MLP((3, 5, 4, 2), "tanh")
    params, x, *_ = problem(mlp, n=9, dtype=jnp.float32)
    params = (*params[:-1], Layer(params[-1].W, jnp.zeros(2, jnp.float32)))
    z = forward(mlp, params, x).z[-1]
    tiny = tuple(Layer(1e-30 * W, b) if l == 2 else Layer(W, b) for l, (W, b) in enumerate(params))
    far, near = health(mlp, params, x, z - 1), health(mlp, tiny, x, forward(mlp, tiny, x).z[-1] - 1)
    np.testing.assert_allclose(near.factor[:1], far.factor[:1], rtol=1e-5)
    np.testing.assert_allclose(near.factor[1], 1e-30 * far.factor[1], rtol=1e-5)
    np.testing.assert_allclose(near.gradient_to_weight[:2], 1e-30 * far.gradient_to_weight[:2], rtol=1e-5)


@pytest.mark.parametrize("name", quick(["sigmoid", "relu"], "sigmoid"))
def test_what_fills_a_batch_up_does_not_count_and_a_weight_is_a_repetition(name):
    """HEALTH-saturated HEALTH-slope: rows of weight 0 change nothing, and weight 2 is two rows."""
    mlp = MLP((3, 5, 4, 2), name)
    params, x, y, *_ = problem(mlp, n=6)
    filling = jnp.concatenate([x, 100 * x]), jnp.concatenate([y, -y])
    padded = health(mlp, params, *filling, weights=jnp.concatenate([jnp.ones(6), jnp.zeros(6)]))
    alone = health(mlp, params, x, y)
    doubled = health(mlp, params, x, y, weights=jnp.array([2.0, 1, 1, 1, 1, 1]))
    twice = health(mlp, params, jnp.concatenate([x, x[:1]]), jnp.concatenate([y, y[:1]]))
    for field in alone._fields:
        if getattr(alone, field) is not None:
            np.testing.assert_allclose(getattr(padded, field), getattr(alone, field), rtol=1e-12, atol=1e-15, err_msg=field)
            if field != "examples":
                np.testing.assert_allclose(getattr(doubled, field), getattr(twice, field), rtol=1e-12, err_msg=field)


def test_the_order_of_the_hidden_units_does_not_matter():
    mlp = MLP((3, 5, 2), "tanh")
    params, x, y, *_ = problem(mlp)
    order = jnp.array([4, 2, 0, 1, 3])
    (W, b), (V, c) = params
    one, other = health(mlp, params, x, y), health(mlp, (Layer(W[:, order], b[order]), Layer(V[order], c)), x, y)
    for field in one._fields[:3]:
        np.testing.assert_allclose(getattr(one, field), getattr(other, field), rtol=1e-12)


@pytest.mark.parametrize("name", ["sigmoid", "tanh", "relu"])
@pytest.mark.parametrize("value", [0.0, 0.3])
def test_units_that_start_alike_have_no_spread(name, value):
    """HEALTH-spread: 0 from a constant start, and 1 at most."""
    mlp = MLP((3, 5, 4, 2), name)
    params, x, y, *_ = problem(mlp)
    alike = jax.tree.map(lambda leaf: jnp.full_like(leaf, value), params)
    assert (health(mlp, alike, x, y).spread[:-1] < 1e-7).all()
    different = health(mlp, params, x, y).spread
    assert (different[:-1] > 0.1).all()
    assert (different <= 1).all()


def test_dead_and_saturated_units():
    """HEALTH-saturated: two of four ReLU units pushed below 0; a sigmoid pushed far out on every other example."""
    mlp, x = MLP((1, 4, 1), "relu"), jnp.array([[1.0], [2.0]])
    params = (Layer(jnp.ones((1, 4)), jnp.array([0.0, 0, -9, -9])), Layer(jnp.ones((4, 1)), jnp.zeros(1)))
    found = health(mlp, params, x, x)
    assert found.dead.tolist() == [0.5, 0]
    assert found.saturated.tolist() == [0.5, 0]
    mlp = MLP((1, 1, 1), "sigmoid")
    params = (Layer(jnp.ones((1, 1)), jnp.zeros(1)), Layer(jnp.ones((1, 1)), jnp.zeros(1)))
    found = health(mlp, params, jnp.array([[0.0], [4.5], [4.3], [-5]]), jnp.zeros((4, 1)))
    assert found.saturated.tolist() == [0.5, 0]
    assert found.dead.tolist() == [0, 0]


def test_zeros_over_zeros():
    mlp = MLP((3, 4, 2), "relu")
    params, x, y, *_ = problem(mlp)
    nothing = jax.tree.map(jnp.zeros_like, params)
    found = health(mlp, nothing, x, jnp.zeros_like(y), update=nothing)
    assert found.factor.tolist() == [1, 1]
    for field in ("delta_rms", "gradient_to_weight", "update_to_weight", "spread"):
        assert getattr(found, field).tolist() == [0, 0]
    found = health(mlp, params, x, y, weights=jnp.zeros(5))
    assert found.examples == 0
    assert all(np.isfinite(value).all() for value in jax.tree.leaves(found))


@pytest.mark.parametrize("dtype", quick([jnp.float16, jnp.bfloat16, jnp.float32, jnp.float64], jnp.float16, jnp.float32))
def test_in_every_dtype(dtype):
    mlp = MLP((3, 6, 5, 2), "tanh")
    params, x, y, *_ = problem(mlp, n=12)
    exact = health(mlp, params, x, y, update=params)
    found = health(
        mlp, *jax.tree.map(lambda leaf: leaf.astype(dtype), (params, x, y)), update=params if dtype == jnp.float64 else None
    )
    wide = jnp.promote_types(dtype, jnp.float32)
    assert {value.dtype for value in jax.tree.leaves(found)} == {wide}
    precision = max(30 * float(jnp.finfo(dtype).eps), 1e-12)
    for field in ("delta_rms", "gradient_norm", "factor", "slope", "spread"):
        np.testing.assert_allclose(getattr(found, field), getattr(exact, field), rtol=precision, err_msg=field)


@pytest.mark.slow
def test_sums_over_many_in_half_precision():
    """65,536 examples of weight 1/65,536 in bfloat16: their sum is 1, not the 1/256 at which bfloat16 would stop counting."""
    mlp = MLP((2, 3, 1), "tanh")
    params = init(mlp, jax.random.key(0), dtype=jnp.bfloat16)
    x = jnp.ones((2**16, 2), jnp.bfloat16)
    few, many = health(mlp, params, x[:4], x[:4, :1]), health(mlp, params, x, x[:, :1])
    np.testing.assert_allclose(many.delta_rms, few.delta_rms, rtol=1e-2)
    np.testing.assert_allclose(many.slope, few.slope, rtol=1e-2)


def test_without_a_hidden_layer():
    mlp = MLP((3, 2))
    params, x, y, *_ = problem(mlp)
    found = health(mlp, params, x, y)
    assert (found.factor.tolist(), found.slope.tolist(), found.dead.tolist()) == ([1], [1], [0])


def test_under_jit_and_vmap():
    mlp = MLP((3, 4, 2), "gelu")
    params, x, y, *_ = problem(mlp)
    others = jax.tree.map(lambda leaf: jnp.stack([leaf, 2 * leaf]), params)
    found = jax.vmap(lambda params: health(mlp, params, x, y))(others)
    alone = health(mlp, scaled(params, 1), x, y)
    np.testing.assert_allclose(found.factor[0], alone.factor, rtol=1e-12)
    assert found.factor.shape == (2, 2)


def test_bad_input():
    mlp = MLP((3, 4, 2), "tanh")
    params, x, y, *_ = problem(mlp)
    with pytest.raises(ValueError, match=r"y must have shape \(5, 2\)"):
        health(mlp, params, x, y[:, 0])
    with pytest.raises(ValueError, match="update must be like the parameters: params must have 2 layers"):
        health(mlp, params, x, y, update=params[:1])
    with pytest.raises(ValueError, match="no gradient passes"):
        health(MLP((3, 4, 2), "step"), params, x, y)


@pytest.mark.parametrize("name", SMOOTH)
def test_the_steepest_slope(name):
    f = SMOOTH[name]
    slopes = np.abs(jax.vmap(jax.grad(f.f))(np.linspace(-3, 3, 4000)))
    assert steepest(f) == pytest.approx(slopes.max(), rel=2e-3)
    assert slopes_at(f, np.zeros(3)).shape == (3,)
    assert jax.jit(lambda z: z * steepest(f))(1.0) == pytest.approx(steepest(f))


def test_a_penalty_counts_in_the_gradient_alone():
    mlp = MLP((3, 4, 2), "tanh")
    params, x, y, *_ = problem(mlp)
    plain, penalised = health(mlp, params, x, y), health(mlp, params, x, y, penalty=Penalty(l2=1.0))
    np.testing.assert_array_equal(plain.factor, penalised.factor)
    assert (penalised.gradient_norm != plain.gradient_norm).all()
