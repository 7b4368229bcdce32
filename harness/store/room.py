"""Keeps a cache within the bytes it may take: what was not used for longest goes before something new is written."""

import time

from harness.errors import UserError
from harness.records.progress import Progress
from harness.store.kinds import Place
from harness.store.leftovers import partial_folder
from harness.store.locks import is_held_here, locked
from harness.store.manifest import CLAIM, STAMP
from harness.store.upkeep import bytes_in_making, prune

WAIT_SECONDS = 3600.0
"""How long a run waits for what other commands use; two that wait for each other end by it."""
LOOK_SECONDS = 2.0


class Room:
    """What an entry in the making may write, of the bytes that its cache may take."""

    def __init__(self, place: Place, progress: Progress) -> None:
        self._place, self._progress = place, progress
        self._claimed = 0

    def claim(self, n_bytes: int) -> None:
        """Have room for arrays of so many bytes in all, before they are written. Entries that nobody uses make way,
        those used last as the last ones; while other commands use what is in the way, this waits.

        Raises:
            UserError: that is more than the cache may take, beside what this command uses itself; or others go on
                using what is in the way.
            OSError: the disk refuses.
        """
        limit = self._place.limit
        if limit is None or n_bytes <= self._claimed:
            return
        wanted = n_bytes + 2**12 + n_bytes // 1000  # its manifest, too
        give_up = time.monotonic() + WAIT_SECONDS
        waiting = False
        while not self._make_way(wanted, limit):
            if time.monotonic() > give_up:
                raise UserError(f"{self._place}: no room within --cache-limit for an hour, for others use the cache")
            if not waiting:
                self._progress.notice(f"{self._place} wait for room in the cache, which other commands use")
            waiting = True
            time.sleep(LOOK_SECONDS)
        self._claimed = n_bytes

    def _make_way(self, wanted: int, limit: int) -> bool:
        """Whether there is room now; then it is claimed, and others see that."""
        cache_dir, partial = self._place.cache_dir, partial_folder(self._place.directory)
        with locked(cache_dir / "room.lock", lambda: None):
            left = limit - wanted - bytes_in_making(cache_dir, besides=partial)
            kept = prune(cache_dir, max(0, left)).kept
            if sum(entry.n_bytes for entry in kept) <= left:
                (partial / CLAIM).write_text(str(wanted))
                return True
        own = sum(entry.n_bytes for entry in kept if is_held_here(entry.directory / STAMP))
        if own + wanted > limit:
            beside = f", beside {_size(own)} that this command uses" if own else ""
            raise UserError(
                f"{self._place} take {_size(wanted)}{beside}; the cache may take {_size(limit)}. Pass --cache-limit "
                f"{_at_least(own + wanted)} or more"
            )
        return False


def _size(n_bytes: int) -> str:
    return f"{n_bytes / 1e9:.3g} GB"


def _at_least(n_bytes: int) -> str:
    """In words that the option takes, rounded up."""
    return f"{-(-n_bytes // 10**9)}GB" if n_bytes >= 10**9 else f"{-(-n_bytes // 10**6)}MB"
