"""Notebooks like the rest of the book: no script of theirs, one style sheet for all, links that hold, a copy to download."""

import hashlib
import html
import logging
import posixpath
import re
import shutil
from pathlib import Path

import jupytext
from mkdocs.structure.files import Files
from mkdocs.utils import get_relative_url
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import BashLexer
from sources import Watched

log = logging.getLogger("mkdocs.hooks.notebooks")
SCRIPTS = (
    re.compile(r"<!-- Load mathjax -->.*?<!-- End of mathjax configuration -->", re.S),
    re.compile(
        r'<script type="module">\s*document\.addEventListener\("DOMContentLoaded".*?<!-- End of mermaid configuration -->', re.S
    ),
)
STYLE = re.compile(r"<style[^>]*>(.*?)</style>", re.S)
LARGE = 20_000
LINK = re.compile(r'href="(?!https?:|mailto:|#)([^"#]+\.(?:md|py|ipynb))(#[^"]*)?"')
CROSS_REFERENCE = re.compile(r"\[([^\[\]]+)\]\[([A-Za-z_][\w.]*)?\]")
CELL = re.compile(r'(<div class="jp-RenderedHTMLCommon jp-RenderedMarkdown.*?</div>)', re.S)
SHELL = re.compile(
    r'(?<=<div class="highlight-ipynb hl-python"><pre>)(?:<[^>]+>)*%%(?:<[^>]+>)*bash(?:<[^>]+>)*\n(.*?)(?=</pre></div>)', re.S
)
COPY = re.compile(r'<div class="clipboard-copy-txt" id="([\w-]+)">(?:%%bash\n)?(.*?)</div>', re.S)
STOP = re.compile(r'(<div class="jp-(?:Cell-inputWrapper|[^"]*jp-OutputArea-output)[^>]*?) tabindex="0"')
"""Cells and outputs where Tab would stop: it need only where one scrolls, and then the page's script says so."""
COMMAND = re.compile(r"^(# )?!", re.M)

_styles: dict[str, str] = {}
_library = Watched("mlpjax", "docs/tooling")


def on_pre_build(config):
    """What `make serve` keeps of the notebooks' runs holds for one state of the library."""
    if _library.changed():
        shutil.rmtree(config.plugins["mkdocs-jupyter"].config["cache_dir"], ignore_errors=True)


def on_files(files, config):
    """Notebooks first: they run one by one, while the blocks of the other pages run in processes of their own."""
    return Files(sorted(files, key=lambda file: not file.src_uri.endswith(".py")))


def on_page_content(content, page, config, files):
    """Without the scripts that load from elsewhere; with the links that a page of Markdown would have."""
    if '<div class="jupyter-wrapper">' not in content:
        return content
    where = page.file.src_uri
    for script in SCRIPTS:
        content, found = script.subn("", content)
        if found != 1:
            log.warning("%s: the scripts of a notebook have changed their form: is one left?", where)
    if COMMAND.search(Path(page.file.abs_src_path).read_text(encoding="utf-8")):
        log.warning("%s: a command after ! may fail unseen: write it in a cell of %%%%bash", where)

    def style(match):
        if len(match[1]) < LARGE:
            return match[0]
        name = f"assets/stylesheets/notebook.{hashlib.sha256(match[1].encode()).hexdigest()[:8]}.css"
        _styles[name] = match[1]
        return f'<link rel="stylesheet" href="{get_relative_url(name, page.url)}">'

    def link(match):
        file = files.get_file_from_path(posixpath.normpath(posixpath.join(posixpath.dirname(where), match[1])))
        return match[0] if file is None else f'href="{file.url_relative_to(page.file)}{match[2] or ""}"'

    content = COPY.sub(r'<pre class="clipboard-copy-txt" id="\1">\2</pre>', SHELL.sub(_shell, content))
    content = LINK.sub(link, STYLE.sub(style, STOP.sub(r"\1", content)))
    return CELL.sub(lambda cell: CROSS_REFERENCE.sub(_cross_reference, cell[1]), content)


def _shell(cell):
    commands = html.unescape(re.sub(r"<[^>]+>", "", cell[1]))
    return highlight(commands, BashLexer(), HtmlFormatter(nowrap=True))


def _cross_reference(match):
    name = match[2] or re.sub(r"<.*?>", "", match[1])
    return f'<autoref identifier="{html.escape(name)}">{match[1]}</autoref>'


def on_post_build(config):
    """The style sheet that the notebooks share."""
    for name, text in _styles.items():
        path = Path(config.site_dir, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def on_post_page(output, page, config):
    """The notebook itself, to download."""
    source = Path(page.file.abs_src_path or "")
    if source.suffix == ".py":
        target = Path(page.file.abs_dest_path).with_name(f"{source.stem}.ipynb")
        target.parent.mkdir(parents=True, exist_ok=True)
        jupytext.write(jupytext.read(source), target)
    return output
