"""What the lecture notes say and what holds precisely stands in a box of its own, wherever it comes up."""

import re

PARAGRAPH = re.compile(r"(?<=\n\n)The notes (?!are)[^\n].*?(?=\n\n|\Z)", re.S)


def on_page_markdown(markdown, page, config, files):
    """A paragraph that begins with "The notes" becomes a box."""
    if not page.file.src_uri.startswith("book/"):
        return markdown

    def box(match):
        return '!!! notes "The notes, and precisely"\n' + "\n".join(f"    {line}" for line in match[0].splitlines())

    return PARAGRAPH.sub(box, markdown)
