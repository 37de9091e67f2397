"""What penalties and stopping early do: paths against independent solvers, and the lecture's claims over draws of data."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from sklearn.linear_model import Lasso
from support import relative_error

from mlpjax import MLP, Layer, Penalty, backprop, fit, init, losses, penalties
from mlpjax.data import bundled
from mlpjax.experiments.regularization import early_stopping_path, regularization_path
from mlpjax.experiments.shrinkage import equivalent_l2, penalty_factor, stopping_factor, subgradient_band

LINEAR = MLP((10, 1))
L1 = jnp.array([0.02, 0.2, 0.5])
KEY = jax.random.key(0)


@functools.cache
def diabetes():
    data = bundled("diabetes")
    return (data.x_train, data.y_train), (data.x_test, data.y_test)


def linear_path(**options):
    train, test = diabetes()
    return regularization_path(LINEAR, KEY, *train, test, learning_rate=0.2, **options)


def test_the_l1_path_of_a_linear_model_is_the_lasso_s():
    """PENALTY-proximal: the same coefficients as scikit-learn's coordinate descent, and zeros in the same places."""
    x, y = diabetes()[0]
    path = linear_path(penalty=Penalty(l1=L1), epochs=8000)
    for l1, W, b in zip(L1, *path.params[0], strict=True):
        lasso = Lasso(alpha=float(l1) / 2, tol=1e-12, max_iter=100_000).fit(x, y[:, 0])
        np.testing.assert_allclose(W[:, 0], lasso.coef_, atol=1e-6)
        np.testing.assert_allclose(b[0], lasso.intercept_, atol=1e-6)
        np.testing.assert_array_equal(W[:, 0] == 0, lasso.coef_ == 0)
    assert 0 < path.sparsity[0] < path.sparsity[1] < path.sparsity[2] < 1


@pytest.mark.parametrize("method", ["proximal", "subgradient"])
def test_the_l2_path_of_a_linear_model_is_ridge_regression_s(method):
    x, y = (array - array.mean(axis=0) for array in diabetes()[0])
    path = linear_path(penalty=Penalty(l2=jnp.array([0.1, 0.5])), method=method, epochs=2000)
    for l2, W in zip(path.penalty.l2, path.params[0].W, strict=True):
        ridge = np.linalg.solve(x.T @ x / len(x) + float(l2) * np.eye(10), x.T @ y / len(x))
        np.testing.assert_allclose(W, ridge, atol=1e-8)
    assert not path.sparsity.any()


def test_one_vmapped_call_is_what_fit_does_one_by_one():
    """PENALTY-proximal: traced strengths under vmap, in mini-batches, with both penalties; and what the record says of it."""
    train, test = diabetes()
    mlp, strengths = MLP((10, 4, 1), "tanh"), Penalty(jnp.array([0.0, 0.05]), jnp.array([0.1, 0.02]))
    path = regularization_path(mlp, KEY, *train, test, strengths, learning_rate=0.05, epochs=5, batch_size=100)
    of_params, of_order = jax.random.split(KEY)
    penalty = Penalty(float(strengths.l1[1]), float(strengths.l2[1]))
    optimizer = optax.chain(optax.sgd(0.05), penalties.proximal(penalty, 0.05))
    params, options = init(mlp, of_params), {"epochs": 5, "batch_size": 100, "validation": test}
    state, history = fit(mlp, params, *train, key=of_order, optimizer=optimizer, **options)
    assert history.best_epoch == 5
    assert relative_error(jax.tree.map(lambda leaf: leaf[1], path.params), state.params) <= 1e-12
    np.testing.assert_allclose(path.held_out_loss[1], history.validation_loss[-1], rtol=1e-12)
    np.testing.assert_allclose(path.held_out_score[1], history.validation_score[-1], rtol=1e-12)
    weights = np.concatenate([W.ravel() for W, _ in state.params])
    np.testing.assert_allclose(path.weight_norm[1], np.linalg.norm(weights), rtol=1e-12)
    np.testing.assert_allclose(path.smallest[1], np.abs(weights).min(), rtol=1e-12)
    assert path.sparsity[1] == np.mean(weights == 0)


@pytest.mark.slow
def test_a_subgradient_never_makes_a_weight_zero():
    """LINEAR-subgradient: what the proximal step makes exactly 0 goes to and fro within the band, over ten starts."""
    train, test = diabetes()
    rate, keys = 0.05, jax.random.split(KEY, 10)

    @functools.partial(jax.jit, static_argnames="method")
    def paths(method):
        options = {"penalty": Penalty(l1=L1), "learning_rate": rate, "epochs": 3000, "method": method}
        return jax.vmap(lambda key: regularization_path(LINEAR, key, *train, test, **options))(keys)

    exact, hovering = paths("proximal"), paths("subgradient")
    assert (exact.sparsity.mean(axis=0) >= jnp.array([0.05, 0.5, 0.7])).all()
    assert not hovering.sparsity.any()
    assert (hovering.smallest > 0).all()
    zero = exact.params[0].W == 0
    assert (jnp.abs(hovering.params[0].W) <= 2 * rate * L1[:, None, None])[zero].all()
    np.testing.assert_allclose(hovering.loss, exact.loss, rtol=0.05)


def slope_of_one_weight(w, l1, slope):
    """The gradient by backprop in the weight of a neuron whose loss |z - y| has a constant slope in it."""
    mlp = MLP((1, 1), loss=losses.absolute_error)
    _, gradient = backprop(
        mlp, (Layer(w[None, None], jnp.zeros(1)),), jnp.array([[-slope]]), jnp.array([[1e6]]), penalty=Penalty(l1=l1)
    )
    return gradient[0].W[0, 0]


@pytest.mark.parametrize("slope", [-0.31416, 0.0, 0.1237, 0.487])
def test_the_band_of_a_subgradient(slope):
    """LINEAR-subgradient: a weight stays inside, goes everywhere, and has the size eta (l1² + slope²) / 2 l1 on average."""
    l1, rate = 0.5, 0.2
    low, high = subgradient_band(l1, rate, slope)

    def step(w, _):
        w = w - rate * slope_of_one_weight(w, l1, slope)
        return w, w

    _, orbit = jax.lax.scan(step, jnp.array(1.2345678), length=3000)
    settled = orbit[1000:]
    assert low - 1e-12 <= settled.min() <= settled.max() <= high + 1e-12
    assert (settled != 0).all()
    assert {-1.0, 1.0} == set(jnp.sign(settled).tolist())
    if slope == 0:
        np.testing.assert_allclose(jnp.abs(settled[:-1]) + jnp.abs(settled[1:]), rate * l1, rtol=1e-9)
        np.testing.assert_allclose(jnp.abs(settled).mean(), rate * l1 / 2, rtol=1e-9)
    else:
        np.testing.assert_allclose(settled.max() - settled.min(), high - low, rtol=0.05)
        np.testing.assert_allclose(jnp.abs(settled).mean(), rate * (l1**2 + slope**2) / (2 * l1), rtol=0.02)


def test_a_weight_that_the_loss_pulls_harder_than_the_penalty_leaves_the_band():
    """LINEAR-subgradient: its edge, a slope as large as l1, where one end of the band is 0."""
    assert subgradient_band(0.5, 0.2, 0.5) == (-0.2, 0.0)
    assert subgradient_band(0.0, 0.2, 0.0) == (0.0, 0.0)


def test_mini_batches_take_several_steps_an_epoch():
    """LINEAR-early_stopping: three steps for five examples in pairs."""
    x, y = jnp.ones((5, 3)), jnp.ones((5, 1))
    path = early_stopping_path(MLP((3, 1)), KEY, x, y, (x, y), learning_rate=0.1, epochs=2, batch_size=2)
    np.testing.assert_allclose(path.penalty.l2, [1 / 0.6, 1 / 1.2], rtol=1e-12)


CURVATURE = np.logspace(-6, 0, 200)


def test_gradient_descent_stopped_early_in_a_linear_model():
    """LINEAR-early_stopping: definition, the factor times the minimum in every eigenvector of X'X, along the whole path."""
    (x, y), test = diabetes()
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)
    path = early_stopping_path(LINEAR, KEY, x, y, test, initializer="zeros", learning_rate=0.1, epochs=300)
    curvature, basis = np.linalg.eigh(2 * x.T @ x / len(x))
    minimum = basis.T @ np.linalg.lstsq(x, y)[0]
    for steps in (1, 2, 10, 300):
        expected = basis @ (stopping_factor(curvature, 0.1, steps)[:, None] * minimum)
        np.testing.assert_allclose(path.params[0].W[steps - 1], expected, atol=1e-11)
        np.testing.assert_allclose(path.penalty.l2[steps - 1], equivalent_l2(0.1, steps), rtol=1e-14)
        l2 = float(path.penalty.l2[steps - 1])
        ridge = np.linalg.solve(x.T @ x / len(x) + l2 * np.eye(10), x.T @ y / len(x))
        np.testing.assert_allclose(basis @ (penalty_factor(curvature, l2)[:, None] * minimum), ridge, atol=1e-11)


@pytest.mark.parametrize("steps", [1, 2, 5, 100, 10_000])
def test_stopping_and_penalty_shrink_nearly_alike(steps):
    """LINEAR-early_stopping: invariant, 1 <= ratio < 2 up to eta h = 1; below 1.2985 where eta h is small; 1 at either end."""
    small = CURVATURE[CURVATURE <= 1e-3]
    for h, bound in ((CURVATURE[:-1], 2), (small, 1.2985)):
        ratio = stopping_factor(h, 1.0, steps) / penalty_factor(h, equivalent_l2(1.0, steps))
        assert (ratio >= 1 - 1e-9).all()
        assert (ratio < bound).all()
    flat = stopping_factor(1e-9, 1.0, steps) / penalty_factor(1e-9, equivalent_l2(1.0, steps))
    np.testing.assert_allclose(flat, 1, atol=2e-5)


def test_a_step_of_one_over_the_curvature_is_at_the_minimum_at_once():
    """LINEAR-early_stopping: edges, eta h = 1 and no curvature at all."""
    assert stopping_factor(2.0, 0.5, 1) == 1.0
    assert stopping_factor(0.0, 0.5, 10) == penalty_factor(0.0, 0.1) == 0.0


GRID = jnp.array([0.0, 0.005, 0.02, 0.08, 0.32])


@functools.cache
def overfitted():
    """Paths on 40 patients drawn four times from 353, with a network of 193 parameters: L2, L1, and stopping early."""
    (x, y), test = diabetes()
    rows = np.stack([np.random.default_rng(seed).permutation(len(x))[:40] for seed in range(4)])
    options = {"learning_rate": 0.05, "epochs": 2000}
    mlp = MLP((10, 16, 1), "tanh")

    @jax.jit
    @jax.vmap
    def paths(key, x, y):
        l2, l1 = (
            regularization_path(mlp, key, x, y, test, penalty, **options) for penalty in (Penalty(l2=GRID), Penalty(l1=GRID))
        )
        return l2, l1, early_stopping_path(mlp, key, x, y, test, **options)

    return paths(jax.random.split(KEY, 4), jnp.asarray(x[rows]), jnp.asarray(y[rows]))


@pytest.mark.slow
def test_a_larger_penalty_overfits_less():
    """The lecture, section 13: the gap between held-out and training loss falls along the path, to a third on average."""
    for path in overfitted()[:2]:
        gap = path.gap.mean(axis=0)
        assert (jnp.diff(gap) < 0).all()
        assert gap[-1] < gap[0] / 3
        assert (path.gap[:, -1] < path.gap[:, 0] / 2).all()
        assert (jnp.diff(path.loss, axis=1) > -1e-3).all()


@pytest.mark.slow
def test_l1_makes_more_weights_zero_the_larger_it_is():
    """The lecture, section 13: sparsity."""
    l2, l1, _ = overfitted()
    assert not l2.sparsity.any()
    assert (jnp.diff(l1.sparsity, axis=1) > 0).all()
    assert (l1.sparsity[:, 2] > 0.7).all()


@pytest.mark.slow
def test_penalties_and_stopping_early_cure_overfitting_alike():
    """Each takes a third off the held-out loss on average and a tenth in every draw; their best ones are within a fifth."""
    l2, l1, stopped = overfitted()
    none = l2.held_out_loss[:, 0]
    np.testing.assert_allclose(stopped.held_out_loss[:, -1], none, rtol=1e-12)
    best = {name: path.held_out_loss.min(axis=1) for name, path in {"l2": l2, "l1": l1, "stopped": stopped}.items()}
    for values in best.values():
        assert values.mean() < 2 / 3 * none.mean()
        assert (values < 0.9 * none).all()
    np.testing.assert_allclose(best["stopped"].mean(), best["l2"].mean(), rtol=0.2)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"method": "proximall"}, "did you mean 'proximal'"),
        ({"penalty": Penalty(l1=0.1)}, "one array of strengths"),
        ({"penalty": Penalty(jnp.ones((2, 2)))}, r"got shapes \(2, 2\) and \(\)"),
        ({"penalty": Penalty(jnp.ones(2), jnp.ones(3))}, r"got shapes \(2,\) and \(3,\)"),
        ({"epochs": 0}, "epochs must be 1 or more"),
        ({"batch_size": 6}, "batch_size must be from 1 to 5"),
        ({"held_out": (jnp.ones((5, 2)), jnp.ones((5, 1)))}, "x must have shape"),
        ({"held_out": (jnp.ones((5, 3)), jnp.ones(5))}, "y must have shape"),
    ],
)
def test_what_cannot_be_done_is_said(changed, message):
    x, y = jnp.ones((5, 3)), jnp.ones((5, 1))
    options = {"held_out": (x, y), "penalty": Penalty(l1=jnp.ones(2)), "epochs": 1} | changed
    with pytest.raises(ValueError, match=message):
        regularization_path(MLP((3, 1)), KEY, x, y, **options)
