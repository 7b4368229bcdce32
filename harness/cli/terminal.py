"""What every verb shares: the two consoles, common options, words parsed and rows printed, a user's mistake shown."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import leaderboards.errors
import mp_mae.errors
from harness.campaign.defaults import default_cache
from harness.errors import UserError
from harness.show.lines import say
from mp_mae.visible_text import VisibleConsole, visible

if TYPE_CHECKING:
    from leaderboards.query import Table

DEFAULT_DB = Path("leaderboards/leaderboard.duckdb")
DEFAULT_CACHE = default_cache()

HOW_TO_TRACE = "Where that came from: the same command with --debug"

EVALUATING, READING, KEEPING = "Evaluate", "Read results", "Keep and share"
"""Headings that `--help` lists the verbs under."""

out = VisibleConsole(width=None if sys.stdout.isatty() else 200)  # piped output has no width to fit
err = VisibleConsole(stderr=True)


class Format(StrEnum):
    """How a table is printed."""

    table = "table"
    csv = "csv"
    json = "json"
    markdown = "markdown"


Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]
Db = Annotated[Path, typer.Option(help="The leaderboard: a DuckDB file.")]
GeobenchDir = Annotated[
    Path | None,
    typer.Option(
        help="Holds classification_v1.0/ and segmentation_v1.0/. Else $GEO_BENCH_DIR, else ~/dataset/geobench."
    ),
]
Names = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME,...", help="Only these; repeat it, or use commas. Default: all there are."),
]
FormatOption = Annotated[Format, typer.Option("--format", help="How to print the rows.")]


def write(text: str) -> None:
    """Rows for programs on plain stdout, as they are; where a person looks on instead, made visible."""
    sys.stdout.write(visible(text) if sys.stdout.isatty() else text)


def show_rows(table: "Table", form: Format) -> None:
    """Print rows: a table for people, or one on plain stdout for programs and pages."""
    from harness.show.tables import rows_table
    from leaderboards.query import to_csv, to_json, to_markdown

    match form:
        case Format.table:
            out.print(rows_table(table.columns, table.rows))
        case Format.csv:
            write(to_csv(table))
        case Format.json:
            write(to_json(table) + "\n")
        case Format.markdown:
            write(to_markdown(table))


@contextmanager
def user_errors(debug: bool) -> Iterator[None]:
    """Print a user's mistake in one line and exit 2; with `--debug`, and for our own bugs, the traceback."""
    try:
        yield
    except (UserError, leaderboards.errors.UserError, mp_mae.errors.UserError) as error:
        if debug:
            raise
        say(err, f"error: {error}", style="red")
        if isinstance(error, UserError) and error.traceback:
            say(err, HOW_TO_TRACE)
        raise typer.Exit(2) from error


def show_tracebacks(found: Iterable[str | None], debug: bool) -> None:
    """Print where failures came from that nobody foresaw, each once; or how to see it. None: somebody foresaw it."""
    tracebacks = dict.fromkeys(text for text in found if text)
    if tracebacks and not debug:
        say(err, HOW_TO_TRACE)
        return
    for text in tracebacks:
        err.print(text, markup=False, highlight=False)


def split_names(given: list[str] | tuple[str, ...] | None) -> tuple[str, ...]:
    """The names of an option that may be given several times, each time with several names between commas."""
    return tuple(part.strip() for text in given or () for part in text.split(",") if part.strip())


MOST_NUMBERS = 10_000


def split_numbers(option: str, given: list[str] | tuple[str, ...]) -> tuple[int, ...]:
    """The numbers of an option like that; `0-9` stands for all of 0 to 9."""
    numbers: list[int] = []
    for part in split_names(given):
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


def data_place(geobench_dir: Path | None, cache_dir: Path, *, demo: bool) -> Path:
    """Where `data_root` will be, whether or not anything is there: so that a request is checked before data are."""
    from harness.data import suites
    from harness.demo.build import demo_place

    return demo_place(cache_dir) if demo else suites.data_place(geobench_dir)


def data_root(geobench_dir: Path | None, cache_dir: Path, *, demo: bool) -> Path:
    """The directory that holds the suites: what was asked for, or the demo suite in the cache, built if need be.

    Raises:
        UserError: no data there, or the demo suite cannot be written.
    """
    from harness.data.suites import find_root
    from harness.demo.build import demo_root
    from harness.show.progress_bars import RichProgress

    if not demo:
        return find_root(geobench_dir)
    say(err, "No GEO-Bench data here: the simulated demo suite serves (docs/geobench.md).", style="yellow")
    with RichProgress(err) as progress:
        return demo_root(cache_dir, progress)
