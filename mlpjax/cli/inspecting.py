"""`mlpjax inspect`."""

from pathlib import Path
from typing import Annotated

import jax.numpy as jnp
import numpy as np
import typer

from mlpjax import storage
from mlpjax.cli import arguments, health, output, tables
from mlpjax.cli.output import literal, plain_errors
from mlpjax.data import NAMES, Examples, Source, as_table, open_source
from mlpjax.diagnosis.spectrum import spectrum as spectrum_of
from mlpjax.runs import Model, models
from mlpjax.runs.health import Examined, examined, remembered
from mlpjax.runs.preparing import table
from mlpjax.training import norm

EPILOG = """
**Examples**

* mlpjax inspect runs/houses
* mlpjax inspect runs/houses houses.csv: how the gradient fares in every layer, what ails it and what helps
* mlpjax inspect runs/houses houses.csv --spectrum: the singular values of the Jacobians too
* mlpjax inspect runs/digits digits --json
"""
MOST_LISTED = 30
FOR_SPECTRUM = 64
"""On how many examples the singular values are computed, each of which costs a decomposition a layer."""
SHORT = {
    "layer": "layer",
    "inputs": "in",
    "outputs": "out",
    "activation": "activation",
    "weight_norm": "‖W‖",
    "largest_weight": "max |W|",
    "zero_weights": "zeros",
}
"""What the table shows, which is to fit on 80 columns."""


def inspect(
    model: arguments.ModelPath,
    data: Annotated[
        str | None, typer.Argument(help="A table with the target, or a bundled set, for the gradients.", metavar="[DATA]")
    ] = None,
    spectrum: Annotated[
        bool, typer.Option("--spectrum", help="Show the singular values of the Jacobians on some of the data too.")
    ] = False,
    delimiter: arguments.Delimiter = None,
    as_json: arguments.Json = False,
) -> None:
    """Show what a model is: its network, parameters, features and classes; and how the gradient fares in it.

    On given data; without any, at the last step that was recorded, if the run was trained with --health.

    Exit codes: 0 done; 2 the model or the data cannot be used.
    """
    with plain_errors():
        if spectrum and data is None:
            raise ValueError("--spectrum needs data to look at: mlpjax inspect MODEL DATA --spectrum")
        loaded = models.load(model)
        versions = storage.load_versions(models.file_of(model))
        examples = None if data is None else models.examples(loaded, _source(data, delimiter))
        found = _health(loaded, model, examples)
        jacobians = spectrum_of(loaded.mlp, loaded.params, examples.x[:FOR_SPECTRUM]) if examples and spectrum else None
        if as_json:
            said = {} if found is None else health.as_dict(found[1])
            output.print_json(_as_dict(loaded, versions) | said | ({"spectrum": health.spectra(jacobians)} if jacobians else {}))
            return
        _show(loaded, versions)
        if found is not None:
            health.show(output.console, loaded.mlp, found[1], found[0])
            health.verdict(output.console, found[1])
        if jacobians is not None:
            health.show_spectrum(output.console, jacobians)


def _source(data: str, delimiter: str | None) -> Source:
    return open_source(as_table(data) if data in NAMES else table(data), delimiter=delimiter)


def _health(model: Model, path: Path, examples: Examples | None) -> tuple[str, Examined] | None:
    """The health on examples, or else the last that the run remembers, and what it is of."""
    if examples is not None:
        return f"the gradient on {len(examples.x):,} examples", examined(model, examples)
    last = remembered(path, model.mlp) if path.is_dir() else None
    if last is None:
        return None
    step, found = last
    return f"the gradient at step {step:,}, on its {found.health.examples:.0f} examples", found


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


def _as_dict(model: Model, versions: dict) -> dict:
    preprocessing = model.preprocessing
    return {
        "sizes": model.mlp.sizes,
        "loss": model.mlp.loss.name,
        "parameters": model.mlp.parameter_count,
        "dtype": str(model.params[0].W.dtype),
        "layers": _layers(model),
        "features": preprocessing.features,
        "target": preprocessing.target.names,
        "classes": preprocessing.target.classes,
        "versions": versions,
    }


def _show(model: Model, versions: dict) -> None:
    say, target = output.console, model.preprocessing.target
    number = "a number" if len(target.names) == 1 else "numbers"
    what = f"{len(target.classes)} classes: {_listed(target.classes)}" if target.classes else number
    say.print(f"predicts {literal(', '.join(target.names))}, {what}")
    say.print(f"from {len(model.preprocessing.features)} features: {_listed(model.preprocessing.features)}")
    say.print(f"loss {model.mlp.loss.name}, {model.mlp.parameter_count:,} parameters, {model.params[0].W.dtype}")
    numbered = [{"layer": place, **layer} for place, layer in enumerate(_layers(model), 1)]
    say.print(tables.table("", list(SHORT.values()), [[_cell(layer[name]) for name in SHORT] for layer in numbered]))
    if versions:
        say.print("written by " + ", ".join(f"{name} {number}" for name, number in versions.items()))


def _cell(value) -> str:
    return value if isinstance(value, str) else f"{value:,}" if isinstance(value, int | np.integer) else tables.number(value)


def _listed(names: tuple[str, ...]) -> str:
    shown = literal(", ".join(names[:MOST_LISTED]))
    return f"{shown} and {len(names) - MOST_LISTED} more" if len(names) > MOST_LISTED else shown
