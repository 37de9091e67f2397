"""Of each font that comes with the site, the characters it shows: the font of the formulas and that of the figures."""

import html
import re
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTFont
from matplotlib import get_data_path

MODULES = Path(__file__).parent / "node_modules"
DEJAVU = Path(get_data_path(), "fonts/ttf")
FORMULA = re.compile(r"<math.*?</math>", re.S)
FIGURE = re.compile(r'<figure class="drawn[^"]*">.*?</figure>', re.S)
FACES = {
    "stix-two-math": (MODULES / "@fontsource/stix-two-math/files/stix-two-math-latin-400-normal.woff", FORMULA),
    "dejavu-sans": (DEJAVU / "DejaVuSans.ttf", FIGURE),
    "dejavu-sans-oblique": (DEJAVU / "DejaVuSans-Oblique.ttf", FIGURE),
}
TAG = re.compile(r"<[^>]*>")

DRAWN = "√abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
"""What stands in no text: the root, which has an element of its own, and letters in words."""

ITALIC = [*range(0x1D434, 0x1D468), 0x210E, *range(0x1D6E2, 0x1D71C)]
"""Latin and Greek letters as browsers draw those of a formula."""

_shown = {element: set(DRAWN) for element in (FORMULA, FIGURE)}


def on_post_page(output, page, config):
    """Note which characters stand in formulas and in figures."""
    for element, shown in _shown.items():
        for found in element.findall(output):
            shown.update(html.unescape(TAG.sub("", found)))


def on_post_build(config):
    """The fonts, each cut down to what was noted."""
    folder = Path(config.site_dir, "assets/fonts")
    folder.mkdir(parents=True, exist_ok=True)
    for name, (source, element) in FACES.items():
        font = TTFont(source)
        options = subset.Options(layout_features=["*"], notdef_outline=True)
        options.drop_tables += ["FFTM"]
        worker = subset.Subsetter(options)
        worker.populate(text="".join(_shown[element]), unicodes=ITALIC)
        worker.subset(font)
        font.flavor = "woff2"
        font.save(folder / f"{name}.woff2")
