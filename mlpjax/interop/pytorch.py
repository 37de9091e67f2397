"""PyTorch's `nn.Sequential`: parameters from and to it."""

import copy
from collections.abc import Callable, Iterator
from typing import Any

import jax.numpy as jnp
import numpy as np

from mlpjax import checks
from mlpjax.interop.reading import Dense, Other, Part, network
from mlpjax.interop.writing import member, refused
from mlpjax.losses import Loss
from mlpjax.network import MLP
from mlpjax.types import Params


def from_torch(module: Any, loss: Loss | str | None = None) -> tuple[MLP, Params]:
    """The network that a PyTorch module is, and its parameters.

    Args:
        module: an `nn.Sequential` of `nn.Linear` and activations, nested or not, or one `nn.Linear`. Dropout is left out.
        loss: of the network; unless given, the one whose prediction the module's last activation is, or squared error.

    Returns:
        The network and copies of its parameters. `predict` gives what the module gives in `eval` mode; with a loss of your
            own over a module that ends linear, the logits are what it gives.

    Raises:
        ValueError: a layer is neither linear nor an activation that is known here, or the loss predicts something else.
        ModuleNotFoundError: PyTorch is not installed.

    An `nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))` becomes `MLP((4, 3, 2), "relu")`.
    """
    return network(_stack(module), loss)


def _stack(module: Any) -> Iterator[Part]:
    from torch import nn

    if isinstance(module, nn.Sequential):
        for child in module:
            yield from _stack(child)
    elif isinstance(module, nn.Linear):
        yield Dense(_array(module.weight).T, None if module.bias is None else _array(module.bias))
    else:
        yield Other(repr(module), _in_evaluation(module))


def _array(tensor: Any):
    """By way of float64, which NumPy has and which holds every narrower type, bfloat16 too."""
    return jnp.asarray(tensor.detach().cpu().double().numpy(), str(tensor.dtype).removeprefix("torch."))


def _in_evaluation(module: Any) -> Callable[[np.ndarray], np.ndarray]:
    import torch

    def call(points):
        with torch.no_grad():
            return copy.deepcopy(module).eval()(torch.from_numpy(points)).numpy()

    return call


def to_torch(mlp: MLP, params: Params) -> Any:
    """A PyTorch module that computes the network's logits, which is what PyTorch's own losses take.

    Args:
        mlp: the network.
        params: its parameters, which are copied.

    Returns:
        An `nn.Sequential` of `nn.Linear` and activations, on the CPU, in the dtype of the parameters.

    Raises:
        ValueError: PyTorch has no module for an activation, or the parameters do not fit the network.
        ModuleNotFoundError: PyTorch is not installed.
    """
    from torch import nn

    checks.check_params(mlp, params)
    parts = [_linear(*params[0])]
    for f, layer in zip(mlp.activations, params[1:], strict=True):
        parts += [_module(f), _linear(*layer)]
    return nn.Sequential(*parts)


def _linear(W: Any, b: Any) -> Any:
    import torch

    linear = torch.nn.utils.skip_init(torch.nn.Linear, *W.shape, dtype=getattr(torch, str(W.dtype)))
    with torch.no_grad():
        linear.weight.copy_(torch.from_numpy(np.array(W, np.float64).T))
        linear.bias.copy_(torch.from_numpy(np.array(b, np.float64)))
    return linear


def _module(f: Any) -> Any:
    from torch import nn

    modules: dict[str, Callable] = {
        "identity": nn.Identity, "sigmoid": nn.Sigmoid, "tanh": nn.Tanh, "relu": nn.ReLU, "leaky_relu": nn.LeakyReLU,
        "elu": nn.ELU, "selu": nn.SELU, "softplus": nn.Softplus, "softsign": nn.Softsign, "silu": nn.SiLU, "gelu": nn.GELU,
        "gelu_tanh": lambda: nn.GELU("tanh"),
    }  # fmt: skip
    name, numbers = member(f)
    if name not in modules:
        raise refused("PyTorch", f, modules)
    return modules[name](*numbers)
