"""The verbs that draw: `curve` and `bands`."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli.terminal import DEFAULT_DB, READING, Db, Debug, Names, err, out, say, split_names, user_errors

if TYPE_CHECKING:
    from harness.show.plots.curves import Panel

_EXAMPLES = """Examples:

`python -m harness curve --datasets demo-climate --protocols linear_probe`

`python -m harness curve --backbones mp_mae,optical_mae,random_init --out curves.png`
"""
_EXAMPLES_OF_BANDS = """Examples:

`python -m harness bands --datasets demo-landcover --out bands.png`

after `python -m harness run --backbone mp_mae --backbone image_statistics --drop-bands each`
"""


def register(app: typer.Typer) -> None:
    """Add the verbs of this module to the command line."""
    app.command(rich_help_panel=READING, epilog=_EXAMPLES)(curve)
    app.command(rich_help_panel=READING, epilog=_EXAMPLES_OF_BANDS)(bands)


def curve(
    db: Db = DEFAULT_DB,
    datasets: Names = None,
    backbones: Names = None,
    protocols: Names = None,
    picture: Annotated[Path | None, typer.Option("--out", help="Draw into this file: .png, .svg or .pdf.")] = None,
    debug: Debug = False,
) -> None:
    """Draw label-efficiency curves: score against number of labels, with 95 % intervals in the picture."""
    with user_errors(debug):
        from harness.show.plots.curves import read_panels

        chosen = {
            "datasets": split_names(datasets),
            "backbones": split_names(backbones),
            "protocols": split_names(protocols),
        }
        show_panels(read_panels(db, **chosen), picture)


def bands(
    db: Db = DEFAULT_DB,
    datasets: Names = None,
    backbones: Names = None,
    protocols: Names = None,
    picture: Annotated[Path | None, typer.Option("--out", help="Draw into this file: .png, .svg or .pdf.")] = None,
    debug: Debug = False,
) -> None:
    """Show what a band lost at test costs, or others in place of those of training, with paired 95 % intervals."""
    with user_errors(debug):
        from harness.errors import UserError
        from harness.show.band_losses import loss_tables, read_losses

        losses = read_losses(
            db,
            datasets=split_names(datasets),
            backbones=split_names(backbones),
            protocols=split_names(protocols),
        )
        if not losses:
            raise UserError(
                f"{db}: no such run with other bands at test, beside one with those of training. Make some: python -m "
                "harness run --backbone NAME --drop-bands each"
            )
        if picture is None:
            for table in loss_tables(losses):
                out.print(table)
            return
        from harness.show.plots.bands import draw_bands

        draw_bands(losses, picture)
        say(err, f"Drew {picture}")


def show_panels(panels: "Sequence[Panel]", picture: Path | None) -> None:
    """Draw curves in characters on stdout, or as a file."""
    if picture is not None:
        from harness.show.plots.figure import draw_figure

        draw_figure(panels, picture)
        say(err, f"Drew {picture}")
        return
    from harness.show.plots.terminal import draw_text

    for panel in panels:
        for line in draw_text(panel):
            say(out, line)
        out.print()
