"""Tables for the terminal: the one kind that every verb prints."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

from rich import box
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, Group, RenderResult
from rich.constrain import Constrain
from rich.table import Column, Table
from rich.text import Text

from harness.show.visible_text import plain

_STYLE: dict[str, Any] = {"box": box.SIMPLE_HEAD, "show_edge": False, "padding": (0, 1, 0, 0), "pad_edge": False}
_GAP = 2
"""Between columns of this style."""
NO_BREAK = "\N{NO-BREAK SPACE}"


class FittedTable(Table):
    """A table in the style of all, whose words stay whole on a line, however narrow the terminal.

    Where columns do not fit beside each other, cells break at spaces (not at NO_BREAK). Where that is not enough, the
    columns behind the first are stacked: each row takes several lines, as does the head.
    """

    def __init__(self) -> None:
        super().__init__(**_STYLE)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield a table of rich's own in which nothing is left to decide."""
        stacks, widths = _arrange([_Cells.of(column) for column in self.columns], options.max_width)
        lines = range(max(map(len, stacks)))

        def cells(row: int, line: int) -> list[Text]:
            beside = [stack[line].texts[row] if line < len(stack) else Text() for stack in stacks]
            return [_broken(text, width) for text, width in zip(beside, widths, strict=True)]

        table = Table(**_STYLE)
        heads = [_levelled(cells(0, line)) for line in lines]
        for width, *stacked in zip(widths, *heads, strict=True):
            table.add_column(Group(*stacked), width=width, overflow="fold")
        for number, row in enumerate(self.rows, start=1):
            for line in lines:
                ends = row.end_section and line == lines[-1]
                table.add_row(*cells(number, line), style=row.style, end_section=ends)
        yield table


@dataclass(frozen=True)
class _Cells:
    """A column: its head, then its cells."""

    texts: Sequence[Text]
    natural: int
    """Columns of the terminal that it wants, so that no line is broken."""
    least: int
    """That it must have, so that no word is."""

    @classmethod
    def of(cls, column: Column) -> "_Cells":
        cells = (column.header, *column.cells)
        texts = [Text.from_markup(str(cell), emoji=False, justify=column.justify) for cell in cells]
        lines = [line for text in texts for line in text.plain.split("\n")]
        words = (word for line in lines for word in line.split(" "))
        return cls(texts, max(map(cell_len, lines)), max(map(cell_len, words)))


def _arrange(columns: Sequence[_Cells], room: int) -> tuple[list[Sequence[_Cells]], list[int]]:
    """Which columns stand below each other, no more of them than must, and how wide each stack is."""
    first, *others = columns
    stacks: list[Sequence[_Cells]] = [[first]]
    for height in range(1, len(others) + 1):
        beside = ceil(len(others) / height)
        stacks = [[first], *(others[start::beside] for start in range(beside))]
        widths = _fit(stacks, room - _GAP * beside, whole_words=True)
        if widths:
            return stacks, widths
    return stacks, _fit(stacks, max(room - _GAP, len(stacks)), whole_words=False)


def _fit(stacks: Sequence[Sequence[_Cells]], room: int, *, whole_words: bool) -> list[int]:
    """A width for each, of which none but the widest are less than they want; empty if there is too little room."""
    natural = [max(column.natural for column in stack) for stack in stacks]
    least = [max(column.least for column in stack) if whole_words else 1 for stack in stacks]
    for most in range(room, 0, -1):
        widths = [min(wanted, max(needed, most)) for wanted, needed in zip(natural, least, strict=True)]
        if sum(widths) <= room:
            return widths
    return []


def _broken(text: Text, width: int) -> Text:
    """The text in lines of the width, as far as its words are not longer."""
    lines = []
    for line in text.plain.split("\n"):
        first, *words = line.split(" ")
        lines.append(first)
        for word in words:
            fits = cell_len(lines[-1]) + 1 + cell_len(word) <= width
            lines[-1:] = [f"{lines[-1]} {word}"] if fits else [lines[-1], word]
    broken = text.copy()
    broken.plain = "\n".join(lines).replace(NO_BREAK, " ")  # of the same length, so that styles keep their places
    return broken


def _levelled(head: Sequence[Text]) -> Sequence[Text]:
    """Heads of equally many lines, for those of stacked columns are one below the other."""
    height = max(text.plain.count("\n") for text in head)
    for text in head:
        text.append("\n" * (height - text.plain.count("\n")))
    return head


def captioned(table: FittedTable, caption: str) -> Group:
    """The table and what is to be known about it, with an empty line behind."""
    return Group(table, prose(f"{caption}\n", style="dim"))


def prose(text: str, style: str = "") -> Constrain:
    """Text as it stands, in lines of 80 columns at most that break at spaces alone."""
    return Constrain(Text(text, style=style), 80)


def rows_table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> FittedTable:
    """Any rows; numbers to the right, NULL empty, of hashes the first digits, which `show` takes."""
    table = FittedTable()
    for index, column in enumerate(columns):
        numeric = any(isinstance(row[index], int | float) for row in rows)
        table.add_column(plain(column), justify="right" if numeric else "left")
    for row in rows:
        table.add_row(*map(_cell, row))
    return table


def _cell(value: object) -> str:
    if value is None:
        return ""
    if not isinstance(value, float):
        text = str(value)
        return text[:HASH_DIGITS] if _HASH.fullmatch(text) else plain(text)
    return f"{value:.4g}" if 0 < abs(value) < _SMALL else f"{value:.4f}"


HASH_DIGITS = 8
"""Of hashes, in tables."""
_HASH = re.compile("[0-9a-f]{64}")
_SMALL = 0.001
"""Below it four digits after the point say little or nothing."""


def one_line() -> Column:
    """A column of a display of bars that never goes on in a second line."""
    return Column(no_wrap=True)


def several_lines() -> Column:
    """One that goes on below where it is too long, and loses nothing."""
    return Column(overflow="fold")
