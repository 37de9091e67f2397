"""What all pictures have in common."""

import os
import warnings


def literal(text: str) -> str:
    """A name as it is: a dollar sign begins no formula."""
    return text.replace("$", r"\$")


def plain(axes) -> None:
    """Axes with a faint grid and no box."""
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)


def save(figure, path: str | os.PathLike) -> None:
    """Write a figure; the ending of the path says the format."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph")  # a name in a script that the font lacks is drawn as boxes
        figure.savefig(path, dpi=130)
