"""Formulas become MathML while the site is built: nothing to load or run where it is read, and one that fails fails the build."""

import functools
import html
import json
import logging
import re
import subprocess
from pathlib import Path

log = logging.getLogger("mkdocs.hooks.maths")
HERE = Path(__file__).parent
MODULES = HERE / "node_modules"
STYLES = MODULES / "temml/dist/Temml-STIX2.css"

FORMULA = re.compile(r'<(span|div) class="arithmatex">\s*(?:\\\((.*?)\\\)|\\\[(.*?)\\\])\s*</\1>', re.S)
NOTEBOOK = re.compile(r'(<div class="[^"]*jp-RenderedMarkdown[^"]*".*?</div>)', re.S)
DOLLARS = re.compile(r"\$\$(.+?)\$\$|(?<![\\$\w])\$(?!\s)([^$\n]+?)(?<!\s)\$(?!\w)", re.S)
PUNCTUATED = re.compile(r"<math>(?:(?!</math>).)*</math>[.,;:?!)]+", re.S)
"""A browser may begin a line with what follows a formula."""
LETTER = re.compile(r"<mi>([xWwbzaδ])</mi>")
NAMES = {"δ": "delta", "w": "W"}


def letter_class(letter: str) -> str:
    """The class that gives a letter its colour in the book."""
    return f"letter-{NAMES.get(letter, letter)}"


@functools.cache
def _formulas() -> subprocess.Popen:
    return subprocess.Popen(["node", HERE / "formulas.mjs"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


@functools.cache
def mathml(tex: str, display: bool) -> str:
    """TeX as MathML, with a class for each letter that has a colour in the book.

    Raises:
        ValueError: it cannot be read; the message says where.
    """
    process = _formulas()
    process.stdin.write(json.dumps({"tex": tex, "display": display}) + "\n")
    process.stdin.flush()
    answer = json.loads(process.stdout.readline())
    if "error" in answer:
        raise ValueError(answer["error"])
    return LETTER.sub(lambda m: f'<mi class="{letter_class(m[1])}">{m[1]}</mi>', answer["mathml"])


def formula(tex: str, display: bool, where: str) -> str:
    """The HTML of a formula; one that cannot be read is a warning, and so fails a strict build."""
    try:
        shown = mathml(tex.strip(), display)
    except ValueError as error:
        log.warning("%s: the formula %s: %s", where, tex.strip(), error)
        return html.escape(tex)
    return f'<div class="formula">{shown}</div>' if display else shown


def on_page_content(content, page, config, files):
    """Every formula of a page, and those in the Markdown cells of a notebook."""
    where = page.file.src_uri

    def of_markdown(match):
        inline, display = match[2], match[3]
        return formula(html.unescape(display if inline is None else inline), inline is None, where)

    def of_notebook(match):
        display, inline = match[1], match[2]
        return formula(html.unescape(display or inline), display is not None, where)

    content = FORMULA.sub(of_markdown, content)
    content = NOTEBOOK.sub(lambda cell: DOLLARS.sub(of_notebook, cell[1]), content)
    return PUNCTUATED.sub(r'<span class="together">\g<0></span>', content)


def on_post_build(config):
    """The style sheet of the formulas."""
    _formulas().stdin.close()
    _formulas.cache_clear()
    assets = Path(config.site_dir, "assets")
    (assets / "stylesheets").mkdir(parents=True, exist_ok=True)
    styles = STYLES.read_text(encoding="utf-8")
    styles = re.sub(
        r"src:.*?;", "src: url('../fonts/stix-two-math.woff2') format('woff2'); font-display: swap;", styles, count=1, flags=re.S
    )
    (assets / "stylesheets/formulas.css").write_text(styles, encoding="utf-8")
