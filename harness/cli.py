"""`python -m harness`: the verbs. Each one only translates words into calls and results into tables.

Everything heavy is imported inside the verb, so that `--help` is instant.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

import leaderboards.errors
from harness.data.bands import MissingBands
from harness.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.plan import Line
    from harness.settings import RunRequest
    from leaderboards.query import Table

DEFAULT_DB = Path("leaderboards/leaderboard.duckdb")
DEFAULT_CACHE = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "mp-mae-bench"

BEST_FIRST = "suite, dataset, protocol, n_labels_fit, partition, value DESC NULLS LAST, backbone, seed"

out = Console(width=None if sys.stdout.isatty() else 200)  # piped output has no width to fit
err = Console(stderr=True)

app = typer.Typer(
    name="python -m harness",
    help="Compare pretraining strategies for satellite images on GEO-Bench, and keep every result in SQL.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    add_completion=False,
    pretty_exceptions_enable=False,
)


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


@contextmanager
def user_errors(debug: bool) -> Iterator[None]:
    """Print a user's mistake in one line and exit 2; with `--debug`, and for our own bugs, the traceback."""
    try:
        yield
    except (UserError, leaderboards.errors.UserError) as error:
        if debug:
            raise
        err.print(f"error: {error}", style="red", markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(2) from error


@app.command(
    epilog="""Examples:

`python -m harness run --backbone mp_mae --weights checkpoint.pth --geobench-dir ~/dataset/geobench`

`python -m harness run --backbone random_init --backbone image_statistics --datasets m-eurosat --partitions all`

`python -m harness run --backbone all --weights mp_mae=checkpoint.pth --missing-bands nearest --dry-run`
"""
)
def run(
    backbone: Annotated[
        list[str], typer.Option(help="Backbone to evaluate; repeat it, or say `all` (see `backbones`).")
    ],
    weights: Annotated[
        list[str] | None, typer.Option(metavar="[BACKBONE=]PATH", help="Weights of a backbone; may be repeated.")
    ] = None,
    geobench_dir: GeobenchDir = None,
    datasets: Annotated[str, typer.Option(metavar="NAME,...", help="Datasets, by name. Default: all there are.")] = "",
    protocols: Annotated[
        str, typer.Option(metavar="NAME,...", help="Protocols: linear_probe, knn.")
    ] = "linear_probe,knn",
    partitions: Annotated[str, typer.Option(metavar="NAME,...", help="Train partitions, or `all`.")] = "default",
    seeds: Annotated[str, typer.Option(metavar="N,...", help="Seeds.")] = "0",
    missing_bands: Annotated[
        MissingBands,
        typer.Option(help="A band the dataset lacks: stop, take the one of nearest wavelength, or feed zeros."),
    ] = MissingBands.ERROR,
    db: Db = DEFAULT_DB,
    cache_dir: Annotated[Path, typer.Option(help="Where converted datasets and features are kept.")] = DEFAULT_CACHE,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1 ...")] = "auto",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only print what would run and what is already there.")
    ] = False,
    debug: Debug = False,
) -> None:
    """Evaluate backbones on GEO-Bench and store the results.

    Features are extracted once per backbone and dataset; a run that the leaderboard holds already is not repeated.
    Exit code: 0 all runs are in the leaderboard, 1 some failed, 2 wrong usage.
    """
    with user_errors(debug):
        from harness.data.suites import find_root
        from harness.settings import make_request

        request = make_request(
            backbones=backbone,
            weights=weights or (),
            geobench_dir=find_root(geobench_dir),
            datasets=_split(datasets),
            protocols=_split(protocols),
            partitions=_split(partitions),
            seeds=_numbers(seeds),
            missing_bands=missing_bands,
            db=db,
            cache_dir=cache_dir,
            device=device,
        )
        code = _preview(request) if dry_run else _run(request, debug)
    raise typer.Exit(code)


def _preview(request: "RunRequest") -> int:
    from harness.campaign import preview
    from harness.display import RichProgress, plan_table

    with RichProgress(err) as progress:
        lines = preview(request, progress)
    out.print(plan_table(lines))
    return _explain(lines)


def _run(request: "RunRequest", debug: bool) -> int:
    from harness.campaign import run_campaign
    from harness.display import RESULT_COLUMNS, RichProgress, results_table
    from harness.plan import State
    from leaderboards.query import run_query

    with RichProgress(err) as progress:
        report = run_campaign(request, progress)
    lines = report.lines
    there = [line.job.run_id for line in lines if line.job and line.state in (State.NEW, State.DONE)]
    if there:
        columns, ids = ", ".join(RESULT_COLUMNS), ", ".join(f"'{run_id}'" for run_id in there)
        query = f"SELECT {columns} FROM leaderboard WHERE run_id IN ({ids}) ORDER BY {BEST_FIRST}"
        out.print(results_table(run_query(request.db, query)))
    done = sum(line.state is State.DONE for line in lines)
    if done:
        err.print(f"{done} of {len(lines)} runs were in the leaderboard already and were not repeated.")
    for traceback in report.tracebacks if debug else ():
        err.print(traceback, markup=False, highlight=False)
    code = _explain(lines)
    if there:
        err.print(f'Stored in {request.db}. Ask it: python -m harness sql "SELECT * FROM leaderboard"', soft_wrap=True)
    return code


def _explain(lines: "Sequence[Line]") -> int:
    """Say why lines did not run; the exit code that follows from it."""
    from harness.display import reasons
    from harness.plan import State

    for state, style in ((State.SKIPPED, "yellow"), (State.FAILED, "red")):
        for text in reasons(lines, state):
            err.print(text, style=style, markup=False, highlight=False, soft_wrap=True)
    if all(line.state is State.SKIPPED for line in lines):
        raise UserError("nothing to run: every combination was skipped, for the reasons above")
    return 1 if any(line.state is State.FAILED for line in lines) else 0


@app.command()
def leaderboard(
    db: Db = DEFAULT_DB,
    form: FormatOption = Format.table,
    debug: Debug = False,
) -> None:
    """Show the leaderboard: the headline metric of every run on the test split, the best of each dataset first."""
    with user_errors(debug):
        from harness.display import RESULT_COLUMNS, results_table
        from leaderboards.query import run_query

        results = run_query(db, f"SELECT {', '.join(RESULT_COLUMNS)} FROM leaderboard ORDER BY {BEST_FIRST}")
        if form is Format.table:
            out.print(results_table(results))
        else:
            _show(results, form)


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
    debug: Debug = False,
) -> None:
    """Query the leaderboard with SQL. Read-only: nothing can be written and no other file can be read."""
    with user_errors(debug):
        from leaderboards.query import run_query

        _show(run_query(db, query), form)


@app.command()
def datasets(geobench_dir: GeobenchDir = None, form: FormatOption = Format.table, debug: Debug = False) -> None:
    """List the datasets below a GEO-Bench folder: task, bands, sizes of the splits."""
    with user_errors(debug):
        from harness.data.suites import find_root
        from harness.overview import describe_datasets

        table, problems = describe_datasets(find_root(geobench_dir))
        _show(table, form)
        for problem in problems:
            err.print(f"failed: {problem}", style="red", markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(1 if problems else 0)


@app.command()
def backbones(form: FormatOption = Format.table) -> None:
    """List the backbones that `run --backbone` knows."""
    from baselines.table import BACKBONES
    from leaderboards.query import Table

    rows = [(entry.name, entry.weights, entry.summary) for entry in BACKBONES.values()]
    _show(Table(columns=("backbone", "weights", "what it is"), rows=rows), form)


def _show(table: "Table", form: Format) -> None:
    """Print rows: a table for people, or CSV or JSON on plain stdout for programs."""
    from harness.display import rows_table
    from leaderboards.query import to_csv, to_json

    if form is Format.table:
        out.print(rows_table(table.columns, table.rows))
    else:
        sys.stdout.write(to_csv(table) if form is Format.csv else to_json(table) + "\n")


def _split(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _numbers(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in _split(text))
    except ValueError:
        raise UserError(
            f"--seeds: expected numbers separated by commas, found {text!r}, for example --seeds 0,1,2"
        ) from None


def main() -> None:
    """Entry point of `python -m harness`."""
    app()
