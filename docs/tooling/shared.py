"""What a link to a page shows where it is shared, or found: its title, its first sentences and a picture."""

import html
import re
import textwrap
from itertools import pairwise
from pathlib import Path
from urllib.parse import urljoin

import drawings
import matplotlib as mpl
from figures import plt

PARAGRAPH = re.compile(r'<p(?: class="question")?>(.*?)</p>', re.S)
SENTENCES = re.compile(r".{1,240}?[.?!](?=\s|$)|.{1,200}(?=\s|$)")
TAG = re.compile(r"<[^>]*>")
SIZE = 1200, 630
SIZES = (4, 3, 2, 1)
LAYERS = ("x", "a", "a", "delta")
GROUND, INK = "#16202a", "#eef2f5"

_cards: dict[str, tuple[str, str]] = {}


def on_page_content(content, page, config, files):
    """The description of a page is how its text begins; the pages of the reference share the picture of its first."""
    texts = (" ".join(html.unescape(TAG.sub("", found)).split()) for found in PARAGRAPH.findall(content))
    first = config.site_description if page.is_homepage else next(filter(None, texts), config.site_description)
    page.meta.setdefault("description", html.escape(_beginning(first)))
    if config.site_url:
        path = "home" if page.is_homepage else page.url.strip("/").replace("/", "-")
        shown = path.partition("-")[0] if path.startswith("reference-") else path
        page.meta["card"] = urljoin(config.site_url, f"assets/cards/{shown}.png")
        if shown == path:
            _cards[f"assets/cards/{path}.png"] = str(page.title), _beginning(first)


def _beginning(text: str, length: int = 200) -> str:
    """Whole sentences, as many as fit."""
    kept = ""
    for sentence in SENTENCES.findall(text):
        if kept and len(kept) + len(sentence) > length:
            break
        kept = f"{kept} {sentence.strip()}".strip()
    return kept


def on_post_build(config):
    """The pictures, where it is known at which address they will be."""
    colours = _colours(config)
    for path, (title, words) in _cards.items():
        target = Path(config.site_dir, path)
        target.parent.mkdir(parents=True, exist_ok=True)
        _draw(target, title, words, colours)


def _colours(config) -> dict[str, str]:
    """The letters' colours on a dark page."""
    dark = Path(config.docs_dir, "stylesheets/book.css").read_text(encoding="utf-8").partition('"slate"')[2]
    return dict(re.findall(r"--letter-(\w+): (#\w+);", dark))


def _draw(target: Path, title: str, words: str, colours: dict[str, str]) -> None:
    with mpl.rc_context({"font.family": "DejaVu Sans"}):
        figure = plt.figure(figsize=(SIZE[0] / 100, SIZE[1] / 100), dpi=100, facecolor=GROUND)
        axes = figure.add_axes((0, 0, 1, 1), xlim=(0, SIZE[0]), ylim=(SIZE[1], 0))
        axes.axis("off")
        places = [[(810 + x, 130 + y) for x, y in column] for column in drawings.columns(SIZES, 380, 370)]
        for before, after in pairwise(places):
            for start in before:
                for end in after:
                    axes.plot(*zip(start, end, strict=True), color=colours["W"], linewidth=1.2, alpha=0.7, zorder=1)
        for column, letter in zip(places, LAYERS, strict=True):
            for place in column:
                axes.add_patch(plt.Circle(place, 21, facecolor=GROUND, edgecolor=colours[letter], linewidth=3, zorder=2))
        axes.text(70, 90, "mlpjax", color=colours["delta"], fontsize=20, va="center")
        lines = textwrap.wrap(title, 22)
        axes.text(70, 150, "\n".join(lines), color=INK, fontsize=34, weight="bold", va="top", linespacing=1.25)
        below = 190 + 60 * len(lines)
        axes.text(70, below, textwrap.fill(words, 44), color=INK, fontsize=18, va="top", linespacing=1.5)
        figure.savefig(target, facecolor=GROUND)
        plt.close(figure)
