"""Pictures of a choice: the map of held-out losses, and the parts of the error over how free a model is."""

import os

import numpy as np

from mlpjax.plots import style
from mlpjax.selection.bias_variance import BiasVariance
from mlpjax.selection.cross_validation import CrossValidation

MOST_NUMBERED = 60
"""Up to how many models the map holds numbers."""


def shape_name(depth: int, width: int) -> str:
    """The hidden layers of a model in words.

    >>> shape_name(0, 0), shape_name(2, 16)
    ('none', '16, 16')
    """
    return ", ".join([str(width)] * depth) or "none"


def selection_map(path: str | os.PathLike, title: str, found: CrossValidation) -> None:
    """Draw the held-out loss of every model: a row for each network, from the simplest up, a column for each penalty.

    The best model is marked with a star, the chosen one with a frame, and one that diverged with a cross.

    Args:
        path: the file to write; its ending says the format, such as .png or .svg.
        title: what was measured.
        found: from `cross_validate`.
    """
    from matplotlib.figure import Figure

    shapes = sorted(set(zip(found.depth.tolist(), found.width.tolist(), strict=True)))
    strengths = sorted(set(zip(found.l1.tolist(), found.l2.tolist(), strict=True)))
    rows = [shapes.index(shape) for shape in zip(found.depth, found.width, strict=True)]
    columns = [strengths.index(strength) for strength in zip(found.l1, found.l2, strict=True)]
    figure = Figure(figsize=(2.8 + 1.1 * len(strengths), 1.8 + 0.55 * len(shapes)), layout="constrained")
    axes = figure.subplots()
    figure.suptitle(style.literal(title))
    axes.set_title("★ best, framed: the simplest within one standard error", fontsize=9)
    losses = np.full((len(shapes), len(strengths)), np.nan)
    losses[rows, columns] = np.where(np.isfinite(found.loss), found.loss, np.nan)
    image = axes.imshow(losses, cmap="viridis_r", norm=_norm(losses), origin="lower", aspect="auto")
    figure.colorbar(image, ax=axes, label="held-out loss")
    _label(axes, shapes, strengths)
    for row, place in enumerate(zip(columns, rows, strict=True)):
        _mark(axes, found, row, place, image)
    style.save(figure, path)


def _norm(losses: np.ndarray):
    """A logarithmic scale where the losses span more than a factor of 10, cut off where it would leave no colour for the good."""
    from matplotlib.colors import LogNorm, Normalize

    known = losses[np.isfinite(losses)]
    least, most = (known.min(), known.max()) if known.size else (0.0, 1.0)
    return LogNorm(least, min(most, 1000 * least)) if 0 < 10 * least < most else Normalize(least, most)


def _label(axes, shapes: list[tuple[int, int]], strengths: list[tuple[float, float]]) -> None:
    """What the rows and the columns are."""
    l1, l2 = (sorted(set(kind)) for kind in zip(*strengths, strict=True))
    both = len(l1) > 1 and len(l2) > 1
    only_l1 = len(l1) > 1 and not both
    names = [f"{one:g}, {two:g}" if both else f"{one if only_l1 else two:g}" for one, two in strengths]
    axes.set_xticks(range(len(names)), names, rotation=45 if both else 0)
    axes.set_xlabel("penalties l1, l2" if both else "penalty l1" if only_l1 else "penalty l2")
    axes.set_yticks(range(len(shapes)), [shape_name(*shape) for shape in shapes])
    axes.set_ylabel("hidden layers")


def _mark(axes, found: CrossValidation, row: int, place: tuple[int, int], image) -> None:
    from matplotlib.patches import Rectangle

    loss, (x, y) = found.loss[row], place
    if not np.isfinite(loss):
        axes.text(x, y, "×", ha="center", va="center", color="0.4", fontsize=14)
        return
    red, green, blue, _ = image.cmap(image.norm(loss))
    if len(found.loss) <= MOST_NUMBERED:
        text = f"{loss:.3g} ★" if row == found.best else f"{loss:.3g}"
        axes.text(x, y, text, ha="center", va="center", color="black" if red + green + blue > 1.4 else "white", fontsize=9)
    elif row == found.best:
        axes.text(x, y, "★", ha="center", va="center")
    if row == found.chosen:
        axes.add_patch(Rectangle((x - 0.47, y - 0.46), 0.94, 0.92, fill=False, edgecolor="tab:red", linewidth=2))


PARTS = {"error": "black", "bias": "tab:blue", "variance": "tab:orange", "noise": "0.6"}
"""The parts of the error and their colours."""


def bias_variance_picture(path: str | os.PathLike, title: str, found: BiasVariance, over: str = "depth") -> None:
    """Draw the error and its parts over the depth, the width or the penalty: a panel for each model that is alike otherwise.

    Args:
        path: the file to write; its ending says the format.
        title: what was measured.
        found: from `bias_variance`.
        over: the column that runs along the axis: "depth", "width", "l1" or "l2".

    Raises:
        ValueError: it is none of these.
    """
    from matplotlib.figure import Figure

    names = ("l1", "l2", "depth", "width")
    if over not in names:
        raise ValueError(f"over must be one of {', '.join(names)}; got {over!r}")
    others = [name for name in names if name != over]
    panels = _panels(found, over, others)
    figure = Figure(figsize=(3.2 * len(panels) + 1, 3.4), layout="constrained")
    figure.suptitle(style.literal(title))
    varying = [place for place, values in enumerate(zip(*panels, strict=True)) if len(set(values)) > 1]
    for axes, (kind, rows) in zip(figure.subplots(1, len(panels), sharey=True, squeeze=False)[0], panels.items(), strict=True):
        _parts(axes, found, rows[np.argsort(getattr(found, over)[rows], kind="stable")], over)
        axes.set_title(", ".join(f"{others[place]} {kind[place]:g}" for place in varying), fontsize=10)
    axes.set_ylim(bottom=min(0.0, axes.get_ylim()[0]))  # of all the panels, once they are all drawn
    figure.legend(*axes.get_legend_handles_labels(), loc="outside right center", frameon=False)
    style.save(figure, path)


def _panels(found: BiasVariance, over: str, others: list[str]) -> dict[tuple, np.ndarray]:
    """The rows of each panel; over the depth, a linear model is in the panels of all widths."""
    linear = (found.depth == 0) & bool(found.depth.any())
    shared = linear & (over == "depth")
    own = ~linear if over in ("depth", "width") else np.full(len(linear), True)
    kinds = sorted(set(zip(*(getattr(found, name)[own].tolist() for name in others), strict=True)))
    matching = {
        kind: [(getattr(found, name) == value) | (shared & (name == "width")) for name, value in zip(others, kind, strict=True)]
        for kind in kinds
    }
    return {kind: np.flatnonzero(np.all([*conditions, own | shared], axis=0)) for kind, conditions in matching.items()}


def _parts(axes, found: BiasVariance, rows: np.ndarray, over: str) -> None:
    places = range(len(rows))
    for name, colour in PARTS.items():
        values, errors = getattr(found.parts, name)[rows], getattr(found.standard_errors, name)[rows]
        if np.isfinite(values).any():
            label = {"bias": "bias²" if np.isfinite(found.parts.noise).any() else "bias² and noise"}.get(name, name)
            axes.errorbar(places, values, errors, color=colour, label=label, marker=".", linewidth=1.4, capsize=2)
    axes.set_xticks(places, [f"{value:g}" for value in getattr(found, over)[rows]])
    axes.set_xlabel({"depth": "hidden layers", "width": "units"}.get(over, f"penalty {over}"))
    style.plain(axes)
