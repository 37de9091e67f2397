"""A table that is larger than memory is meant to be: ten million rows by the command line, in a process of its own."""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.timing import Effort

COLUMNS = 20
ROWS, QUICK_ROWS = 10_000_000, 200_000
MEMORY = "256MB"
LIMIT = 2 * 10**9
"""How many bytes the process may take at its peak."""


def compare(effort: Effort, say) -> list[dict]:
    """The peak memory of a process that trains for an epoch on a Parquet file, and how long its parts take."""
    rows = ROWS if effort.seconds >= 10 else QUICK_ROWS
    say(f"stream: {rows:,} rows of {COLUMNS} numbers, {MEMORY}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        size = _write(folder / "table.parquet", rows)
        began = time.perf_counter()
        peak = _peak(folder, "train", "table.parquet", "--target", "y", "--memory", MEMORY, "--epochs", "1", "--out", "run")
        seconds = time.perf_counter() - began
        report = json.loads((folder / "run/report.json").read_text())
    return [
        {
            "rows": rows,
            "columns": COLUMNS,
            "file_bytes": size,
            "memory": MEMORY,
            "peak_bytes": peak,
            "seconds": round(seconds, 1),
            "epoch_seconds": round(report["seconds"], 1),
            "rows_per_second_in_epoch": round(report["training_examples"] / report["seconds"]),
            "test_r2": report["metrics"]["r2"],
            "calm": True,
        }
    ]


def _write(path: Path, rows: int, group: int = 200_000) -> int:
    """Random numbers and a smooth function of them, a row group at a time."""
    import pyarrow as pa
    from pyarrow import parquet

    names = [f"x{number}" for number in range(COLUMNS)]
    schema = pa.schema([(name, pa.float32()) for name in [*names, "y"]])
    with parquet.ParquetWriter(path, schema, compression="none") as writer:
        for start in range(0, rows, group):
            x = np.random.default_rng(start).normal(size=(min(group, rows - start), COLUMNS)).astype(np.float32)
            y = np.sin(x[:, 0]) + x[:, 1] * x[:, 2]
            writer.write_table(pa.table([*x.T, y], schema=schema))
    return path.stat().st_size


MEASURED = """
import re, runpy, sys
try:
    runpy.run_module("mlpjax", run_name="__main__")
finally:
    print("peak", re.search(r"VmHWM:\\s*(\\d+) kB", open("/proc/self/status").read())[1])
"""


def _peak(folder: Path, *arguments: str) -> int:
    """The most memory that a command took, in bytes; what the kernel tells of a child counts its parent too."""
    command = [sys.executable, "-c", MEASURED, *arguments]
    said = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout
    return 1024 * int(said.split()[-1])
