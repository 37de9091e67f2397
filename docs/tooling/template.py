"""What every page has otherwise than the theme: it is painted before the theme's script runs, and the search has a name."""

import logging
import re

log = logging.getLogger("mkdocs.hooks.template")
SCRIPT = re.compile(r'<script src="([^"]*/javascripts/bundle\.[^"]*\.js)"></script>')
LATER = r"""<script>
addEventListener("DOMContentLoaded", () => requestAnimationFrame(() => setTimeout(() => {
  const script = document.createElement("script");
  script.src = "\1";
  script.onload = () => document.dispatchEvent(new Event("DOMContentLoaded"));
  document.body.append(script);
})), { once: true });
</script>"""
"""The theme's script begins at that event, which it missed."""

DIALOG = re.compile('data-md-component="search" role="dialog"')
CHANGES = ((SCRIPT, LATER), (DIALOG, r'\g<0> aria-label="Search"'))


def on_post_template(output_content, template_name, config):
    """The page for what is not found."""
    return _changed(output_content, template_name) if template_name.endswith(".html") else output_content


def on_post_page(output, page, config):
    """Every other page."""
    return _changed(output, page.file.src_uri)


def _changed(text: str, where: str) -> str:
    for old, new in CHANGES:
        text, found = old.subn(new, text)
        if found != 1:
            log.warning("%s: the theme has changed its form: %s stands in it %d times", where, old.pattern, found)
    return text
