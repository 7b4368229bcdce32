"""JSON files of a dataset."""

import json
from pathlib import Path
from typing import Any

from mp_mae.errors import UserError


def read_json(path: Path) -> Any:
    """The content of a JSON file.

    Raises:
        UserError: it is missing or not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path} is missing. An MMEarth dataset has it beside its .h5 file: download it.") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not JSON ({error}). Download it again.") from error
