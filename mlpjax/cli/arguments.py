"""The arguments that several commands take, and what the shell completes them to."""

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from mlpjax import activations, gradients, losses, optimizers
from mlpjax.data import NAMES
from mlpjax.runs import options


def _among(known: Iterable[str]) -> Callable[[str], list[str]]:
    names = sorted(known)
    return lambda incomplete: [name for name in names if name.startswith(incomplete)]


def _data(incomplete: str) -> list[str]:
    """Bundled sets; the shell itself completes files where none fits."""
    return [name for name in NAMES if name.startswith(incomplete)]


ModelPath = Annotated[Path, typer.Argument(help="The folder of a run, or a model file.", metavar="MODEL")]
Table = Annotated[str, typer.Argument(help="A CSV, Parquet, Arrow or .npz file, or - for CSV on standard input.", metavar="DATA")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
Delimiter = Annotated[str | None, typer.Option(help="Of CSV.", show_default="found in the header")]
Target = Annotated[
    list[str] | None,
    typer.Option("--target", "-t", help="The column to predict; several, if they are numbers.", metavar="COLUMN"),
]
Task = Annotated[
    str | None,
    typer.Option(
        help="What the target is: classes or numbers.",
        show_default="by its values",
        autocompletion=_among(["classes", "numbers"]),
    ),
]
Numeric = Annotated[list[str] | None, typer.Option(help="Take a column as numbers.", metavar="COLUMN")]
Categorical = Annotated[list[str] | None, typer.Option(help="Take a column as categories.", metavar="COLUMN")]
Drop = Annotated[list[str] | None, typer.Option(help="Leave a column out.", metavar="COLUMN")]
Weights = Annotated[str | None, typer.Option(help="The column that says how much each example counts.", metavar="COLUMN")]
Layers = Annotated[str, typer.Option(help="Sizes of the hidden layers, or none.")]
ActivationName = Annotated[
    str,
    typer.Option(
        help=f"Of the hidden layers: {', '.join([*activations.RECORDS, *activations.FAMILIES])}; leaky_relu(0.2).",
        autocompletion=_among([*activations.RECORDS, *activations.FAMILIES]),
    ),
]
LossName = Annotated[
    str | None,
    typer.Option(
        help="What is made small, such as huber_loss(1.0), absolute_error or poisson_loss.",
        show_default="squared_error for numbers, cross-entropy for classes",
        autocompletion=_among([*losses.RECORDS, *losses.FAMILIES]),
    ),
]
OptimizerName = Annotated[
    str, typer.Option(help=f"One of {', '.join(optimizers.RECORDS)}.", autocompletion=_among(optimizers.RECORDS))
]
GradientName = Annotated[
    str,
    typer.Option(help=f"How the gradient is computed: {', '.join(gradients.METHODS)}.", autocompletion=_among(gradients.METHODS)),
]
InitializerName = Annotated[
    str | None,
    typer.Option(
        help=f"How the weights start: {', '.join(options.INITIALIZERS)}, which looks at the data.",
        show_default="what suits the activation",
        autocompletion=_among(options.INITIALIZERS),
    ),
]
BundledOrTable = Annotated[
    str | None,
    typer.Argument(
        help=f"A CSV, Parquet, Arrow or .npz file, - for CSV on standard input, or a bundled set: {', '.join(NAMES)}.",
        metavar="DATA",
        autocompletion=_data,
    ),
]


def place(data: str | None) -> str:
    """Where the data are, from wherever the run may be resumed.

    Raises:
        ValueError: no data are named.
    """
    if data is None:
        raise ValueError("what is to be learned from? mlpjax train DATA, where DATA is a file or a bundled set")
    return str(Path(data).absolute()) if data not in NAMES and Path(data).is_file() else data


def data_options(
    data: str,
    target: list[str] | None,
    task: str | None,
    numeric: list[str] | None,
    categorical: list[str] | None,
    drop: list[str] | None,
    weights: str | None,
    delimiter: str | None,
    **others: Any,
) -> options.DataOptions:
    """The options of the data as they were typed: those that can be given several times are `None` where they were not."""
    return options.DataOptions(
        data, tuple(target or ()), task, tuple(numeric or ()), tuple(categorical or ()), tuple(drop or ()), weights, delimiter,
        **others,
    )  # fmt: skip


UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12, "ki": 2**10, "mi": 2**20, "gi": 2**30, "ti": 2**40}


def size_in_bytes(text: str) -> int:
    """Bytes from "500MB", "2G" or a number.

    Raises:
        ValueError: it is none of these.

    >>> size_in_bytes("1.5 GiB")
    1610612736
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmgt]?i?)b?", text.strip().lower())
    if not match or match[2] not in UNITS or float(match[1]) <= 0:
        raise ValueError(f"--memory must be a size such as 500MB or 2GB, got {text!r}")
    return int(float(match[1]) * UNITS[match[2]])


def hidden_layers(text: str) -> tuple[int, ...]:
    """The sizes of the hidden layers.

    Raises:
        ValueError: they are not whole numbers.

    >>> hidden_layers("64,32"), hidden_layers("none")
    ((64, 32), ())
    """
    if text.strip().lower() in ("", "none"):
        return ()
    return listed("layers", text, int, "sizes such as 64,32, or none for no hidden layer")


Number = TypeVar("Number", int, float)


def listed(name: str, text: str, kind: type[Number], what: str) -> tuple[Number, ...]:
    """Numbers with commas between them.

    Args:
        name: of the option.
        text: what was typed.
        kind: of the numbers.
        what: they are, in words, with an example.

    Raises:
        ValueError: they are not.

    >>> listed("l2", "0, 1e-3", float, "numbers such as 0,1e-3,1e-2")
    (0.0, 0.001)
    """
    try:
        return tuple(kind(number) for number in text.split(","))
    except ValueError:
        raise ValueError(f"--{name} must be {what}; got {text!r}") from None
