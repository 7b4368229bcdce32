"""The verbs that look into the leaderboard: `leaderboard`, `sql`, `show`."""

from typing import Annotated

import typer

from harness.cli.terminal import (
    BEST_FIRST,
    DEFAULT_DB,
    READING,
    Db,
    Debug,
    Format,
    FormatOption,
    out,
    parse_size,
    say,
    show_rows,
    user_errors,
    write,
)

_SQL_EXAMPLES = """Examples:

`python -m harness sql "SELECT backbone, dataset, value, ci_low, ci_high FROM leaderboard ORDER BY value DESC"`

`python -m harness sql --format csv "SELECT * FROM metrics WHERE split = 'test'" > metrics.csv`

`python -m harness sql "DESCRIBE runs"`
"""


def register(app: typer.Typer) -> None:
    """Add the verbs of this module to the command line."""
    app.command(rich_help_panel=READING)(leaderboard)
    app.command(rich_help_panel=READING, epilog=_SQL_EXAMPLES)(sql)
    app.command(rich_help_panel=READING)(show)


def leaderboard(
    db: Db = DEFAULT_DB,
    form: FormatOption = Format.table,
    debug: Debug = False,
) -> None:
    """Show the leaderboard: the headline metric of every run on the test split, the best of each dataset first."""
    with user_errors(debug):
        from harness.show.tables import RESULT_COLUMNS, alarm_lines, results_table
        from leaderboards.alarm import alarms_by_run, read_alarms
        from leaderboards.query import run_query

        results = run_query(db, f"SELECT {', '.join(RESULT_COLUMNS)} FROM leaderboard ORDER BY {BEST_FIRST}")
        if form is Format.table:
            alarms = alarms_by_run(read_alarms(db))
            out.print(results_table(results, alarms))
            for line in alarm_lines(alarms):
                say(out, line, style="yellow")
        else:
            show_rows(results, form)


def sql(
    query: Annotated[str, typer.Argument(help="One SELECT (or WITH, FROM, DESCRIBE, SHOW, SUMMARIZE).")],
    db: Db = DEFAULT_DB,
    form: FormatOption = Format.table,
    memory: Annotated[str, typer.Option(help="Most memory for the query, and again for its rows.")] = "2GB",
    timeout: Annotated[float, typer.Option(help="Most seconds the query may take.", min=0.1, max=1e6)] = 60.0,
    debug: Debug = False,
) -> None:
    """Query the leaderboard with SQL. Read-only: nothing can be written and no other file can be read.

    In CSV a text that a spreadsheet would take for a formula begins with an apostrophe.
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
