"""What holds for all built pages: a link leads to a file and a place in it, a picture has words, no TeX or reference is left."""

import logging
import os
import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

OPAQUE = {"code", "pre", "script", "style", "math", "svg"}
TEX = re.compile(r"\$[^$\n]+\$|\\[a-zA-Z]+[{_^]|\\[(\[]")
REFERENCE = re.compile(r"\]\[[\w.]+\]")
WORDLESS = (None, "", "No description has been provided for this image")
"""The last is what a notebook says of a picture of which nothing is said."""

log = logging.getLogger("mkdocs.hooks.built")


class Page(HTMLParser):
    """What of a page is looked at.

    Attributes:
        places: where a link can lead to, the values of `id` and `name`.
        links: the values of `href` and `src`.
        raw: what the text, without its code, has of TeX and of references that were not resolved.
        silent: the sources of the pictures that have no words for those who do not see them.
    """

    def __init__(self, text: str):
        super().__init__()
        self.places: set[str] = set()
        self.links: set[str] = set()
        self.silent: list[str] = []
        self.raw: list[str] = []
        self._opaque = 0
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        """Note what the tag says."""
        self._opaque += tag in OPAQUE
        for name, value in attrs:
            if value and name in ("id", "name"):
                self.places.add(value)
            if value and name in ("href", "src"):
                self.links.add(value)
        if tag == "img" and dict(attrs).get("alt") in WORDLESS:
            self.silent.append((dict(attrs).get("src") or "")[:60])

    def handle_endtag(self, tag):
        """Code ends."""
        self._opaque -= tag in OPAQUE

    def handle_data(self, data):
        """Look for what should have become something else."""
        if not self._opaque:
            self.raw += [f"{tex} is left of a formula" for tex in TEX.findall(data)]
            self.raw += [f"{end} is left of a reference" for end in REFERENCE.findall(data)]


def on_post_build(config):
    """A warning, which fails the strict build, for each link to nowhere, picture without words and formula that is none."""
    site, root = Path(config.site_dir), urlsplit(config.site_url or "/").path
    pages = {path: Page(path.read_text(encoding="utf-8")) for path in sorted(site.rglob("*.html"))}
    for path, page in pages.items():
        for found in page.raw:
            log.warning("%s: %s", path.relative_to(site), found)
        for source in page.silent:
            log.warning("%s: the picture %s has no words for those who do not see it", path.relative_to(site), source)
        for link in sorted(page.links):
            if fault := _fault(link, path, site, root, pages):
                log.warning("%s: the link %s %s", path.relative_to(site), link, fault)


def _fault(link: str, path: Path, site: Path, root: str, pages: dict[Path, Page]) -> str | None:
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        return None
    if parts.path.startswith("/") and not f"{parts.path}/".startswith(root):
        return f"leads out of the site, which is at {root}"
    start = site if parts.path.startswith("/") else path.parent
    target = Path(os.path.normpath(start / unquote(parts.path).removeprefix(root).lstrip("/"))) if parts.path else path
    target = target / "index.html" if target.is_dir() else target
    if not target.is_file():
        return "leads to no file"
    if parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].places:
        return "leads to a place that is not on the page"
    return None
