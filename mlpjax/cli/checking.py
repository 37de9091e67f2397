"""`mlpjax check`."""

import time
from typing import Annotated, NamedTuple

import jax
import typer

from mlpjax import gradients
from mlpjax.cli import arguments, output, tables
from mlpjax.cli.output import plain_errors
from mlpjax.gradients.paths import path_count
from mlpjax.network import MLP
from mlpjax.runs import Options, options, prepare
from mlpjax.runs import training as runs
from mlpjax.types import GradFn, Params, Penalty

EPILOG = """
**Examples**

* mlpjax check houses.csv --target price
* mlpjax check digits --layers 16,8 --activation gelu --examples 4
"""
QUICK_PATHS = 2**20
"""Above this many paths an example the sum over all of them is left out: it would take minutes."""


class Checked(NamedTuple):
    """What came of a gradient method; `error` is `None` where it was left out."""

    method: str
    error: float | None
    limit: float
    seconds: float
    said: str = ""

    @property
    def good(self) -> bool:
        """Whether it is exact, or was left out."""
        return self.error is None or self.error <= self.limit


def check(
    data: arguments.BundledOrTable,
    target: arguments.Target = None,
    task: arguments.Task = None,
    numeric: arguments.Numeric = None,
    categorical: arguments.Categorical = None,
    drop: arguments.Drop = None,
    weights: arguments.Weights = None,
    delimiter: arguments.Delimiter = None,
    layers: arguments.Layers = "8,4",
    activation: arguments.ActivationName = "tanh",
    loss: arguments.LossName = None,
    l2: Annotated[float, typer.Option(help="L2 penalty on the weights.")] = 0.01,
    examples: Annotated[int, typer.Option(help="How many rows to compute the gradient on.", min=1)] = 8,
    seed: Annotated[int, typer.Option(help="Of the start.", min=0)] = 0,
    as_json: arguments.Json = False,
) -> None:
    """Prove every gradient method on your own data: against jax.grad, in float64, over all parameters.

    Exit codes: 0 all are exact; 1 one is not; 2 wrong options or data.
    """
    with plain_errors():
        asked_data = arguments.data_options(arguments.place(data), target, task, numeric, categorical, drop, weights, delimiter)
        wanted = Options(arguments.hidden_layers(layers), activation, loss, l2=l2, seed=seed)
        options.check(wanted)
        prepared = prepare(asked_data, wanted)
        asked = options.settled(wanted, prepared)
        mlp = options.network(prepared, asked)
        params, _ = runs.start(mlp, asked, prepared)
        batch = prepared.first_batch(examples)
        found = [_checked(name, method, mlp, params, batch, Penalty(l2=l2)) for name, method in gradients.METHODS.items()]
        if as_json:
            output.print_json({"sizes": mlp.sizes, "examples": len(batch[0]), "methods": [one._asdict() for one in found]})
        else:
            _show(mlp, len(batch[0]), found)
    raise typer.Exit(0 if all(one.good for one in found) else 1)


def _checked(name: str, method: GradFn, mlp: MLP, params: Params, batch: tuple, penalty: Penalty) -> Checked:
    limit = runs.EXACT_TO.get(name, 1e-9)
    if name == "path_sum" and path_count(mlp) > QUICK_PATHS:
        return Checked(name, None, limit, 0.0, f"{name} is left out: {path_count(mlp):,} paths an example; try --layers 8,4")
    error = runs.relative_error(mlp, method, params, batch, penalty)
    with jax.enable_x64(True):
        params = runs.in_float64(params)
        began = time.perf_counter()
        jax.block_until_ready(method(mlp, params, *batch[:2], **runs.weighing(batch), penalty=penalty))
    return Checked(name, error, limit, time.perf_counter() - began)


def _show(mlp: MLP, n: int, found: list[Checked]) -> None:
    sizes = " → ".join(str(size) for size in mlp.sizes)
    output.console.print(f"{sizes}, {mlp.loss.name}, {mlp.parameter_count:,} parameters, {n} examples, float64")
    rows = [
        [one.method, f"{one.error:.1e}", f"{one.limit:.0e}", f"{one.seconds * 1e3:.1f} ms", "exact" if one.good else "WRONG"]
        for one in found
        if not one.said
    ]
    headings = ["method", "error against jax.grad", "allowed", "time", ""]
    output.console.print(tables.table("", headings, rows))
    for one in found:
        if one.said:
            output.console.print(one.said)
    output.console.print("error: the largest over all parameters, relative to the largest entry of its array")
