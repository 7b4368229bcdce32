"""Directories that are there complete or not at all, and say what they hold."""

import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from harness.data.json_file import read_json
from harness.errors import UserError

VERSION_FILE = "demo.json"


def is_there(directory: Path, wanted: Mapping[str, Any]) -> bool:
    """Whether a directory made by `new_directory` holds just what is wanted.

    Raises:
        UserError: it holds something else; says what to do.
    """
    if not directory.exists():
        return False
    advice = "Remove it, or choose another directory"
    try:
        found = read_json(directory / VERSION_FILE, str(directory / VERSION_FILE))
    except UserError:
        raise UserError(f"{directory}: has no readable {VERSION_FILE}, so it is no demo task. {advice}") from None
    if not isinstance(found, dict) or "n_files" not in found:
        raise UserError(f"{directory}/{VERSION_FILE}: is not what this program writes. {advice}")
    different = [name for name in wanted if found.get(name) != wanted[name]]
    if different:
        pairs = ", ".join(f"{name} {found.get(name)} instead of {wanted[name]}" for name in different)
        raise UserError(f"{directory}: holds another demo task: {pairs}. {advice}")
    n_files = sum(1 for _ in directory.iterdir())
    if n_files != found["n_files"]:
        raise UserError(f"{directory}: {n_files} files where {found['n_files']} were written. {advice}")
    return True


@contextmanager
def new_directory(directory: Path, wanted: Mapping[str, Any]) -> Iterator[Path]:
    """A temporary directory to fill that becomes `directory` with a version file, or vanishes if filling it fails.

    If another process has made the same directory meanwhile, that one stays.

    Raises:
        UserError: nothing can be written there, or the disk is full.
    """
    partial = None
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=f".{directory.name}-", dir=directory.parent))
        yield partial
        n_files = sum(1 for _ in partial.iterdir()) + 1
        (partial / VERSION_FILE).write_text(json.dumps({**wanted, "n_files": n_files}, indent=2) + "\n")
        partial.chmod(0o755)  # mkdtemp's is for this user alone
        try:
            partial.rename(directory)
        except OSError:
            if not is_there(directory, wanted):
                raise
    except OSError as error:
        raise UserError(
            f"{directory}: cannot be written ({error.strerror or error}). "
            "Choose another directory, one that can be written and has room"
        ) from error
    finally:
        if partial is not None:
            shutil.rmtree(partial, ignore_errors=True)
