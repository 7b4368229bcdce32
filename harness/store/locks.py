"""Locks between processes. The operating system frees those of a process that ends, however it ends."""

import contextlib
import fcntl
import os
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

ALONE, SHARED = fcntl.LOCK_EX, fcntl.LOCK_SH
_held: "weakref.WeakSet[Lock]" = weakref.WeakSet()
_listing = threading.Lock()


class Lock:
    """A lock on a file, held until `release`, or until nothing refers to it any more."""

    def __init__(self, path: Path, mode: int, *, create: bool = False) -> None:
        """
        Args:
            mode: ALONE or SHARED; with `| fcntl.LOCK_NB` without waiting.
            create: whether the file is made if it is not there.
        Raises:
            BlockingIOError: another holds it, and waiting was not wanted.
            OSError: there is no such file, or the file system has no locks.
        """
        self.path = path
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666) if create else _open(path, mode)
        self._close = weakref.finalize(self, os.close, handle)
        try:
            fcntl.flock(handle, mode)
        except BaseException:
            self.release()
            raise
        self._inode = os.fstat(handle).st_ino
        with _listing:
            _held.add(self)

    def is_of_path(self) -> bool:
        """Whether that file still is the one under its name: another process may have removed it meanwhile."""
        try:
            return self.path.stat().st_ino == self._inode
        except FileNotFoundError:
            return False

    def release(self) -> None:
        with _listing:
            _held.discard(self)
        self._close()

    def remove(self) -> None:
        """Remove the file, which was made to be locked, and release it. In this order: whoever waits for it then finds
        it gone and makes another."""
        self.path.unlink(missing_ok=True)
        self.release()


def is_held_here(path: Path) -> bool:
    """Whether this process holds a lock on a file."""
    with _listing:
        return any(lock.path == path for lock in _held)


def _open(path: Path, mode: int) -> int:
    """For writing if it is to be locked against all others: NFS asks for that, and others do not mind where it may only
    be read."""
    if mode & ALONE:
        with contextlib.suppress(OSError):
            return os.open(path, os.O_RDWR)
    return os.open(path, os.O_RDONLY)


def try_alone(path: Path, *, create: bool = False) -> Lock | None:
    """The lock on a file against all others; None if another holds one. OSError as for `Lock`."""
    try:
        lock = Lock(path, ALONE | fcntl.LOCK_NB, create=create)
    except BlockingIOError:
        return None
    return lock if lock.is_of_path() else None


@contextmanager
def locked(path: Path, on_wait: Callable[[], None]) -> Iterator[None]:
    """Hold a lock file, made for the purpose and removed afterwards, against all others.

    Args:
        on_wait: called once if another process holds it, before waiting for that.
    Raises:
        OSError: the file cannot be written or locked.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = try_alone(path, create=True)
    if lock is None:
        on_wait()
    while lock is None or not lock.is_of_path():  # whoever had it has removed it
        lock = Lock(path, ALONE, create=True)
    try:
        yield
    finally:
        lock.remove()
