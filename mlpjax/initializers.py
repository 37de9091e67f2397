"""How weights and biases start.

The draws are `jax.nn.initializers`'; a record names the draw of a layer's weights and that of its biases. Those called
normal are cut off at two standard deviations and rescaled to the variance they name, but for `nielsen`'s.

>>> import jax
>>> from mlpjax import initializers
>>> layer = initializers.he_normal.layer(jax.random.key(0), 64, 32)
>>> layer.W.shape, layer.b.tolist() == [0.0] * 32
((64, 32), True)
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import jax
import jax.numpy as jnp
from jax.nn import initializers as draws

from mlpjax import names
from mlpjax.types import Layer, PRNGKey

Draw = Callable[..., jax.Array]


@dataclass(frozen=True)
class Initializer:
    """How one layer starts.

    Attributes:
        name: identifies the record.
        weights: `weights(key, (fan_in, fan_out), dtype)`.
        biases: `biases(key, (fan_out,), dtype)`, zeros unless said otherwise.
    """

    name: str
    weights: Draw = field(compare=False, repr=False)
    biases: Draw = field(default=draws.zeros, compare=False, repr=False)

    def layer(self, key: PRNGKey, fan_in: int, fan_out: int, dtype=None) -> Layer:
        """Draw one layer; `dtype` is JAX's default floating point type unless given."""
        dtype = jnp.result_type(float) if dtype is None else dtype
        drawn = jnp.promote_types(dtype, jnp.float32)
        key_W, key_b = jax.random.split(key)
        W, b = self.weights(key_W, (fan_in, fan_out), drawn), self.biases(key_b, (fan_out,), drawn)
        return Layer(W=W.astype(dtype), b=b.astype(dtype))


glorot_normal = Initializer("glorot_normal", draws.glorot_normal())
"""Variance `2 / (fan_in + fan_out)` (INIT-glorot): between what keeps activations and what keeps gradients level.

Glorot and Bengio, Understanding the difficulty of training deep feedforward neural networks, AISTATS 2010.
"""

glorot_uniform = Initializer("glorot_uniform", draws.glorot_uniform())
"""`U(-r, r)` with `r = sqrt(6 / (fan_in + fan_out))`: the variance of `glorot_normal`."""

he_normal = Initializer("he_normal", draws.he_normal())
"""Variance `2 / fan_in` (INIT-he): keeps the mean square of activations level through ReLU, which passes half of it.

He, Zhang, Ren and Sun, Delving deep into rectifiers, ICCV 2015.
"""

he_uniform = Initializer("he_uniform", draws.he_uniform())
"""`U(-r, r)` with `r = sqrt(6 / fan_in)`: the variance of `he_normal`. SIREN's draw for the hidden layers of sine networks."""

lecun_normal = Initializer("lecun_normal", draws.lecun_normal())
"""Variance `1 / fan_in` (INIT-lecun): keeps the variance of pre-activations level where f is nearly linear.

LeCun, Bottou, Orr and Müller, Efficient backprop, 1998.
"""

lecun_uniform = Initializer("lecun_uniform", draws.lecun_uniform())
"""`U(-r, r)` with `r = sqrt(3 / fan_in)`: the variance of `lecun_normal`."""

orthogonal = Initializer("orthogonal", draws.orthogonal())
"""Orthonormal rows or columns (INIT-orthogonal): every singular value of a layer is 1, and of any depth of equal layers.

Saxe, McClelland and Ganguli, Exact solutions to the nonlinear dynamics of learning in deep linear networks, ICLR 2014.
"""

nielsen = Initializer(
    "nielsen",
    draws.variance_scaling(1.0, "fan_in", "normal"),
    biases=draws.normal(1.0),
)
"""Weights from `N(0, 1 / fan_in)`, biases from `N(0, 1)` (INIT-nielsen).

Nielsen, Neural networks and deep learning, 2015, chapter 3.
"""

zeros = Initializer("zeros", draws.zeros)
"""All zeros (INIT-zeros), to show why not: the hidden units of a layer stay equal to one another for ever.

With tanh or ReLU, whose f(0) is 0, and two layers or more it is worse: only the last bias ever learns.
"""

RECORDS = {
    record.name: record
    for record in (
        glorot_normal,
        glorot_uniform,
        he_normal,
        he_uniform,
        lecun_normal,
        lecun_uniform,
        orthogonal,
        nielsen,
        zeros,
    )
}
"""All of them, by name."""


def named(name: str) -> Initializer:
    """The initialiser called `name`.

    Raises:
        ValueError: there is none; the message suggests the nearest name.
    """
    return names.find("initializer", name, RECORDS, {})
