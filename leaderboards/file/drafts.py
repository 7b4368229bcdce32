"""Files that appear whole: written beside their place, then renamed."""

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from glob import escape
from pathlib import Path

_FORGOTTEN_SECONDS = 3600.0
"""A draft that nobody touched for so long is of a process that was killed."""
_RANDOM_LETTERS = 8
"""In the names that `tempfile` gives."""


@contextmanager
def draft_of(target: Path) -> Iterator[Path]:
    """A path in a new folder beside `target`, of the same name; the folder goes with the context, whatever happens.

    Drafts that killed processes left there go too.

    Raises:
        OSError: the place cannot be written.
    """
    prefix, ending = f".{target.name}-", ".draft"
    for left in target.parent.glob(f"{escape(prefix)}{'?' * _RANDOM_LETTERS}{ending}"):
        with suppress(FileNotFoundError):  # another process swept it meanwhile
            if left.is_dir() and time.time() - left.stat().st_mtime > _FORGOTTEN_SECONDS:
                shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(
        dir=target.parent, prefix=prefix, suffix=ending, ignore_cleanup_errors=True
    ) as folder:
        yield Path(folder) / target.name


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """A path to write a file to, which takes the place of `target` if the context ends well. Its folder is made.

    Whoever looks meanwhile sees the old one or the new one, and what fails leaves the old one.

    Raises:
        OSError: the place cannot be written.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with draft_of(target) as draft:
        yield draft
        draft.replace(target)
