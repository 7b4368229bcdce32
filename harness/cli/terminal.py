"""What every verb shares: the two consoles, common options, and how a user's mistake is shown."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

import leaderboards.errors
from harness.errors import UserError
from mp_mae.visible_text import VisibleConsole, visible

DEFAULT_DB = Path("leaderboards/leaderboard.duckdb")
DEFAULT_CACHE = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "mp-mae-bench"

BEST_FIRST = "suite, dataset, protocol, n_labels_fit, partition, value DESC NULLS LAST, backbone, seed"

out = VisibleConsole(width=None if sys.stdout.isatty() else 200)  # piped output has no width to fit
err = VisibleConsole(stderr=True)


class Format(StrEnum):
    """How a table is printed."""

    table = "table"
    csv = "csv"
    json = "json"


Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]
Db = Annotated[Path, typer.Option(help="The leaderboard: a DuckDB file.")]
GeobenchDir = Annotated[
    Path | None,
    typer.Option(
        help="Holds classification_v1.0/ and segmentation_v1.0/. Else $GEO_BENCH_DIR, else ~/dataset/geobench."
    ),
]
FormatOption = Annotated[Format, typer.Option("--format", help="How to print the rows.")]


def say(console: Console, text: str, style: str | None = None) -> None:
    """One line as it stands: nothing in it is markup, and it is not folded, so that it can be pasted."""
    console.print(text, style=style, markup=False, highlight=False, soft_wrap=True)


def write(text: str) -> None:
    """Rows for programs on plain stdout, as they are; where a person looks on instead, made visible."""
    sys.stdout.write(visible(text) if sys.stdout.isatty() else text)


@contextmanager
def user_errors(debug: bool) -> Iterator[None]:
    """Print a user's mistake in one line and exit 2; with `--debug`, and for our own bugs, the traceback."""
    try:
        yield
    except (UserError, leaderboards.errors.UserError) as error:
        if debug:
            raise
        say(err, f"error: {error}", style="red")
        raise typer.Exit(2) from error


def split_names(text: str) -> tuple[str, ...]:
    """Names separated by commas."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


MOST_NUMBERS = 10_000


def split_numbers(option: str, text: str) -> tuple[int, ...]:
    """Numbers separated by commas; `0-9` stands for all of 0 to 9."""
    numbers: list[int] = []
    for part in split_names(text):
        first, dash, last = part.partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()) or int(first) > int(last or first):
            raise UserError(
                f"{option}: expected numbers separated by commas, or a range, found {part!r}, for example "
                f"{option} 1,2,5 or {option} 1-5"
            )
        if len(last) > 6 or int(last or first) - int(first) > MOST_NUMBERS:
            raise UserError(f"{option}: {part} are more than the {MOST_NUMBERS:,} numbers that a range may have")
        numbers.extend(range(int(first), int(last or first) + 1))
    return tuple(numbers)
