"""The search finds text and names: not the source code that a page folds away, nor formulas."""

import re

LEFT_OUT = re.compile(r'<(details class="(?:mkdocstrings-source|quote)"|div class="formula")')


def on_page_content(content, page, config, files):
    """Mark what the index of the search leaves out."""
    return LEFT_OUT.sub(r"<\1 data-search-exclude", content)
