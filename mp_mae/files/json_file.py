"""JSON that others wrote: a value, or one line that says what is wrong with it; and JSON of ours."""

import json
from pathlib import Path
from typing import Any

from mp_mae.errors import UserError

MAX_BYTES = 64 * 2**20
"""Largest JSON file. The splits of a million tiles have about 8 MB; parsed, JSON takes up to twenty times its size."""


def parse_json(text: bytes | str, where: str, advice: str) -> Any:
    """The value of a JSON text. NaN and infinities are numbers here, as Python's own writer has them.

    Args:
        where: begins the message of an error.
        advice: ends it, and says what to do next.

    Raises:
        UserError: it is no JSON, not UTF-8, nested too deeply, or has a number too long to be one.
    """
    try:
        return json.loads(text)
    except RecursionError:
        reason = "nested too deeply"
    except ValueError as error:  # of the syntax, the encoding, or an integer of thousands of digits
        reason = str(error).partition(";")[0]
    raise UserError(f"{where}: is not JSON ({reason}). {advice}")


def read_json(path: Path, advice: str) -> Any:
    """The value in a JSON file.

    Raises:
        UserError: as `parse_json`; the file is missing or unreadable, a pipe or device, or larger than MAX_BYTES.
    """
    try:
        size = path.stat().st_size
        if not path.is_file() or size > MAX_BYTES:
            found = f"{size} bytes" if path.is_file() else "another thing"
            raise UserError(f"{path}: wanted a regular file of at most {MAX_BYTES} bytes; found {found}. {advice}")
        text = path.read_bytes()
    except FileNotFoundError:
        raise UserError(f"{path}: is missing. {advice}") from None
    except OSError as error:
        raise UserError(f"{path}: cannot read it ({error.strerror}). {advice}") from error
    return parse_json(text, str(path), advice)


def write_json(path: Path, content: Any) -> None:
    """Write a JSON file. Raises ValueError if it has NaN or an infinity, which other readers do not know."""
    path.write_text(json.dumps(content, allow_nan=False), encoding="utf-8")
