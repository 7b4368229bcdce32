"""The verb `report`."""

from pathlib import Path
from typing import Annotated

import typer

from harness.cli.terminal import DEFAULT_DB, READING, Db, Debug, err, say, user_errors


def register(app: typer.Typer) -> None:
    """Add the verbs of this module to the command line."""
    app.command(rich_help_panel=READING, epilog="Example: `python -m harness report --out report.html`")(report)


def report(
    target: Annotated[Path, typer.Option("--out", help="The file to write, ending in .html.")] = Path("report.html"),
    db: Db = DEFAULT_DB,
    debug: Debug = False,
) -> None:
    """Write a report: who is ahead, label-efficiency curves, differences, labels saved, every run, in one HTML file.

    It needs no network: open it in any browser, send it, or read it on a phone.
    """
    with user_errors(debug):
        from harness.show.reproduce import reproducing_command
        from leaderboards.report.build import build_report

        megabytes = build_report(db, target, reproducing_command) / 1e6
        say(err, f"Wrote {target} ({megabytes:.1f} MB).")
