"""Pictures of a network's health."""

import os
from collections.abc import Sequence

import numpy as np

from mlpjax.diagnosis.health import Health
from mlpjax.plots import style

MAPS = (
    ("gradient_norm", "norm of the gradient", True),
    ("factor", "factor: delta over that of the layer after", True),
    ("update_to_weight", "update over weight", True),
    ("activation_std", "standard deviation of the outputs", False),
    ("saturated", "share of saturated outputs", False),
    ("dead", "share of dead units", False),
)
"""Which fields of a health are drawn, what they are called, and whether they take a logarithmic scale."""

BINS = 60


def health_picture(
    path: str | os.PathLike,
    title: str,
    steps: np.ndarray,
    health: Health,
    outputs: Sequence[np.ndarray],
    deltas: Sequence[np.ndarray],
) -> None:
    """Draw how each layer fared from step to step, and how its outputs and deltas are distributed in the end.

    Args:
        path: the file to write; its ending says the format, such as .png or .svg.
        title: what was trained.
        steps: the numbers of the recorded steps, shape (records,), at least one.
        health: what was recorded, fields of shape (records, layers).
        outputs: of each layer, shape (n, units).
        deltas: of each layer, likewise.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 9), layout="constrained")
    figure.suptitle(style.literal(title))
    parts = figure.subfigures(2, 1, height_ratios=(2, 1.3), squeeze=False)[:, 0]
    for axes, (name, label, logarithmic) in zip(parts[0].subplots(2, 3, sharex=True).flat, MAPS, strict=True):
        _map(axes, label, steps, np.asarray(getattr(health, name), float), logarithmic)
    left, right = parts[1].subplots(1, 2)
    _histograms(left, outputs, "outputs of the units in the end")
    _histograms(
        right, [_logarithms(delta) for delta in deltas], "log10 of the size of the units' deltas in the end, zeros left out"
    )
    style.save(figure, path)


def _map(axes, label: str, steps: np.ndarray, values: np.ndarray, logarithmic: bool) -> None:
    """Layers from bottom to top, steps from left to right; what is 0 or not finite stays empty on a logarithmic scale."""
    from matplotlib.colors import LogNorm, Normalize

    shown = np.ma.masked_invalid(values)
    if logarithmic:
        shown = np.ma.masked_less_equal(shown, 0)
    low, high = (shown.min(), shown.max()) if shown.count() else (0.1, 1.0)
    # at least a decade, or from 0 to 1, so that small differences look small
    norm = LogNorm(min(low, high / 10), high) if logarithmic else Normalize(0, max(1.0, high))
    edges = np.append(steps, steps[-1] + (steps[1] - steps[0] if len(steps) > 1 else 1)), np.arange(values.shape[1] + 1) + 0.5
    mesh = axes.pcolormesh(*edges, shown.T, norm=norm, cmap="viridis", rasterized=True)
    axes.figure.colorbar(mesh, ax=axes)
    axes.set_title(label, fontsize="medium")
    axes.set_facecolor("0.9")
    _layers(axes, values.shape[1], axes.get_subplotspec().is_first_col())
    if axes.get_subplotspec().is_last_row():
        axes.set_xlabel("step")


def _layers(axes, count: int, named: bool = True) -> None:
    every = -(-count // 12)
    axes.set_yticks(range(1, count + 1, every))
    if named:
        axes.set_ylabel("layer")


def _logarithms(values: np.ndarray) -> np.ndarray:
    sizes = np.abs(np.asarray(values, float)).ravel()
    return np.log10(sizes[(sizes > 0) & np.isfinite(sizes)])


def _histograms(axes, values: Sequence[np.ndarray], label: str) -> None:
    """One histogram a layer, each as high as the others, on its own line."""
    from matplotlib import colormaps

    some = [one for one in values if one.size] or [np.zeros(1)]
    low, high = min(np.quantile(one, 0.001) for one in some), max(np.quantile(one, 0.999) for one in some)
    edges = np.linspace(low, high if high > low else low + 1, BINS + 1)
    for number, one in enumerate(values, 1):
        counts, _ = np.histogram(one, edges)
        colour = colormaps["viridis"](number / (len(values) + 1))
        top = number + 0.85 * counts / max(counts.max(), 1)
        axes.stairs(top, edges, baseline=number, fill=True, color=colour)
    axes.set_xlabel(label)
    _layers(axes, len(values))
    style.plain(axes)
