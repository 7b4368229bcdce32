"""Who does which group of a grid, among processes that write one leaderboard and know nothing else of each other.

In a folder beside the leaderboard, every process has a file in `members/` that it touches while it lives, and every
group that is being done a folder in `claims/` with one file, named after the member whose it is. Nothing is locked: a
claim is a folder that is renamed to its name, which fails where another was first; one of a member that is gone is
taken over by renaming the file in it, which only one can. Local disks and NFS do both at once or not at all. No clock
of another machine is believed: who does not touch its file for as long as we watch is gone.
"""

import contextlib
import os
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from harness.errors import UserError

HEARTBEAT_SECONDS, MISSED = 10.0, 3
"""A member that does not touch its file for so many heartbeats is gone."""
FOLDER, MEMBERS, CLAIMS = ".grid", "members", "claims"

_living: set[str] = set()
"""Members that are this process: it may carry out several campaigns."""


class Member(NamedTuple):
    """One process that carries out a campaign."""

    host: str
    pid: int
    token: str
    """Tells it from others that have had its number."""

    def __str__(self) -> str:
        return "~".join(map(str, self))

    @classmethod
    def parse(cls, text: str) -> "Member | None":
        """None: it is the name of none."""
        host, pid, token = (*text.rsplit("~", 2), "", "")[:3]
        return cls(host, int(pid), token) if pid.isdecimal() and token else None


def grid_folder(db: Path) -> Path:
    """Where processes that write a leaderboard leave word for each other."""
    return db.with_name(db.name + FOLDER)


class Claims:
    """This process among them, as a context: a member for as long as it lasts."""

    def __init__(self, folder: Path, heartbeat_seconds: float = HEARTBEAT_SECONDS) -> None:
        self.folder = folder
        self._members, self._claims = folder / MEMBERS, folder / CLAIMS
        self._heartbeat_seconds = heartbeat_seconds
        self._me = Member(socket.gethostname().replace("/", "_"), os.getpid(), secrets.token_hex(4))
        self._end = threading.Event()
        self._watched: dict[str, tuple[int | None, float]] = {}
        self._held: set[str] = set()

    def __enter__(self) -> "Claims":
        with _storing(self.folder):
            self._members.mkdir(parents=True, exist_ok=True)
            self._claims.mkdir(exist_ok=True)
            self._beat()
        _living.add(str(self._me))
        threading.Thread(target=self._keep_beating, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end.set()
        for name in list(self._held):
            self.release(name)
        _living.discard(str(self._me))
        with contextlib.suppress(OSError):  # what is left says nothing wrong: this member is gone
            (self._members / str(self._me)).unlink(missing_ok=True)
            self._sweep()
            for folder in (self._members, self._claims, self.folder):  # who waits has no claim, but is a member
                folder.rmdir()

    @property
    def alone(self) -> bool:
        """Whether no other process is at work here, as far as can be told at once."""
        others = {path.name for path in _visible(self._members)} - {str(self._me)}
        return all(map(self._has_died_here, others))

    def take(self, name: str) -> bool:
        """Make a group this process's. False: it is that of another, which lives.

        Raises:
            UserError: the disk refuses.
        """
        claim = self._claims / name
        with _storing(self.folder):
            holder = _holder(claim)
            mine = self._begin(claim) if holder is None else self._is_gone(holder) and self._take_over(claim, holder)
        if mine:
            self._held.add(name)
        return mine

    def release(self, name: str) -> None:
        """Whoever wants it may have it."""
        self._held.discard(name)
        claim = self._claims / name
        with contextlib.suppress(OSError):
            (claim / str(self._me)).unlink(missing_ok=True)
            claim.rmdir()

    def _begin(self, claim: Path) -> bool:
        draft = claim.with_name(f".{claim.name}.{self._me}")
        draft.mkdir(parents=True, exist_ok=True)  # who left as we came may have taken the folder for empty
        (draft / str(self._me)).touch()
        try:
            draft.rename(claim)
        except OSError:  # another was first; or we were, and NFS has lost its answer and asked again
            if (holder := _holder(claim)) is None:
                raise
            if holder != str(self._me):
                (draft / str(self._me)).unlink()
                draft.rmdir()
                return False
        return True

    def _take_over(self, claim: Path, holder: str) -> bool:
        try:
            (claim / holder).rename(claim / str(self._me))
        except FileNotFoundError:
            return _holder(claim) == str(self._me)
        return True

    def _is_gone(self, member: str) -> bool:
        if self._has_died_here(member):
            return True
        stamp, now = _stamp(self._members / member), time.monotonic()
        seen, since = self._watched.get(member, (0, now))
        if member not in self._watched or seen != stamp:
            self._watched[member] = (stamp, now)
            return False
        return now - since > MISSED * self._heartbeat_seconds

    def _sweep(self) -> None:
        """Remove what killed processes of this host left, which nobody may come to take over."""
        for claim in self._claims.iterdir():  # `.GROUP.MEMBER` is a draft
            _, _, drafter = claim.name.removeprefix(".").partition(".")
            holder = drafter or _holder(claim)
            if holder is not None and self._has_died_here(holder):
                (claim / holder).unlink(missing_ok=True)
                claim.rmdir()
        for member in _visible(self._members):
            if self._has_died_here(member.name):
                member.unlink(missing_ok=True)

    def _has_died_here(self, member: str) -> bool:
        parsed = Member.parse(member)
        return parsed is not None and parsed.host == self._me.host and not is_alive(parsed)

    def _keep_beating(self) -> None:
        while not self._end.wait(self._heartbeat_seconds):
            with contextlib.suppress(OSError):
                self._beat()

    def _beat(self) -> None:
        (self._members / str(self._me)).touch()


def claimed(folder: Path) -> dict[str, str]:
    """Groups that are being done -> the members whose they are."""
    found = {path.name: _holder(path) for path in _visible(folder / CLAIMS)}
    return {name: holder for name, holder in found.items() if holder is not None}


def members(folder: Path) -> dict[str, float]:
    """Members -> the time of their last heartbeat, as the file system says it."""
    found = {}
    for path in _visible(folder / MEMBERS):
        with contextlib.suppress(OSError):
            found[path.name] = path.stat().st_mtime
    return found


def _holder(claim: Path) -> str | None:
    return next((path.name for path in _visible(claim)), None)


def _visible(folder: Path) -> list[Path]:
    """What is in a folder, but drafts and what NFS leaves of removed files; nothing if there is none."""
    try:
        return sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except (FileNotFoundError, NotADirectoryError):
        return []


def is_alive(member: Member) -> bool:
    """Whether a member of this host is there."""
    if member.pid == os.getpid():
        return str(member) in _living
    try:
        os.kill(member.pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _stamp(path: Path) -> int | None:
    """When the file was touched last. It is opened, as NFS may answer from memory otherwise."""
    try:
        with path.open("rb") as file:
            return os.fstat(file.fileno()).st_mtime_ns
    except OSError:
        return None


@contextlib.contextmanager
def _storing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UserError(
            f"{folder}: cannot be written ({error.strerror or error}). Pass --db FILE, in a folder that can be"
        ) from error
