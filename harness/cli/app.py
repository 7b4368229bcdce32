"""`python -m harness`: the verbs. Each one only translates words into calls and results into tables.

Everything heavy is imported inside the verb, so that `--help` is instant.
"""

from pathlib import Path
from typing import Annotated

import typer

from harness.cli import cache, curve, data, report, run, statistics
from harness.cli.interruption import end_on_signals
from harness.cli.rows import show_rows
from harness.cli.terminal import (
    BEST_FIRST,
    DEFAULT_DB,
    Db,
    Debug,
    Format,
    FormatOption,
    GeobenchDir,
    err,
    out,
    say,
    user_errors,
    write,
)

app = typer.Typer(
    name="python -m harness",
    help="Compare pretraining strategies for satellite images on GEO-Bench, and keep every result in SQL.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.command()
def leaderboard(
    db: Db = DEFAULT_DB,
    form: FormatOption = Format.table,
    debug: Debug = False,
) -> None:
    """Show the leaderboard: the headline metric of every run on the test split, the best of each dataset first."""
    with user_errors(debug):
        from harness.show.tables import RESULT_COLUMNS, results_table
        from leaderboards.query import run_query

        results = run_query(db, f"SELECT {', '.join(RESULT_COLUMNS)} FROM leaderboard ORDER BY {BEST_FIRST}")
        if form is Format.table:
            out.print(results_table(results))
        else:
            show_rows(results, form)


@app.command(
    epilog="""Examples:

`python -m harness sql "SELECT backbone, dataset, value, ci_low, ci_high FROM leaderboard ORDER BY value DESC"`

`python -m harness sql --format csv "SELECT * FROM metrics WHERE split = 'test'" > metrics.csv`

`python -m harness sql "DESCRIBE runs"`
"""
)
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

        limits = Limits(memory_bytes=cache.parse_size(memory, "--memory"), seconds=timeout)
        if limits.memory_bytes < LEAST_MEMORY:
            raise UserError(f"--memory {memory}: a query needs {LEAST_MEMORY // 10**6} MB at least")
        show_rows(run_query(db, query, limits=limits), form)


@app.command()
def show(
    run: Annotated[str, typer.Argument(help="The beginning of a run_id.")],
    db: Db = DEFAULT_DB,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    debug: Debug = False,
) -> None:
    """Show everything about a run, and the command that makes it again."""
    with user_errors(debug):
        from harness.cli.store import find_run, print_run, run_as_json

        details = find_run(db, run)
        if as_json:
            write(run_as_json(details) + "\n")
        else:
            print_run(details, out)


@app.command()
def export(
    target: Annotated[Path, typer.Argument(help="A new file ending in .csv or .json, or a new folder for Parquet.")],
    db: Db = DEFAULT_DB,
    debug: Debug = False,
) -> None:
    """Write the leaderboard elsewhere: everything as Parquet, or one row per run as CSV or JSON."""
    with user_errors(debug):
        from harness.cli.store import export_leaderboard

        export_leaderboard(db, target, err)


@app.command("import")
def import_(
    sources: Annotated[list[Path], typer.Argument(help="DuckDB files, Parquet folders, .csv or .json of `export`.")],
    db: Db = DEFAULT_DB,
    debug: Debug = False,
) -> None:
    """Merge other leaderboards into this one by identity; nothing is overwritten. Exit code 1: some runs contradict."""
    with user_errors(debug):
        from harness.cli.store import import_leaderboards

        code = import_leaderboards(db, sources, err)
    raise typer.Exit(code)


@app.command()
def replay(db: Db = DEFAULT_DB, debug: Debug = False) -> None:
    """Store finished runs that had to wait because the leaderboard was locked or the disk was full."""
    with user_errors(debug):
        from harness.cli.store import replay_spool

        code = replay_spool(db, err)
    raise typer.Exit(code)


@app.command()
def datasets(geobench_dir: GeobenchDir = None, form: FormatOption = Format.table, debug: Debug = False) -> None:
    """List the datasets below a GEO-Bench folder: task, bands, sizes of the splits."""
    with user_errors(debug):
        from harness.data.suites import find_root
        from harness.show.overview import describe_datasets

        overview = describe_datasets(find_root(geobench_dir))
        show_rows(overview.table, form)
        for erratum in overview.errata:
            say(err, f"{erratum}; corrected here and in `run`, unless with --band-names stored", style="yellow")
        for problem in overview.problems:
            say(err, f"failed: {problem}", style="red")
    raise typer.Exit(1 if overview.problems else 0)


@app.command()
def backbones(form: FormatOption = Format.table) -> None:
    """List the backbones that `run --backbone` knows."""
    from baselines.table import BACKBONES
    from leaderboards.query import Table

    rows = [(entry.name, entry.weights, entry.summary) for entry in BACKBONES.values()]
    show_rows(Table(columns=("backbone", "weights", "what it is"), rows=rows), form)


run.register(app)
data.register(app)
cache.register(app)
curve.register(app)
report.register(app)
statistics.register(app)


def main() -> None:
    """Entry point of `python -m harness`."""
    end_on_signals(app)
