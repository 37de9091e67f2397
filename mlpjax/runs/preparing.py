"""From the options of a run to its examples."""

import sys
from pathlib import Path

from mlpjax import losses, names
from mlpjax.data import NAMES, Choices, bundled, load_table, open_source, stream
from mlpjax.data.survey import CLASSES, NUMBERS
from mlpjax.runs.examples import Prepared, of_dataset, of_stream
from mlpjax.runs.options import DataOptions, Options

STDIN = "-"


def prepare(options: DataOptions, training: Options, folder: Path | None = None) -> Prepared:
    """Read the data: a bundled set, or a table in memory, or as a stream if it is larger than the limit.

    Args:
        options: what to learn from.
        training: how; its seed says which examples are held out.
        folder: where a stream keeps its temporary file.

    Raises:
        ValueError, OSError: the data cannot be used; the message says why and what to do.
    """
    loss = losses.named(training.loss) if training.loss else losses.squared_error
    if options.data in NAMES:
        _check_nothing_asked(options)
        data = bundled(options.data, training.seed, options.test, in_any_unit(loss))
        return of_dataset(data, training.held_out)
    return _of_table(options, training, folder)


def _of_table(options: DataOptions, training: Options, folder: Path | None) -> Prepared:
    source = open_source(table(options.data, NAMES), delimiter=options.delimiter, memory=options.memory)
    if not options.target:
        raise ValueError(f"which column is to be predicted? Choose with --target: {', '.join(source.names)}")
    chosen = choices(options, training.loss)
    if source.size <= options.memory:
        data = load_table(source, chosen, seed=training.seed, test_fraction=options.test)
        return of_dataset(data, training.held_out)
    return of_stream(
        stream(
            source,
            chosen,
            seed=training.seed,
            batch_size=training.batch_size or 256,
            test_fraction=options.test,
            validation_fraction=training.held_out,
            memory=options.memory,
            folder=folder,
        )
    )


def _check_nothing_asked(options: DataOptions) -> None:
    for name in ("target", "task", "numeric", "categorical", "drop", "weights", "delimiter"):
        if getattr(options, name):
            raise ValueError(
                f"{options.data} is a bundled set and takes no --{name}; for a file of that name write ./{options.data}"
            )


def choices(options: DataOptions, loss: str | None) -> Choices:
    """What the columns are for; where nothing is said of the target, the loss that is asked for says it."""
    record = losses.named(loss) if loss else losses.squared_error
    implied = {losses.LABELS: CLASSES, losses.NUMBERS: NUMBERS, losses.COUNTS: NUMBERS}.get(record.target) if loss else None
    return Choices(
        options.target[0] if len(options.target) == 1 else options.target,
        options.task or implied,
        options.numeric,
        options.categorical,
        options.drop,
        options.weights,
        in_any_unit(record),
    )


def in_any_unit(loss: losses.Loss) -> bool:
    """Whether a loss can learn a target that has been shifted: counts it cannot, nor what an activation bounds."""
    return loss.target is not losses.COUNTS and "@" not in loss.name


def table(name: str, known: tuple[str, ...] = ()):
    """The file called `name`, or standard input.

    Args:
        name: a path, or "-".
        known: what the name could have been meant for.

    Raises:
        ValueError: there is no such file, and it looks like one of the known names.
        FileNotFoundError: there is no such file.
    """
    if name == STDIN:
        return sys.stdin.buffer
    path = Path(name)
    if known and not path.exists() and not path.suffix:
        raise ValueError(f"{names.nearest('data set', name, known)}; and there is no file of that name")
    if not path.exists():
        bundled_set = ", and neither predict nor evaluate takes a bundled set" if name in NAMES else ""
        raise FileNotFoundError(f"there is no file {path}{bundled_set}")
    return path
