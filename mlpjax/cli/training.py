"""`mlpjax train`."""

import dataclasses
import time
import warnings
from pathlib import Path
from typing import Annotated

import jax
import numpy as np
import typer
from rich.console import Console
from rich.markup import escape

from mlpjax import metrics, plots
from mlpjax.callbacks import JsonLines, ProgressBar
from mlpjax.cli import arguments, output, tables
from mlpjax.cli.output import plain_errors
from mlpjax.fitting import Checkpoints
from mlpjax.network import MLP
from mlpjax.runs import Config, DataOptions, Model, Options, Prepared, Report, Trained, folder, options, prepare, report
from mlpjax.runs import training as runs
from mlpjax.runs.preparing import STDIN
from mlpjax.types import Params

SECONDS_BETWEEN_CHECKPOINTS = 30.0

EPILOG = """
**Examples**

* mlpjax train houses.csv --target price
* mlpjax train patients.parquet --target outcome --drop id --balanced --patience 20
* mlpjax train digits --layers 128,64 --activation tanh --optimizer sgd --learning-rate 0.1
* mlpjax train diabetes --layers none --optimizer sgd --l1 0.05: linear regression with exact zeros
* mlpjax train iris --layers 4 --gradient path_sum: the chain rule without memoization
* mlpjax train --resume runs/houses-20260101-120000 --epochs 500
"""


def train(
    context: typer.Context,
    data: arguments.BundledOrTable = None,
    target: arguments.Target = None,
    task: arguments.Task = None,
    numeric: arguments.Numeric = None,
    categorical: arguments.Categorical = None,
    drop: arguments.Drop = None,
    weights: arguments.Weights = None,
    delimiter: arguments.Delimiter = None,
    test: Annotated[float, typer.Option(help="The part held out for test.")] = 0.2,
    memory: Annotated[str, typer.Option(help="Larger tables are read as a stream, epoch by epoch.")] = "1GB",
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
    epochs: Annotated[int, typer.Option(help="Passes over the training examples.")] = 100,
    l1: Annotated[
        float, typer.Option(help="L1 penalty on the weights, by proximal steps that give exact zeros; the lasso's with sgd.")
    ] = 0.0,
    l2: Annotated[
        float | None,
        typer.Option(help="L2 penalty on the weights, l2 * sum(W^2).", show_default="1/n, or 10/n for a number to predict"),
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
    seed: Annotated[int, typer.Option(help="Of the split, the start and the order of the examples.", min=0)] = 0,
    gradient: arguments.GradientName = "backprop",
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

    Exit codes: 0 done; 1 training diverged, or the gradient is wrong; 2 wrong options or data; 130 interrupted.
    """
    output.keep_compiled_code()
    with plain_errors():
        if resume is not None:
            config = _resumed(context, resume, data)
        else:
            config = Config(
                DataOptions(
                    arguments.place(data), tuple(target or ()), task, tuple(numeric or ()), tuple(categorical or ()),
                    tuple(drop or ()), weights, delimiter, test, arguments.size_in_bytes(memory),
                ),
                Options(
                    arguments.hidden_layers(layers), activation, loss, optimizer, learning_rate, schedule, clip, batch_size,
                    epochs, l1, l2, balanced, validation, patience, seed, gradient,
                ),
            )  # fmt: skip
        code = _run(config, resume, out, output.voice(as_json), as_json)
    raise typer.Exit(code)


def _resumed(context: typer.Context, path: Path, data: str | None) -> Config:
    """What the run was asked to do, with more epochs if so asked, and the data of standard input again."""
    given = [name for name in context.params if getattr(context.get_parameter_source(name), "name", "") == "COMMANDLINE"]
    other = [name for name in given if name not in ("resume", "epochs", "as_json", "data")]
    if other:
        raise ValueError(
            f"--resume goes on with the options of the run, and only --epochs can be given beside it; got "
            f"--{other[0].replace('_', '-')}"
        )
    config = folder.read_config(path)
    if "epochs" in given:
        if config.options.schedule != "constant" and context.params["epochs"] != config.options.epochs:
            raise ValueError(f"--epochs cannot change in a run with the {config.options.schedule} schedule, which depends on it")
        config = config._replace(options=dataclasses.replace(config.options, epochs=context.params["epochs"]))
    if config.data.data == STDIN and data is None:
        raise ValueError(f"the run learned from standard input: give it again, mlpjax train - --resume {path} < the same data")
    if data is not None:
        config = config._replace(data=dataclasses.replace(config.data, data=arguments.place(data)))
    return config


def _run(config: Config, resume: Path | None, out: Path | None, say: Console, as_json: bool) -> int:
    """Train, report and write, and return the exit code."""
    prepared = prepare(config.data, config.options, resume or (out.parent if out else None))
    asked = options.settled(config.options, prepared)
    mlp = options.network(prepared, asked)
    options.check(mlp, asked, prepared)
    path = resume or folder.claim(
        out or folder.free(Path("runs") / f"{Path(prepared.name).stem}-{time.strftime('%Y%m%d-%H%M%S')}")
    )
    folder.write_config(path, Config(config.data, asked))
    _describe(say, prepared, mlp)
    params, key = runs.start(mlp, asked)
    error = _checked_gradient(say, mlp, params, prepared, asked)
    trained = _train(say, mlp, params, key, prepared, asked, path)
    model = Model(mlp, trained.params, prepared.preprocessing)
    found = report(model, prepared.test, prepared)
    about = _about(prepared, mlp, trained, error)
    folder.write_results(path, model, trained.history, found, about)
    _draw(path / folder.PICTURE, prepared, mlp, asked, trained, found)
    _report(say, prepared, trained, found)
    say.print(f"written to [bold]{escape(str(path))}[/bold]: {', '.join(sorted(file.name for file in path.iterdir()))}")
    if as_json:
        output.print_json({"folder": str(path), **folder.as_dict(found, about)})
    return {"diverged": 1, "interrupted": 130}.get(trained.history.stopped, 0)


def _describe(say: Console, prepared: Prepared, mlp: MLP) -> None:
    target = prepared.preprocessing.target
    many = f"{len(target.names)} numbers" if len(target.names) > 1 else "a number"
    what = f"{len(target.classes)} classes" if target.classes else f"{many} to predict"
    how = ", read as a stream" if prepared.streamed else ""
    say.print(
        f"[bold]{escape(prepared.name)}[/bold]: {prepared.rows:,} training and {len(prepared.test.x):,} test examples{how}, "
        f"{len(prepared.preprocessing.features)} features, {what}"
    )
    for note in prepared.notes:
        say.print(f"  {escape(note)}")
    units = " → ".join(str(size) for size in mlp.sizes)
    hidden = f"{mlp.activations[0].name}, " if mlp.activations else "no hidden layer, "
    say.print(f"network: {units}, {hidden}{mlp.loss.name}, {mlp.parameter_count:,} parameters")


def _checked_gradient(say: Console, mlp: MLP, params: Params, prepared: Prepared, asked: Options) -> float:
    error = runs.gradient_error(mlp, params, prepared, asked)
    say.print(
        f"gradient: {asked.gradient} against jax.grad on {asked.batch_size} examples in float64: "
        f"largest relative error [bold]{error:.1e}[/bold]"
    )
    if not error <= runs.EXACT_TO.get(asked.gradient, 1e-9):
        output.fail("the gradient is wrong; please report this with the options that you used", 1)
    return error


def _train(say: Console, mlp: MLP, params: Params, key: jax.Array, prepared: Prepared, asked: Options, path: Path) -> Trained:
    """Train, with a bar on a terminal and ten lines elsewhere, a log and checkpoints."""
    say.print(
        f"training: {asked.optimizer}, learning rate {asked.learning_rate:g}, batches of {asked.batch_size}, "
        f"{asked.epochs} epochs, penalties l1 {asked.l1:g} and l2 {asked.l2:.2g}"
    )
    score = f"{'validation' if asked.patience or asked.validation else 'test'} {plots.SCORES[metrics.score_name(mlp.loss)]}"
    checkpoints = Checkpoints(path / folder.CHECKPOINTS, seconds=SECONDS_BETWEEN_CHECKPOINTS, keep=2)
    with warnings.catch_warnings(record=True) as said, ProgressBar(asked.epochs, prepared.rows, score, say) as bar:
        warnings.simplefilter("always", RuntimeWarning)
        trained = runs.train(mlp, params, key, prepared, asked, [bar, JsonLines(path / folder.LOG)], checkpoints)
    for warning in said:
        output.warn(str(warning.message))
    if trained.history.stopped == "patience":
        say.print(f"stopped: {trained.history.message}")
    return trained


def _about(prepared: Prepared, mlp: MLP, trained: Trained, error: float) -> dict:
    return {
        "data": prepared.name,
        "training_examples": prepared.rows,
        "test_examples": len(prepared.test.x),
        "sizes": mlp.sizes,
        "loss": mlp.loss.name,
        "parameters": mlp.parameter_count,
        "gradient_error": error,
        "epochs": trained.history.epochs,
        "best_epoch": trained.history.best_epoch,
        "stopped": trained.history.stopped,
        "seconds": trained.seconds,
    }


def _report(say: Console, prepared: Prepared, trained: Trained, found: Report) -> None:
    tables.metrics(say, prepared.preprocessing, found)
    say.print(f"trained in {trained.seconds:.1f} s")
    weights = [np.asarray(layer.W) for layer in trained.params]
    zeros, total = sum(int((W == 0).sum()) for W in weights), sum(W.size for W in weights)
    if zeros:
        say.print(f"weights that are exactly 0: {zeros:,} of {total:,}")


def _draw(path: Path, prepared: Prepared, mlp: MLP, asked: Options, trained: Trained, found: Report) -> None:
    history = trained.history
    if not history.epochs or history.validation_loss is None or history.validation_score is None:
        return
    held_out = "test" if history.best_epoch is None else "validation"
    title = f"{prepared.name}, {'-'.join(map(str, mlp.sizes))}, {mlp.activations[0].name if mlp.activations else 'linear'}"
    plots.training_picture(
        path,
        title,
        {"training, penalty included" if asked.l2 else "training": history.loss, held_out: history.validation_loss},
        {held_out: history.validation_score},
        metrics.score_name(mlp.loss),
        history.gradient_norms,
        found.truth,
        found.prediction,
        prepared.preprocessing.target.names[0],
        prepared.preprocessing.target.classes,
    )
