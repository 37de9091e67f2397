"""`mlpjax train`."""

import dataclasses
from pathlib import Path
from typing import Annotated

import typer

from mlpjax.cli import arguments
from mlpjax.cli.output import plain_errors
from mlpjax.cli.running import run
from mlpjax.runs import Config, DataOptions, Options, folder
from mlpjax.runs.preparing import STDIN

EPILOG = """
**Examples**

* mlpjax train houses.csv --target price
* mlpjax train patients.parquet --target outcome --drop id --balanced --patience 20
* mlpjax train digits --layers 128,64 --activation tanh --optimizer sgd --learning-rate 0.1
* mlpjax train diabetes --layers none --optimizer sgd --l1 0.05: linear regression with exact zeros
* mlpjax train digits --layers 64,64,64,64,64 --activation tanh --init lsuv
* mlpjax train iris --layers 4 --gradient path_sum: the chain rule without memoization
* mlpjax train digits --layers 32,32,32,32,32,32,32,32 --activation sigmoid --health: a gradient that vanishes
* mlpjax train --resume runs/houses-20260101-120000 --epochs 500
"""


def train(
    data: arguments.BundledOrTable = None,
    target: arguments.Target = None,
    task: arguments.Task = None,
    numeric: arguments.Numeric = None,
    categorical: arguments.Categorical = None,
    drop: arguments.Drop = None,
    weights: arguments.Weights = None,
    delimiter: arguments.Delimiter = None,
    test: Annotated[float, typer.Option(help="The part held out for test.")] = 0.2,
    memory: Annotated[str, typer.Option(help="Larger tables are read as a stream, epoch by epoch.")] = "1GiB",
    layers: arguments.Layers = "64,32",
    activation: arguments.ActivationName = "relu",
    loss: arguments.LossName = None,
    optimizer: arguments.OptimizerName = "adam",
    learning_rate: Annotated[float, typer.Option(help="Step size of the optimiser.")] = 1e-3,
    schedule: Annotated[str, typer.Option(help="Of the learning rate: constant or cosine, which ends at 0.")] = "constant",
    clip: Annotated[float | None, typer.Option(help="Clip the gradient to this norm.", show_default="never")] = None,
    batch_size: Annotated[
        int | None,
        typer.Option(help="Examples a step: 1 is SGD, all of them gradient descent.", show_default="32; 256 in a stream"),
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(help="Passes over the training examples.", show_default=str(Options.epochs))
    ] = None,
    l1: Annotated[
        float, typer.Option(help="L1 penalty on the weights, by proximal steps that give exact zeros; the lasso's with sgd.")
    ] = 0.0,
    l2: Annotated[
        float | None,
        typer.Option(help="L2 penalty on the weights, l2 * sum(W^2).", show_default="1/n, or 10/n for a number that is no count"),
    ] = None,
    balanced: Annotated[
        bool, typer.Option("--balanced", help="Weigh the examples so that all classes have the same say.")
    ] = False,
    patience: Annotated[
        int | None, typer.Option(help="Stop after so many epochs without a better validation loss, and keep the best.")
    ] = None,
    validation: Annotated[
        float, typer.Option(help="The part of the training examples to measure that on.", show_default="0.1 with --patience")
    ] = 0.0,
    seed: Annotated[int, typer.Option(help="Of the split, the start and the order of the examples.", min=0, max=2**32 - 1)] = 0,
    gradient: arguments.GradientName = "backprop",
    init: arguments.InitializerName = None,
    health: Annotated[
        bool, typer.Option("--health", help="Record how the gradient fares in every layer, and say what ails it and what helps.")
    ] = False,
    health_every: Annotated[
        int | None, typer.Option(help="Record at each so many-th step.", show_default="500, or 50 times in all")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Run folder to make.", show_default="runs/DATA-DATE-TIME")] = None,
    resume: Annotated[
        Path | None, typer.Option(help="Go on with the run in this folder, with its options; --epochs may be raised.")
    ] = None,
    as_json: arguments.Json = False,
) -> None:
    """Train on a table of your own, or on a bundled data set, with a part of it held out for test.

    Checks the gradient against jax.grad in float64, trains with a progress bar, compares the result with a constant and a
    linear model, and writes a run folder: the model (one safetensors file that predicts by itself), configuration, history,
    report (JSON) and a picture. Ctrl-C keeps what has been learned, and so does a crash: see --resume.

    Exit codes: 0 done; 1 training diverged, or the gradient is wrong; 2 wrong options or data, or a full disk;
    130 interrupted.
    """
    with plain_errors():
        asked = Config(
            arguments.data_options(
                "" if data is None and resume else arguments.place(data), target, task, numeric, categorical, drop, weights,
                delimiter, test=test, memory=arguments.size_in_bytes(memory),
            ),
            Options(
                arguments.hidden_layers(layers), activation, loss, optimizer, learning_rate, schedule, clip, batch_size,
                Options.epochs if epochs is None else epochs, l1, l2, balanced, validation, patience, seed, gradient, init,
                health, health_every,
            ),
        )  # fmt: skip
        config = asked if resume is None else _resumed(asked, resume, epochs, out)
        code = run(config, resume, out, as_json)
    raise typer.Exit(code)


def _resumed(asked: Config, path: Path, epochs: int | None, out: Path | None) -> Config:
    """What the run was asked to do, with more epochs if so asked, and the data from elsewhere if they are named."""
    others = [*_unusual(asked), *(["out"] if out else [])]
    if others:
        raise ValueError(
            f"--resume goes on with the options of the run, and only --epochs can be given beside it; got "
            f"--{others[0].replace('_', '-')}"
        )
    config = folder.read_config(path)
    if epochs is not None and epochs != config.options.epochs:
        if config.options.schedule != "constant":
            raise ValueError(f"--epochs cannot change in a run with the {config.options.schedule} schedule, which depends on it")
        config = config._replace(options=dataclasses.replace(config.options, epochs=epochs))
    if asked.data.data:
        config = config._replace(data=dataclasses.replace(config.data, data=asked.data.data))
    elif config.data.data == STDIN:
        raise ValueError(f"the run learned from standard input: give it again, mlpjax train - --resume {path} < the same data")
    return config


def _unusual(asked: Config) -> list[str]:
    """The options that are given, and that a run which goes on has already."""
    usual = DataOptions(asked.data.data), Options(epochs=asked.options.epochs)
    pairs = zip(asked, usual, strict=True)
    return [name for given, plain in pairs for name in vars(given) if getattr(given, name) != getattr(plain, name)]
