"""Pictures of a training run."""

import os
from collections.abc import Mapping, Sequence

import numpy as np

Curve = Sequence[float] | np.ndarray

SCORES = {"accuracy": "accuracy", "r2": "R²"}


def training_picture(
    path: str | os.PathLike,
    title: str,
    loss: Curve,
    scores: Mapping[str, Curve],
    score_name: str,
    gradient_norms: np.ndarray,
) -> None:
    """Draw learning curves, and the norm of each layer's gradient over the epochs, side by side.

    Args:
        path: the file to write; its ending says the format, such as .png or .svg.
        title: what was trained.
        loss: the mean training loss of each epoch.
        scores: a curve for each part of the data, such as "training" and "test".
        score_name: what the scores are: "accuracy" or "r2".
        gradient_norms: shape (epochs, layers).
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 3.6), layout="constrained")
    figure.suptitle(title)
    left, middle, right = figure.subplots(1, 3)
    _curves(left, {"training": loss}, "loss", logarithmic=bool(np.all(np.asarray(loss) > 0)))
    _curves(middle, scores, SCORES[score_name])
    layers = {f"layer {l}": norms for l, norms in enumerate(np.transpose(gradient_norms), 1)}
    _curves(right, layers, "norm of the gradient", logarithmic=bool(np.all(gradient_norms > 0)))
    figure.savefig(path, dpi=150)


def _curves(axes, curves: Mapping[str, Curve], label: str, logarithmic: bool = False) -> None:
    for name, values in curves.items():
        single = "o" if len(values) == 1 else None
        axes.plot(range(1, len(values) + 1), values, label=name, linewidth=1.2, marker=single)
    axes.set_xlabel("epoch")
    axes.set_ylabel(label)
    axes.set_yscale("log" if logarithmic else "linear")
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    if len(curves) > 1:
        axes.legend(frameon=False)
