"""One neuron, f(w·x + b), and the layer of neurons that it makes: the specification that the fast code is held to.

>>> import jax.numpy as jnp
>>> from mlpjax import activations
>>> from mlpjax.neuron import neuron
>>> x, w, b = jnp.array([1.0, 2.0]), jnp.array([3.0, -1.0]), jnp.array(0.5)
>>> neuron(x, w, b, activations.relu).item()
1.5
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from mlpjax.types import Elementwise, Layer, Scalar


def neuron(x: Float[Array, " d"], w: Float[Array, " d"], b: Scalar, f: Elementwise) -> Scalar:
    """One neuron: `f(w·x + b)` (NEURON).

    The lecture's model of a nerve cell: inputs weighted by the strength of their connections, summed, shifted by a bias
    and passed through an activation. With the identity and a squared error it is linear regression, with the sigmoid and
    the cross-entropy logistic regression, with the step the perceptron. McCulloch and Pitts, 1943; Rosenblatt, 1958.

    Args:
        x: the inputs, shape (d,).
        w: a weight for each input, shape (d,).
        b: the bias, a scalar.
        f: the activation, a record or any function.

    Returns:
        The output, a scalar.
    """
    return f(jnp.dot(w, x) + b)


def layer(x: Float[Array, "n d"], params: Layer, f: Elementwise) -> Float[Array, "n k"]:
    """A layer: every neuron of it on every example, `f(x W + b)` (LAYER).

    It is `neuron` mapped over the columns of W, then over the rows of x.

    Args:
        x: the examples, shape (n, d).
        params: `Layer(W, b)` of shapes (d, k) and (k,).
        f: the activation.

    Returns:
        The outputs, shape (n, k).

    >>> layer(jnp.ones((2, 3)), Layer(W=jnp.ones((3, 4)), b=jnp.zeros(4)), jnp.tanh).shape
    (2, 4)
    """
    one_example = jax.vmap(neuron, in_axes=(None, 1, 0, None))
    return jax.vmap(one_example, in_axes=(0, None, None, None))(x, params.W, params.b, f)
