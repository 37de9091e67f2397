"""Flax NNX: parameters from and to an `nnx.Sequential`."""

from collections.abc import Iterator
from typing import Any

import jax.numpy as jnp

from mlpjax import checks
from mlpjax.interop.reading import Dense, Other, Part, network
from mlpjax.losses import Loss
from mlpjax.network import MLP
from mlpjax.types import Params


def from_nnx(model: Any, loss: Loss | str | None = None) -> tuple[MLP, Params]:
    """The network that a Flax NNX model is, and its parameters.

    Args:
        model: an `nnx.Sequential`, a list or a tuple of `nnx.Linear` and activations such as `nnx.relu`, nested or not, or one
            `nnx.Linear`.
        loss: of the network; unless given, the one whose prediction the model's last activation is, or squared error.

    Returns:
        The network and its parameters, as arrays of the model's. `predict` gives what the model gives; with a loss of your own
            over a model that ends linear, the logits are what it gives.

    Raises:
        ValueError: a layer is neither linear nor an activation that is known here, or the loss predicts something else.
        ModuleNotFoundError: Flax is not installed.

    An `nnx.Sequential(nnx.Linear(4, 3, rngs=rngs), nnx.gelu, nnx.Linear(3, 2, rngs=rngs))` becomes
    `MLP((4, 3, 2), "gelu_tanh")`: the GELU of JAX is the approximate one unless told otherwise.
    """
    return network(_stack(model), loss)


def _stack(model: Any) -> Iterator[Part]:
    from flax import nnx

    if isinstance(model, nnx.Sequential | nnx.List | list | tuple):
        for layer in model.layers if isinstance(model, nnx.Sequential) else model:
            yield from _stack(layer)
    elif isinstance(model, nnx.Linear):
        yield Dense(model.kernel[...], None if model.bias is None else model.bias[...])
    else:
        yield Other(getattr(model, "__name__", type(model).__name__), lambda x: model(jnp.asarray(x)))


def to_nnx(mlp: MLP, params: Params) -> Any:
    """A Flax NNX model that computes the network's logits.

    Args:
        mlp: the network.
        params: its parameters.

    Returns:
        An `nnx.Sequential` of `nnx.Linear` and activations, in the dtype of the parameters.

    Raises:
        ValueError: the parameters do not fit the network.
        ModuleNotFoundError: Flax is not installed.
    """
    from flax import nnx

    checks.check_params(mlp, params)
    parts = [_linear(*params[0])]
    for f, layer in zip(mlp.activations, params[1:], strict=True):
        parts += [f.f, _linear(*layer)]
    return nnx.Sequential(*parts)


def _linear(W: Any, b: Any) -> Any:
    from flax import nnx

    W, b = jnp.asarray(W), jnp.asarray(b)
    start = {"kernel_init": lambda *_: W, "bias_init": lambda *_: b, "param_dtype": W.dtype}
    return nnx.Linear(*W.shape, rngs=nnx.Rngs(0), **start)
