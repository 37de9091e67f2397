"""The singular values of the Jacobians: against `jax.jacobian`, where they are known, and at the edges."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support import SMOOTH, problem, relative_error

from mlpjax import MLP, forward, init
from mlpjax.diagnosis.spectrum import spectrum


def singular_values(jacobian):
    return np.linalg.svd(np.asarray(jacobian), compute_uv=False)


@pytest.mark.against_jax
@pytest.mark.parametrize("name", ["sigmoid", "tanh", "relu", "gelu", "sin"])
def test_against_jax_jacobian(name):
    """JACOBIAN: every layer's and the whole network's."""
    mlp = MLP((3, 5, 4, 2), SMOOTH[name])
    params, x, *_ = problem(mlp)
    found, trace = spectrum(mlp, params, x), forward(mlp, params, x)
    fs = [*(f.f for f in mlp.activations), lambda z: z]
    for row in range(len(x)):
        whole = jax.jacobian(lambda x: forward(mlp, params, x[None]).z[-1][0])(x[row])
        assert relative_error(found.whole[row], singular_values(whole)) <= 1e-13
        np.testing.assert_allclose(found.whole[row], singular_values(whole), rtol=1e-9, atol=1e-14)
        for l, (f, (W, b)) in enumerate(zip(fs, params, strict=True)):
            layer = jax.jacobian(lambda a, f=f, W=W, b=b: f(a @ W + b))(trace.a[l][row])
            assert relative_error(found.layers[l][row], singular_values(layer)) <= 1e-13
            np.testing.assert_allclose(found.layers[l][row], singular_values(layer), rtol=1e-9, atol=1e-14)


def test_orthogonal_linear_layers_keep_every_length():
    """JACOBIAN: all singular values are 1, however deep (INIT-orthogonal)."""
    mlp = MLP((5,) * 31, "identity")
    found = spectrum(mlp, init(mlp, jax.random.key(0), "orthogonal"), jnp.ones((2, 5)))
    np.testing.assert_allclose(found.whole, 1, rtol=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_the_largest_of_the_whole_is_at_most_the_product_and_the_product_of_all_the_determinant(seed):
    """JACOBIAN: ||AB|| <= ||A|| ||B||, and |det AB| = |det A| |det B|."""
    mlp = MLP((4, 4, 4, 4), "tanh")
    params, x, *_ = problem(mlp, seed=seed)
    found = spectrum(mlp, params, x)
    largest = np.prod([layer[:, 0] for layer in found.layers], axis=0)
    assert (found.whole[:, 0] <= largest).all()
    np.testing.assert_allclose(
        np.prod(found.whole, axis=1), np.prod([np.prod(l, axis=1) for l in found.layers], axis=0), rtol=1e-9
    )


def test_without_a_hidden_layer_and_of_wide_ones():
    mlp = MLP((3, 2))
    params, x, *_ = problem(mlp)
    found = spectrum(mlp, params, x)
    assert found.whole.shape == (5, 2)
    np.testing.assert_array_equal(found.whole, found.layers[0])
    np.testing.assert_allclose(found.whole[0], singular_values(params[0].W), rtol=1e-12)


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float32])
def test_in_every_dtype(dtype):
    mlp = MLP((3, 4, 2), "tanh")
    params, x, *_ = problem(mlp)
    found = spectrum(mlp, jax.tree.map(lambda leaf: leaf.astype(dtype), params), x)
    assert found.whole.dtype == jnp.float32
    np.testing.assert_allclose(found.whole, spectrum(mlp, params, x).whole, rtol=30 * float(jnp.finfo(dtype).eps))


def test_bad_input():
    mlp = MLP((3, 4, 2), "tanh")
    params, x, *_ = problem(mlp)
    with pytest.raises(ValueError, match=r"x must have shape \(n, 3\)"):
        spectrum(mlp, params, x[:, :2])
    with pytest.raises(ValueError, match="no gradient passes"):
        spectrum(MLP((3, 4, 2), "step"), params, x)
