"""`mlpjax select`."""

import contextlib
import dataclasses
import os
from pathlib import Path
from typing import Annotated

import jax
import typer

from mlpjax.cli import arguments, choosing
from mlpjax.cli.output import plain_errors
from mlpjax.runs import Options
from mlpjax.runs.selecting import Grid

EPILOG = """
**Examples**

* mlpjax select houses.csv --target price
* mlpjax select breast-cancer --depths 0,1 --widths 8,32 --l2 0,1e-3,1e-2 --folds 10
* mlpjax select diabetes --depths 0 --l1 0,0.01,0.1 --l2 0 --optimizer sgd --learning-rate 0.01: the lasso's path
"""


def select(
    data: arguments.BundledOrTable,
    target: arguments.Target = None,
    task: arguments.Task = None,
    numeric: arguments.Numeric = None,
    categorical: arguments.Categorical = None,
    drop: arguments.Drop = None,
    weights: arguments.Weights = None,
    delimiter: arguments.Delimiter = None,
    test: Annotated[float, typer.Option(help="The part held out for test, which is not looked at.")] = 0.2,
    memory: Annotated[str, typer.Option(help="Larger tables are refused.")] = "1GiB",
    depths: Annotated[str, typer.Option(help="Numbers of hidden layers; 0 is a linear model.")] = "0,1,2",
    widths: Annotated[str, typer.Option(help="Numbers of units in each hidden layer.")] = "16,64",
    l2: Annotated[str, typer.Option(help="L2 penalties on the weights, l2 * sum(W^2).")] = "0,1e-4,1e-3,1e-2,1e-1",
    l1: Annotated[str, typer.Option(help="L1 penalties on the weights, by proximal steps.")] = "0",
    folds: Annotated[int, typer.Option(help="Parts of the training examples, each of which is held out once.")] = Grid.folds,
    repeats: Annotated[int, typer.Option(help="How often to cut them anew.")] = Grid.repeats,
    activation: arguments.ActivationName = "relu",
    loss: arguments.LossName = None,
    optimizer: arguments.OptimizerName = "adam",
    learning_rate: Annotated[float, typer.Option(help="Step size of the optimiser.")] = 1e-3,
    batch_size: Annotated[int | None, typer.Option(help="Examples a step.", show_default="32")] = None,
    epochs: Annotated[int, typer.Option(help="Passes over the training examples.")] = Options.epochs,
    seed: Annotated[int, typer.Option(help="Of the split, the folds, the starts and the orders.", min=0, max=2**32 - 1)] = 0,
    out: Annotated[Path | None, typer.Option(help="Folder to make.", show_default="runs/DATA-select-DATE-TIME")] = None,
    as_json: arguments.Json = False,
) -> None:
    """Choose the number of layers, their width and the penalty by cross-validation, and say how to train that model.

    Trains every model on all but one part of the training examples and measures it on that part, for each part in turn, all
    networks side by side. Prints a table, draws the map of the held-out loss, and names the best model and the simplest
    within one standard error of it. What mlpjax train holds out for test with the same seed is not looked at.

    Exit codes: 0 done; 1 every network diverged; 2 wrong options or data; 130 interrupted, and what is known is told.
    """
    _use_all_cores()
    with plain_errors():
        asked_data = arguments.data_options(
            arguments.place(data), target, task, numeric, categorical, drop, weights, delimiter,
            test=test, memory=arguments.size_in_bytes(memory),
        )  # fmt: skip
        grid = Grid(_numbers("l1", l1), _numbers("l2", l2), _whole("depths", depths), _whole("widths", widths), folds, repeats)
        asked = Options((), activation, loss, optimizer, learning_rate, batch_size=batch_size, epochs=epochs, seed=seed)
        typed = dataclasses.replace(asked_data, data=str(data))
        code = choosing.run(choosing.Wanted(asked_data, asked, grid, typed), out, as_json)
    raise typer.Exit(code)


def _use_all_cores() -> None:
    """A device of JAX for each core, over which the networks are spread; too late in a process that has computed already."""
    if jax.config.values["jax_num_cpu_devices"] < 1 and "xla_force_host_platform_device_count" not in os.environ.get(
        "XLA_FLAGS", ""
    ):
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        with contextlib.suppress(RuntimeError):
            jax.config.update("jax_num_cpu_devices", cores)


def _numbers(name: str, text: str) -> tuple[float, ...]:
    return arguments.listed(name, text, float, "numbers such as 0,1e-3,1e-2")


def _whole(name: str, text: str) -> tuple[int, ...]:
    return arguments.listed(name, text, int, "whole numbers such as 1,2,4")
