"""How large pre-activations and deltas are, layer by layer: what theory expects of a random start, and what is there.

>>> import jax
>>> from mlpjax import MLP, init
>>> mlp = MLP((500,) * 6, "tanh")
>>> keys = jax.random.split(jax.random.key(0), 3)
>>> x, y = jax.random.normal(keys[0], (50, 500)), jax.random.normal(keys[1], (50, 500))
>>> params = init(mlp, keys[2])
>>> found, theory = measured(mlp, params, x, y), expected(mlp, drawn(params))
>>> abs(found.z[-1] / theory.z[-1] - 1).item() < 0.1
True
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from mlpjax.activations import Activation
from mlpjax.gradients.backprop import deltas
from mlpjax.gradients.method import check_differentiable
from mlpjax.gradients.norms import wide
from mlpjax.network import MLP, compiled, forward
from mlpjax.propagation.moments import expectation
from mlpjax.types import Data, Params, Scalar


class Variances(NamedTuple):
    """How weights and biases of mean 0 are drawn: one number, or one for each layer."""

    weights: float | Float[Array, ""] | Float[Array, " layers"]
    biases: float | Float[Array, ""] | Float[Array, " layers"] = 0.0


class MeanSquares(NamedTuple):
    """The mean square of pre-activations and deltas, layer by layer.

    Attributes:
        z: of `z[l]`, over its units and the examples.
        delta: of `delta[l] = dL/dz[l]`, likewise.
    """

    z: Float[Array, " layers"]
    delta: Float[Array, " layers"]


@jax.jit
def drawn(params: Params) -> Variances:
    """The mean square of each layer's weights and of its biases: the variances they were drawn with, as near as they tell.

    >>> from mlpjax import init
    >>> found = drawn(init(MLP((400, 400, 1)), jax.random.key(0), "he_normal"))
    >>> round(200 * found.weights[0].item(), 1), found.biases.tolist()
    (1.0, [0.0, 0.0])
    """
    return Variances(*(jnp.stack([_mean_square(array) for array in arrays]) for arrays in zip(*params, strict=True)))


def _mean_square(array: jax.Array) -> Scalar:
    return jnp.mean(jnp.square(wide(array)))


@compiled
def expected(
    mlp: MLP, variances: Variances, x_mean_square: float | Scalar = 1.0, delta_mean_square: float | Scalar = 1.0
) -> MeanSquares:
    """What wide layers make of a random start, forward (VARIANCE-forward) and backward (VARIANCE-backward).

    With q[l] and p[l] for the mean squares of z[l] and delta[l], d[l] inputs and variances v[l] and c[l] of weights and biases,

    - `q[0] = d[0] v[0] E[x^2] + c[0]` and `q[l + 1] = d[l + 1] v[l + 1] E[f(sqrt(q[l]) Z)^2] + c[l + 1]`
    - `p[l - 1] = d[l + 1] v[l] E[f'(sqrt(q[l - 1]) Z)^2] p[l]`

    where Z is standard normal. The last delta is taken as independent of the weights; that of a squared error, 2 (z - y), is
    so where z is small against y.

    Args:
        mlp: the network.
        variances: of its weights and biases, as `drawn` finds them, or as an initialiser promises.
        x_mean_square: of the inputs.
        delta_mean_square: of the last delta, which is the loss's; with 1 the others are relative to it.

    Returns:
        `MeanSquares(z, delta)`, arrays of shape (layers,).

    Raises:
        ValueError: there are not as many variances as layers; or an activation has no slope.

    >>> expected(MLP((100, 100, 100), "identity"), Variances(1 / 300)).delta.round(3).tolist()
    [0.333, 1.0]
    """
    check_differentiable(mlp)
    v, c = _by_layer(mlp, variances.weights), _by_layer(mlp, variances.biases)
    q = [mlp.sizes[0] * v[0] * x_mean_square + c[0]]
    for l, f in enumerate(mlp.activations, 1):
        q.append(mlp.sizes[l] * v[l] * _after(f, q[-1]) + c[l])
    p = [jnp.asarray(delta_mean_square, float)]
    for l, f in reversed(list(enumerate(mlp.activations, 1))):
        p.append(mlp.sizes[l + 1] * v[l] * _slope(f, q[l - 1]) * p[-1])
    return MeanSquares(jnp.stack(q), jnp.stack(p[::-1]))


def _after(f: Activation, q: Scalar) -> Scalar:
    """E[f(z)^2]"""
    return expectation(lambda z: f(z) ** 2, variance=q)


def _slope(f: Activation, q: Scalar) -> Scalar:
    """E[f'(z)^2]"""
    return expectation(lambda z: f.df(z, f(z)) ** 2, variance=q)


def _by_layer(mlp: MLP, given) -> Float[Array, " layers"]:
    layers = len(mlp.sizes) - 1
    if jnp.shape(given) not in ((), (layers,)):
        raise ValueError(f"the variances must be one number, or {layers} for the layers of {mlp.sizes}; got {jnp.shape(given)}")
    return jnp.broadcast_to(jnp.asarray(given, float), (layers,))


@compiled
def measured(mlp: MLP, params: Params, x: Data, y: Data) -> MeanSquares:
    """The mean squares of pre-activations and deltas that a network has on given examples.

    Args:
        mlp: the network.
        params: its parameters.
        x: the examples, shape (n, sizes[0]).
        y: the targets, as in `loss`.

    Returns:
        `MeanSquares(z, delta)`, arrays of shape (layers,); a delta holds the 1/n of the mean loss, as in `deltas`.

    Raises:
        ValueError, TypeError: as `backprop`.

    >>> from mlpjax import Layer
    >>> params = (Layer(jnp.array([[2.0]]), jnp.zeros(1)),)
    >>> found = measured(MLP((1, 1)), params, jnp.array([[1.0], [3.0]]), jnp.zeros((2, 1)))
    >>> found.z.tolist(), found.delta.tolist()
    ([20.0], [20.0])
    """
    trace = forward(mlp, params, x)
    return MeanSquares(*(jnp.stack([_mean_square(one) for one in all]) for all in (trace.z, deltas(mlp, params, trace, y))))
