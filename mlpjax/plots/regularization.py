"""Picture of a regularisation path: what a penalty does as it grows."""

import os
from typing import Any

import numpy as np

from mlpjax.experiments.regularization import RegularizationPath
from mlpjax.plots import style


def path_picture(path: str | os.PathLike, title: str, found: RegularizationPath) -> None:
    """Draw the losses, the share of weights that are exactly 0, and the weights of the first layer over the penalty.

    The strength of 0 stands at the left end of an axis that is logarithmic elsewhere.

    Args:
        path: the file to write; its ending says the format, such as .png or .svg.
        title: what was trained.
        found: from `regularization_path`, of one start.

    Raises:
        ValueError: the path holds several starts, or no strength above 0.
    """
    from matplotlib.figure import Figure

    l1, l2 = (np.asarray(strengths, float) for strengths in found.penalty)
    name, strengths = ("l1", l1) if np.ptp(l1) > 0 else ("l2", l2)
    if strengths.ndim != 1 or not (strengths > 0).any():
        raise ValueError(f"a path is drawn over strengths of shape (k,), some of them above 0; got shape {strengths.shape}")
    order = np.argsort(strengths, kind="stable")
    weights = np.asarray(found.params[0].W).reshape(len(strengths), -1)
    panels: dict[str, dict[str, Any]] = {
        "loss": {"training": found.loss, "held out": found.held_out_loss},
        "share of weights that are 0": {"": found.sparsity},
        "weights of the first layer": {"": weights},
    }
    figure = Figure(figsize=(11, 3.4), layout="constrained")
    figure.suptitle(style.literal(title))
    for axes, (label, curves) in zip(figure.subplots(1, 3), panels.items(), strict=True):
        for curve, values in curves.items():
            axes.plot(strengths[order], np.asarray(values)[order], label=curve, linewidth=1.2)
        axes.set_xscale("symlog", linthresh=strengths[strengths > 0].min())
        axes.set_xlabel(f"penalty {name}")
        axes.set_ylabel(label)
        style.plain(axes)
    figure.axes[0].legend(frameon=False)
    style.save(figure, path)
