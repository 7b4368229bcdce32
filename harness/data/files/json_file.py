"""JSON that others wrote: a value, or one line that says what is wrong with it."""

import json
from pathlib import Path
from typing import Any

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
        return json.loads(text)
    except RecursionError:
        reason = "nested too deeply"
    except ValueError as error:  # of the syntax, the encoding, or an integer of thousands of digits
        reason = str(error).partition(";")[0]
    raise UserError(f"{where}: is not JSON ({reason}). {advice}")


def read_json(path: Path, where: str) -> Any:
    """The value in a JSON file. Raises UserError as `parse_json` does, and where the file cannot be read."""
    return parse_json(read_regular(path, where, JSON_BYTES), where)


def read_json_object(path: Path, where: str) -> dict[str, Any]:
    """A JSON file whose top level is an object. Raises UserError as `read_json` does, or if it is something else."""
    content = read_json(path, where)
    if not isinstance(content, dict):
        raise UserError(f"{where}: a JSON object is wanted, a {type(content).__name__} found. Download the file again")
    return content
