"""Gauss-Newton and Fisher matrices, their diagonals and factors, against Jacobians and Hessians by JAX."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree
from support import LOSSES, SMOOTH, normal_like, problem, quick, relative_error

from mlpjax import MLP, Penalty, forward
from mlpjax.gradients import (
    dense,
    empirical_fisher_vector_product,
    fisher_vector_product,
    ggn_diagonal,
    ggnvp,
    hessian,
    hvp,
    jvp,
    kfac_factors,
)
from mlpjax.network import shares

LIKELIHOODS = [name for name, record in LOSSES.items() if record.likelihood]


def jacobian(mlp, params, x):
    """J, shape (n, k, p), by JAX."""
    flat, unravel = ravel_pytree(params)
    return jax.jacfwd(lambda p: forward(mlp, unravel(p), x).z[-1])(flat)


def by_jax(mlp, params, x, y, weights, middle):
    """sum_i share_i J_i^T M_i J_i, with M_i = middle(z_i, y_i)."""
    J, z = jacobian(mlp, params, x), forward(mlp, params, x).z[-1]
    M = jnp.stack([middle(one, of) for one, of in zip(z, y, strict=True)])
    return jnp.einsum("n,nkp,nkl,nlq->pq", shares(weights, len(x), x.dtype), J, M, J)


def curvature(loss):
    return jax.hessian(lambda z, y: loss.value(z[None], y[None])[0])


@pytest.mark.against_jax
@pytest.mark.parametrize("name", LOSSES)
def test_product_and_diagonal_for_every_loss(name):
    """GGN-product GGN-diagonal: J^T H J by JAX, with weights and penalty."""
    mlp = MLP((2, 3, 3, 2), ("silu", "relu"), LOSSES[name])
    params, x, y, weights, penalty = problem(mlp)
    weighed = ravel_pytree(jax.tree.map(lambda p: jnp.full_like(p, p.ndim - 1), params))[0]
    with jax.disable_jit():
        G = by_jax(mlp, params, x, y, weights, curvature(mlp.loss)) + jnp.diag(2 * penalty.l2 * weighed)
        options = {"weights": weights, "penalty": penalty}
        v = normal_like(params)
        assert relative_error(ravel_pytree(ggnvp(mlp, params, x, y, v, **options))[0], G @ ravel_pytree(v)[0]) <= 1e-10
        assert relative_error(ravel_pytree(ggn_diagonal(mlp, params, x, y, **options))[0], jnp.diag(G)) <= 1e-10


@pytest.mark.parametrize("name", SMOOTH)
def test_product_and_diagonal_for_every_activation(name):
    """GGN-product GGN-diagonal"""
    mlp = MLP((2, 3, 3, 2), SMOOTH[name], "softmax_cross_entropy_with_integer_labels")
    params, x, y, _, _ = problem(mlp)
    v = normal_like(params)
    with jax.disable_jit():
        G = by_jax(mlp, params, x, y, None, curvature(mlp.loss))
        assert relative_error(ravel_pytree(ggnvp(mlp, params, x, y, v))[0], G @ ravel_pytree(v)[0]) <= 1e-10
        assert relative_error(ravel_pytree(ggn_diagonal(mlp, params, x, y))[0], jnp.diag(G)) <= 1e-10


def test_it_is_the_hessian_where_the_network_is_linear_or_fits():
    """GGN-product: D = 1; and deltas that are 0. Elsewhere it is positive semidefinite, and the Hessian is not."""
    linear = MLP((3, 2), loss="softmax_cross_entropy")
    params, x, y, weights, penalty = problem(linear)
    G = dense(lambda v: ggnvp(linear, params, x, y, v, weights=weights, penalty=penalty), params)
    assert relative_error(G, hessian(linear, params, x, y, weights=weights, penalty=penalty)) <= 1e-10
    deep = MLP((3, 4, 2), "tanh")
    params, x, y, _, _ = problem(deep)
    fits = forward(deep, params, x).z[-1]
    assert relative_error(dense(lambda v: ggnvp(deep, params, x, fits, v), params), hessian(deep, params, x, fits)) <= 1e-10
    assert jnp.linalg.eigvalsh(dense(lambda v: ggnvp(deep, params, x, y, v), params)).min() > -1e-13
    assert jnp.linalg.eigvalsh(hessian(deep, params, x, y)).min() < -1e-3


def drawn(name, mean):
    """The targets of one output that a likelihood of this mean draws, and their chances; two do for a normal one."""
    if name == "poisson_loss":
        return jnp.arange(80.0), jax.scipy.stats.poisson.pmf(jnp.arange(80), mean)
    if name == "sigmoid_binary_cross_entropy":
        return jnp.arange(2.0), jnp.array([1 - mean, mean])
    spread = 1.0 if name == "l2_loss" else 0.5**0.5
    return mean + jnp.array([-spread, spread]), jnp.full(2, 0.5)


def information(name, z):
    """E[delta delta^T], a sum over the targets."""
    loss, k = LOSSES[name], len(z)
    mean = loss.inverse_link(z[None])[0]
    if name.startswith("softmax"):
        ys = jnp.arange(k) if loss.target.labels else jnp.eye(k)
        deltas = loss.delta(jnp.broadcast_to(z, (k, k)), ys)
        return jnp.einsum("y,yi,yj->ij", mean, deltas, deltas)
    of_outputs = []
    for c in range(k):
        ys, chances = drawn(name, mean[c])
        deltas = loss.delta(jnp.full((len(ys), 1), z[c]), ys[:, None])[:, 0]
        np.testing.assert_allclose(chances @ deltas, 0, atol=1e-12)
        of_outputs.append(chances @ deltas**2)
    return jnp.diag(jnp.stack(of_outputs))


@pytest.mark.against_jax
@pytest.mark.parametrize("name", LIKELIHOODS)
def test_fisher_is_the_expectation_over_the_model_s_own_targets(name):
    """FISHER: J^T E[delta delta^T] J, with J by JAX."""
    mlp = MLP((2, 3, 2), "tanh", LOSSES[name])
    params, x, y, weights, _ = problem(mlp)
    v = normal_like(params)
    with jax.disable_jit():
        F = by_jax(mlp, params, x, y, weights, lambda z, y: information(name, z))
        got = fisher_vector_product(mlp, params, x, v, weights=weights)
        assert relative_error(ravel_pytree(got)[0], F @ ravel_pytree(v)[0]) <= 1e-10


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_fisher_is_the_gauss_newton_matrix_but_for_an_activated_output(name):
    """FISHER"""
    mlp = MLP((2, 3, 2), "tanh", LOSSES[name])
    params, x, y, weights, _ = problem(mlp)
    v = normal_like(params)
    fisher = fisher_vector_product(mlp, params, x, v, weights=weights)
    distance = relative_error(fisher, ggnvp(mlp, params, x, y, v, weights=weights))
    assert distance > 1e-2 if "@" in name else distance <= 1e-12


def test_seven_losses_are_likelihoods():
    assert len(LIKELIHOODS) == 7
    assert {"squared_error", "squared_error@sigmoid", "softmax_cross_entropy_with_integer_labels"} <= set(LIKELIHOODS)


@pytest.mark.parametrize("name", quick(["squared_error", "hinge_loss"], "squared_error"))
def test_empirical_fisher_is_the_second_moment_of_the_gradients(name):
    """FISHER: with the given targets, for any loss; of rank one for one example."""
    mlp = MLP((2, 3, 2), "tanh", LOSSES[name])
    params, x, y, weights, _ = problem(mlp)

    def outer(z, y):
        delta = mlp.loss.delta(z[None], y[None])[0]
        return jnp.outer(delta, delta)

    expected = by_jax(mlp, params, x, y, weights, outer)
    got = dense(lambda v: empirical_fisher_vector_product(mlp, params, x, y, v, weights=weights), params)
    assert relative_error(got, expected) <= 1e-10
    one = dense(lambda v: empirical_fisher_vector_product(mlp, params, x[:1], y[:1], v), params)
    assert jnp.linalg.matrix_rank(one, rtol=1e-10) <= 1


def blocks(mlp, params, G):
    """The diagonal block of each layer."""
    ends = np.cumsum([layer.W.size + layer.b.size for layer in params])
    return [G[end - size : end, end - size : end] for end, size in zip(ends, np.diff(ends, prepend=0), strict=True)]


@pytest.mark.against_jax
@pytest.mark.parametrize("name", quick(["softmax_cross_entropy", "poisson_loss"], "softmax_cross_entropy"))
def test_factors_make_the_block_of_one_example(name):
    """KFAC: A ⊗ Delta is the block exactly; and for many examples Delta is the mean of theirs, A too."""
    mlp = MLP((2, 3, 2), "tanh", LOSSES[name])
    params, x, y, weights, _ = problem(mlp)
    factors = kfac_factors(mlp, params, x[:1], y[:1])
    G = by_jax(mlp, params, x[:1], y[:1], None, curvature(mlp.loss))
    for (A, Delta), block in zip(factors, blocks(mlp, params, G), strict=True):
        assert relative_error(jnp.kron(A, Delta), block) <= 1e-10
    ones = [kfac_factors(mlp, params, x[i : i + 1], y[i : i + 1]) for i in range(len(x))]
    share = weights / weights.sum()
    means = jax.tree.map(lambda *each: jnp.tensordot(share, jnp.stack(each), 1), *ones)
    assert relative_error(kfac_factors(mlp, params, x, y, weights=weights), means) <= 1e-12


def test_factors_are_exact_for_linear_regression():
    """KFAC: D = 1 and H = 2 I. The factors are symmetric; the corner of A is 1."""
    mlp = MLP((3, 2))
    params, x, y, weights, _ = problem(mlp)
    ((A, Delta),) = kfac_factors(mlp, params, x, y, weights=weights)
    G = dense(lambda v: ggnvp(mlp, params, x, y, v, weights=weights), params)
    assert relative_error(jnp.kron(A, Delta), G) <= 1e-12
    np.testing.assert_allclose(A[-1, -1], 1, rtol=1e-14)
    np.testing.assert_allclose(Delta, 2 * np.eye(2), atol=1e-14)


def test_the_diagonal_is_that_of_the_whole_matrix():
    """GGN-diagonal: the penalty adds 2 l2 to weights alone; one output; compiled and in float32."""
    mlp = MLP((3, 4, 1), "gelu", "sigmoid_binary_cross_entropy")
    params, x, y, _, _ = problem(mlp, dtype=jnp.float32)
    penalty = Penalty(l1=1.0, l2=0.5)
    got = ggn_diagonal(mlp, params, x, y, penalty=penalty)
    whole = dense(lambda v: ggnvp(mlp, params, x, y, v, penalty=penalty), params)
    assert got[0].W.dtype == jnp.float32
    assert relative_error(ravel_pytree(got)[0], jnp.diag(whole)) <= 1e-5


@pytest.mark.slow
def test_under_vmap_and_in_low_precision():
    mlp = MLP((2, 3, 2), "relu", "softmax_cross_entropy_with_integer_labels")
    params, x, y, weights, _ = problem(mlp)
    many = jax.tree.map(lambda p: jnp.stack([p, 2 * p]), params)
    low = jax.tree.map(lambda p: p.astype(jnp.bfloat16), params)
    with jax.disable_jit():
        for function in (ggn_diagonal, kfac_factors):
            batched = jax.vmap(lambda p, function=function: function(mlp, p, x, y, weights=weights))(many)
            assert relative_error(jax.tree.map(lambda a: a[0], batched), function(mlp, params, x, y, weights=weights)) <= 1e-12
        results = ggn_diagonal(mlp, low, x, y), kfac_factors(mlp, low, x, y), fisher_vector_product(mlp, low, x, low)
    assert {leaf.dtype for leaf in jax.tree.leaves(results)} == {jnp.dtype(jnp.bfloat16)}


def test_bad_input():
    mlp = MLP((3, 2), loss="hinge_loss")
    params, x, y, _, _ = problem(mlp)
    with pytest.raises(ValueError, match="hinge_loss is not the negative log-likelihood of an exponential family"):
        fisher_vector_product(mlp, params, x, params)
    with pytest.raises(ValueError, match="the shapes of the parameters"):
        fisher_vector_product(MLP((3, 2)), params, x, params + params)
    with pytest.raises(ValueError, match="weights must have shape"):
        fisher_vector_product(MLP((3, 2)), params, x, params, weights=jnp.ones(2))
    with pytest.raises(ValueError, match="whose slope is 0"):
        ggn_diagonal(MLP((2, 3, 1), "step"), params, x, y)


MANY = {
    "hvp": lambda mlp, params, x, y, v: hvp(mlp, params, x, y, v)[2],
    "ggnvp": ggnvp,
    "fisher_vector_product": lambda mlp, params, x, y, v: fisher_vector_product(mlp, params, x, v),
    "empirical_fisher_vector_product": empirical_fisher_vector_product,
    "jvp": lambda mlp, params, x, y, v: jvp(mlp, params, x, y, v)[1],
}


@pytest.mark.parametrize("loss", quick(["softmax_cross_entropy", "squared_error"], "softmax_cross_entropy"))
@pytest.mark.parametrize("name", MANY)
def test_many_directions_at_once_in_single_precision(name, loss):
    """XLA has fused sums over the outputs into wrong numbers, from 16 directions and 256 examples on."""
    mlp = MLP((8, 16, 10), "tanh", LOSSES[loss])
    params, x, y, _, _ = problem(mlp, n=256)
    vs = normal_like(params, many=(32,))

    def products(params, x, y, vs):
        return jax.vmap(lambda v: MANY[name](mlp, params, x, y, v))(vs)

    given = params, x, y, vs
    single = jax.tree.map(lambda leaf: leaf.astype(jnp.float32), given)
    got, expected = (ravel_pytree(f(*g))[0] for f, g in ((jax.jit(products), single), (products, given)))
    assert jnp.linalg.norm(got - expected) <= 1e-5 * jnp.linalg.norm(expected)
