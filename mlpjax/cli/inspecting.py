"""`mlpjax inspect`."""

from typing import Annotated

import jax.numpy as jnp
import numpy as np
import typer

from mlpjax import storage
from mlpjax.cli import arguments, output, tables
from mlpjax.cli.output import literal, plain_errors
from mlpjax.data import open_source
from mlpjax.gradients import backprop
from mlpjax.network import forward
from mlpjax.runs import Model, models
from mlpjax.runs.preparing import table
from mlpjax.training import norm

EPILOG = """
**Examples**

* mlpjax inspect runs/houses
* mlpjax inspect runs/houses houses.csv: the norm of each layer's gradient, and units that are never active
"""
MOST_LISTED = 30
SHORT = {
    "layer": "layer",
    "inputs": "in",
    "outputs": "out",
    "activation": "activation",
    "weight_norm": "‖W‖",
    "largest_weight": "max |W|",
    "zero_weights": "zeros",
    "gradient_norm": "‖dL/dW‖",
    "silent_units": "silent",
}
"""What the table shows, which is to fit on 80 columns."""


def inspect(
    model: arguments.ModelPath,
    data: Annotated[str | None, typer.Argument(help="A table with the target, for the gradients.", metavar="[DATA]")] = None,
    delimiter: arguments.Delimiter = None,
    as_json: arguments.Json = False,
) -> None:
    """Show what a model is: its network, parameters, features and classes; and on given data, its gradients.

    Exit codes: 0 done; 2 the model or the data cannot be used.
    """
    with plain_errors():
        loaded = models.load(model)
        versions = storage.load_versions(model / models.FILE if model.is_dir() else model)
        layers = _layers(loaded)
        if data is not None:
            examples = models.examples(loaded, open_source(table(data), delimiter=delimiter))
            layers = [row | extra for row, extra in zip(layers, _on_data(loaded, examples), strict=True)]
        if as_json:
            output.print_json(_as_dict(loaded, versions, layers))
        else:
            _show(loaded, versions, layers)


def _layers(model: Model) -> list[dict]:
    named = [*(f.name for f in model.mlp.activations), "identity"]
    return [
        {
            "inputs": layer.W.shape[0],
            "outputs": layer.W.shape[1],
            "activation": activation,
            "parameters": layer.W.size + layer.b.size,
            "weight_norm": float(norm(layer.W)),
            "largest_weight": float(jnp.max(jnp.abs(layer.W))),
            "zero_weights": int(jnp.sum(layer.W == 0)),
        }
        for layer, activation in zip(model.params, named, strict=True)
    ]


def _on_data(model: Model, examples) -> list[dict]:
    x, y, weights = examples
    _, gradient = backprop(model.mlp, model.params, x, y, weights=weights)
    trace = forward(model.mlp, model.params, x)
    silent = [int(jnp.sum(jnp.all(a == 0, axis=0))) for a in trace.a[1:]]
    return [
        {"gradient_norm": float(norm(layer)), "silent_units": count} for layer, count in zip(gradient, [*silent, 0], strict=True)
    ]


def _as_dict(model: Model, versions: dict, layers: list[dict]) -> dict:
    preprocessing = model.preprocessing
    return {
        "sizes": model.mlp.sizes,
        "loss": model.mlp.loss.name,
        "parameters": model.mlp.parameter_count,
        "dtype": str(model.params[0].W.dtype),
        "layers": layers,
        "features": preprocessing.features,
        "target": preprocessing.target.names,
        "classes": preprocessing.target.classes,
        "versions": versions,
    }


def _show(model: Model, versions: dict, layers: list[dict]) -> None:
    say, target = output.console, model.preprocessing.target
    number = "a number" if len(target.names) == 1 else "numbers"
    what = f"{len(target.classes)} classes: {_listed(target.classes)}" if target.classes else number
    say.print(f"predicts {literal(', '.join(target.names))}, {what}")
    say.print(f"from {len(model.preprocessing.features)} features: {_listed(model.preprocessing.features)}")
    say.print(f"loss {model.mlp.loss.name}, {model.mlp.parameter_count:,} parameters, {model.params[0].W.dtype}")
    numbered = [{"layer": place, **layer} for place, layer in enumerate(layers, 1)]
    shown = [name for name in SHORT if name in numbered[0]]
    rows = [[_cell(layer[name]) for name in shown] for layer in numbered]
    say.print(tables.table("", [SHORT[name] for name in shown], rows))
    if "silent_units" in shown:
        say.print("silent: units that are 0 on every example")
    if versions:
        say.print("written by " + ", ".join(f"{name} {number}" for name, number in versions.items()))


def _cell(value) -> str:
    return value if isinstance(value, str) else f"{value:,}" if isinstance(value, int | np.integer) else tables.number(value)


def _listed(names: tuple[str, ...]) -> str:
    shown = literal(", ".join(names[:MOST_LISTED]))
    return f"{shown} and {len(names) - MOST_LISTED} more" if len(names) > MOST_LISTED else shown
