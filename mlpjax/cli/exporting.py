"""`mlpjax export`."""

from pathlib import Path
from typing import Annotated

import typer

from mlpjax import files, storage
from mlpjax.cli import arguments, output
from mlpjax.cli.output import literal, plain_errors
from mlpjax.cli.predicting import check_spared
from mlpjax.data import Column, Preprocessing
from mlpjax.interop.artifact import PLATFORMS, to_artifact
from mlpjax.network import MLP
from mlpjax.runs import models

EPILOG = """
**Examples**

* mlpjax export runs/houses -o houses.jaxexport
* mlpjax export runs/patients/model.safetensors --json: what goes in and what comes out, for machines
"""
MOST_LISTED = 30


def export(
    model: arguments.ModelPath,
    out: Annotated[Path, typer.Option("--output", "-o", help="The file to write.")] = Path("model.jaxexport"),
    as_json: arguments.Json = False,
) -> None:
    """Write the prediction, with its preprocessing, as one file that runs where JAX is installed and mlpjax is not.

    For any number of rows, on cpu, cuda, rocm and tpu. It takes cells as numbers; what each stands for is printed.

    Exit codes: 0 done; 2 the model cannot be used or the file not be written.
    """
    with plain_errors():
        file = models.file_of(model)
        check_spared(str(out), str(file))
        mlp, params = storage.load(file)
        preprocessing = storage.load_preprocessing(file)
        content = to_artifact(mlp, params, preprocessing)
        files.write_whole(out, content)
        said = {
            "file": str(out),
            "bytes": len(content),
            "platforms": PLATFORMS,
            "dtype": str(params[0].W.dtype),
            "inputs": _inputs(mlp, preprocessing),
            "outputs": _outputs(mlp, preprocessing),
        }
        output.print_json(said) if as_json else _show(said)


def _inputs(mlp: MLP, preprocessing: Preprocessing | None) -> list[dict]:
    if preprocessing is None:
        return [{"name": f"feature {place}", "holds": "a number"} for place in range(mlp.sizes[0])]
    return [{"name": column.name, "holds": _holds(column)} for column in preprocessing.columns]


def _holds(column: Column) -> str | dict[str, int]:
    """What a cell of a column is: a number, or the number of a category."""
    return {category: place for place, category in enumerate(column.categories)} if column.categories else "a number"


def _outputs(mlp: MLP, preprocessing: Preprocessing | None) -> list[str]:
    if preprocessing is None:
        return [f"output {place}" for place in range(mlp.sizes[-1])]
    target = preprocessing.target
    return [f"probability of {name}" for name in target.classes[-mlp.sizes[-1] :]] or list(target.names)


def _show(said: dict) -> None:
    say, inputs = output.console, said["inputs"]
    say.print(f"written: {literal(said['file'])}, {said['bytes']:,} bytes, for {', '.join(said['platforms'])}")
    say.print("It runs where jax and flatbuffers are installed:\n")
    say.print("    from jax import export")
    say.print(f"    prediction = export.deserialize(open({literal(repr(said['file']))}, 'rb').read())")
    say.print(f"    prediction.call(cells)  # {said['dtype']}, shape (any, {len(inputs)}) to (any, {len(said['outputs'])})\n")
    say.print("Cells, in this order; NaN where one is missing, -1 for a category that is not listed:")
    for place, column in enumerate(inputs[:MOST_LISTED]):
        holds = column["holds"]
        numbered = holds if isinstance(holds, str) else ", ".join(f"{number} {name}" for name, number in holds.items())
        say.print(f"    {place}  {literal(column['name'])}: {literal(numbered):.300}")
    if len(inputs) > MOST_LISTED:
        say.print(f"    … and {len(inputs) - MOST_LISTED} more, which --json lists")
    say.print(f"Comes out: {literal(', '.join(said['outputs']))}")
