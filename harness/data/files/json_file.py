"""JSON that others wrote: a value, or one line that says what is wrong with it."""

from pathlib import Path
from typing import Any

import mp_mae.errors
import mp_mae.files.json_file
from harness.data.files.budgets import JSON_BYTES
from harness.data.files.regular_file import read_regular
from harness.errors import UserError


def parse_json(text: bytes | str, where: str, advice: str = "Download the file again") -> Any:
    """The value of a JSON text. NaN and infinities are numbers here, as Python's own writer has them.

    Raises:
        UserError: it is no JSON, not UTF-8, nested too deeply, or has a number too long to be one; begins with `where`
            and ends with `advice`.
    """
    try:
        return mp_mae.files.json_file.parse_json(text, where, advice)
    except mp_mae.errors.UserError as error:
        raise UserError(str(error)) from None


def read_json(path: Path, where: str) -> Any:
    """The value in a JSON file. Raises UserError as `parse_json` does, and where the file cannot be read."""
    return parse_json(read_regular(path, where, JSON_BYTES), where)


def read_json_object(path: Path, where: str) -> dict[str, Any]:
    """A JSON file whose top level is an object. Raises UserError as `read_json` does, or if it is something else."""
    content = read_json(path, where)
    if not isinstance(content, dict):
        raise UserError(f"{where}: a JSON object is wanted, a {type(content).__name__} found. Download the file again")
    return content
