"""The verbs that look into the leaderboard: `leaderboard`, `sql`, `show`."""

from typing import Annotated

import typer

from harness.cli.terminal import (
    DEFAULT_DB,
    READING,
    Db,
    Debug,
    Format,
    FormatOption,
    Names,
    out,
    say,
    show_rows,
    split_names,
    user_errors,
    write,
)
from harness.show.quantities import parse_size

_EXAMPLES = """Examples:

`python -m harness leaderboard --protocols linear_probe --top 3`

`python -m harness leaderboard --datasets demo-climate --runs` (and `python -m harness show RUN` of one of them)
"""
_SQL_EXAMPLES = """Examples:

`python -m harness sql "SELECT backbone, dataset, value, ci_low, ci_high FROM leaderboard ORDER BY value DESC"`

`python -m harness sql --format csv "SELECT run_id, metric, value FROM metrics WHERE split = 'test'" > metrics.csv`

`python -m harness sql "DESCRIBE runs"`
"""


def register(app: typer.Typer) -> None:
    """Add the verbs of this module to the command line."""
    app.command(rich_help_panel=READING, epilog=_EXAMPLES)(leaderboard)
    app.command(rich_help_panel=READING, epilog=_SQL_EXAMPLES)(sql)
    app.command(rich_help_panel=READING)(show)


def leaderboard(
    db: Db = DEFAULT_DB,
    datasets: Names = None,
    protocols: Names = None,
    backbones: Names = None,
    top: Annotated[int | None, typer.Option(min=1, help="Only the best N on each dataset by each protocol.")] = None,
    runs: Annotated[bool, typer.Option("--runs", help="Single runs, by the first digits of their run_id.")] = False,
    form: FormatOption = Format.table,
    debug: Debug = False,
) -> None:
    """Show the leaderboard: scores on the test split against numbers of labels, means over seeds.

    Runs on other bands than their backbone reads are among `--runs` alone, and compared by `bands`.
    """
    with user_errors(debug):
        from harness.show.results import Choice, alarm_lines, alarms_of, means_grids, read_means, read_runs, runs_table
        from leaderboards.alarm import read_alarms
        from leaderboards.file.connection import WAIT_SECONDS
        from leaderboards.file.reader import one_look

        choice = Choice(
            datasets=split_names(datasets), protocols=split_names(protocols), backbones=split_names(backbones), top=top
        )
        with one_look(db, WAIT_SECONDS):
            results = read_runs(db, choice) if runs else read_means(db, choice)
            alarms = alarms_of(results, read_alarms(db)) if form is Format.table else []
        if form is not Format.table:
            show_rows(results, form)
            return
        if not results.rows:
            say(out, "There is no such result.")
            return
        for table in [runs_table(results, alarms)] if runs else means_grids(results, alarms):
            out.print(table)
        for line in alarm_lines(alarms):
            say(out, line, style="yellow")


def sql(
    query: Annotated[str, typer.Argument(help="One SELECT (or WITH, FROM, DESCRIBE, SHOW, SUMMARIZE).")],
    db: Db = DEFAULT_DB,
    form: FormatOption = Format.table,
    memory: Annotated[str, typer.Option(help="Most memory for the query, and again for its rows.")] = "2GB",
    timeout: Annotated[float, typer.Option(help="Most seconds the query may take.", min=0.1, max=1e6)] = 60.0,
    debug: Debug = False,
) -> None:
    """Query the leaderboard with SQL. Read-only: nothing can be written and no other file can be read.

    Tables show the first 8 digits of a hash, which `show` takes. In CSV a text that a spreadsheet would take for a
    formula begins with an apostrophe.
    """
    with user_errors(debug):
        from harness.errors import UserError
        from leaderboards.file.limits import LEAST_MEMORY, Limits
        from leaderboards.query import run_query

        limits = Limits(memory_bytes=parse_size("--memory", memory), seconds=timeout)
        if limits.memory_bytes < LEAST_MEMORY:
            raise UserError(f"--memory {memory}: a query needs {LEAST_MEMORY // 10**6} MB at least")
        show_rows(run_query(db, query, limits=limits), form)


def show(
    run: Annotated[str, typer.Argument(help="The beginning of a run_id.")],
    db: Db = DEFAULT_DB,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    debug: Debug = False,
) -> None:
    """Show everything about a run, and the command that makes it again."""
    with user_errors(debug):
        from harness.show.run_details import find_run, print_run, run_as_json

        details = find_run(db, run)
        if as_json:
            write(run_as_json(details) + "\n")
        else:
            print_run(details, out)
