"""The command line."""

import os
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, NoReturn

import jax
import numpy as np
import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

import mlpjax
from mlpjax import activations, gradients, optimizers, runs
from mlpjax.data import NAMES, Dataset, bundled
from mlpjax.network import MLP

app = typer.Typer(
    help="Multilayer perceptrons in JAX, with gradients derived by hand and proven equal to jax.grad.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    add_completion=True,
    pretty_exceptions_enable=False,
)
console = Console(highlight=False, soft_wrap=True)

EXACT_TO = {"finite_difference": 1e-5}
"""How far a gradient method may lie from jax.grad in float64, where that is not 1e-9."""

EPILOG = """
**Examples**

* mlpjax train digits
* mlpjax train digits --layers 128,64 --activation tanh --optimizer sgd --learning-rate 0.1
* mlpjax train diabetes --layers none --optimizer sgd --l1 0.05: linear regression with exact zeros
* mlpjax train iris --layers 4 --gradient path_sum: the chain rule without memoization
"""


def _version(wanted: bool | None) -> None:
    if wanted:
        console.print(f"mlpjax {mlpjax.__version__}, jax {jax.__version__}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool | None, typer.Option("--version", help="Print the version and leave.", callback=_version, is_eager=True)
    ] = None,
) -> None:
    """Multilayer perceptrons in JAX, with gradients derived by hand and proven equal to jax.grad."""


@contextmanager
def _plain_errors(*kinds: type[Exception]) -> Iterator[None]:
    """What is wrong, in one line on stderr and with exit code 2."""
    try:
        yield
    except ModuleNotFoundError as error:
        _fail(f"this needs {error.name}: pip install 'mlpjax[cli]'", 2)
    except kinds as error:
        _fail(str(error), 2)


def _fail(message: str, code: int) -> NoReturn:
    Console(stderr=True, highlight=False, soft_wrap=True).print(f"[bold red]error:[/bold red] {escape(message)}")
    raise typer.Exit(code)


def _layers(text: str) -> tuple[int, ...]:
    if text.strip().lower() in ("", "none"):
        return ()
    try:
        return tuple(int(size) for size in text.split(","))
    except ValueError:
        raise ValueError(f"--layers must be sizes such as 64,32, or none for no hidden layer; got {text!r}") from None


def _cache_compiled_code() -> None:
    """Keep compiled code on disk, so that the second start is quick; JAX's own variable comes first."""
    if "JAX_COMPILATION_CACHE_DIR" in os.environ:
        return
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    jax.config.update("jax_compilation_cache_dir", str(home / "mlpjax" / "xla"))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


@app.command(epilog=EPILOG)
def train(
    data: Annotated[str, typer.Argument(help=f"The data set: {', '.join(NAMES)}.", metavar="DATA")],
    layers: Annotated[str, typer.Option(help="Sizes of the hidden layers, or none.")] = "64,32",
    activation: Annotated[
        str,
        typer.Option(help=f"Of the hidden layers: {', '.join([*activations.RECORDS, *activations.FAMILIES])}; leaky_relu(0.2)."),
    ] = "relu",
    optimizer: Annotated[str, typer.Option(help=f"One of {', '.join(optimizers.RECORDS)}.")] = "adam",
    learning_rate: Annotated[float, typer.Option(help="Step size of the optimiser.")] = 1e-3,
    batch_size: Annotated[int, typer.Option(help="Examples a step: 1 is SGD, all of them gradient descent.")] = 32,
    epochs: Annotated[int, typer.Option(help="Passes over the training examples.")] = 100,
    l1: Annotated[
        float, typer.Option(help="L1 penalty on the weights, by proximal steps that give exact zeros; the lasso's with sgd.")
    ] = 0.0,
    l2: Annotated[
        float | None,
        typer.Option(help="L2 penalty on the weights, l2 * sum(W^2).", show_default="1/n, or 10/n for a number to predict"),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the split, the start and the order of the examples.", min=0)] = 0,
    gradient: Annotated[str, typer.Option(help=f"How the gradient is computed: {', '.join(gradients.METHODS)}.")] = "backprop",
    out: Annotated[Path | None, typer.Option(help="Run folder to make.", show_default="runs/DATA-DATE-TIME")] = None,
) -> None:
    """Train on a bundled data set, with a part of it held out for test.

    Checks the gradient against jax.grad in float64, trains with a progress bar, prints the test score, and writes a run
    folder: parameters (safetensors), configuration and history (JSON) and a picture. Ctrl-C keeps what has been learned.

    Exit codes: 0 done; 1 training diverged, or the gradient is wrong; 2 wrong options; 130 interrupted.
    """
    with _plain_errors(ValueError, TypeError, OSError):
        dataset = bundled(data, seed)
        l2 = runs.default_l2(dataset) if l2 is None else l2
        options = runs.Options(_layers(layers), activation, optimizer, learning_rate, batch_size, epochs, l1, l2, seed, gradient)
        mlp = runs.network(dataset, options)
        runs.check(mlp, options, dataset)
        folder = runs.claim_folder(out or Path("runs") / f"{data}-{time.strftime('%Y%m%d-%H%M%S')}")
    _cache_compiled_code()
    _describe(dataset, mlp)
    params, key = runs.start(mlp, options)
    error = _checked_gradient(mlp, params, dataset, options)
    trained = _train(mlp, params, key, dataset, options)
    _report(dataset, trained)
    with _plain_errors(OSError):
        folder = runs.write_folder(folder, mlp, dataset, options, trained, error)
    console.print(f"written to [bold]{escape(str(folder))}[/bold]: {', '.join(sorted(file.name for file in folder.iterdir()))}")
    raise typer.Exit({"diverged": 1, "interrupted": 130}.get(trained.history.stopped, 0))


def _describe(data: Dataset, mlp: MLP) -> None:
    what = f"{len(data.classes)} classes" if data.classes else "a number to predict"
    console.print(
        f"[bold]{data.name}[/bold]: {len(data.x_train):,} training and {len(data.x_test):,} test examples, "
        f"{len(data.features)} features, {what}"
    )
    units = " → ".join(str(size) for size in mlp.sizes)
    hidden = f"{mlp.activations[0].name}, " if mlp.activations else "no hidden layer, "
    console.print(f"network: {units}, {hidden}{mlp.loss.name}, {mlp.parameter_count:,} parameters")


def _checked_gradient(mlp: MLP, params, data: Dataset, options: runs.Options) -> float:
    error = runs.gradient_error(mlp, params, data, options)
    n = min(options.batch_size, len(data.x_train))
    console.print(
        f"gradient: {options.gradient} against jax.grad on {n} examples in float64: "
        f"largest relative error [bold]{error:.1e}[/bold]"
    )
    if not error <= EXACT_TO.get(options.gradient, 1e-9):
        _fail("the gradient is wrong; please report this with the options that you used", 1)
    return error


def _train(mlp: MLP, params, key: jax.Array, data: Dataset, options: runs.Options) -> runs.Trained:
    """Train, with a bar on a terminal and ten lines elsewhere."""
    console.print(
        f"training: {options.optimizer}, learning rate {options.learning_rate:g}, batches of {options.batch_size}, "
        f"{options.epochs} epochs, penalties l1 {options.l1:g} and l2 {options.l2:.2g}"
    )
    bar = Progress(
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("epochs  {task.description}"),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
    )
    times, every = [time.perf_counter()], max(1, options.epochs // 10)

    def progress(epoch: int, score: runs.Score) -> None:
        times.append(time.perf_counter())
        recent = (times[1:] if epoch > 1 else times)[-20:]  # the first epoch compiles
        rate = (len(recent) - 1) * len(data.x_train) / max(recent[-1] - recent[0], 1e-9)
        line = f"loss {score.loss:.4f}  {_score(data, score)}  {rate:,.0f} examples/s"
        bar.update(task, completed=epoch, description=line)
        if not console.is_terminal and epoch % every == 0:
            console.print(f"epoch {epoch}/{options.epochs}  {line}")

    with warnings.catch_warnings(record=True) as said, bar:
        warnings.simplefilter("always", RuntimeWarning)
        task = bar.add_task("compiling", total=options.epochs)
        trained = runs.train(mlp, params, key, data, options, progress)
    for warning in said:
        console.print(f"[bold yellow]warning:[/bold yellow] {escape(str(warning.message))}")
    return trained


def _score(data: Dataset, score: runs.Score) -> str:
    return f"accuracy {score.score:.4f}" if data.classes else f"R² {score.score:.4f}"


def _report(data: Dataset, trained: runs.Trained) -> None:
    n, test = len(data.x_test), trained.test
    detail = (
        f"{round(test.score * n)} of {n}" if data.classes else f"root mean square error {test.loss**0.5 * data.target_scale:.4g}"
    )
    console.print(f"test {_score(data, test)} ({detail}), trained in {trained.seconds:.1f} s")
    weights = [np.asarray(layer.W) for layer in trained.params]
    zeros, total = sum(int((W == 0).sum()) for W in weights), sum(W.size for W in weights)
    if zeros:
        console.print(f"weights that are exactly 0: {zeros:,} of {total:,}")
