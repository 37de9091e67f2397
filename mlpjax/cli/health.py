"""What the commands say of a network's health."""

from pathlib import Path

import jax
import numpy as np
from rich.console import Console

from mlpjax import plots
from mlpjax.cli import output, tables
from mlpjax.cli.output import literal
from mlpjax.data import Examples
from mlpjax.diagnosis.health import Health
from mlpjax.diagnosis.spectrum import Spectrum
from mlpjax.fitting import History
from mlpjax.gradients import deltas
from mlpjax.network import MLP, forward
from mlpjax.runs import Model, Prepared, folder
from mlpjax.runs.health import MOST, Examined, examined, record

COLUMNS = {
    "delta_rms": "delta",
    "factor": "factor",
    "slope": "slope",
    "gradient_to_weight": "grad : W",
    "update_to_weight": "step : W",
    "saturated": "satur.",
    "dead": "dead",
}
"""What the table shows, which is to fit on 80 columns."""
SHARES = ("saturated", "dead")


def report(say: Console, path: Path, model: Model, prepared: Prepared, history: History) -> dict:
    """Say how the gradient fares in a network that has been trained, and draw it, if that was recorded.

    Args:
        say: where to.
        path: the folder of the run.
        model: what was learned.
        prepared: its examples.
        history: with the records.

    Returns:
        The same for machines.
    """
    recorded = history.health
    if recorded is None or not len(history.health_steps):
        return {}
    sample, steps = prepared.sample(MOST), np.asarray(recorded.update_to_weight)
    first, last = record(model.mlp, history, 0), examined(model, sample, steps[-1])
    show(say, model.mlp, last, f"the gradient in the end, on {len(sample.x):,} training examples")
    verdict(say, last)
    if _conditions(first) != _conditions(last):
        say.print("at the start, on the first mini-batch:")
        verdict(say, first)
    with output.drawing("the picture of its health"):
        _draw(path, model, sample, history.health_steps, recorded)
    return {"at_the_start": as_dict(first), **as_dict(last)}


def _conditions(found: Examined) -> set[str]:
    return {finding.condition for finding in found.findings}


def show(say: Console, mlp: MLP, found: Examined, title: str) -> None:
    """A table with a row for each layer."""
    values = {name: getattr(found.health, name) for name in COLUMNS if getattr(found.health, name) is not None}
    names = [*(f.name for f in mlp.activations), "output"]
    rows = [
        [f"{layer + 1}", names[layer], *(_cell(name, float(rows[layer])) for name, rows in values.items())]
        for layer in range(len(names))
    ]
    say.print(tables.table(title, ["layer", "", *(COLUMNS[name] for name in values)], rows))


def _cell(name: str, value: float) -> str:
    return f"{value:.0%}" if name in SHARES else f"{value:.2g}"


def verdict(say: Console, found: Examined) -> None:
    """What there is to say, and what to do about it."""
    for condition, layers, reason, cure in found.findings:
        where = f" ({_listed(layers)})" if layers else ""
        colour = "green" if condition == "healthy" else "yellow"
        say.print(f"[bold {colour}]{condition}[/]{where}: {literal(reason)}")
        if cure:
            say.print(f"  try: {literal(cure)}")


def _listed(layers: tuple[int, ...]) -> str:
    """Neighbours as a range: layers 1-4."""
    if len(layers) == 1:
        return f"layer {layers[0]}"
    if layers == tuple(range(layers[0], layers[-1] + 1)):
        return f"layers {layers[0]}-{layers[-1]}"
    return f"layers {', '.join(map(str, layers))}"


def as_dict(found: Examined) -> dict:
    """Health and findings as JSON holds them."""
    fields = {name: np.asarray(value).tolist() for name, value in found.health._asdict().items() if value is not None}
    return {"health": fields, "findings": [finding._asdict() for finding in found.findings]}


def spectra(spectrum: Spectrum) -> list[dict]:
    """For each layer and for the whole network the singular values of the Jacobian: the median example's."""
    named = [*((str(number), values) for number, values in enumerate(spectrum.layers, 1)), ("whole", spectrum.whole)]
    return [
        {"layer": name, "largest": float(row[0]), "median": float(np.median(row)), "smallest": float(row[-1])}
        for name, values in named
        for row in [np.median(np.asarray(values), axis=0)]
    ]


def show_spectrum(say: Console, spectrum: Spectrum) -> None:
    """A table of them."""
    rows = [[tables.number(value) if isinstance(value, float) else value for value in row.values()] for row in spectra(spectrum)]
    title = f"singular values of the Jacobians, the median of {len(spectrum.whole):,} examples"
    say.print(tables.table(title, ["layer", "largest", "median", "smallest"], rows))


def _draw(path: Path, model: Model, sample: Examples, steps: np.ndarray, recorded: Health) -> None:
    trace = forward(model.mlp, model.params, sample.x)
    backwards = deltas(model.mlp, model.params, trace, sample.y)
    pairs = jax.device_get(((*trace.a[1:], trace.z[-1]), [len(sample.x) * delta for delta in backwards]))
    title = f"{path.name}, {'-'.join(map(str, model.mlp.sizes))}"
    plots.health_picture(path / folder.HEALTH_PICTURE, title, steps, recorded, *pairs)
