"""Networks, neurons and graphs drawn as SVG: the same shapes, letters and colours throughout the book."""

import html
from collections.abc import Callable, Sequence
from itertools import pairwise

from figures import INK, LETTERS, drawn

FONT = "system-ui, sans-serif"


class Drawing:
    """An SVG that grows: shapes by their centres, in pixels, from the top left."""

    def __init__(self, width: float, height: float):
        self.width, self.height, self.parts = width, height, []

    def line(self, start, end, colour=INK, width=1.2, opacity=1.0, dash="", arrow=False):
        """A straight line, with a head at its end where `arrow`."""
        (x1, y1), (x2, y2) = start, end
        dashes = f' stroke-dasharray="{dash}"' if dash else ""
        self.parts.append(
            f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" style="stroke: {colour}; stroke-width: {width}; '
            f'stroke-opacity: {opacity}"{dashes}/>'
        )
        if arrow:
            self._head(start, end, colour, opacity)
        return self

    def _head(self, start, end, colour, opacity, size=7.0):
        (x1, y1), (x2, y2) = start, end
        length = ((x2 - x1) ** 2 + (y2 - y1) ** 2) ** 0.5 or 1.0
        ux, uy = (x2 - x1) / length, (y2 - y1) / length
        bx, by = x2 - size * ux, y2 - size * uy
        points = " ".join(
            f"{x:.1f},{y:.1f}"
            for x, y in ((x2, y2), (bx - 0.45 * size * uy, by + 0.45 * size * ux), (bx + 0.45 * size * uy, by - 0.45 * size * ux))
        )
        self.parts.append(f'<polygon points="{points}" style="fill: {colour}; fill-opacity: {opacity}"/>')

    def circle(self, centre, radius=17.0, colour=INK, fill="none", width=1.6):
        """A unit."""
        x, y = centre
        style = f"stroke: {colour}; stroke-width: {width}; fill: {fill}; fill-opacity: 0.12"
        self.parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius}" style="{style}"/>')
        return self

    def box(self, centre, size=(80.0, 34.0), colour=INK, fill="none"):
        """A block."""
        (x, y), (w, h) = centre, size
        style = f"stroke: {colour}; stroke-width: 1.4; fill: {fill}; fill-opacity: 0.12"
        self.parts.append(f'<rect x="{x - w / 2:.1f}" y="{y - h / 2:.1f}" width="{w}" height="{h}" rx="4" style="{style}"/>')
        return self

    def text(self, at, words, size=14.0, colour=INK, anchor="middle", italic=False, weight="normal"):
        """Words; what follows `^` is raised and what follows `_` lowered, to the next space."""
        x, y = at
        font = f"{'italic' if italic else 'normal'} {weight} {size}px {FONT}"
        style = f"fill: {colour}; font: {font}; text-anchor: {anchor}"
        self.parts.append(f'<text x="{x:.1f}" y="{y + 0.35 * size:.1f}" style="{style}">{_raised(words)}</text>')
        return self

    def show(self, alt: str, caption: str = "") -> None:
        """Print it as HTML."""
        drawn(f'<svg viewBox="0 0 {self.width:g} {self.height:g}">{"".join(self.parts)}</svg>', alt, caption)


def _raised(words: str) -> str:
    out, level = [], 0
    for character in words:
        if character in "^_":
            level = -0.4 if character == "^" else 0.25
            out.append(f'<tspan dy="{level}em" font-size="0.72em">')
        elif character == " " and level:
            out.append(f'</tspan><tspan dy="{-0.72 * level:.3f}em"> </tspan>')
            level = 0
        else:
            out.append(html.escape(character))
    return "".join(out) + ("</tspan>" if level else "")


def columns(sizes: Sequence[int], width: float, height: float, margin: float = 46.0) -> list[list[tuple[float, float]]]:
    """Where the units of each layer stand."""
    step = (width - 2 * margin) / (len(sizes) - 1)
    gap = min(62.0, (height - 2 * 26) / max(max(sizes) - 1, 1))
    return [[(margin + l * step, height / 2 + (i - (size - 1) / 2) * gap) for i in range(size)] for l, size in enumerate(sizes)]


def network(
    sizes: Sequence[int],
    width: float = 620,
    height: float = 270,
    unit: Callable[[int, int], tuple[str, str]] | None = None,
    edge: Callable[[int, int, int], dict] | None = None,
) -> Drawing:
    """A network: a column for each layer, a line for each weight.

    Args:
        sizes: as in `MLP`.
        unit: what stands in unit i of layer l, and its colour.
        edge: how the line from unit i of layer l to unit j of the next is drawn, as options of `Drawing.line`; None for no line.
    """
    drawing, places = Drawing(width, height), columns(sizes, width, height)
    for l, (before, after) in enumerate(pairwise(places)):
        for i, start in enumerate(before):
            for j, end in enumerate(after):
                options = {"colour": LETTERS["W"], "opacity": 0.5} if edge is None else edge(l, i, j)
                if options is not None:
                    drawing.line(*_between(start, end), **options)
    for l, column in enumerate(places):
        for i, place in enumerate(column):
            words, colour = ("", INK) if unit is None else unit(l, i)
            drawing.circle(place, colour=colour, fill=colour)
            if words:
                drawing.text(place, words, size=13, colour=colour)
    return drawing


def _between(start, end, radius=17.0):
    (x1, y1), (x2, y2) = start, end
    length = ((x2 - x1) ** 2 + (y2 - y1) ** 2) ** 0.5
    ux, uy = (x2 - x1) / length, (y2 - y1) / length
    return (x1 + radius * ux, y1 + radius * uy), (x2 - radius * ux, y2 - radius * uy)
