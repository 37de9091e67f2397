"""`mlpjax predict`."""

import contextlib
import io
import itertools
import json
import os
import sys
from collections.abc import Iterator
from csv import writer
from pathlib import Path
from typing import Annotated

import typer

from mlpjax import files
from mlpjax.callbacks import finite
from mlpjax.cli import arguments
from mlpjax.cli.output import plain_errors, plain_warnings
from mlpjax.data import open_source
from mlpjax.runs import models
from mlpjax.runs.preparing import STDIN, table

EPILOG = """
**Examples**

* mlpjax predict runs/houses new.csv -o prices.csv
* mlpjax predict runs/patients/model.safetensors new.parquet -o out.parquet --probabilities
* cat new.csv | mlpjax predict runs/houses - | head
"""
ENDINGS = (".csv", ".parquet", ".jsonl")


def predict(
    model: arguments.ModelPath,
    data: arguments.Table,
    out: Annotated[
        str, typer.Option("--output", "-o", help="A .csv, .parquet or .jsonl file, or - for CSV on standard output.")
    ] = "-",
    probabilities: Annotated[bool, typer.Option("--probabilities", help="The probability of each class too.")] = False,
    delimiter: arguments.Delimiter = None,
    as_json: Annotated[bool, typer.Option("--json", help="On standard output, a line of JSON for each row.")] = False,
) -> None:
    """Predict the target of each row of a table, in the order of the rows.

    The table needs the columns that the model was trained on, in any order; others are ignored. A file is written whole or
    not at all, and a table larger than memory is no matter.

    Exit codes: 0 done; 2 the model or the data cannot be used.
    """
    with plain_errors(), plain_warnings():
        ending = _ending(out, as_json)
        check_spared(out, data, str(model))
        loaded = models.load(model)
        source = open_source(table(data), delimiter=delimiter)
        tables = models.predictions(loaded, source, probabilities)
        first = next(tables, None)
        if first is None:
            raise ValueError(f"{source.name} has no rows")
        with _opened(out) as file:
            WRITERS[ending](file, first.schema, itertools.chain([first], tables))


def _ending(out: str, as_json: bool) -> str:
    """Of the file, or of one such as is written to standard output."""
    if out == STDIN:
        return ".jsonl" if as_json else ".csv"
    if as_json:
        raise ValueError(f"--json is about standard output; for a file of JSON lines write -o {Path(out).stem}.jsonl")
    ending = Path(out).suffix.lower()
    if ending not in ENDINGS:
        raise ValueError(f"-o must name a file that ends in one of {' '.join(ENDINGS)}, got {out!r}")
    return ending


def check_spared(out: str, *others: str) -> None:
    """What is read is not written over."""
    for other in others:
        if os.path.exists(out) and os.path.exists(other) and os.path.samefile(out, other):
            raise ValueError(f"-o {out} would replace what is read: choose another file")


@contextlib.contextmanager
def _opened(out: str) -> Iterator:
    if out != STDIN:
        with files.whole(out) as file:
            yield file
        return
    yield sys.stdout.buffer
    sys.stdout.buffer.flush()


def _csv(file, schema, tables: Iterator) -> None:
    import pyarrow.compute as pc
    from pyarrow import csv

    header = io.StringIO(newline="")
    writer(header, lineterminator="\n").writerow(schema.names)
    file.write(header.getvalue().encode())
    for part in tables:
        texts = [column for column in part.columns if column.type == "string"]
        special = any(pc.any(pc.match_substring_regex(column, r'[",\r\n]')).as_py() for column in texts)
        quoting = "needed" if special else "none"  # Arrow quotes every text or none
        csv.write_csv(part, file, csv.WriteOptions(include_header=False, quoting_style=quoting))


def _parquet(file, schema, tables: Iterator) -> None:
    from pyarrow import parquet

    with parquet.ParquetWriter(file, schema) as writer:
        for part in tables:
            writer.write_table(part)


def _json_lines(file, schema, tables: Iterator) -> None:
    for part in tables:
        file.writelines(json.dumps(finite(row), allow_nan=False).encode() + b"\n" for row in part.to_pylist())


WRITERS = {".csv": _csv, ".parquet": _parquet, ".jsonl": _json_lines}
