"""ONNX: the prediction as a model for any runtime, of official operators."""

from collections.abc import Callable
from typing import Any

import numpy as np

from mlpjax import activations, checks
from mlpjax.activations import Activation
from mlpjax.interop.reading import link_of
from mlpjax.interop.writing import member, refused
from mlpjax.losses import Loss
from mlpjax.network import MLP
from mlpjax.types import Params

OPSET, IR = 20, 9
"""The first operators with Gelu, and the format that came with them: runtimes refuse what is newer than they are."""

OPERATORS = {
    "sigmoid": "Sigmoid", "tanh": "Tanh", "relu": "Relu", "leaky_relu": "LeakyRelu", "elu": "Elu",
    "selu": "Selu", "softplus": "Softplus", "softsign": "Softsign", "gelu": "Gelu", "gelu_tanh": "Gelu", "sin": "Sin",
    "softmax": "Softmax", "exp": "Exp",
}  # fmt: skip
"""The activations and links that are one operator, but the identity, which is none."""

ATTRIBUTES: dict[str, dict[str, Any]] = {
    "selu": {"alpha": 1.6732632423543772, "gamma": 1.0507009873554805},
    "gelu": {"approximate": "none"},
    "gelu_tanh": {"approximate": "tanh"},
    "softmax": {"axis": 1},
}
BELOW = {"step": "zero", "decision": "minus_one"}
"""What is one above 0, and what it is elsewhere."""

NUMBERS = {"zero": 0, "one": 1, "minus_one": -1}


def to_onnx(mlp: MLP, params: Params) -> Any:
    """The prediction of a network as an ONNX model: a Gemm for each layer, its activation, and the loss's inverse link.

    Args:
        mlp: the network, without activations of your own.
        params: its parameters.

    Returns:
        An `onnx.ModelProto` with the input `x`, shape (n, sizes[0]), and the output `prediction`, shape (n, sizes[-1]), for any
            n, in the dtype of the parameters. Save it with `onnx.save`.

    Raises:
        ValueError: ONNX has no operator for an activation or for the prediction of the loss, or the parameters do not fit.
        ModuleNotFoundError: onnx is not installed: pip install onnx.

    `MLP((4, 3, 2), "tanh", "softmax_cross_entropy")` becomes Gemm, Tanh, Gemm, Softmax.

    The ONNX operator schemas, opset 20.
    """
    import onnx
    from onnx import helper, numpy_helper

    checks.check_params(mlp, params)
    dtype = np.dtype(params[0].W.dtype)
    kind = helper.np_dtype_to_tensor_dtype(dtype)
    nodes = _nodes(mlp)
    values = {f"{name}{l}": array for l, layer in enumerate(params) for name, array in layer._asdict().items()} | NUMBERS
    used = dict.fromkeys(name for node in nodes for name in node.input if name in values)
    graph = helper.make_graph(
        nodes,
        "mlpjax",
        [helper.make_tensor_value_info("x", kind, ["n", mlp.sizes[0]])],
        [helper.make_tensor_value_info("prediction", kind, ["n", mlp.sizes[-1]])],
        [numpy_helper.from_array(np.asarray(values[name], dtype), name) for name in used],
    )
    model = helper.make_model(graph, producer_name="mlpjax", opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR)
    onnx.checker.check_model(model, full_check=True)
    return model


def _nodes(mlp: MLP) -> list[Any]:
    """The operators in their order; the last one's value is called "prediction"."""
    from onnx import helper

    nodes: list[Any] = []

    def put(operator: str, *inputs: str, **attributes) -> str:
        nodes.append(helper.make_node(operator, inputs, [f"v{len(nodes)}"], **attributes))
        return nodes[-1].output[0]

    value = "x"
    for l, (name, numbers) in enumerate([*map(_activation, mlp.activations), _link(mlp.loss)]):
        value = _put(put, name, numbers, put("Gemm", value, f"W{l}", f"b{l}"))
    nodes[-1].output[0] = "prediction"
    return nodes


def _put(put: Callable[..., str], name: str, numbers: tuple[float, ...], z: str) -> str:
    """The operators of an activation or a link on the value z."""
    if name == "identity":
        return z
    if name == "silu":
        return put("Mul", z, put("Sigmoid", z))
    if name in BELOW:
        return put("Where", put("Greater", z, "zero"), "one", BELOW[name])
    return put(OPERATORS[name], z, **({"alpha": numbers[0]} if numbers else ATTRIBUTES.get(name, {})))


def _activation(f: Activation) -> tuple[str, tuple[float, ...]]:
    name, numbers = member(f)
    if name not in (*OPERATORS, *BELOW, "identity", "silu"):
        raise refused("ONNX", f, [*OPERATORS, *BELOW, "identity", "silu"])
    return name, numbers


def _link(loss: Loss) -> tuple[str, tuple[float, ...]]:
    """The inverse link of a loss, by what it computes."""
    name = link_of(loss)
    if name is None:
        raise ValueError(f"ONNX has no operator for the prediction of {loss.name}")
    return (name, ()) if name in ("softmax", "exp", "decision") else _activation(activations.named(name))
