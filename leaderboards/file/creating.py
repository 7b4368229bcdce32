"""A new leaderboard file: built elsewhere, and at its place as a whole."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from leaderboards.errors import UnavailableError, UserError
from leaderboards.file.connection import CANNOT_WRITE, attach_new, confine, first_line, start_engine, transaction
from leaderboards.file.definitions import create_tables
from leaderboards.file.drafts import draft_of


def create(path: Path) -> None:
    """An empty leaderboard, unless another process is quicker. Raises OSError or what is in CANNOT_WRITE."""
    with draft_of(path) as draft:
        engine = start_engine()
        try:
            confine(engine, draft)
            attach_new(engine, draft, "draft")
            engine.execute("USE draft")
            with transaction(engine):
                create_tables(engine)
            engine.execute("USE memory")
            engine.execute("DETACH draft")
        finally:
            engine.close()
        put(draft, path)


def put(draft: Path, path: Path) -> bool:
    """Give a file its place; False: another process has put one there, which stays."""
    try:
        os.link(draft, path)  # unlike a rename, it never replaces a file that another process just made
    except FileExistsError:
        return False
    except OSError:  # a file system without hard links
        draft.rename(path)
    return True


def nearest_folder(path: Path) -> Path:
    """The folder that a file is to lie in, or the lowest that is there of those above it."""
    return next(folder for folder in path.absolute().parents if folder.exists())


def require_writable(folder: Path) -> None:
    """Raises OSError."""
    if not folder.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


@contextmanager
def naming_the_place(path: Path) -> Iterator[None]:
    """What a file system or DuckDB has against a new file within the context, as one line about its place."""
    try:
        yield
    except OSError as error:
        raise UserError(f"{path}: cannot be created ({error.strerror}). Name a place you can write to.") from error
    except CANNOT_WRITE as error:
        raise UnavailableError(f"{path}: cannot be created ({first_line(error)}). Check the disk.") from error
