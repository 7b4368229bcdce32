"""Zip archives that strangers made: everything in one is looked at before any of it is written.

Nothing of an archive is executed, no link or device is made, and no file gets permissions that the archive asks for.
"""

import shutil
import stat
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from mp_mae.downloads.fetch import telling_what_to_do
from mp_mae.downloads.watch import Watch
from mp_mae.errors import UserError

_BLOCK = 2**20
_DAMAGED = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, RuntimeError, ValueError, OverflowError)
"""What Python's own reader raises at bytes that are no archive."""
_LEFT_OUT = "__MACOSX"
"""What a Mac's Finder puts beside the files that it packs: its own notes on them."""


class ArchiveError(UserError):
    """An archive is damaged or hostile. Nothing in it is of use."""


@dataclass(frozen=True, kw_only=True)
class Budget:
    """What an archive may become. Images hardly shrink, so what does is no dataset."""

    most_files: int = 2_000_000
    ratio: int = 50
    """Bytes unpacked for a byte packed."""
    always: int = 64 * 2**20
    """Bytes that even a small archive may have."""


def declared_size(archive: Path, budget: Budget, may_link: Collection[str] = ()) -> int:
    """Bytes that an archive says it has unpacked. Raises ArchiveError as `unpack` does."""
    with _opened(archive) as file:
        return sum(member.file_size for _, member in _check(archive, file, budget, may_link))


def unpack(archive: Path, folder: Path, budget: Budget, watch: Watch, may_link: Collection[str] = ()) -> Path:
    """Unpack into a new folder.

    Args:
        may_link: names of files that may be links to a file beside them, which they become copies of. Whatever other
            folder such a link spells was one of the machine where the archive was made.
    Returns:
        The folder in it that all files lie in: itself, unless the archive has them in folders of their own.
    Raises:
        ArchiveError: it is damaged or encrypted, holds a name that leads elsewhere or that two files share on some
            system, a link, a device, or more than its budget.
        UserError: the disk is full.
    """
    with _opened(archive) as file:
        members = _check(archive, file, budget, may_link)
        watch.begin(f"{archive.name}: unpack", 0, sum(member.file_size for _, member in members))
        links = []
        with telling_what_to_do(folder):
            folder.mkdir(parents=True)
            for path, member in members:
                target = folder / path
                if member.is_dir():
                    target.mkdir(parents=True, exist_ok=True)
                    continue
                target.parent.mkdir(parents=True, exist_ok=True)
                if named := _beside(file, path, member):
                    links.append((target, folder / named))
                    continue
                with file.open(member) as source, target.open("xb") as out:
                    while block := source.read(_BLOCK):  # never more than was declared; then the checksum is wrong
                        out.write(block)
                        watch.advance(len(block))
            for target, beside in links:
                shutil.copyfile(beside, target)
    return _innermost(folder, [path for path, member in members if not member.is_dir()])


@contextmanager
def _opened(archive: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(archive) as file:
            yield file
    except _DAMAGED as error:
        raise ArchiveError(f"{archive.name}: is no archive, or a damaged one ({error})") from None


def _check(
    archive: Path, file: zipfile.ZipFile, budget: Budget, may_link: Collection[str]
) -> list[tuple[PurePosixPath, zipfile.ZipInfo]]:
    """The members that are unpacked, with the path of each."""
    found = file.infolist()
    if any(member.header_offset < 0 for member in found):
        raise zipfile.BadZipFile("a file would begin before it")
    if len(found) > budget.most_files:
        raise _refused(archive, f"it has {len(found):,} files, of which {budget.most_files:,} are unpacked at most")
    members = [(_path(archive, member), member) for member in found]
    members = [(path, member) for path, member in members if path.parts[0] != _LEFT_OUT]
    most = max(budget.always, budget.ratio * archive.stat().st_size)
    size = sum(member.file_size for _, member in members)
    if size > most:
        raise _refused(archive, f"it would become {size:,} bytes, of which {most:,} are unpacked at most")
    _check_apart(archive, members)
    files = {path for path, member in members if _kind(member) != stat.S_IFLNK and not member.is_dir()}
    for path, member in members:
        kind = _kind(member)
        if kind == stat.S_IFLNK:
            if path.name not in may_link or _beside(file, path, member) not in files:
                raise _refused(archive, f"{str(path)!r} is a link")
        elif kind not in (0, stat.S_IFREG, stat.S_IFDIR) or (kind == stat.S_IFDIR) > member.is_dir():
            raise _refused(archive, f"{str(path)!r} is neither a file nor a folder")
        if member.flag_bits & 1:
            raise _refused(archive, f"{str(path)!r} is encrypted")
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise _refused(archive, f"{str(path)!r} is packed in a way that no published archive is")
    return members


def _path(archive: Path, member: zipfile.ZipInfo) -> PurePosixPath:
    """Where a member goes, below the folder it is unpacked into."""
    name = member.orig_filename
    parts = name.removesuffix("/").split("/")
    bad = "\\" in name or ":" in parts[0] or any(unicodedata.category(character) == "Cc" for character in name)
    if bad or any(part in ("", ".", "..") or len(part.encode(errors="replace")) > 255 for part in parts):
        raise _refused(archive, f"{name[:100]!r} is no name of a file below it")
    return PurePosixPath(*parts)


def _check_apart(archive: Path, members: list[tuple[PurePosixPath, zipfile.ZipInfo]]) -> None:
    """Refuse two members that are one file on a system that does not tell capitals or accents apart."""
    taken: dict[str, PurePosixPath] = {}
    folders: dict[str, PurePosixPath] = {}
    for path, member in members:
        if not member.is_dir():
            key = _folded(path)
            if key in taken:
                raise _refused(archive, f"{str(taken[key])!r} and {str(path)!r} would be one file")
            taken[key] = path
        for folder in (path, *path.parents)[not member.is_dir() : -1]:
            spelt = folders.setdefault(_folded(folder), folder)
            if spelt != folder:
                raise _refused(archive, f"{str(spelt)!r} and {str(folder)!r} would be one folder")
    for key in taken.keys() & folders.keys():
        raise _refused(archive, f"{str(taken[key])!r} is a file and a folder")


def _folded(path: PurePosixPath) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", str(path)).casefold())


def _kind(member: zipfile.ZipInfo) -> int:
    """What a file of Unix is, whatever system the archive says it is of; 0: it does not say."""
    return stat.S_IFMT(member.external_attr >> 16)


def _beside(file: zipfile.ZipFile, path: PurePosixPath, member: zipfile.ZipInfo) -> PurePosixPath | None:
    """The file beside a link that it would name without the folders it spells; None: the member is no link."""
    if _kind(member) != stat.S_IFLNK:
        return None
    with file.open(member) as source:
        return path.parent / PurePosixPath(source.read(4096).decode(errors="replace")).name


def _innermost(folder: Path, files: list[PurePosixPath]) -> Path:
    common = files[0].parent if files else PurePosixPath()
    for path in files:
        while not path.is_relative_to(common):
            common = common.parent
    return folder / common


def _refused(archive: Path, why: str) -> ArchiveError:
    return ArchiveError(f"{archive.name}: {why}; nothing was unpacked")
