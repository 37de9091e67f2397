"""What holds for all pages when they are built: a link leads to a file and to a place in it, a picture has words."""

import logging
import os
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

log = logging.getLogger("mkdocs.hooks.built")


class Page(HTMLParser):
    """What of a page is looked at.

    Attributes:
        places: where a link can lead to, the values of `id` and `name`.
        links: the values of `href` and `src`.
        silent: the sources of the pictures that have no words for those who do not see them.
    """

    def __init__(self, text: str):
        super().__init__()
        self.places: set[str] = set()
        self.links: set[str] = set()
        self.silent: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        """Note what the tag says."""
        for name, value in attrs:
            if value and name in ("id", "name"):
                self.places.add(value)
            if value and name in ("href", "src"):
                self.links.add(value)
        if tag == "img" and not dict(attrs).get("alt"):
            self.silent.append((dict(attrs).get("src") or "")[:60])


def on_post_build(config):
    """A warning, which fails the strict build, for each link that leads nowhere and each picture without words."""
    site = Path(config.site_dir)
    pages = {path: Page(path.read_text(encoding="utf-8")) for path in sorted(site.rglob("*.html"))}
    for path, page in pages.items():
        for source in page.silent:
            log.warning("%s: the picture %s has no words for those who do not see it", path.relative_to(site), source)
        for link in sorted(page.links):
            if fault := _fault(link, path, site, pages):
                log.warning("%s: the link %s %s", path.relative_to(site), link, fault)


def _fault(link: str, path: Path, site: Path, pages: dict[Path, Page]) -> str | None:
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        return None
    start = site if parts.path.startswith("/") else path.parent
    target = Path(os.path.normpath(start / unquote(parts.path).lstrip("/"))) if parts.path else path
    target = target / "index.html" if target.is_dir() else target
    if not target.is_file():
        return "leads to no file"
    if parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].places:
        return "leads to a place that is not on the page"
    return None
