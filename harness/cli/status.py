"""The verb that looks on: `status`."""

import shlex
from typing import TYPE_CHECKING

import typer

from harness.cli.terminal import DEFAULT_DB, READING, Db, Debug, Format, FormatOption, out, say, show_rows, user_errors
from harness.show.quantities import describe_count, describe_duration

if TYPE_CHECKING:
    from harness.campaign.dividing.standing import Standing

_EXAMPLES = """Examples:

`python -m harness status`

`python -m harness status --db results/3.duckdb --format csv`

`watch -n 10 python -m harness status --db results/all.duckdb`
"""


def register(app: typer.Typer) -> None:
    """Add the verb of this module to the command line."""
    app.command(rich_help_panel=READING, epilog=_EXAMPLES)(status)


def status(db: Db = DEFAULT_DB, form: FormatOption = Format.table, debug: Debug = False) -> None:
    """Show how far the runs are that write a leaderboard, while they are at it: done, running, failed, time left.

    It reads files and disturbs nobody: the plan, claims and heartbeats in `FILE.duckdb.grid/`, and the leaderboard. A
    grid is shown from its first run until all of it is done; where its processes are gone, the same command goes on.
    `running` are runs of the groups that some process has claimed: a backbone on a dataset (docs/cluster.md).
    """
    with user_errors(debug):
        from harness.campaign.dividing.standing import read_standings
        from leaderboards.query import Table

        standings = read_standings(db)
        if form is Format.table:
            for standing in standings:
                _show(standing, db)
            if not standings:
                _show_counts(db)
            return
        columns = ("began", "backbone", "dataset", "protocol", "total", "done", "failed", "by")
        rows = [
            (f"{standing.began:%Y-%m-%dT%H:%M:%SZ}", *(getattr(part, name) for name in columns[1:]))
            for standing in standings
            for part in standing.parts
        ]
        show_rows(Table(columns=columns, rows=rows), form)


def _show(standing: "Standing", db: Db) -> None:
    from harness.show.tables import rows_table

    left = standing.seconds_left
    ends = f", about {describe_duration(left)} left" if left is not None else ""
    failed = f", {standing.failed:,} failed" if standing.failed else ""
    say(
        out,
        f"Begun {standing.began.astimezone():%Y-%m-%d %H:%M}: {standing.done:,} of "
        f"{describe_count(standing.total, 'run')} done{failed}, {standing.running:,} running in "
        f"{len(standing.at_work)} process{'' if len(standing.at_work) == 1 else 'es'}{ends}",
    )
    for heard in standing.at_work:
        say(out, f"  {heard.host}, process {heard.pid}, heard {heard.seconds_ago:.0f} s ago")
    if not standing.at_work:
        say(out, "  Nobody is at it now: the same command goes on from there.", style="yellow")
    out.print(rows_table(("backbone", "dataset", "done", "failed", "running", "waiting"), _rows(standing)))
    if standing.failed:
        _say_why(db)


def _rows(standing: "Standing") -> "list[tuple[object, ...]]":
    """One for each backbone and dataset that is not done; those that are come to one."""
    sums: dict[tuple[str, str], list[int]] = {}
    for part in standing.parts:
        running = part.left if part.by else 0
        counts = sums.setdefault((part.backbone, part.dataset), [0, 0, 0, 0])
        for place, number in enumerate((part.done, part.failed, running, part.left - running)):
            counts[place] += number
    rows: list[tuple[object, ...]] = [(*names, *counts) for names, counts in sums.items() if any(counts[1:])]
    done = sum(counts[0] for counts in sums.values() if not any(counts[1:]))
    return [*rows, ("all else", "", done, 0, 0, 0)] if done else rows


def _show_counts(db: Db) -> None:
    from leaderboards.query import run_query

    ((n_runs, n_failed),) = run_query(db, "SELECT (SELECT count(*) FROM runs), (SELECT count(*) FROM failures)").rows
    say(out, f"No grid is under way or was left unfinished. {db} has {describe_count(n_runs, 'run')}.")
    if n_failed:
        say(out, f"{describe_count(n_failed, 'run')} failed and were not made since.")
        _say_why(db)


def _say_why(db: Db) -> None:
    """The commands that show how runs failed."""
    sql, of = "python -m harness sql", f"--db {shlex.quote(str(db))}"
    say(out, f'Why: {sql} "SELECT dataset, backbone, protocol, message, times FROM failures" {of}')
    say(out, f'Where that came from: {sql} "SELECT DISTINCT traceback FROM failures" {of}')
