"""Folders that change as a whole: whoever looks, and whenever a process is killed, finds the old one or the new one."""

import ctypes
import glob
import os
import shutil
import sys
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from mp_mae.files.flush import flush

_EXCHANGE = 2
"""The flag of renameat2(2) on Linux, and of renamex_np(2) on macOS, that lets two names change places."""
_HERE = -100
"""AT_FDCWD: names are relative to the working directory."""


@contextmanager
def replacing(folder: Path) -> Iterator[Path]:
    """A new folder that takes the name of `folder` once the block has ended without error and all is on the disk.

    Raises:
        OSError: it cannot be written.
    """
    recover(folder)
    with _partial_folder(folder) as partial:
        yield partial
        for path in (*partial.iterdir(), partial):
            flush(path)
        _rename(partial, folder)
        flush(folder.parent)


def is_free(folder: Path) -> bool:
    """Whether nothing is lost where a folder is put: there is nothing of that name, or an empty folder."""
    return not folder.exists() or (folder.is_dir() and not any(folder.iterdir()))


@contextmanager
def _partial_folder(folder: Path) -> Iterator[Path]:
    """A new folder beside `folder` to fill, which is gone after the block unless it was given another name.

    What processes that were killed left of earlier ones is removed first.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    _sweep(folder)
    with ExitStack() as claims:
        partial = _make_claimed(folder, claims)
        try:
            yield partial
        finally:
            shutil.rmtree(partial, ignore_errors=True)


def _make_claimed(folder: Path, claims: ExitStack) -> Path:
    while True:
        partial = folder.with_name(f".{folder.name}.{uuid.uuid4().hex}.partial")
        partial.mkdir()
        claims.enter_context(_claimed(partial))
        if partial.exists():  # a process that sweeps may have found it before it was claimed
            return partial


def recover(folder: Path) -> None:
    """Put the old folder back where a process was killed while it stepped aside: only where names cannot be swapped.

    Raises:
        OSError: there is one and it cannot be put back.
    """
    if not folder.exists():
        for old in _beside(folder, "old"):
            old.rename(folder)
            return


def _beside(folder: Path, kind: str) -> list[Path]:
    """What attempts to write `folder`, and no other, have beside it."""
    return list(folder.parent.glob(f".{glob.escape(folder.name)}.{'[0-9a-f]' * 32}.{kind}"))


def _rename(partial: Path, folder: Path) -> None:
    if not folder.exists():
        partial.rename(folder)
    elif not _exchange(partial, folder):
        old = partial.with_suffix(".old")
        folder.rename(old)
        partial.rename(folder)
        shutil.rmtree(old)


def _exchange(a: Path, b: Path) -> bool:
    """Let two names change places in one step. False where the system or the file system cannot."""
    names = os.fsencode(a), os.fsencode(b)
    if os.name != "posix":
        return False
    library = ctypes.CDLL(None)
    if hasattr(library, "renameat2"):
        return bool(library.renameat2(_HERE, names[0], _HERE, names[1], _EXCHANGE) == 0)
    if hasattr(library, "renamex_np"):
        return bool(library.renamex_np(*names, _EXCHANGE) == 0)
    return False


def _sweep(folder: Path) -> None:
    """Remove what is left of attempts whose process is gone."""
    for leftover in (*_beside(folder, "partial"), *_beside(folder, "old")):
        with _claimed(leftover) as mine:
            if mine:
                shutil.rmtree(leftover, ignore_errors=True)


if sys.platform == "win32":

    @contextmanager
    def _claimed(folder: Path) -> Iterator[bool]:
        """There is no claim that ends with a process, so nothing is known to be left over."""
        yield False

else:
    import fcntl

    @contextmanager
    def _claimed(folder: Path) -> Iterator[bool]:
        """Whether this process holds the folder for the length of the block. A killed process holds it no longer."""
        try:
            handle = os.open(folder, os.O_RDONLY)
        except OSError:  # it was removed or took its name a moment ago
            yield False
            return
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            claimed = True
        except OSError:
            claimed = False
        try:
            yield claimed
        finally:
            os.close(handle)
