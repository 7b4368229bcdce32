"""An HTML page that is one file and needs nothing else: no network, no server, no other file."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined

from leaderboards.errors import UserError
from leaderboards.file.drafts import replacing
from leaderboards.report.columns import script_safe_json

ENDINGS = (".html", ".htm")
Asset = tuple[str, str]
"""A package and a file in it."""


def render_page(template: Asset, styles: Sequence[Asset], scripts: Sequence[Asset], **values: Any) -> str:
    """Fill a template with values, which are escaped, and `style`, `script`, `script_hash`, which are ours.

    Args:
        scripts: in the order they are read; they share one scope.
        values: of mappings the template gets JSON that may stand in a script element.
    """
    script = "\n".join(map(_read, scripts))
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(_read(template)).render(
        style="\n".join(map(_read, styles)),
        script=script,
        script_hash=_hash(f"\n{script}\n"),
        **{name: script_safe_json(value) if isinstance(value, Mapping) else value for name, value in values.items()},
    )


def write_page(text: str, target: Path) -> int:
    """Put a page in its place as a whole.

    Returns:
        The size of the file in bytes.
    Raises:
        UserError: the target is no .html file or cannot be written.
    """
    check_ending(target)
    try:
        with replacing(target) as draft:
            draft.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(f"{target}: cannot be written ({error.strerror}). Name a place you can write to.") from error
    return target.stat().st_size


def check_ending(target: Path) -> None:
    """UserError if it does not end as a page does."""
    if target.suffix.lower() not in ENDINGS:
        raise UserError(f"{target}: expected a name ending in .html")


def _read(asset: Asset) -> str:
    package, name = asset
    return resources.files(package).joinpath(name).read_text(encoding="utf-8")


def _hash(script: str) -> str:
    """What the page's content security policy knows its one script by; nothing else may run."""
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
