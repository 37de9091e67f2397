"""Figures of one style: inline SVG in the colours of the page, light or dark, with words for those who do not see them."""

import html
import io
import re

import matplotlib

matplotlib.use("agg")
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

INK = "#010203"
LETTERS = {"x": "#010301", "W": "#010302", "b": "#010303", "z": "#010304", "a": "#010305", "delta": "#010306"}
"""What stands for the colour of each letter until the page gives it."""

X, W, B, Z, A, DELTA = LETTERS.values()
CYCLE = (X, W, A, DELTA, B, Z)
SHADES = "viridis"
VARIABLES = {INK: "currentColor", **{colour: f"var(--letter-{letter})" for letter, colour in LETTERS.items()}}
STYLE = {
    "figure.figsize": (6.4, 3.4),
    "figure.constrained_layout.use": True,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
    "svg.hashsalt": "mlpjax",
    "svg.fonttype": "none",
    "mathtext.fontset": "dejavusans",
    "font.size": 11,
    "font.family": ["DejaVu Sans"],
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.prop_cycle": matplotlib.cycler(color=CYCLE),
    "axes.titlesize": 11,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    **dict.fromkeys(("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color", "legend.labelcolor"), INK),
}
ID = re.compile(r'\bid="([^"]+)"')


def subplots(*shape, **options):
    """`matplotlib.pyplot.subplots` in the style of the book."""
    plt.rcParams.update(STYLE)
    return plt.subplots(*shape, **options)


def show(figure: Figure, alt: str, caption: str = "") -> None:
    """Print a figure of matplotlib as HTML.

    Args:
        figure: from `subplots`.
        alt: what it shows, in words, for those who do not see it.
        caption: what stands below it.
    """
    print(markup(_svg(figure), alt, caption))


def drawn(svg: str, alt: str, caption: str = "") -> None:
    """Print a drawing as HTML, as `show` does."""
    print(markup(svg, alt, caption))


def embedded(figure: Figure, alt: str, caption: str = ""):
    """A figure as the value of a cell of a notebook."""
    from IPython.display import HTML

    return HTML(markup(_svg(figure), alt, caption))


WIDE = 700
"""Pixels: a figure that is wider scrolls on a narrow screen, where its letters would be too small to read."""
PLACES = re.compile(r' (?:d|x|y)="[^"]*"')
LONG = re.compile(r"-?\d+\.\d{3,}")


def _svg(figure: Figure) -> str:
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    plt.close(figure)
    svg = buffer.getvalue()
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg[svg.index("<svg") :], flags=re.S)
    return PLACES.sub(lambda places: LONG.sub(lambda number: f"{float(number[0]):.2f}", places[0]), svg)


def markup(svg: str, alt: str, caption: str = "") -> str:
    """The HTML of a drawing: its ids made its own, its colours the page's.

    Raises:
        ValueError: there are no words for those who do not see it.
    """
    if not alt.strip():
        raise ValueError("a figure needs words for those who do not see it: alt=…")
    for colour, variable in VARIABLES.items():
        svg = svg.replace(colour, variable)
    svg = _own_ids(svg)
    box = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg)
    points = re.match(r'<svg[^>]*width="[\d.]+pt"', svg)
    width = float(box[1]) * (4 / 3 if points else 1)
    opening = (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" {box[0]} role="img" '
        f'aria-label="{html.escape(alt)}" style="max-width: {width:.0f}px">'
    )
    kind = "drawn wide" if width > WIDE else "drawn"
    below = f"<figcaption>{caption}</figcaption>" if caption else ""
    return f'<figure class="{kind}">{re.sub(r"<svg[^>]*>", lambda _: opening, svg, count=1)}{below}</figure>'


_drawn = 0


def _own_ids(svg: str) -> str:
    """Ids that nothing refers to are dropped, and the others told from those of other figures of the page."""
    global _drawn
    _drawn += 1
    used = set(re.findall(r'(?:url\(#|href="#)([^)"]+)', svg))
    svg = re.sub(r'\s*\bid="([^"]+)"', lambda m: m[0] if m[1] in used else "", svg)
    for name in sorted(used, key=len, reverse=True):
        svg = re.sub(rf'(id="|url\(#|href="#){re.escape(name)}(?=[")])', rf"\g<1>figure{_drawn}-{name}", svg)
    return svg
