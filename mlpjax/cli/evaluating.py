"""`mlpjax evaluate`."""

from pathlib import Path

from mlpjax.cli import arguments, output, tables
from mlpjax.cli.output import plain_errors, plain_warnings
from mlpjax.data import open_source
from mlpjax.runs import folder, models, report
from mlpjax.runs.preparing import table

EPILOG = """
**Examples**

* mlpjax evaluate runs/houses next-year.csv
* mlpjax evaluate runs/patients new.parquet --json
"""


def evaluate(
    model: arguments.ModelPath,
    data: arguments.Table,
    weights: arguments.Weights = None,
    delimiter: arguments.Delimiter = None,
    as_json: arguments.Json = False,
) -> None:
    """Measure a model on a table that has the target, beside the constant that would suit that table best.

    Exit codes: 0 done; 2 the model or the data cannot be used.
    """
    with plain_errors(), plain_warnings():
        loaded = models.load(model)
        source = open_source(table(data), delimiter=delimiter)
        found = report(loaded, models.examples(loaded, source, weights))
        if as_json:
            output.print_json(folder.as_dict(found, {"data": source.name, "examples": len(found.truth)}))
        else:
            tables.metrics(output.console, loaded.preprocessing, found, Path(source.name).name)
