"""Each equation with the function that computes it and the test that proves it, and a link wherever its id is named."""

import logging
import re

import evidence
from sources import NAME, Source, Watched, defined, equations, tests_of

log = logging.getLogger("mkdocs.hooks.equations")
SECTION = re.compile(r"^### (?P<id>[A-Z][A-Z0-9]*(?:-\w+)?) · (?P<title>[^\n]+)$(?P<body>.*?)(?=^#{1,3} |\Z)", re.M | re.S)
CODE = re.compile(r"^Code: (?P<code>.+?)(?:\s*Source:\s+(?P<source>.+?))?\n(?=\n|\Z)", re.M | re.S)
DOTTED = re.compile(r"`(mlpjax(?:\.\w+)+)`")
OPAQUE = re.compile(r"(<(a|code|pre|math|h[1-6]|script|style|svg|summary)\b.*?</\2>|<[^>]+>)", re.S)

_found: dict[str, evidence.Evidence] = {}
_pages: dict[str, str] = {}
_proven = Watched("mlpjax", "tests")


def on_pre_build(config):
    """Where each equation stands; and run their tests, once for one state of the code and of the tests."""
    _pages.update({equation.id: equation.page for equation in equations()})
    if _proven.changed():
        _found.clear()
        try:
            _found.update(evidence.gather())
        except RuntimeError as error:
            log.warning("%s", error)


def on_page_markdown(markdown, page, config, files):
    """A box in place of the line that names the code of an equation."""
    markdown = SECTION.sub(lambda section: _section(section, page.file.src_uri), markdown)
    for line in CODE.finditer(markdown):
        log.warning("%s: the code %s belongs to no equation", page.file.src_uri, line["code"])
    return markdown


def _section(section: re.Match, where: str) -> str:
    id, body = section["id"], section["body"]
    if not CODE.search(body):
        log.warning("%s: %s names no code", where, id)
    body = CODE.sub(lambda line: _box(id, line, where), body)
    return f"### {id} · {section['title']} {{#{id}}}{body}"


def _box(id: str, line: re.Match, where: str) -> str:
    functions = {dotted: defined(dotted) for dotted in DOTTED.findall(line["code"])}
    tests = tests_of(id)
    for dotted, source in functions.items():
        if source is None:
            log.warning("%s: %s names %s, which does not exist", where, id, dotted)
    if not any(source and id in NAME.findall(source.docstring) for source in functions.values()):
        log.warning("%s: no docstring of the code of %s names it", where, id)
    if not tests:
        log.warning("%s: no test names %s", where, id)
        return ""
    if "slow" in tests[0].marks:
        log.warning("%s: only slow tests name %s, and this build runs the others", where, id)
    links = ", ".join(f"[`{dotted.removeprefix('mlpjax.')}`][{dotted}]" for dotted in functions)
    lines = ['<div class="equation-box" markdown>', "", f"**Code** {links}  ", _proof(id, tests[0])]
    if line["source"]:
        lines += [f"**Source** {' '.join(line['source'].split())}"]
    for source in functions.values():
        lines += _folded(source) if source else []
    lines += _folded(tests[0], "Test: ", f'<span id="{id}-test"></span>')
    return "\n".join([*lines, "", "</div>", ""])


def _proof(id: str, test: Source) -> str:
    found = _found.get(id)
    link = f"**Test** [`{test.name}`](#{id}-test)"
    if found is None:
        return f"{link}  "
    ran = f"{found.cases} cases" if found.cases > 1 else "passed"
    error = (
        "" if found.error is None else f", largest relative error to `jax.grad` **{f'{found.error:.1e}' if found.error else 0}**"
    )
    return f"{link}, in this build: {ran}{error}  "


def _folded(source: Source, kind: str = "", anchor: str = "") -> list[str]:
    code = [f"    {line}" for line in source.text.splitlines()]
    return [
        "",
        f'??? quote "{kind}`{source.name}` in {source.path}"',
        *[f"    {anchor}\n"] * bool(anchor),
        "    ```python",
        *code,
        "    ```",
    ]


def on_page_content(content, page, config, files):
    """A link at each id that stands in running text."""

    def link(match):
        target = files.get_file_from_path(_pages[match[0]]) if match[0] in _pages else None
        return (
            match[0]
            if target is None
            else f'<a class="equation" href="{target.url_relative_to(page.file)}#{match[0]}">{match[0]}</a>'
        )

    parts = OPAQUE.split(content)
    texts = (NAME.sub(link, part) if index % 3 == 0 else part for index, part in enumerate(parts) if index % 3 != 2)
    return "".join(texts)
