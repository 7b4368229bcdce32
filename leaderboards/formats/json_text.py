"""JSON that others wrote: a value, or one line that says what is wrong with it."""

import json
import math
from pathlib import Path
from typing import Any, NoReturn

from leaderboards.errors import UserError

MAX_BYTES = 512 * 2**20
"""Of a JSON file. A run with its predictions for 100,000 samples takes about 10 MB, an exported run about 2 kB."""


class UnreadableError(UserError):
    """The file is there, and its content cannot be read by this user or at this moment."""


def parse_json(text: bytes | str, where: str, advice: str) -> Any:
    """The value of a JSON text.

    Args:
        where: begins the message of an error.
        advice: ends it, and says what to do next.
    Raises:
        UserError: it is no JSON, not UTF-8, nested too deeply, or has NaN, infinity or a number too long to be one.
    """
    try:
        return json.loads(text, parse_constant=_refuse, parse_float=_finite)
    except RecursionError:
        reason = "nested too deeply"
    except ValueError as error:  # of the syntax, the encoding, or an integer of thousands of digits
        reason = str(error).partition(";")[0]
    raise UserError(f"{where}: is not JSON ({reason}). {advice}")


def read_json(path: Path, advice: str) -> Any:
    """The value in a JSON file.

    Raises:
        FileNotFoundError: there is none.
        UnreadableError: this user may not read it, or the disk fails.
        UserError: as `parse_json`; or it is a pipe or a device, or larger than MAX_BYTES.
    """
    try:
        size = path.stat().st_size
        if not path.is_file() or size > MAX_BYTES:
            found = f"{size} bytes" if path.is_file() else "another thing"
            raise UserError(f"{path}: wanted a regular file of at most {MAX_BYTES} bytes; found {found}. {advice}")
        text = path.read_bytes()
    except FileNotFoundError:
        raise
    except OSError as error:
        raise UnreadableError(f"{path}: cannot be read ({error.strerror}). {advice}") from error
    return parse_json(text, str(path), advice)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:40]} is larger than any number")
    return number


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number of JSON")
