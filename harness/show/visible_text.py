"""Consoles that show text from files and names as text: nothing in it can command the terminal."""

import re
from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.markup import escape
from rich.segment import Segment

_INVISIBLE = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f"  # control characters but the end of a line, of ASCII and beyond
    "\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff"  # marks that reorder or hide text
    "\ud800-\udfff]"  # half a character, of names that are no UTF-8
)


def visible(text: str) -> str:
    """The text with control characters, marks that reorder it and halves of characters written as their escapes.

    Ends of lines stay.
    """
    return _INVISIBLE.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def plain(text: str) -> str:
    """For a cell of a table, where rich would read markup: the text as it stands, made visible."""
    return escape(visible(text))


class VisibleConsole(Console):
    """Whatever is printed on it, in a table, a bar or a line, is made `visible`; styles and bars are its own."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options, emoji=False)  # `:smile:` in a name is no smile

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(visible(segment.text), segment.style)
