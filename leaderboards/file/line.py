"""Who waits for a leaderboard file waits in line: the first tries to open it, and the others look who is first.

Without a line everybody would try, which takes a thousand times as long as a look: ten processes that wait would keep
two cores busy, the process that they wait for would get a tenth of one, and whom it lets in would be a matter of luck.
"""

import os
import random
import sys
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType

FIRST_TRIES_EVERY = 0.004
"""Seconds; a turn of others ends for longer than that."""
OTHERS_TRY_EVERY = 0.5
"""Seconds: whoever is first may have been stopped, and where a file system has no locks nobody is first."""
_FIRST_LOOK = 0.1
_SHORTEST_LOOK = 0.001


class Line:
    """A place in the line for one file, as a context: nobody's until `wait` is called, given up at its end.

    The line is a lock beside the file, made by who has to wait and deleted by who was first.
    """

    def __init__(self, path: Path) -> None:
        self._lock = path.with_name(f".{path.name}.line")
        self._handle: int | None = None
        self._since = 0.0
        self.is_first = False
        """Of all processes and threads that wait, by the locks of the file system."""

    def __enter__(self) -> "Line":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.is_first:
            with suppress(OSError):
                self._lock.unlink()
        self._leave()

    def wait(self, at_most: float) -> None:
        """Until it is time to try again to open the file, in `at_most` seconds."""
        if self.is_first:
            time.sleep(min(at_most, FIRST_TRIES_EVERY * random.uniform(0.5, 1.5)))
            return
        now = time.monotonic()
        self._since = self._since or now
        until = now + min(at_most, OTHERS_TRY_EVERY)
        while (left := until - time.monotonic()) > 0:
            self.is_first = self._take()
            if self.is_first:
                return
            # Who has waited for long looks more often, so that it is served before those who just came. Jitter, or
            # processes that met once would meet at every look; it changes no result.
            waited = time.monotonic() - self._since
            look = max(_FIRST_LOOK / (1 + waited) ** 2, _SHORTEST_LOOK) * random.uniform(0.5, 1.5)
            time.sleep(min(left, look))

    def _take(self) -> bool:
        """Whether this is the first in line from now on."""
        try:
            if self._handle is None:
                self._handle = os.open(self._lock, os.O_RDWR | os.O_CREAT | _NO_LINK, 0o666)
            if not _lock(self._handle):
                return False
            if os.fstat(self._handle).st_nlink > 0:
                return True
        except OSError:  # a folder that cannot be written, or a file system without locks
            return False
        self._leave()  # who was first has deleted it: the line goes on at a new one
        return False

    def _leave(self) -> None:
        if self._handle is not None:
            _unlock(self._handle)
            os.close(self._handle)
            self._handle = None
        self.is_first = False


if sys.platform == "win32":
    _NO_LINK = 0

    def _lock(handle: int) -> bool:
        return False

    def _unlock(handle: int) -> None:
        pass

else:
    import fcntl

    _NO_LINK = os.O_NOFOLLOW

    def _lock(handle: int) -> bool:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _unlock(handle: int) -> None:
        """In child processes too, which were forked meanwhile and have the handle."""
        with suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_UN)
