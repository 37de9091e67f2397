"""Docstrings as Markdown: an example that doctest runs is a block of code."""

import re

import griffe

EXAMPLE = re.compile(r"(?:^[ \t]*>>> .*\n?(?:^(?![ \t]*$).*\n?)*)+", re.M)


def fenced(text: str) -> str:
    """Each example, up to the next empty line, between fences."""

    def fence(match):
        indent = re.match(r"[ \t]*", match[0])[0]
        return f"{indent}```pycon\n{match[0].rstrip()}\n{indent}```\n"

    return EXAMPLE.sub(fence, text)


class Docstrings(griffe.Extension):
    """Applied to every docstring when it is read."""

    def on_object(self, *, obj, loader, **kwargs):
        """Fence the examples."""
        if obj.docstring and ">>> " in obj.docstring.value:
            obj.docstring.value = fenced(obj.docstring.value)
