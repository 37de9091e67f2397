"""What the tests of the command line share: a table, ways to give a command, and what a run leaves."""

import csv
import os
import resource
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import jax
import numpy as np
import pytest
from typer.testing import CliRunner

from mlpjax import plots
from mlpjax.cli import app

QUICK = ["--epochs", "3", "--layers", "8", "--batch-size", "32", "--learning-rate", "0.01"]
FEATURES = ["size", "rooms", "city", "garden", "age"]
WRITTEN = ["checkpoints", "config.json", "history.json", "log.jsonl", "model.safetensors", "report.json", "training.png"]


def here(tmp_path, monkeypatch):
    """A fixture: an empty folder to work in, and no pictures drawn."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(plots, "training_picture", lambda path, *arguments: Path(path).write_bytes(b"a picture"))
    return tmp_path


training_picture = plots.training_picture
"""The true one, which takes half a second."""


def houses(n: int = 150, seed: int = 0) -> dict[str, list]:
    """A table with every kind of column, by name."""
    rng = np.random.default_rng(seed)
    size, rooms = rng.normal(100, 30, n).round(1), rng.integers(1, 7, n)
    city = rng.choice(["Lima", "Paris", "Zürich, CH"], n)
    price = (2 * size + 15 * rooms + np.where(city == "Paris", 120, 0) + rng.normal(0, 10, n)).round(2)
    return {
        "size": size.tolist(),
        "rooms": rooms.tolist(),
        "city": city.tolist(),
        "garden": rng.choice(["true", "false"], n).tolist(),
        "age": [None if rng.random() < 0.1 else age for age in rng.integers(0, 100, n).tolist()],
        "land": ["CH"] * n,
        "price": price.tolist(),
        "kind": np.where(price > 300, "dear", np.where(price > 220, "fair", "cheap")).tolist(),
        "visits": rng.poisson(np.exp(0.2 + size / 80)).tolist(),
        "weight": rng.uniform(0.5, 2, n).round(3).tolist(),
    }


def columns(*names: str, n: int = 150) -> dict[str, list]:
    """Some columns of the table of houses."""
    table = houses(n)
    return {name: table[name] for name in names}


def write(path, table: dict[str, list]) -> str:
    """A table as a CSV file."""
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(table)
        writer.writerows(zip(*(["" if cell is None else cell for cell in cells] for cells in table.values()), strict=True))
    return str(path)


def call(*arguments, text: bytes | None = None):
    """Give a command in this process, as it would run in its own: without x64; and keep off the user's compiled code."""
    with jax.enable_x64(False), pytest.MonkeyPatch.context() as patch:
        patch.setenv("JAX_COMPILATION_CACHE_DIR", "")
        result = CliRunner().invoke(app, [str(argument) for argument in arguments], input=text)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def good(*arguments, text: bytes | None = None):
    """Give a command that must go well."""
    result = call(*arguments, text=text)
    assert result.exit_code == 0, result.output
    return result


def refused(*arguments, text: bytes | None = None) -> str:
    """Give a command that must be refused in one line, and return the line."""
    result = call(*arguments, text=text)
    assert result.exit_code == 2, result.output
    (line,) = result.stderr.splitlines()
    assert line.startswith("error: ")
    return line.removeprefix("error: ")


def process(cache, *arguments, setting: str = "", **options) -> subprocess.Popen:
    """Give a command in a process of its own; `setting` is Python to run before it."""
    code = f"import sys; sys.argv[0] = 'mlpjax'; {setting}\nfrom mlpjax.__main__ import main; main()"
    environment = {**os.environ, "JAX_COMPILATION_CACHE_DIR": str(cache), "PYTHONUNBUFFERED": "1", "COLUMNS": "200"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "env": environment}
    return subprocess.Popen([sys.executable, "-c", code, *map(str, arguments)], **{**pipes, **options})


def left(folder) -> list[str]:
    """The names of all that is in a folder but compiled code."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if "cache" not in path.parts)


def trained(tmp_path_factory):
    """A fixture: a folder with the table of houses, a run that learned the price and one that learned the kind."""
    folder = tmp_path_factory.mktemp("trained")
    write(folder / "houses.csv", columns(*FEATURES, "price", "kind"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plots, "training_picture", lambda path, *arguments: Path(path).write_bytes(b"a picture"))
        for name, target, other in (("numbers", "price", "kind"), ("classes", "kind", "price")):
            options = ["-t", target, "--drop", other, *QUICK, "--epochs", 40]
            good("train", folder / "houses.csv", "--out", folder / name, *options)
    return folder


@contextmanager
def full_disk(size: int = 1000):
    """No file may grow beyond so many bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
