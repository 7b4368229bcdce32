"""What is in folders. One that cannot be read is an error: left out in silence, it would look like an empty one."""

import os
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NoReturn

from mp_mae.errors import UserError


def paths_in(folder: Path, pattern: str) -> list[Path]:
    """What in a folder matches a pattern of its name, sorted.

    Raises:
        UserError: the folder cannot be read.
    """
    try:
        names = os.listdir(folder)  # `glob` takes what it may not read for empty
    except OSError as error:
        refuse(error)
    return [folder / name for name in sorted(names) if fnmatchcase(name, pattern)]


def visible_folders(root: Path) -> Iterator[tuple[Path, list[str]]]:
    """A folder and all below it, each with the names of its files. Folders that begin with a dot, and links to
    folders, are passed over.

    Raises:
        UserError: one of them cannot be read.
    """
    for where, below, names in os.walk(root, onerror=refuse):
        below[:] = [name for name in below if not name.startswith(".")]
        yield Path(where), names


def refuse(error: OSError) -> NoReturn:
    """Raises UserError with the folder that a list of files was asked of."""
    raise UserError(
        f"{error.filename}: cannot be read ({error.strerror}). Make it readable, or put it elsewhere."
    ) from error
