"""Every block of Python in the book runs in the build, and what is shown under it is what it printed.

`python run` shows the code and its output, `python figure` only the figure it prints, `python run figure` both, `python
markdown` only what it prints, as Markdown, and `python check` runs out of sight. The blocks of a page run in order in a process
of their own. One without such a word fails the build, and so does one that raises.
"""

import json
import logging
import os
import re
import subprocess
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from textwrap import dedent, indent

from sources import state_of

log = logging.getLogger("mkdocs.hooks.blocks")
FENCE = re.compile(
    r"^(?P<indent> *)(?P<ticks>```+) ?python(?P<words>[^\n`]*)\n(?P<body>.*?)^(?P=indent)(?P=ticks) *$", re.M | re.S
)
PLACE = re.compile(r'<div data-block="(\d+)"></div>')
WORDS = ("run", "figure", "run figure", "markdown", "run markdown", "check")
RUNNER = Path(__file__).with_name("page.py")

_pool = ThreadPoolExecutor(os.cpu_count())
_runs: dict[str, tuple[tuple, Future]] = {}


def code_of(markdown: str) -> list[str]:
    """The code of every block of a page that runs."""
    return [dedent(match["body"]) for match in FENCE.finditer(markdown) if " ".join(match["words"].split()) in WORDS]


def run(where: str, blocks: list[str]) -> list[dict]:
    """What each block printed, or the error that it ended in."""
    done = subprocess.run([sys.executable, RUNNER, where], input=json.dumps(blocks), capture_output=True, text=True)
    if done.returncode:
        return [{"error": done.stderr[-2000:]}] * len(blocks)
    return json.loads(done.stdout)


def on_files(files, config):
    """Begin with all pages at once; what `make serve` builds again runs again where its code or the library has changed."""
    state = state_of("mlpjax", "docs/tooling")
    for file in files.documentation_pages():
        if file.src_uri.endswith(".md") and file.abs_src_path:
            blocks = code_of(Path(file.abs_src_path).read_text(encoding="utf-8"))
            if blocks and _runs.get(file.src_uri, (None,))[0] != (blocks, state):
                _runs[file.src_uri] = (blocks, state), _pool.submit(run, file.src_uri, blocks)


def on_page_markdown(markdown, page, config, files):
    """The code and what it printed in place of each block."""
    where = page.file.src_uri
    outcomes = iter(_runs[where][1].result() if where in _runs else [])
    page.meta["figures"] = []

    def block(match):
        words = " ".join(match["words"].split())
        if words not in WORDS:
            log.warning("%s: a block of Python does not run: ```python %s", where, words)
            return match[0]
        outcome = next(outcomes)
        if "error" in outcome:
            log.warning("%s: a block raises:\n%s\n%s", where, dedent(match["body"]), outcome["error"])
            return match[0]
        return indent("\n".join(_shown(words, dedent(match["body"]), outcome["output"], page.meta["figures"])), match["indent"])

    return FENCE.sub(block, markdown)


def _shown(words: str, code: str, output: str, figures: list[str]) -> list[str]:
    shown = ["```python", code.rstrip("\n"), "```"] if "run" in words else []
    if "figure" in words:
        figures.append(output)
        return [*shown, "", f'<div data-block="{len(figures) - 1}"></div>', ""]
    if "markdown" in words:
        return [*shown, "", output]
    return [*shown, "", "``` {.text .output}", output.rstrip("\n"), "```"] if words == "run" and output else shown


def on_page_content(content, page, config, files):
    """The figures, which Markdown shall not read, in their places."""
    return PLACE.sub(lambda match: page.meta["figures"][int(match[1])], content)
