"""Mean squares by layer: theory by quadrature against what random networks do, and the published factors."""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support import ACTIVATIONS

from mlpjax import MLP, Layer, activations, forward, init, initializers
from mlpjax.initializers import Initializer
from mlpjax.propagation import MeanSquares, Variances, drawn, expectation, expected, measured, moments

SEEDS = 8
OLD_UNIFORM = Initializer(
    "old_uniform",
    lambda key, shape, dtype: jax.random.uniform(key, shape, dtype, -(shape[0] ** -0.5), shape[0] ** -0.5),
)
"""What Glorot and Bengio 2010 call the commonly used heuristic: U(-1/sqrt(n), 1/sqrt(n))."""


@functools.partial(jax.jit, static_argnums=0)
def over_seeds(mlp, params) -> MeanSquares:
    """What random networks have on normal inputs of mean square 1, as the mean over the first axis, of seeds.

    The targets are so large that the last delta, 2 (z - y), hardly depends on the weights, as theory has it.
    """
    x, y = (jax.random.normal(jax.random.key(size), (32, size)) for size in (mlp.sizes[0], mlp.sizes[-1]))
    found = jax.vmap(lambda one: measured(mlp, one, x, 1e6 * y))(params)
    return jax.tree.map(lambda array: array.mean(axis=0), found)


@functools.partial(jax.jit, static_argnums=0)
def traces(mlp, params, x):
    """The forward pass of random networks, by seed."""
    return jax.vmap(lambda one: forward(mlp, one, x))(params)


def start(initializer, width: int, layers: int):
    """The parameters of networks with layers of one width, by seed: one vmapped draw, since 30 would take long to compile."""
    keys = jax.random.split(jax.random.key(0), (SEEDS, layers))
    W, b = jax.vmap(jax.vmap(lambda key: initializer.layer(key, width, width)))(keys)
    return tuple(Layer(W[:, l], b[:, l]) for l in range(layers))


def by_trapezoids(g, mean, variance):
    """E[g(z)] with 50,000 trapezoids on either side of z = 0."""
    spread = np.sqrt(variance)
    z = np.concatenate([np.linspace(mean - 12 * spread, 0, 50_001), np.linspace(0, mean + 12 * spread, 50_001)])
    density = np.exp(-0.5 * ((z - mean) / spread) ** 2) / (spread * np.sqrt(2 * np.pi))
    value = np.asarray(g(jnp.asarray(z))) * density
    return np.sum(np.diff(z) * (value[1:] + value[:-1]) / 2)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_expectations_are_the_integrals(name):
    """VARIANCE-moments: against the trapezoidal rule; and dE[f(z)]/dmean = E[f'(z)]."""
    f = ACTIVATIONS[name]
    tolerance = {"rtol": 4e-4 if name == "step" else 1e-7, "atol": 1e-8}  # one trapezoid spans the jump
    for mean, variance in ((0.0, 1.0), (0.7, 4.0), (-3.0, 0.25), (0.0, 30.0)):
        first = by_trapezoids(f, mean, variance)
        np.testing.assert_allclose(expectation(f, mean, variance), first, **tolerance)
        found = moments(f, mean, variance)
        np.testing.assert_array_equal(found.mean, expectation(f, mean, variance))
        np.testing.assert_allclose(found.variance, by_trapezoids(lambda z: f(z) ** 2, mean, variance) - first**2, **tolerance)
        if f.differentiable:
            secant = (expectation(f, mean + 1e-4, variance) - expectation(f, mean - 1e-4, variance)) / 2e-4
            slope = expectation(lambda z: f.df(z, f(z)), mean, variance)
            np.testing.assert_allclose(secant, slope, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("variance", [0.3, 1.0, 7.0])
def test_expectations_with_a_closed_form(variance):
    """VARIANCE-moments: even powers, rectifiers and the sine, to the last digits; and no spread at all."""
    for power, double_factorial in ((0, 1), (2, 1), (4, 3), (6, 15)):
        got = expectation(lambda z, power=power: z**power, variance=variance)
        np.testing.assert_allclose(got, double_factorial * variance ** (power / 2), rtol=1e-12)
    np.testing.assert_allclose(expectation(lambda z: activations.relu(z) ** 2, variance=variance), variance / 2, rtol=1e-12)
    np.testing.assert_allclose(
        expectation(lambda z: jnp.sin(z) ** 2, variance=variance), (1 - math.exp(-2 * variance)) / 2, rtol=1e-12
    )
    np.testing.assert_allclose(expectation(jnp.exp, 0.5, variance=variance), math.exp(0.5 + variance / 2), rtol=1e-9)
    np.testing.assert_allclose(expectation(jnp.exp, 0.5, variance=0.0), math.exp(0.5), rtol=1e-12)
    np.testing.assert_allclose(expectation(jnp.exp, 40.0, variance=1e-4), math.exp(40 + 0.5e-4), rtol=1e-9)


def selu_map(mean_and_variance):
    """One layer of weights whose sum is 0 and whose squares sum to 1, as LeCun's are on average."""
    _, variance = mean_and_variance
    return jnp.stack(moments(activations.selu, 0.0, variance))


def test_the_fixed_point_of_selu_attracts():
    """VARIANCE-moments: Klambauer et al. 2017: (0, 1), its Jacobian ((0, 0.088834), (0, 0.782648)), of spectral norm 0.7877."""
    fixed = jnp.array([0.0, 1.0])
    np.testing.assert_allclose(selu_map(fixed), fixed, atol=1e-12)
    jacobian = jax.jacobian(selu_map)(fixed)
    np.testing.assert_allclose(jacobian, [[0, 0.088834], [0, 0.782648]], atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(jacobian, 2), 0.7877, atol=5e-5)
    for start in ([0.1, 0.8], [-0.1, 1.5], [0.0, 0.01], [3.0, 16.0]):
        after = jax.lax.fori_loop(0, 150, lambda _, value: selu_map(value), jnp.array(start))
        np.testing.assert_allclose(after, fixed, atol=1e-9)


@pytest.mark.slow
def test_a_selu_network_comes_to_the_fixed_point():
    """VARIANCE-moments: 30 layers of 256 units, inputs three times too small or too large; within 0.1 over 8 seeds."""
    mlp = MLP((256,) * 31, "selu")
    x = jax.random.normal(jax.random.key(1), (32, 256))
    params = start(initializers.lecun_normal, 256, 30)
    for scale in (0.3, 1.0, 3.0):
        _, first, *_, last = traces(mlp, params, scale * x).a
        assert scale == 1 or abs(first.var() - 1) > 0.2
        np.testing.assert_allclose([last.mean(), last.var()], [0, 1], atol=0.1)


WIDE = (128,) * 6


@functools.cache
def drawn_by_every_initialiser():
    """Parameters by initialiser and seed, and their variances by initialiser."""
    each = [start(record, WIDE[0], len(WIDE) - 1) for record in initializers.RECORDS.values()]
    params = jax.tree.map(lambda *arrays: jnp.stack(arrays), *each)
    variances = jax.vmap(jax.vmap(drawn))(params)
    return params, jax.tree.map(lambda array: array.mean(axis=1), variances)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["identity", "relu", "tanh", "sigmoid", "selu", "gelu", "sin"])
def test_what_every_initialiser_preserves(name):
    """VARIANCE-forward VARIANCE-backward: five layers of 128 units, 8 seeds: measured within 20 % of theory."""
    mlp = MLP(WIDE, ACTIVATIONS[name])
    params, variances = drawn_by_every_initialiser()
    found = jax.vmap(lambda one: over_seeds(mlp, one))(params)
    theory = jax.vmap(lambda one, last: expected(mlp, one, 1.0, last))(variances, found.delta[:, -1])
    for l, initializer in enumerate(initializers.RECORDS):
        np.testing.assert_allclose(found.z[l], theory.z[l], rtol=0.2, err_msg=f"{initializer}, forward")
        np.testing.assert_allclose(found.delta[l], theory.delta[l], rtol=0.2, err_msg=f"{initializer}, backward")


@pytest.mark.slow
def test_widths_and_biases_that_differ():
    """VARIANCE-forward VARIANCE-backward: every factor has its own width, variance and activation; within 10 % over 40 seeds."""
    mlp = MLP((300, 100, 400, 150, 200), ("tanh", "relu", "sigmoid"))
    v, c = jnp.array([0.01, 0.002, 0.005, 0.02]), jnp.array([0.5, 0.0, 2.0, 1.0])

    def draw(key):
        keys = iter(jax.random.split(key, 8))
        fans = zip(mlp.sizes[:-1], mlp.sizes[1:], strict=True)
        return tuple(
            Layer(
                jnp.sqrt(v[l]) * jax.random.normal(next(keys), shape), jnp.sqrt(c[l]) * jax.random.normal(next(keys), shape[1:])
            )
            for l, shape in enumerate(fans)
        )

    params = jax.jit(jax.vmap(draw))(jax.random.split(jax.random.key(1), 40))
    found = over_seeds(mlp, params)
    theory = expected(mlp, Variances(v, c), delta_mean_square=found.delta[-1])
    np.testing.assert_allclose(found.z, theory.z, rtol=0.1)
    np.testing.assert_allclose(found.delta, theory.delta, rtol=0.1)


def test_measured_is_the_definition():
    """VARIANCE-forward VARIANCE-backward: against the forward pass, and against jax.grad with respect to what is added to z."""
    mlp = MLP((3, 4, 5, 2), ("tanh", "gelu"))
    params = init(mlp, jax.random.key(0), "nielsen")
    x, y = jax.random.normal(jax.random.key(1), (7, 3)), jax.random.normal(jax.random.key(2), (7, 2))

    def value(shifts):
        a = x
        for f, (W, b), shift in zip((activations.identity, *mlp.activations), params, shifts, strict=True):
            a = f(a) @ W + b + shift
        return jnp.mean(mlp.loss.value(a, y))

    found = measured(mlp, params, x, y)
    z = forward(mlp, params, x).z
    np.testing.assert_allclose(found.z, [jnp.mean(one**2) for one in z], rtol=1e-12)
    gradient = jax.grad(value)([jnp.zeros_like(one) for one in z])
    np.testing.assert_allclose(found.delta, [jnp.mean(one**2) for one in gradient], rtol=1e-12)


def test_one_layer_and_narrow_types():
    """VARIANCE-forward VARIANCE-backward: no hidden layer, one number for all; float16 does not overflow in the squares."""
    found = expected(MLP((5, 2)), Variances(0.1, 2.0), x_mean_square=3.0, delta_mean_square=7.0)
    np.testing.assert_allclose(found.z, [5 * 0.1 * 3 + 2])
    np.testing.assert_allclose(found.delta, [7])
    params = (Layer(jnp.full((1, 1), 300, jnp.float16), jnp.zeros(1, jnp.float16)),)
    assert measured(MLP((1, 1)), params, jnp.ones((1, 1)), jnp.zeros((1, 1))).z == 90_000
    assert drawn(params).weights == 90_000


@pytest.mark.slow
@pytest.mark.parametrize(("name", "factor"), [("he_normal", 1.0), ("glorot_normal", 0.5)])
def test_he_s_thirty_layers(name, factor):
    """VARIANCE-forward: He et al. 2015: through 30 rectifiers Xavier's start shrinks the mean square to (1/2)^30 = 9.3e-10.

    Theory to 1e-10; 256 units and 8 seeds: the factor a layer within 2 %, that is 30 layers within a factor of 1.8.
    """
    mlp = MLP((256,) * 32, "relu")
    theory = expected(mlp, Variances(2 * factor / 256)).z
    np.testing.assert_allclose(theory[30] / theory[0], factor**30, rtol=1e-10)
    first, *_, last = traces(mlp, start(initializers.named(name), 256, 31), jax.random.normal(jax.random.key(1), (32, 256))).z
    np.testing.assert_allclose((jnp.mean(last**2) / jnp.mean(first**2)) ** (1 / 30), factor, rtol=0.02)


def test_glorot_s_third():
    """VARIANCE-backward: Glorot and Bengio 2010: U(-1/sqrt(n), 1/sqrt(n)) leaves a third of it a linear layer, within 2 %."""
    mlp = MLP((256,) * 7, "identity")
    theory = expected(mlp, Variances(1 / (3 * 256))).delta
    np.testing.assert_allclose(theory, 3.0 ** np.arange(-5, 1), rtol=1e-12)
    delta = over_seeds(mlp, start(OLD_UNIFORM, 256, 6)).delta
    np.testing.assert_allclose((delta[0] / delta[-1]) ** (1 / 5), 1 / 3, rtol=0.02)


@pytest.mark.parametrize("call", [
    lambda mlp: expected(mlp, Variances(jnp.ones(3))),
    lambda mlp: expected(mlp, Variances(1.0, jnp.ones((2, 1)))),
])  # fmt: skip
def test_a_wrong_number_of_variances_is_refused(call):
    with pytest.raises(ValueError, match=r"one number, or 2 for the layers of \(3, 4, 2\); got \("):
        call(MLP((3, 4, 2)))


def test_an_activation_without_a_slope_is_refused():
    with pytest.raises(ValueError, match="hidden layer 1 has the activation 'step'"):
        expected(MLP((3, 4, 2), "step"), Variances(1.0))
