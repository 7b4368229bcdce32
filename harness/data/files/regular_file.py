"""Files that are what they seem: regular and no larger than expected. A pipe waits, and a device never ends."""

import stat
from pathlib import Path

from harness.errors import UserError

_KINDS = (
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISDIR, "a directory"),
)


def check_regular(path: Path, where: str) -> int:
    """The size in bytes of a file, or of the one that a link leads to.

    Raises:
        UserError: it is no regular file; begins with `where`.
        OSError: there is none.
    """
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        kind = next((name for is_kind, name in _KINDS if is_kind(status.st_mode)), "something else")
        raise UserError(f"{where}: a regular file is wanted, {kind} found. Put the file in its place")
    return status.st_size


def read_regular(path: Path, where: str, limit: int) -> bytes:
    """The content of a regular file of at most `limit` bytes.

    Raises:
        UserError: it is missing, unreadable, larger, or no regular file; begins with `where`.
    """
    try:
        size = check_regular(path, where)
        if size > limit:
            raise UserError(f"{where}: has {size} bytes; at most {limit} are read. Download the file again")
        with path.open("rb") as file:
            return file.read(limit)
    except OSError as error:
        raise UserError(f"{where}: cannot be read ({error.strerror}). Download the dataset again") from None
