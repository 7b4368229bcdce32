"""From a leaderboard to one HTML file that needs nothing else: no network, no server, no other file."""

from pathlib import Path

from leaderboards.file.connection import WAIT_SECONDS
from leaderboards.file.reader import one_look
from leaderboards.report.contents import CommandOf, Contents, read_contents
from leaderboards.report.one_file import check_ending, render_page, write_page

HERE = "leaderboards.report"
SCRIPTS = (
    "data.js", "dom.js", "plot.js", "verdict.js", "forest.js", "charts.js", "matrices.js", "table.js", "page.js",
)  # fmt: skip
"""In the order they are read; they share one scope."""


def build_report(db: Path, target: Path, command_of: CommandOf | None = None) -> int:
    """Write the report of a leaderboard.

    Args:
        command_of: what tells how a run was made; without it the report says who does.
    Returns:
        The size of the file in bytes.
    Raises:
        UserError: no leaderboard or an empty one, or the target is no .html file or cannot be written.
    """
    check_ending(target)  # before a large leaderboard is read
    with one_look(db, WAIT_SECONDS):
        contents = read_contents(db, command_of)
    return write_page(render(contents, title=db.name), target)


def render(contents: Contents, title: str) -> str:
    """The page. Names from the data are in its JSON blocks alone; the script puts them in place as text."""
    return render_page(
        (HERE, "page.html.j2"),
        styles=[(HERE, "style.css")],
        scripts=[(HERE, name) for name in SCRIPTS],
        title=title,
        page_data=contents.page,
        details_data=contents.details,
    )
