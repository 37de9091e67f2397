"""Activation functions, each with its first and second derivative by hand.

A record holds `f(z)`, the slope `df(z, a)` and the curvature `d2f(z, a)`, where `a = f(z)` is the output that the forward
pass has already computed: sigmoid and tanh need nothing else, which is what made them cheap enough for the 1980s.

>>> import jax.numpy as jnp
>>> from mlpjax import activations
>>> z = jnp.array([-1.0, 0.0, 2.0])
>>> a = activations.sigmoid(z)
>>> activations.sigmoid.df(z, a).tolist()
[0.197, 0.250, 0.105]
>>> activations.named("leaky_relu(0.2)") == activations.leaky_relu(0.2)
True
"""

import functools
from dataclasses import dataclass, field

import jax
import jax.numpy as jnp

from mlpjax import names
from mlpjax.types import Elementwise, Slope


@dataclass(frozen=True)
class Activation:
    """An activation function and its derivatives.

    Attributes:
        name: what files and the command line call it. Records are equal that have the same name and the same functions,
            and equal networks share one compilation.
        f: `f(z)`, elementwise.
        df: the slope `f'(z)`, computed from `z` and `a = f(z)`.
        d2f: the curvature `f''(z)`, likewise.
        initializer: the name of the initialiser that suits a layer followed by this activation.
        differentiable: whether the slope is any use for training; every gradient method refuses a network where it is not.
        bend: `f''(z) / f'(z)`, likewise, where that is simple and finite: `f'' dz` is then `bend da`, and a Hessian-vector
            product need not keep dz.

    A record of your own is used like any other:

    >>> import jax.numpy as jnp
    >>> square = Activation(
    ...     "square", f=lambda z: z * z, df=lambda z, a: 2 * z, d2f=lambda z, a: 2 * jnp.ones_like(z))
    >>> square(jnp.array([3.0])).tolist()
    [9.0]
    """

    name: str
    f: Elementwise = field(repr=False)
    df: Slope = field(repr=False)
    d2f: Slope = field(repr=False)
    initializer: str = field(default="glorot_uniform", compare=False, repr=False)
    differentiable: bool = field(default=True, compare=False, repr=False)
    bend: Slope | None = field(default=None, compare=False, repr=False)

    def __call__(self, z: jax.Array) -> jax.Array:
        return self.f(z)

    @property
    def piecewise_linear(self) -> bool:
        """Whether the curvature is `straight`, 0 throughout, so that terms with it can be left out."""
        return self.d2f is straight


def straight(z: jax.Array, a: jax.Array) -> jax.Array:
    """The curvature of an activation made of straight pieces: 0."""
    return jnp.zeros_like(z)


identity = Activation(
    "identity",
    f=lambda z: z,
    df=lambda z, a: jnp.ones_like(z),
    d2f=straight,
)
"""`f = z`, `f' = 1`, `f'' = 0` (ACT-identity). A neuron with it and a squared error is linear regression."""


def _no_slope():
    raise ValueError(
        "the activation 'step' has a slope of 0 wherever it has one, so that no gradient passes: train a threshold unit with "
        "losses.perceptron_loss on a network without hidden layers, or use a smooth activation such as sigmoid"
    )


step = Activation(
    "step",
    f=lambda z: (z > 0).astype(z.dtype),
    df=lambda z, a: _no_slope(),
    d2f=lambda z, a: _no_slope(),
    differentiable=False,
)
"""Heaviside's `f = 1 if z > 0 else 0`, forward only (ACT-step).

Its slope is 0 everywhere but at the jump, so no gradient passes through it: a threshold unit is trained with
`losses.perceptron_loss` on its input `z` instead. Rosenblatt, The perceptron, Psychological Review 65, 1958.
"""

sigmoid = Activation(
    "sigmoid",
    f=jax.nn.sigmoid,
    df=lambda z, a: a * (1 - a),
    d2f=lambda z, a: a * (1 - a) * (1 - 2 * a),
    bend=lambda z, a: 1 - 2 * a,
)
"""`f = 1 / (1 + exp(-z))`, `f' = a (1 - a)`, `f'' = a (1 - a) (1 - 2a)` (ACT-sigmoid). Range (0, 1), slope at most 1/4."""

tanh = Activation(
    "tanh",
    f=jnp.tanh,
    df=lambda z, a: 1 - a * a,
    d2f=lambda z, a: -2 * a * (1 - a * a),
    bend=lambda z, a: -2 * a,
)
"""`f = tanh z`, `f' = 1 - a^2`, `f'' = -2a (1 - a^2)` (ACT-tanh). Range (-1, 1), slope at most 1.

The sigmoid stretched: `tanh z = 2 sigmoid(2z) - 1`.
"""

relu = Activation(
    "relu",
    # not jnp.maximum: XLA would fold it into every consumer and keep z alive for that, twice the temporary memory
    f=lambda z: jnp.where(z <= 0, 0, z),
    df=lambda z, a: (a > 0).astype(a.dtype),
    d2f=straight,
    initializer="he_normal",
)
"""`f = max(0, z)`, `f' = 1 if z > 0 else 0`, `f'' = 0` (ACT-relu). The slope at 0 is taken as 0, as in `jax.nn.relu`.

Nair and Hinton, Rectified linear units improve restricted Boltzmann machines, ICML 2010.
"""


def leaky_relu(slope: float = 0.01) -> Activation:
    """`f = z if z >= 0 else slope * z`, `f' = 1 or slope`, `f'' = 0` (ACT-leaky_relu).

    Args:
        slope: the slope for negative inputs, above 0.

    Raises:
        ValueError: the slope is 0 or negative.

    >>> leaky_relu(0.2)(jnp.array([-10.0, 3.0])).tolist()
    [-2.0, 3.0]

    Maas, Hannun and Ng, Rectifier nonlinearities improve neural network acoustic models, ICML 2013.
    """
    return _leaky_relu(_positive("slope", slope, "use relu for a slope of 0"))


@functools.cache
def _leaky_relu(slope: float) -> Activation:
    return Activation(
        f"leaky_relu({slope!r})",
        f=lambda z: jnp.where(z >= 0, z, slope * z),
        df=lambda z, a: jnp.where(a >= 0, jnp.ones_like(a), slope),
        d2f=straight,
        initializer="he_normal",
    )


def elu(alpha: float = 1.0) -> Activation:
    """`f = z if z > 0 else alpha (exp(z) - 1)`, `f' = 1 or a + alpha`, `f'' = 0 or a + alpha` (ACT-elu).

    Args:
        alpha: minus the limit at minus infinity, above 0.

    Raises:
        ValueError: alpha is 0 or negative.

    >>> elu(1.0)(jnp.array([-1e4, 3.0])).tolist()
    [-1.0, 3.0]

    Clevert, Unterthiner and Hochreiter, Fast and accurate deep network learning by exponential linear units, ICLR 2016.
    """
    alpha = _positive("alpha", alpha, "use relu for an alpha of 0")
    return _exponential_linear(f"elu({alpha!r})", alpha, 1.0, initializer="he_normal")


def _positive(name: str, number: float, advice: str) -> float:
    if not number > 0:
        raise ValueError(f"{name} must be above 0, got {number!r}; {advice}")
    return float(number)


@functools.cache
def _exponential_linear(name: str, alpha: float, scale: float, initializer: str) -> Activation:
    return Activation(
        name,
        f=lambda z: scale * jnp.where(z > 0, z, alpha * jnp.expm1(jnp.where(z > 0, 0, z))),
        df=lambda z, a: jnp.where(a > 0, jnp.full_like(a, scale), a + scale * alpha),
        d2f=lambda z, a: jnp.where(a > 0, jnp.zeros_like(a), a + scale * alpha),
        bend=lambda z, a: (a <= 0).astype(a.dtype),
        initializer=initializer,
    )


selu = _exponential_linear("selu", alpha=1.6732632423543772, scale=1.0507009873554805, initializer="lecun_normal")
"""`f = s (z if z > 0 else alpha (exp(z) - 1))`, `f' = s or a + s alpha`, `f'' = 0 or a + s alpha` (ACT-selu).

With alpha = 1.67326 and s = 1.05070 a mean of 0 and a variance of 1 are a fixed point from layer to layer.
Klambauer et al., Self-normalizing neural networks, NeurIPS 2017.
"""

softplus = Activation(
    "softplus",
    f=jax.nn.softplus,
    df=lambda z, a: jax.nn.sigmoid(z),
    d2f=lambda z, a: jax.nn.sigmoid(z) * jax.nn.sigmoid(-z),
    initializer="he_normal",
)
"""`f = log(1 + exp(z))`, `f' = sigmoid(z)`, `f'' = sigmoid(z) sigmoid(-z)` (ACT-softplus). Dugas et al., NeurIPS 2000."""


def _softsign_slope(z):
    return 1 / (1 + jnp.abs(z))


softsign = Activation(
    "softsign",
    f=lambda z: z / (1 + jnp.abs(z)),
    df=lambda z, a: _softsign_slope(z) ** 2,
    d2f=lambda z, a: -2 * jnp.sign(z) * _softsign_slope(z) ** 3,
)
"""`f = z / (1 + |z|)`, `f' = 1 / (1 + |z|)^2`, `f'' = -2 sign(z) / (1 + |z|)^3` (ACT-softsign). Bergstra et al., 2009."""


def _silu_df(z, a):
    s = jax.nn.sigmoid(z)
    return s + a * (1 - s)


def _silu_d2f(z, a):
    s = jax.nn.sigmoid(z)
    return s * (1 - s) * (2 + z * (1 - 2 * s))


silu = Activation(
    "silu",
    f=jax.nn.silu,
    df=_silu_df,
    d2f=_silu_d2f,
    initializer="he_normal",
)
"""`f = z s`, `f' = s + a (1 - s)`, `f'' = s (1 - s) (2 + z (1 - 2s))` with `s = sigmoid(z)` (ACT-silu), also called swish.

Two inputs give the output -0.1888, so that the slope needs `z`. Elfwing, Uchibe and Doya, Neural Networks 107, 2018.
"""


def _gaussian_cdf(z):
    return 0.5 * jax.lax.erfc(-z * 0.5**0.5)


def _gaussian_pdf(z):
    """z clipped to ±40 and its density, which is 0 there in every dtype: z^2 would overflow float16 further out."""
    z = jnp.clip(z, -40, 40)
    return z, jnp.exp(-0.5 * z**2) * (2 * jnp.pi) ** -0.5


def _gelu_df(z, a):
    flat, density = _gaussian_pdf(z)
    return _gaussian_cdf(z) + flat * density


def _gelu_d2f(z, a):
    flat, density = _gaussian_pdf(z)
    return (2 - flat**2) * density


gelu = Activation(
    "gelu",
    f=lambda z: z * _gaussian_cdf(z),
    df=_gelu_df,
    d2f=_gelu_d2f,
    initializer="he_normal",
)
"""`f = z P(z)`, `f' = P(z) + z p(z)`, `f'' = (2 - z^2) p(z)`, P and p the Gaussian distribution and density (ACT-gelu).

The exact form, `jax.nn.gelu(z, approximate=False)`. Hendrycks and Gimpel, Gaussian error linear units, 2016.
"""


def _gelu_gate(z):
    """z, s = sigmoid(2u), and the first two derivatives of 2u = sqrt(8/pi) (z + 0.044715 z^3).

    z is clipped to ±10, where s is 0 or 1 to 1e-38: further out its powers would overflow float16.
    """
    c, z = (8 / jnp.pi) ** 0.5, jnp.clip(z, -10, 10)
    s = jax.nn.sigmoid(c * (z + 0.044715 * z**3))
    return z, s, c * (1 + 3 * 0.044715 * z**2), c * 6 * 0.044715 * z


def _gelu_tanh_df(z, a):
    z, s, du, _ = _gelu_gate(z)
    return s + z * s * (1 - s) * du


def _gelu_tanh_d2f(z, a):
    z, s, du, d2u = _gelu_gate(z)
    return s * (1 - s) * (2 * du + z * d2u + z * (1 - 2 * s) * du**2)


gelu_tanh = Activation(
    "gelu_tanh",
    f=lambda z: z * _gelu_gate(z)[1],
    df=_gelu_tanh_df,
    d2f=_gelu_tanh_d2f,
    initializer="he_normal",
)
"""GELU with P(z) replaced by `(1 + tanh u) / 2 = sigmoid(2u)`, `u = sqrt(2/pi) (z + 0.044715 z^3)` (ACT-gelu_tanh).

`f' = s + z s (1 - s) 2u'` and `f'' = s (1 - s) (4u' + 2z u'' + z (1 - 2s) (2u')^2)` with `s = sigmoid(2u)`.
It is `jax.nn.gelu(z, approximate=True)`, the default there.
"""

sin = Activation(
    "sin",
    f=jnp.sin,
    df=lambda z, a: jnp.cos(z),
    d2f=lambda z, a: -a,
    initializer="he_uniform",
)
"""`f = sin z`, `f' = cos z`, `f'' = -a` (ACT-sin), for signals and their derivatives. Sitzmann et al., NeurIPS 2020."""

FAMILIES = {"leaky_relu": leaky_relu, "elu": elu}
"""The activations that take a number, by name."""

RECORDS = {
    record.name: record for record in (identity, step, sigmoid, tanh, relu, selu, softplus, softsign, silu, gelu, gelu_tanh, sin)
}
"""The other activations, by name."""


def named(name: str) -> Activation:
    """The activation called `name`: "tanh", "leaky_relu" or "leaky_relu(0.2)".

    Raises:
        ValueError: there is none; the message suggests the nearest name.
    """
    return names.find("activation", name, RECORDS, FAMILIES)
