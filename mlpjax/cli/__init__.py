"""The command line: `mlpjax` and its commands.

- `mlpjax train houses.csv --target price` trains on a table, tests, and writes a run folder.
- `mlpjax select houses.csv --target price` chooses the layers and the penalty by cross-validation.
- `mlpjax predict RUN new.csv` predicts the rows of a table.
- `mlpjax evaluate RUN other.csv` measures a model on a table whose targets are known.
- `mlpjax export RUN` writes one file that runs with JAX alone.
- `mlpjax inspect RUN` tells what is in a model file.
- `mlpjax check houses.csv --target price` compares every gradient method with `jax.grad` on your rows.

Each lists its options with `--help`.
"""

from typing import Annotated

import jax
import typer

import mlpjax
from mlpjax.cli import checking, evaluating, exporting, inspecting, output, predicting, selecting, training

ABOUT = "Multilayer perceptrons in JAX, with gradients derived by hand and proven equal to jax.grad."

app = typer.Typer(
    help=ABOUT, no_args_is_help=True, rich_markup_mode="markdown", add_completion=True, pretty_exceptions_enable=False
)


def _version(wanted: bool | None) -> None:
    if wanted:
        output.console.print(f"mlpjax {mlpjax.__version__}, jax {jax.__version__}")
        raise typer.Exit


@app.callback(help=ABOUT)
def _main(
    version: Annotated[
        bool | None, typer.Option("--version", help="Print the version and leave.", callback=_version, is_eager=True)
    ] = None,
) -> None:
    output.keep_compiled_code()


app.command(epilog=training.EPILOG)(training.train)
app.command(epilog=selecting.EPILOG)(selecting.select)
app.command(epilog=predicting.EPILOG)(predicting.predict)
app.command(epilog=evaluating.EPILOG)(evaluating.evaluate)
app.command(epilog=exporting.EPILOG)(exporting.export)
app.command(epilog=inspecting.EPILOG)(inspecting.inspect)
app.command(epilog=checking.EPILOG)(checking.check)
