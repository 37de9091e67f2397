"""Flax Linen: parameters from and to the dict that Linen keeps them in."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from mlpjax import activations, checks, losses
from mlpjax.activations import Activation
from mlpjax.interop.reading import Dense, network
from mlpjax.losses import Loss
from mlpjax.network import MLP
from mlpjax.types import Params


def from_linen(
    variables: Mapping[str, Any],
    activation: Activation | str | Iterable[Activation | str] = activations.relu,
    loss: Loss | str = losses.squared_error,
) -> tuple[MLP, Params]:
    """The network whose parameters are in Flax Linen's variables, which do not say what lies between the layers.

    Args:
        variables: `{"params": {"Dense_0": {"kernel": W, "bias": b}, …}}`, or what is under "params". The layers come in the
            order of the numbers at the end of their names.
        activation: of the hidden layers, as in `MLP`. Linen's `nn.gelu` is "gelu_tanh" here unless it was told
            `approximate=False`.
        loss: of the network, as in `MLP`.

    Returns:
        The network, whose logits are what the Linen module gives, and its parameters.

    Raises:
        ValueError: an entry is not that of a dense layer, its name ends in no number, or a shape does not fit.

    >>> import jax.numpy as jnp
    >>> layers = {"Dense_0": {"kernel": jnp.ones((4, 3)), "bias": jnp.ones(3)}, "Dense_1": {"kernel": jnp.ones((3, 2))}}
    >>> mlp, params = from_linen({"params": layers}, "tanh")
    >>> mlp.sizes, params[1].b.tolist()
    ((4, 3, 2), [0.0, 0.0])
    """
    layers = variables.get("params", variables)
    _, params = network(_dense(name, layers[name]) for name in sorted(layers, key=_number))
    sizes = (params[0].W.shape[0], *(layer.b.shape[0] for layer in params))
    return MLP(sizes, activation, loss), params


def _number(name: str) -> int:
    found = re.search(r"\d+$", name)
    if not found:
        raise ValueError(f"the layers of a Linen network have names that end in their number, such as Dense_0; got {name!r}")
    return int(found[0])


def _dense(name: str, layer: Any) -> Dense:
    if not isinstance(layer, Mapping) or "kernel" not in layer or set(layer) - {"kernel", "bias"}:
        held = ", ".join(map(str, layer)) if isinstance(layer, Mapping) else type(layer).__name__
        raise ValueError(f"{name} is not a Dense layer, which holds kernel and bias: it holds {held}")
    return Dense(layer["kernel"], layer.get("bias"))


def to_linen(mlp: MLP, params: Params, names: Iterable[str] | None = None) -> dict[str, dict]:
    """The variables of a Flax Linen module that computes the network's logits.

    Args:
        mlp: the network.
        params: its parameters.
        names: of the module's layers; `Dense_0`, `Dense_1` … unless given, as in a compact module. In an `nn.Sequential` they are
            `layers_0`, `layers_2` …, if activations stand between them.

    Raises:
        ValueError: there are more or fewer names than layers, or the parameters do not fit the network.

    >>> from mlpjax import init
    >>> import jax
    >>> mlp = MLP((4, 3, 2))
    >>> variables = to_linen(mlp, init(mlp, jax.random.key(0)))
    >>> {name: layer["kernel"].shape for name, layer in variables["params"].items()}
    {'Dense_0': (4, 3), 'Dense_1': (3, 2)}
    """
    checks.check_params(mlp, params)
    chosen = [f"Dense_{l}" for l in range(len(params))] if names is None else list(names)
    if len(set(chosen)) != len(params) or len(chosen) != len(params):
        raise ValueError(f"names must be one for each of {len(params)} layers, all different; got {chosen}")
    return {"params": {name: {"kernel": W, "bias": b} for name, (W, b) in zip(chosen, params, strict=True)}}
