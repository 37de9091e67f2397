"""Equinox's `nn.MLP`: parameters from and to it."""

from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp

from mlpjax import checks
from mlpjax.interop.reading import Dense, Other, Part, network
from mlpjax.losses import Loss
from mlpjax.network import MLP
from mlpjax.types import Params


def from_equinox(model: Any, loss: Loss | str | None = None) -> tuple[MLP, Params]:
    """The network that an Equinox model is, and its parameters.

    Args:
        model: an `nn.MLP`, scanned or not, an `nn.Sequential` of `nn.Linear` and `nn.Lambda`, or an `nn.Linear`.
        loss: of the network; unless given, the one whose prediction the model's last activation is, or squared error.

    Returns:
        The network and its parameters, as arrays of the model's. `predict(mlp, params, x)` gives what `jax.vmap(model)(x)` gives;
            with a loss of your own over a model that ends linear, the logits are what it gives.

    Raises:
        ValueError: a layer is neither linear nor an activation that is known here, or the loss predicts something else.
        ModuleNotFoundError: Equinox is not installed.

    An `nn.MLP(4, 2, 3, 1, activation=jnp.tanh, key=key)` becomes `MLP((4, 3, 2), "tanh")`.
    """
    return network(_stack(model), loss)


def _stack(model: Any) -> Iterator[Part]:
    from equinox import nn

    if isinstance(model, nn.MLP):
        yield from _mlp(model)
    elif isinstance(model, nn.Sequential):
        for layer in model.layers:
            yield from _stack(layer)
    elif isinstance(model, nn.Linear):
        yield Dense(model.weight.T, model.bias)
    else:
        yield Other(repr(model), lambda x: jax.vmap(model)(jnp.asarray(x)))


def _mlp(model: Any) -> Iterator[Part]:
    import equinox as eqx

    *hidden, last = model.layers
    if model.scan:
        first, stacked = hidden
        hidden = [first, *(jax.tree.map(lambda leaf, l=l: leaf[l], stacked) for l in range(model.depth - 1))]
    for l, layer in enumerate(hidden):
        yield from _stack(layer)
        of_layer = jax.tree.map(lambda leaf, l=l: leaf[l] if eqx.is_array(leaf) else leaf, model.activation)
        yield Other(f"the activation {of_layer!r}", _elementwise(of_layer))
    yield from _stack(last)
    yield Other(f"the final activation {model.final_activation!r}", _elementwise(model.final_activation))


def _elementwise(activation: Callable) -> Callable:
    """Equinox calls the activation of an `nn.MLP` on one number at a time."""
    return lambda x: jax.vmap(jax.vmap(activation))(jnp.asarray(x))


def to_equinox(mlp: MLP, params: Params) -> Any:
    """An Equinox `nn.MLP` that computes the network's logits for one example, as Equinox models do.

    Args:
        mlp: the network; its hidden layers of one size and one activation, as `nn.MLP` has them.
        params: its parameters.

    Returns:
        An `equinox.nn.MLP`; `jax.vmap` it over a batch.

    Raises:
        ValueError: the hidden layers differ, or the parameters do not fit the network.
        ModuleNotFoundError: Equinox is not installed.
    """
    import equinox as eqx

    checks.check_params(mlp, params)
    widths = mlp.sizes[1:-1] or (1,)
    if len(set(widths)) > 1 or len(set(mlp.activations)) > 1:
        raise ValueError(
            f"an Equinox nn.MLP has hidden layers of one size and one activation, and these are {widths} with "
            f"{', '.join(f.name for f in mlp.activations)}: call mlpjax.apply in a module of your own instead"
        )
    activation = mlp.activations[0].f if mlp.activations else jax.nn.identity
    empty = eqx.filter_eval_shape(
        eqx.nn.MLP, mlp.sizes[0], mlp.sizes[-1], widths[0], len(mlp.activations), activation, key=jax.random.key(0)
    )
    leaves = [leaf for W, b in params for leaf in (jnp.asarray(W).T, jnp.asarray(b))]
    return eqx.tree_at(lambda model: [leaf for layer in model.layers for leaf in (layer.weight, layer.bias)], empty, leaves)
