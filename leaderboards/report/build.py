"""From a leaderboard to one HTML file that needs nothing else: no network, no server, no other file."""

import base64
import hashlib
from importlib import resources
from pathlib import Path

from jinja2 import Environment, StrictUndefined

from leaderboards.errors import UserError
from leaderboards.file.drafts import draft_of
from leaderboards.report.columns import script_safe_json
from leaderboards.report.contents import Contents, read_contents

SCRIPTS = ("data.js", "dom.js", "plot.js", "cards.js", "charts.js", "matrices.js", "table.js", "page.js")
"""In the order they are read; they share one scope."""


def build_report(db: Path, target: Path) -> int:
    """Write the report of a leaderboard.

    Returns:
        The size of the file in bytes.
    Raises:
        UserError: no leaderboard or an empty one, or the target is no .html file or cannot be written.
    """
    if target.suffix.lower() not in (".html", ".htm"):
        raise UserError(f"{target}: expected a name ending in .html")
    text = render(read_contents(db), title=db.name)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with draft_of(target) as draft:
            draft.write_text(text, encoding="utf-8")
            draft.replace(target)  # whoever looks meanwhile sees the old report or the new one
    except OSError as error:
        raise UserError(f"{target}: cannot be written ({error.strerror}). Name a place you can write to.") from error
    return target.stat().st_size


def render(contents: Contents, title: str) -> str:
    """The page. Names from the data are in its JSON blocks alone; the script puts them in place as text."""
    script = "\n".join(_asset(name) for name in SCRIPTS)
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(_asset("page.html.j2")).render(
        title=title,
        style=_asset("style.css"),
        script=script,
        script_hash=_hash(f"\n{script}\n"),
        page_data=script_safe_json(contents.page),
        details_data=script_safe_json(contents.details),
    )


def _asset(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


def _hash(script: str) -> str:
    """What the page's content security policy knows its one script by; nothing else may run."""
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
