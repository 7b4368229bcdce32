"""The verbs about data: `datasets`, and those of `data`, in the order `--help` shows them; a file each kind of them."""

import typer

from harness.cli.data.downloads import (
    DOWNLOAD_EXAMPLES,
    LIST_EXAMPLES,
    VERIFY_EXAMPLES,
    download,
    list_,
    verify,
)
from harness.cli.data.listing import datasets
from harness.cli.data.own import IMPORT_EXAMPLES, import_images
from harness.cli.data.simulated import AREAS_EXAMPLES, DEMO_EXAMPLES, areas, demo
from harness.cli.terminal import EVALUATING


def register(app: typer.Typer) -> None:
    """Add the verbs of this folder to the command line."""
    app.command(rich_help_panel=EVALUATING)(datasets)
    group = typer.Typer(
        help="Download data and look through them; keep images of your own as arrays; make data to try things on.",
        no_args_is_help=True,
    )
    group.command(epilog=DOWNLOAD_EXAMPLES)(download)
    group.command("list", epilog=LIST_EXAMPLES)(list_)
    group.command(epilog=VERIFY_EXAMPLES)(verify)
    group.command("import", epilog=IMPORT_EXAMPLES)(import_images)
    group.command(epilog=DEMO_EXAMPLES)(demo)
    group.command(epilog=AREAS_EXAMPLES)(areas)
    app.add_typer(group, name="data", rich_help_panel=EVALUATING)
