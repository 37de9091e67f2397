"""Derivatives in the input: by how much the outputs move when x does, for sensitivity, signed distances and physics.

The outputs are the logits. Everything here can be differentiated once more in the parameters, which is what training on a
derivative needs.
"""

import operator
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from mlpjax.gradients.backprop import delta_before
from mlpjax.gradients.method import check_differentiable
from mlpjax.network import MLP, compiled, forward_pass, inputs
from mlpjax.types import Data, Params, Trace


def checked_inputs(mlp: MLP, params: Params, x: Data) -> Float[Array, "n d"]:
    """x in the dtype of the parameters, for a network that has slopes and that both fit."""
    x = inputs(mlp, params, x)
    check_differentiable(mlp)
    return x


def input_gradient(mlp: MLP, params: Params, x: Data, output: int | Data | None = None) -> Float[Array, "n d"]:
    """The gradient of an output in the input, or of a weighted sum of the outputs: `v J` (INPUT-gradient).

    BP2 with v as the delta of the logits, and one layer further: `delta[0] W[0]^T`.

    Args:
        mlp: the network.
        params: its parameters.
        x: the examples, shape (n, sizes[0]).
        output: the number of an output; or v, the weights of the outputs in a sum, shape (k,) or one row an example, (n, k).
            A network with one output needs none.

    Returns:
        Shape (n, sizes[0]), in the dtype of the parameters.

    Raises:
        ValueError: a shape does not fit, there is no such output, it is not said which, or an activation has no slope.
        TypeError: x does not hold real numbers.

    >>> from mlpjax import Layer
    >>> params = (Layer(W=jnp.array([[3.0, 0.0], [4.0, 1.0]]), b=jnp.zeros(2)),)
    >>> input_gradient(MLP((2, 2)), params, jnp.ones((1, 2)), output=0).tolist()
    [[3.0, 4.0]]

    Simonyan, Vedaldi and Zisserman, Deep inside convolutional networks: visualising image classification models and saliency
    maps, 2014.
    """
    return _pulled_back(mlp, params, x, _weights(mlp.sizes[-1], output))


def _weights(k: int, output: int | Data | None) -> Data:
    """v, shape (k,) or as it was given."""
    if output is None and k > 1:
        raise ValueError(
            f"the network has {k} outputs: pass output=0 … {k - 1} for the gradient of one, an array of shape ({k},) or "
            f"(n, {k}) for that of a weighted sum, or take input_jacobian"
        )
    if isinstance(output, jax.Array | np.ndarray) and output.ndim:
        return output
    number = operator.index(0 if output is None else output)
    if not 0 <= number < k:
        raise ValueError(f"output must be the number of one of {k} outputs, from 0 to {k - 1}; got {number}")
    return jax.nn.one_hot(number, k)


@compiled
def _pulled_back(mlp: MLP, params: Params, x: Data, v: Data) -> Float[Array, "n d"]:
    x = checked_inputs(mlp, params, x)
    n, k = len(x), mlp.sizes[-1]
    if jnp.shape(v) not in ((k,), (n, k)):
        raise ValueError(f"output must be a number, or weights of shape ({k},) or ({n}, {k}); got shape {jnp.shape(v)}")
    a, z = forward_pass(mlp, params, x)
    delta = jnp.broadcast_to(jnp.asarray(v, x.dtype), (n, k))
    for l in range(len(params) - 1, 0, -1):
        delta = delta_before(mlp.activations[l - 1], params[l].W, z[l - 1], a[l], delta)
    return delta @ params[0].W.T


@compiled
def input_jacobian(mlp: MLP, params: Params, x: Data) -> Float[Array, "n k d"]:
    """The derivative of every output in every input (INPUT-jacobian).

    `J = W[D-1]^T diag(f'(z[D-2])) W[D-2]^T … diag(f'(z[0])) W[0]^T`, multiplied out from whichever end has fewer rows.

    Arguments and errors are those of `forward`; and an activation that has no slope is refused.

    Returns:
        One matrix for each example, shape (n, sizes[-1], sizes[0]); its row k is the gradient of logit k.

    >>> from mlpjax import Layer
    >>> params = (Layer(W=jnp.array([[3.0, 0.0], [4.0, 1.0]]), b=jnp.zeros(2)),)
    >>> input_jacobian(MLP((2, 2)), params, jnp.ones((1, 2))).tolist()
    [[[3.0, 4.0], [0.0, 1.0]]]

    Griewank and Walther, Evaluating derivatives, 2008, section 3.2.
    """
    x = checked_inputs(mlp, params, x)
    jacobian = product(params, slopes(mlp, forward_pass(mlp, params, x)))
    return jnp.broadcast_to(jacobian, (len(x), mlp.sizes[-1], mlp.sizes[0]))


def slopes(mlp: MLP, trace: Trace) -> list[Float[Array, "n _"]]:
    """f' of each hidden layer."""
    return [f.df(z, a) for f, z, a in zip(mlp.activations, trace.z[:-1], trace.a[1:], strict=True)]


def product(params: Params, slopes: Sequence[Float[Array, "*n _"]]) -> Float[Array, "*n k d"]:
    """The Jacobian from the weights and the slopes between them, of one example or of many; without slopes, that of all."""
    weights = [W for W, _ in params]
    if weights[-1].shape[1] <= weights[0].shape[0]:
        return _rows([W.T for W in reversed(weights)], slopes[::-1])
    return _rows(weights, slopes).swapaxes(-1, -2)


def _rows(weights: Sequence[Float[Array, "_ _"]], slopes: Sequence[Float[Array, "*n _"]]) -> Float[Array, "*n _ _"]:
    rows = weights[0]
    for slope, W in zip(slopes, weights[1:], strict=True):
        rows = (rows * slope[..., None, :]) @ W
    return rows
