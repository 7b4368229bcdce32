"""Directories that are there complete or not at all, and say what they hold."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from harness.data.files.json_file import read_json
from harness.data.sources.source import SIMULATED_FILE
from harness.errors import UserError
from harness.store.leftovers import lock_file, partial_folder, remove
from harness.store.locks import locked


def is_there(directory: Path, wanted: Mapping[str, Any]) -> bool:
    """Whether a directory made by `make_directory` holds just what is wanted.

    Raises:
        UserError: it holds something else; says what to do.
    """
    if not directory.exists():
        return False
    advice = "Remove it, or choose another directory"
    try:
        found = read_json(directory / SIMULATED_FILE, str(directory / SIMULATED_FILE))
    except UserError:
        raise UserError(
            f"{directory}: has no readable {SIMULATED_FILE}, so it is no simulated data. {advice}"
        ) from None
    if not isinstance(found, dict) or "n_files" not in found:
        raise UserError(f"{directory}/{SIMULATED_FILE}: is not what this program writes. {advice}")
    different = [name for name in wanted if found.get(name) != wanted[name]]
    if different:
        pairs = ", ".join(f"{name} {found.get(name)} instead of {wanted[name]}" for name in different)
        raise UserError(f"{directory}: holds other simulated data: {pairs}. {advice}")
    n_files = _count_files(directory)
    if n_files != found["n_files"]:
        raise UserError(f"{directory}: {n_files} files where {found['n_files']} were written. {advice}")
    return True


def make_directory(
    directory: Path, wanted: Mapping[str, Any], fill: Callable[[Path], None], on_wait: Callable[[], None]
) -> None:
    """Make a directory with a version file, or nothing if filling it fails. One process does it while others wait.

    Args:
        fill: writes what belongs into a temporary directory.
        on_wait: called if another process is making it.
    Raises:
        UserError: nothing can be written there, or the disk is full.
    """
    hidden = directory.with_name(f".{directory.name}")  # no dataset to whoever looks for some
    partial = partial_folder(hidden)
    try:
        with locked(lock_file(hidden), on_wait):
            if is_there(directory, wanted):  # made by another process while this one waited
                return
            remove(partial)  # of one that was killed
            try:
                partial.mkdir()
                fill(partial)
                n_files = _count_files(partial) + 1
                (partial / SIMULATED_FILE).write_text(json.dumps({**wanted, "n_files": n_files}, indent=2) + "\n")
                partial.rename(directory)
            finally:
                remove(partial)
    except OSError as error:
        raise UserError(
            f"{directory}: cannot be written ({error.strerror or error}). "
            "Choose another directory, one that can be written and has room"
        ) from error


def _count_files(directory: Path) -> int:
    return sum(path.is_file() for path in directory.rglob("*"))
