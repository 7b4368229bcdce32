"""What killed processes leave behind, and how it is told from what living ones are making.

A process makes something under `NAME.partial` while it holds the lock `NAME.lock`. Of one that was killed both may
stay, and the lock is free.
"""

import contextlib
import shutil
from pathlib import Path

from harness.store.locks import try_alone

LOCK, PARTIAL = ".lock", ".partial"


def lock_file(directory: Path) -> Path:
    """Locked by the process that makes, replaces or removes `directory`."""
    return directory.with_name(directory.name + LOCK)


def partial_folder(directory: Path) -> Path:
    """Where `directory` is made, and where it is moved to be removed."""
    return directory.with_name(directory.name + PARTIAL)


def sweep(folder: Path) -> int:
    """Remove what killed processes left in a folder; how many things that were. What is refused stays: in a folder that
    people share, it is its owner's to remove."""
    n_removed = 0
    for path in sorted(folder.glob(f"*{LOCK}")):
        with contextlib.suppress(OSError):
            n_removed += _sweep_one(path)
    return n_removed


def _sweep_one(lock_path: Path) -> bool:
    """Remove what belongs to a lock file, and the file, unless a living process holds it. OSError if it is refused."""
    lock = try_alone(lock_path)
    if lock is None:
        return False
    remove(partial_folder(lock_path.with_suffix("")))
    lock.remove()
    return True


def remove(path: Path) -> None:
    """A file, a folder with all in it, or nothing. OSError as usual."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
