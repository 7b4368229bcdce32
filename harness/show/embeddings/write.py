"""A look at embedding spaces, as the file whose ending was asked for."""

from pathlib import Path

from harness.errors import UserError
from harness.show.embeddings.look import Look
from harness.show.embeddings.page import write_map
from harness.show.embeddings.picture import draw_picture
from leaderboards.report.one_file import ENDINGS

PICTURES = (".png", ".svg", ".pdf")


def check_target(target: Path) -> None:
    """UserError if no such file can be written: asked before anything is computed."""
    if target.suffix.lower() not in (*ENDINGS, *PICTURES):
        raise UserError(f"{target}: expected a name ending in .html, .png, .svg or .pdf")


def write_look(look: Look, target: Path) -> None:
    """Write a page or a picture.

    Raises:
        UserError: a place that cannot be written.
    """
    if target.suffix.lower() in ENDINGS:
        write_map(look, target)
    else:
        draw_picture(look, target)
