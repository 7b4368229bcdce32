"""One published thing, whole or not at all: its folder gets its name once everything is in it and checked.

Until then all of it lies beside that place in `.NAME.download`: what was fetched in `files`, what is unpacked of an
archive in `unpacked`. Whenever the process ends, the same call goes on from there.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from mp_mae.downloads.fetch import Wanted, bytes_there, fetch, look, telling_what_to_do
from mp_mae.downloads.http import MissingError, Patience
from mp_mae.downloads.published import Published, RemoteFile, address
from mp_mae.downloads.unpack import ArchiveError, Budget, declared_size, unpack
from mp_mae.downloads.watch import Watch
from mp_mae.errors import UserError
from mp_mae.files.replace_folder import is_free

_ONE_GB = 1e9


@dataclass(frozen=True, kw_only=True)
class Obtained:
    """What is there now."""

    folder: Path
    n_bytes: int
    """Fetched files, as they were sent; 0: it was there already."""
    unchecked: tuple[str, ...]
    """Files of which no checksum is published: their lengths alone were compared."""


@dataclass(frozen=True, kw_only=True)
class Unfinished:
    """A download that did not come to its end."""

    folder: Path
    """That will get its name."""
    n_bytes: int
    """On the disk."""


def obtain(published: Published, root: Path, base_url: str | None, patience: Patience, watch: Watch) -> Obtained:
    """Download it into `root`, unless it is there.

    Raises:
        UserError: it cannot be fetched, is not what was published, does not fit on the disk, or another process is at
            it. What was fetched is kept.
    """
    target = root / published.folder
    if not is_free(target):
        return Obtained(folder=target, n_bytes=0, unchecked=())
    staging = _staging(target)
    with _making(target.parent):
        with telling_what_to_do(target):
            (staging / "files").mkdir(parents=True, exist_ok=True)
        with _alone(staging):
            return _obtain(published, target, staging, base_url, patience, watch)


def _obtain(
    published: Published, target: Path, staging: Path, base_url: str | None, patience: Patience, watch: Watch
) -> Obtained:
    files, unchecked = _fetch_all(published, staging / "files", base_url, patience, watch)
    whole = _unpacked(published, files[0], staging, watch) if published.archive else staging / "files"
    n_bytes = sum(file.stat().st_size for file in files)
    for other in set((staging / "files").iterdir()) - set(files):  # of a list of files that has changed since
        other.unlink()
    with telling_what_to_do(target):
        os.sync()  # a power cut must not leave empty files under the final name
        whole.rename(target)
    shutil.rmtree(staging, ignore_errors=True)
    return Obtained(folder=target, n_bytes=n_bytes, unchecked=unchecked)


def find_unfinished(published: Published, root: Path) -> Unfinished | None:
    """What an earlier process left of a download; None: nothing."""
    staging = _staging(root / published.folder)
    n_bytes = sum(path.stat().st_size for path in (staging / "files").glob("*") if path.suffix != ".json")
    return Unfinished(folder=root / published.folder, n_bytes=n_bytes) if n_bytes else None


def _staging(target: Path) -> Path:
    return target.with_name(f".{target.name}.download")


@contextmanager
def _making(parent: Path) -> Iterator[None]:
    """It and what is above it go again if they were not there before and are empty in the end: nothing was fetched."""
    new = [folder for folder in (parent, *parent.parents) if not folder.exists()]
    try:
        yield
    finally:
        for folder in new:
            with suppress(OSError):  # not empty, or never made
                folder.rmdir()


@contextmanager
def _alone(staging: Path) -> Iterator[None]:
    """Nobody else fetches the same. A process that was killed is not there any more."""
    try:
        with FileLock(staging / "lock", timeout=0):
            try:
                yield
            finally:
                if not any((staging / "files").glob("*")):  # nothing to go on from, or all in its place
                    shutil.rmtree(staging, ignore_errors=True)
    except Timeout:
        raise UserError(f"{staging}: another process is at this download. Wait for it, or end it") from None


def _fetch_all(
    published: Published, folder: Path, base_url: str | None, patience: Patience, watch: Watch
) -> tuple[list[Path], tuple[str, ...]]:
    """All files, the disk having been looked at first; and which of them no published checksum vouches for."""
    base = address(published, base_url)
    wanted: list[Wanted] = []
    unchecked: list[str] = []
    missing_bytes = 0
    for file in published.files:
        for each, size, sha256 in _numbered(file, base, folder, patience, watch):
            wanted.append(each)
            missing_bytes += (size or 0) * (2 if published.archive else 1) - bytes_there(each, folder)
            if each.checksum is None and sha256 is None:
                unchecked.append(each.name)
    _check_room(folder, missing_bytes, published.name)
    return [fetch(each, folder, patience, watch) for each in wanted], tuple(unchecked)


def _numbered(
    file: RemoteFile, base: str, folder: Path, patience: Patience, watch: Watch
) -> Iterator[tuple[Wanted, int | None, str | None]]:
    """A file, or all of a number that is not known before, each with its size and SHA-256 as the server has them."""
    numbered = file.path != file.path.format(0)
    number = 0
    while True:
        path = file.path.format(number)
        wanted = Wanted(url=f"{base}/{path}", name=Path(path).name, size=file.size, checksum=file.checksum)
        try:
            facts = look(wanted, patience, watch)
        except MissingError:
            if number == 0:
                raise
            return
        yield wanted, facts.size, facts.sha256
        if not numbered:
            return
        number += 1


def _check_room(folder: Path, n_bytes: int, name: str) -> None:
    free = shutil.disk_usage(folder).free
    if n_bytes > free:
        raise UserError(
            f"{name}: {n_bytes / _ONE_GB:,.2f} GB are still to be written, and the disk of {folder.parent.parent} has "
            f"{free / _ONE_GB:,.2f} GB free. Make room, or choose a folder on another disk with --out"
        )


def _unpacked(published: Published, archive: Path, staging: Path, watch: Watch) -> Path:
    """The folder of what was in an archive."""
    budget, place = Budget(), staging / "unpacked"
    shutil.rmtree(place, ignore_errors=True)  # of a process that was killed while it unpacked
    try:
        _check_room(archive.parent, declared_size(archive, budget, published.may_link), published.name)
        whole = unpack(archive, place, budget, watch, published.may_link)
        absent = [name for name in published.holds if not (whole / name).exists()]
        if absent:
            raise ArchiveError(f"{archive.name}: holds no {', '.join(absent)}, so it is not {published.name}")
    except ArchiveError as error:
        archive.unlink()
        raise UserError(f"{published.name}: {error}. It was removed; give another place by --base-url") from None
    return whole
