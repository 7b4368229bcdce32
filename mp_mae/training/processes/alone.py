"""One training at a time writes to a folder: a second one is told so, before it writes anything."""

import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mp_mae.errors import UserError

LOCK = ".lock"
"""Name of the file that a training holds in its folder; it stays there and means nothing unless it is held."""


@contextmanager
def alone_in(out: Path) -> Iterator[None]:
    """Keep other trainings out of a folder, which is made if it is not there, until the block ends.

    The operating system frees the folder when this process ends, however it ends. On NFS trainings of other machines
    are kept out too. Where the file system has no locks, and on Windows, nobody is.

    Raises:
        UserError: another training is there, or nothing can be written.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        handle = os.open(out / LOCK, os.O_RDWR | os.O_CREAT, 0o666)  # NFS locks what is open for writing alone
    except OSError as error:
        raise UserError(f"{out}: cannot be written to ({error.strerror}). Choose another --out.") from error
    try:
        if not _take(handle):
            raise UserError(
                f"{out}: another training writes to it ({_read(handle)}). Wait for its end, or choose another --out."
            )
        os.ftruncate(handle, 0)
        os.write(handle, f"process {os.getpid()} on {socket.gethostname()}".encode())
        yield
    finally:
        os.close(handle)


def _read(handle: int) -> str:
    return os.read(handle, 200).decode(errors="replace") or "just begun"


if sys.platform == "win32":

    def _take(handle: int) -> bool:
        return True

else:
    import fcntl

    def _take(handle: int) -> bool:
        """Whether nobody else holds the file, which is held from now on."""
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:  # the file system has no locks
            return True
        return True
