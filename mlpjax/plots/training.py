"""Pictures of a training run."""

import os
from collections.abc import Mapping, Sequence

import numpy as np

from mlpjax.plots import style

Curve = Sequence[float] | np.ndarray

SCORES = {"accuracy": "accuracy", "r2": "R²"}

MOST_NAMED, MOST_NUMBERED = 12, 12
"""How many classes a confusion matrix can name, and with how many it can hold numbers."""


def training_picture(
    path: str | os.PathLike,
    title: str,
    losses: Mapping[str, Curve],
    scores: Mapping[str, Curve],
    score_name: str,
    gradient_norms: np.ndarray,
    truth: np.ndarray,
    prediction: np.ndarray,
    target: str,
    classes: Sequence[str] = (),
) -> None:
    """Draw learning curves, the norm of each layer's gradient over the epochs, and what is predicted of what is true.

    Args:
        path: the file to write; its ending says the format, such as .png or .svg.
        title: what was trained.
        losses: a curve for each part of the data, such as "training" and "test".
        scores: likewise.
        score_name: what the scores are: "accuracy" or "r2".
        gradient_norms: shape (epochs, layers).
        truth, prediction: of the test examples: the places of classes, or numbers, the first target of which is drawn.
        target: what is predicted.
        classes: their names; empty for numbers.
    """
    from matplotlib.figure import Figure

    target, classes = style.literal(target), [style.literal(name) for name in classes]
    figure = Figure(figsize=(11, 7), layout="constrained")
    figure.suptitle(style.literal(title))
    (one, two), (three, four) = figure.subplots(2, 2)
    _curves(one, losses, "loss", logarithmic=all(np.all(np.asarray(loss) > 0) for loss in losses.values()))
    _curves(two, scores, SCORES[score_name] if len(scores) > 1 else f"{next(iter(scores))} {SCORES[score_name]}")
    layers = {f"layer {l}": norms for l, norms in enumerate(np.transpose(gradient_norms), 1)}
    _curves(three, layers, "norm of the gradient", logarithmic=bool(np.all(gradient_norms > 0)))
    if classes:
        _confusion(four, truth, prediction, classes)
    else:
        _agreement(four, truth.reshape(len(truth), -1)[:, 0], prediction.reshape(len(truth), -1)[:, 0], target)
    style.save(figure, path)


def _curves(axes, curves: Mapping[str, Curve], label: str, logarithmic: bool = False) -> None:
    for name, values in curves.items():
        single = "o" if len(values) == 1 else None
        axes.plot(range(1, len(values) + 1), values, label=name, linewidth=1.2, marker=single)
    axes.set_xlabel("epoch")
    axes.set_ylabel(label)
    axes.set_yscale("log" if logarithmic else "linear")
    style.plain(axes)
    if len(curves) > 1:
        axes.legend(frameon=False)


def _confusion(axes, truth: np.ndarray, prediction: np.ndarray, classes: Sequence[str]) -> None:
    k = len(classes)
    counts = np.zeros((k, k), int)
    np.add.at(counts, (truth, prediction), 1)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    if k <= MOST_NAMED:
        short = [name if len(name) <= 14 else name[:13] + "…" for name in classes]
        axes.set_xticks(range(k), short, rotation=45 if max(map(len, short)) > 3 else 0, ha="center")
        axes.set_yticks(range(k), short)
    if k <= MOST_NUMBERED:
        for (row, column), count in np.ndenumerate(counts):
            if count:
                axes.text(column, row, count, ha="center", va="center", color="white" if shares[row, column] > 0.5 else "black")


def _agreement(axes, truth: np.ndarray, prediction: np.ndarray, target: str) -> None:
    """Predictions against the truth; the distance from the line is the residual."""
    ends = [min(truth.min(), prediction.min()), max(truth.max(), prediction.max())]
    axes.plot(ends, ends, color="0.6", linewidth=1)
    axes.plot(truth, prediction, ".", markersize=max(1.5, 6 - np.log10(max(len(truth), 1))), alpha=0.6)
    axes.set_xlabel(f"true {target}")
    axes.set_ylabel(f"predicted {target}")
    style.plain(axes)
