"""From the options of a run to its examples."""

import sys
from pathlib import Path

from mlpjax import names
from mlpjax.data import NAMES, bundled, load_table, open_source, stream
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
    if options.data in NAMES:
        if options.target:
            raise ValueError(
                f"{options.data} is a bundled set and has its own target; for a file of that name write ./{options.data}"
            )
        return of_dataset(bundled(options.data, training.seed, options.test))
    source = open_source(table(options.data), delimiter=options.delimiter, memory=options.memory)
    if not options.target:
        raise ValueError(f"which column is to be predicted? Choose with --target: {', '.join(source.names)}")
    if source.size <= options.memory:
        return of_dataset(load_table(source, options.choices, seed=training.seed, test_fraction=options.test))
    return of_stream(
        stream(
            source,
            options.choices,
            seed=training.seed,
            batch_size=training.batch_size or 256,
            test_fraction=options.test,
            validation_fraction=training.validation,
            memory=options.memory,
            folder=folder,
        )
    )


def table(name: str):
    """The file called `name`, or standard input.

    Raises:
        ValueError: there is no such file and it looks like the name of a bundled set.
        FileNotFoundError: there is no such file.
    """
    if name == STDIN:
        return sys.stdin.buffer
    path = Path(name)
    if not path.exists() and not path.suffix:
        raise ValueError(f"{names.nearest('data set', name, NAMES)}; and there is no file of that name")
    if not path.exists():
        raise FileNotFoundError(f"there is no file {path}")
    return path
