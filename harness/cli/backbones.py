"""The verbs about backbones: `backbones`."""

import typer

from harness.cli.terminal import EVALUATING, Format, FormatOption, show_rows


def register(app: typer.Typer) -> None:
    """Add the verbs of this module to the command line."""
    app.command(rich_help_panel=EVALUATING)(backbones)


def backbones(form: FormatOption = Format.table) -> None:
    """List the backbones that `run --backbone` knows."""
    from baselines.table import BACKBONES
    from leaderboards.query import Table

    rows = [(entry.name, entry.weights, entry.summary) for entry in BACKBONES.values()]
    show_rows(Table(columns=("backbone", "weights", "what it is"), rows=rows), form)
