"""The folder of a run: made when it starts, with all that it takes to go on; filled when it ends."""

import json
import os
import platform
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import jax

import mlpjax
from mlpjax import files, storage
from mlpjax.callbacks import finite
from mlpjax.fitting.history import History, columns, records
from mlpjax.runs.models import FILE, Model
from mlpjax.runs.options import DataOptions, Options, as_json, from_json
from mlpjax.runs.reports import Report

FORMAT = "mlpjax run"
FORMAT_VERSION = 1
CONFIG, CHECKPOINTS, LOG, HISTORY, REPORT, PICTURE, HEALTH_PICTURE = (
    "config.json", "checkpoints", "log.jsonl", "history.json", "report.json", "training.png", "health.png",
)  # fmt: skip


class Config(NamedTuple):
    """What a run was asked to do."""

    data: DataOptions
    options: Options


@contextmanager
def claimed(path: Path, rename: bool = False) -> Iterator[Path]:
    """The folder of a new run, which is gone again if the run fails before it has learned anything.

    Args:
        path: what to call it.
        rename: put a number after the name if there is such a folder already.

    Raises:
        FileExistsError: it exists.
        OSError: it cannot be made.
    """
    absent = [one for one in (path, *path.parents) if not one.exists()]
    path = _claim_another(path) if rename else _claim(path)
    try:
        yield path
    except BaseException:
        if not has_checkpoints(path):
            shutil.rmtree(path, ignore_errors=True)
            with suppress(OSError):  # another run may be there by now
                for parent in absent[1:]:
                    parent.rmdir()
        raise


def has_checkpoints(folder: Path) -> bool:
    """Whether a run has left something to go on from."""
    return any(one.name.isdigit() for one in (folder / CHECKPOINTS).glob("*"))


def check_free(path: Path) -> None:
    """There is nothing where a run is to have its folder, or a FileExistsError that says so."""
    if path.exists():
        raise FileExistsError(_taken(path))


def _taken(path: Path) -> str:
    return f"{path} already exists: choose another folder with --out, or move it away"


def _claim(path: Path) -> Path:
    try:
        path.mkdir(parents=True)
    except FileExistsError:
        raise FileExistsError(_taken(path)) from None
    except OSError as error:
        raise OSError(f"the run folder {path} cannot be made: {error.strerror}. Choose another with --out") from None
    return path


def _claim_another(path: Path, number: int = 1) -> Path:
    """The folder, or the first with a number after its name, even if other runs start at the same moment."""
    try:
        return _claim(path if number == 1 else path.with_name(f"{path.name}-{number}"))
    except FileExistsError:
        return _claim_another(path, number + 1)


def write_config(folder: Path, config: Config) -> None:
    """Write what the run is asked to do."""
    device = jax.devices()[0]
    write_json(
        folder / CONFIG,
        {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "data": as_json(config.data),
            "options": as_json(config.options),
            "device": f"{device.platform}: {device.device_kind}",
            "versions": {"mlpjax": mlpjax.__version__, "jax": jax.__version__, "python": platform.python_version()},
        },
    )


def read_config(folder: Path) -> Config:
    """Read what a run was asked to do.

    Raises:
        ValueError: the folder is not one of a run, or of another version.
        OSError: it cannot be read.
    """
    path = folder / CONFIG
    if not path.is_file():
        raise FileNotFoundError(f"{folder} is not the folder of a run: it has no {CONFIG}")
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(said, dict) or said.get("format") != FORMAT:
            raise ValueError("it does not say that it is one")
        if said.get("format_version") != FORMAT_VERSION:
            raise ValueError(
                f"it is of version {said.get('format_version')!r:.20} of the format, and this mlpjax goes on with runs of "
                f"version {FORMAT_VERSION} only. If it has ended, mlpjax predict {folder} can use its model"
            )
        return Config(from_json(DataOptions, said.get("data")), from_json(Options, said.get("options")))
    except (ValueError, TypeError, RecursionError) as error:
        raise ValueError(f"{path} is not the configuration of a run: {error}") from None


def write_results(folder: Path, model: Model, history: History, report: Report, about: dict) -> None:
    """Write the model, the history and the report, each whole or not at all.

    Raises:
        OSError: one of them cannot be written.
    """
    storage.save(folder / FILE, *model)
    kept = {name: column.tolist() for name, column in columns(history).items()}
    ended = {"best_epoch": history.best_epoch, "stopped": history.stopped, "message": history.message}
    if history.health is not None:
        recorded = {name: rows.tolist() for name, rows in records(history).items()}
        kept["health"] = {"steps": history.health_steps.tolist(), **recorded}
    write_json(folder / HISTORY, {**kept, **ended})
    write_json(folder / REPORT, as_dict(report, about))


def as_dict(report: Report, about: dict) -> dict:
    """A report as JSON holds it."""
    return {**about, "metrics": report.metrics, "baselines": report.baselines}


def write_json(path: Path, content: dict) -> None:
    """Write a file of JSON whole or not at all, with null for a number that is not finite."""
    files.write_whole(path, (json.dumps(finite(content), indent=2, allow_nan=False) + os.linesep).encode())
