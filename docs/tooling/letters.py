"""The letters of the equations have their colours in the code and its comments too."""

import re

from maths import letter_class

CODE = re.compile(r'<span class="n">([xWwbza]|delta)</span>')
COMMENT = re.compile(r'(?<=<span class="c1">).*?(?=</span>)')
ARTICLE = r"a(?=\s?[=@*+^(\[])|(?<=[=@*+(\[])a|(?<=[=@*+] )a"
"""The letter a, and not the word, beside a sign."""
LETTER = re.compile(rf"(?<![\w&#-])([xWwbzδ]|delta|{ARTICLE})(?![\w'])")


def on_page_content(content, page, config, files):
    """The same classes as in the formulas, on the pages of the book."""
    if not page.file.src_uri.startswith("book/"):
        return content
    content = CODE.sub(lambda name: f'<span class="n {letter_class(name[1])}">{name[1]}</span>', content)
    return COMMENT.sub(lambda comment: LETTER.sub(_coloured, comment[0]), content)


def _coloured(letter: re.Match) -> str:
    return f'<span class="{letter_class(letter[1])}">{letter[1]}</span>'
