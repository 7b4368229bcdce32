"""Tables of GitHub's Markdown, whatever their cells hold."""

import html
import re
from collections.abc import Sequence

_MARKUP = re.compile(r"[\\`*\[\]|~]|(?<!\w)_|_(?!\w)")
"""What begins markup inside a cell. An underscore inside a word begins none, and links keep theirs."""


def markdown_cell(text: str) -> str:
    """The text on one line, where it can neither end its cell nor begin markup or HTML of its own."""
    return _MARKUP.sub(r"\\\g<0>", html.escape(" ".join(text.split()), quote=False))


def markdown_table(columns: Sequence[str], rows: Sequence[Sequence[str]], numeric: Sequence[bool]) -> list[str]:
    """Lines of a table: the head, the rule, and one a row.

    Args:
        numeric: of each column whether it stands to the right.
    """
    rule = ["---:" if to_the_right else "---" for to_the_right in numeric]
    cells = [[markdown_cell(text) for text in line] for line in (columns, *rows)]
    return [f"| {' | '.join(line)} |" for line in (cells[0], rule, *cells[1:])]
