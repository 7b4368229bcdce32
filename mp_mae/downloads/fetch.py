"""One file: fetched on from where an earlier attempt stopped, and given its name once it is whole and checked.

What is there of a file is `NAME.part`; `NAME.part.json` says which file it is a part of. Both outlive the process.
"""

import errno
import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from mp_mae.downloads.http import Answer, PassingError, Patience, RangeError, ask
from mp_mae.downloads.watch import Watch
from mp_mae.errors import UserError
from mp_mae.files.replace_file import write_whole

_BLOCK = 2**20


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """A file at an address."""

    url: str
    name: str
    """What it is called here."""
    size: int | None = None
    """In bytes, as published; None: as the server says."""
    checksum: str | None = None
    """`md5:` or `sha256:` and hexadecimal digits, as published; None: what the server says, if it does."""


@dataclass(frozen=True, kw_only=True)
class Facts:
    """Which file a part is of. One of others is never gone on with."""

    url: str
    tag: str | None
    size: int | None
    sha256: str | None


def look(wanted: Wanted, patience: Patience, watch: Watch) -> Facts:
    """What the server says of a file, none of which is read. Raises UserError as `ask` does, or after all attempts."""

    def attempt() -> Facts:
        with ask(wanted.url, 0, patience) as answer:
            return _facts(wanted, answer)

    return _patiently(wanted, attempt, lambda: 0, patience, watch)


def bytes_there(wanted: Wanted, folder: Path) -> int:
    """How much of a file is in the folder."""
    final = folder / wanted.name
    return _size(final) or _size(_part(final))


def fetch(wanted: Wanted, folder: Path, patience: Patience, watch: Watch) -> Path:
    """The file in `folder`. What is there whole already is not asked for again.

    Raises:
        UserError: the server refuses, all attempts failed, it sends other bytes than were published, or the disk is
            full. What came is kept, except bytes that are wrong.
    """
    final = folder / wanted.name
    part = _part(final)
    if final.exists():
        return final
    problem: str | None = None
    for _ in range(2):  # a part may have been spoilt here; a file that is wrong twice is wrong there
        facts = _patiently(wanted, lambda: _go_on(wanted, part, patience, watch), lambda: _size(part), patience, watch)
        checksum = wanted.checksum or (f"sha256:{facts.sha256}" if facts.sha256 else None)
        problem = _difference(part, checksum, watch) if checksum else None
        if problem is None:
            part.rename(final)
            _state(part).unlink(missing_ok=True)
            return final
        _forget(part)
        watch.notice(f"{wanted.name}: {problem}; none of it is kept")
    raise UserError(f"{wanted.url}: {problem}, twice. Give another place by --base-url")


def _patiently(
    wanted: Wanted, attempt: Callable[[], Facts], there: Callable[[], int], patience: Patience, watch: Watch
) -> Facts:
    """Try until it succeeds, or several times in a row bring nothing that was not there before."""
    most, failures = there(), 0
    while True:
        try:
            return attempt()
        except PassingError as error:
            failures = 1 if there() > most else failures + 1
            most = max(most, there())
            wait_s = patience.pause_s * 2 ** (failures - 1) if error.wait_s is None else error.wait_s
            kept = f"; the {most:,} bytes that came are kept, and the same command goes on from there" if most else ""
            if failures >= patience.attempts:
                raise UserError(f"{wanted.url}: {error}, {failures} times in a row{kept}. Try again later") from None
            if wait_s > patience.longest_s:
                raise UserError(
                    f"{wanted.url}: {error} and asks to be left alone for {wait_s:,.0f} seconds{kept}. Try again then"
                ) from None
            watch.notice(f"{wanted.name}: {error}; next attempt in {wait_s:.0f} s")
            time.sleep(wait_s)


def _go_on(wanted: Wanted, part: Path, patience: Patience, watch: Watch) -> Facts:
    """Fetch what is missing of a part in one request. Raises PassingError if it is not whole then."""
    known = _read_state(part)
    if known is None or known.url != wanted.url:
        _forget(part)
        known = None
    have = _size(part)
    if known is not None and have == known.size:
        return known
    comparable = known is not None and (known.tag is not None or known.size is not None)
    try:
        with ask(wanted.url, have if comparable else 0, patience) as answer:
            facts = _facts(wanted, answer)
            if answer.start == 0:  # whether or not more was asked for
                _forget(part)
                with telling_what_to_do(part):
                    write_whole(_state(part), json.dumps(asdict(facts)))
            elif answer.start != have or facts != known:
                raise RangeError
            _write(wanted, part, answer, facts.size, watch)
            return facts
    except RangeError:
        _forget(part)
        raise PassingError("it changed there since a part of it was fetched, so it is fetched anew", 0.0) from None


def _facts(wanted: Wanted, answer: Answer) -> Facts:
    if wanted.size is not None and answer.size not in (None, wanted.size):
        raise UserError(
            f"{wanted.url}: has {answer.size:,} bytes, {wanted.size:,} were published: it is another file. "
            "Give another place by --base-url"
        )
    size = wanted.size if answer.size is None else answer.size
    return Facts(url=wanted.url, tag=answer.tag, size=size, sha256=answer.sha256)


def _write(wanted: Wanted, part: Path, answer: Answer, size: int | None, watch: Watch) -> None:
    done = answer.start
    watch.begin(wanted.name, done, size)
    with telling_what_to_do(part), part.open("ab") as file:
        while block := answer.read(_BLOCK):
            file.write(block)
            file.flush()  # whoever goes on after an end of any kind has it
            done += len(block)
            watch.advance(len(block))
        os.fsync(file.fileno())
    if size is not None and done != size:
        raise PassingError(f"the connection ended after {done:,} of {size:,} bytes")


@contextmanager
def telling_what_to_do(path: Path) -> Iterator[None]:
    """An OSError that the block raises as it writes, as the line that says what to do."""
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        what = "Make room" if full else "Mend that, or choose another folder with --out"
        raise UserError(
            f"{path}: cannot be written ({error.strerror}). {what}; the same command goes on from what is there"
        ) from None


def _difference(part: Path, checksum: str, watch: Watch) -> str | None:
    """How the checksum of a file differs from the published one; None: it does not."""
    algorithm, _, published = checksum.partition(":")
    watch.begin(f"{part.stem}: {algorithm}", 0, _size(part))
    digest = hashlib.new(algorithm, usedforsecurity=False)
    with part.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
            watch.advance(len(block))
    found = digest.hexdigest()
    return None if found == published else f"its {algorithm} is {found}, {published} was published"


def _part(final: Path) -> Path:
    return final.with_name(f"{final.name}.part")


def _state(part: Path) -> Path:
    return part.with_name(f"{part.name}.json")


def _read_state(part: Path) -> Facts | None:
    """None: there is none that says anything."""
    try:
        return Facts(**json.loads(_state(part).read_bytes()))
    except (OSError, ValueError, TypeError):  # missing, or of a version that wrote others: then the part goes too
        return None


def _forget(part: Path) -> None:
    with telling_what_to_do(part):
        for path in (part, _state(part)):
            path.unlink(missing_ok=True)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
