"""Cells of CSV files that no spreadsheet takes for a formula, and the texts they were.

A text that begins with one of `=`, `+`, `-`, `@`, their full-width forms, a tab, a line break or an apostrophe gets an
apostrophe before it. Numbers are written as they are. Reading a leaderboard back takes the apostrophe off again.
"""

from collections.abc import Sequence

_FIRST = "=+-@\t\r\n'\uff1d\uff0b\uff0d\uff20"


def guard(text: str) -> str:
    """The text as a cell."""
    return f"'{text}" if text and text[0] in _FIRST else text


def unguard(cell: str) -> str:
    """The text of a cell that `guard` made."""
    return cell[1:] if cell[:1] == "'" and cell[1:2] and cell[1] in _FIRST else cell


def csv_line(cells: Sequence[str]) -> str:
    """One record. Python's own writer leaves a carriage return unquoted, which ends the record for whoever reads it."""
    if list(cells) == [""]:
        return '""\n'  # else it would be an empty line, which is no record
    return ",".join(_quoted(cell) for cell in cells) + "\n"


def _quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"' if any(mark in cell for mark in ',"\r\n') else cell
