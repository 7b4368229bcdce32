"""The verbs that carry runs from one leaderboard to another: `export`, `import`, `replay`."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli.terminal import DEFAULT_DB, KEEPING, Db, Debug, err, say, user_errors
from harness.errors import UserError

if TYPE_CHECKING:
    from leaderboards.agreement import Difference
    from leaderboards.merge import Merged
    from leaderboards.store import Leaderboard

_MOST_CONFLICTS = 20
"""Printed; the count is of all."""


def register(app: typer.Typer) -> None:
    """Add the verbs of this module to the command line."""
    app.command(rich_help_panel=KEEPING)(export)
    app.command("import", rich_help_panel=KEEPING)(import_)
    app.command(rich_help_panel=KEEPING)(replay)


class OtherFormat(StrEnum):
    """What the ending of a name does not tell."""

    SUBMISSION = "geobench2-submission"


def export(
    target: Annotated[Path, typer.Argument(help="A new file ending in .csv or .json, or a new folder for Parquet.")],
    form: Annotated[
        OtherFormat | None,
        typer.Option("--format", help="Instead: a folder as the leaderboard of GEO-Bench-2 asks for."),
    ] = None,
    db: Db = DEFAULT_DB,
    debug: Debug = False,
) -> None:
    """Write the leaderboard elsewhere: everything as Parquet, or one row per run as CSV or JSON."""
    with user_errors(debug):
        from leaderboards.store import Leaderboard
        from leaderboards.transfer import ExportFormat
        from leaderboards.transfer import export as export_leaderboard

        if form is OtherFormat.SUBMISSION:
            _submit(Leaderboard(db), target)
            return
        forms = {".csv": ExportFormat.CSV, ".json": ExportFormat.JSON, "": ExportFormat.PARQUET}
        if target.suffix not in forms:
            raise UserError(f"{target}: expected a name ending in .csv or .json, or one without an ending for Parquet")
        n_runs = export_leaderboard(Leaderboard(db), target, forms[target.suffix])
        say(err, f"{n_runs} runs written to {target}.")


def _submit(leaderboard: "Leaderboard", target: Path) -> None:
    from leaderboards.transfer.submission import write_submission

    submission = write_submission(leaderboard, target)
    say(err, f"{submission.n_rows} rows written to {target}. Fill in additional_info.json before you submit a folder.")
    for line in submission.left_out:
        say(err, f"left out: {line}")


def import_(
    sources: Annotated[list[Path], typer.Argument(help="DuckDB files, Parquet folders, .csv or .json of `export`.")],
    db: Db = DEFAULT_DB,
    debug: Debug = False,
) -> None:
    """Merge other leaderboards into this one by identity; nothing is overwritten. Exit code 1: some runs contradict."""
    with user_errors(debug):
        from leaderboards.merge import merge
        from leaderboards.store import filled_leaderboard

        contradicted = False
        for source in sources:
            with filled_leaderboard(db) as leaderboard:
                merged = merge(leaderboard, source)
            _tell(source, merged)
            contradicted = contradicted or bool(merged.conflicts)
    raise typer.Exit(1 if contradicted else 0)


def replay(db: Db = DEFAULT_DB, debug: Debug = False) -> None:
    """Store finished runs that had to wait because the leaderboard was locked or the disk was full."""
    with user_errors(debug):
        from leaderboards.spool import Spool
        from leaderboards.store import Leaderboard, open_leaderboard

        spool = Spool(db)
        n_waiting, n_unreadable = len(spool.pending()), len(spool.unreadable())
        new = n_waiting and not db.exists()
        board = open_leaderboard(db) if new else Leaderboard(db)  # opening replays too, and tells nobody
        replayed = board.replay()
        n_left = len(spool.pending()) + len(spool.unreadable()) - n_unreadable
        say(err, f"{n_waiting - n_left} runs that were waiting are in {db} now.")
        if replayed.largest is not None:
            _tell_largest("the spool", replayed.largest)
        for problem in replayed.problems:
            say(err, f"still waiting: {problem}", style="red")
    raise typer.Exit(1 if replayed.problems else 0)


def _tell(source: Path, merged: "Merged") -> None:
    """Say what became of the runs of one source."""
    say(err, f"{source}: {merged.added} runs added, {merged.present} were here already.")
    if merged.results_added or merged.results_present:
        results = f"{merged.results_added} added, {merged.results_present} were here already"
        say(err, f"{source}: of the numbers of multimodal embeddings {results}.")
    for alias in merged.aliases:
        say(err, f"{source}: {alias.n_runs} runs of {alias.ours} are of {alias.theirs} there; our name was kept.")
    if merged.largest is not None:
        _tell_largest(source, merged.largest)
    for conflict in merged.conflicts[:_MOST_CONFLICTS]:
        told = f"conflict: run {conflict.run_id[:12]}, {conflict.what}: {conflict.ours} here, {conflict.theirs} there"
        say(err, told, style="red")
    if merged.conflicts:
        n_runs = len({conflict.run_id for conflict in merged.conflicts})
        say(err, f"{source}: {n_runs} runs have other values there; ours were left as they are.", style="red")


def _tell_largest(source: Path | str, found: "Difference") -> None:
    from leaderboards.agreement import TOLERANCE

    told = f"run {found.run_id[:12]}, {found.what}: {found.ours} here, {found.theirs} there"
    say(err, f"{source}: values differ by no more than {TOLERANCE:g}, most in {told}; ours were kept.")
