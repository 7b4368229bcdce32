"""Looking after a cache: what is in it, and removing what has not been used for longest."""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from harness.errors import UserError
from harness.store.damage import DamagedError
from harness.store.kinds import KINDS, Kind
from harness.store.leftovers import LOCK, PARTIAL, lock_file, partial_folder, remove, sweep
from harness.store.locks import try_alone
from harness.store.manifest import CLAIM, FILE, NEW, STAMP, read_manifest


class State(StrEnum):
    """What can be said of an entry without reading its arrays. The value is what users see."""

    READY = "ready"
    IN_USE = "in use"
    """By a living process, this one included."""
    UNUSABLE = "unusable"
    """Of another version of the harness, or given up as damaged: whoever wants it has it made anew."""
    UNREADABLE = "unreadable"
    """The disk refuses; whether a process uses it is not known."""


@dataclass(frozen=True, kw_only=True)
class Listed:
    """One entry."""

    kind: Kind
    directory: Path
    title: str
    n_bytes: int
    last_used: datetime
    state: State
    fault: str = ""
    """Why it is UNREADABLE."""


@dataclass(frozen=True, kw_only=True)
class Pruned:
    """What `prune` did."""

    removed: tuple[Listed, ...]
    n_leftovers: int
    """Of killed processes: unfinished folders and locks."""
    kept: tuple[Listed, ...]


def list_entries(cache_dir: Path) -> list[Listed]:
    """All entries of a cache, those used last first."""
    found = [_describe(kind, directory) for kind in KINDS for directory in _paths(cache_dir, kind)]
    return sorted(filter(None, found), key=lambda entry: entry.last_used, reverse=True)


def prune(cache_dir: Path, max_bytes: int | None) -> Pruned:
    """Remove what killed processes left and what no command can use any more; then what was not used for longest, until
    what is left fits. Nothing that a living process uses or makes is touched.

    Args:
        max_bytes: that may stay; None: all that can be used.
    Raises:
        UserError: the disk refuses.
    """
    try:
        n_leftovers = _sweep_all(cache_dir)
        removed: list[Listed] = []
        kept: list[Listed] = []
        entries = list_entries(cache_dir)
        too_many = 0 if max_bytes is None else sum(entry.n_bytes for entry in entries) - max_bytes
        for entry in sorted(entries, key=lambda entry: (entry.state is not State.UNUSABLE, entry.last_used)):
            if entry.state is State.UNREADABLE:
                kept.append(entry)
            elif (entry.state is State.UNUSABLE or too_many > 0) and _remove_unused(entry):
                removed.append(entry)
                too_many -= entry.n_bytes
            elif entry.directory.exists():
                kept.append(entry)
            else:  # another process has removed it meanwhile
                too_many -= entry.n_bytes
    except OSError as error:
        raise UserError(f"{cache_dir}: cannot be pruned ({error}). Is it yours to write?") from error
    return Pruned(removed=tuple(removed), n_leftovers=n_leftovers, kept=tuple(kept))


def bytes_in_making(cache_dir: Path, besides: Path) -> int:
    """What entries take that are being made now, or will by what they claimed; not counting one of them."""
    making = {path for kind in KINDS for path in (cache_dir / kind.folder).glob(kind.pattern + PARTIAL)} - {besides}
    return sum(max(_claimed(path), _folder_bytes(path)) for path in making)


def _claimed(partial: Path) -> int:
    try:
        return int((partial / CLAIM).read_text())
    except (OSError, ValueError):  # it is of a command without a limit, or has just been finished
        return 0


def _folder_bytes(path: Path) -> int:
    return sum(_n_bytes(file) for file in (path, *path.rglob("*")))


def _paths(cache_dir: Path, kind: Kind) -> list[Path]:
    """Everything where entries of a kind lie, but for what is being made or was left unfinished."""
    found = (cache_dir / kind.folder).glob(kind.pattern)
    return sorted(path for path in found if path.suffix not in (LOCK, PARTIAL))


def _describe(kind: Kind, path: Path) -> Listed | None:
    """What is listed of an entry; None if it has gone meanwhile."""
    try:
        title = _usable_title(kind, path)
        in_use = title is not None and try_alone(path / STAMP) is None
        return Listed(
            kind=kind,
            directory=path,
            title=title or path.name,
            n_bytes=_folder_bytes(path),
            last_used=_changed(path / STAMP if title else path),
            state=State.UNUSABLE if title is None else State.IN_USE if in_use else State.READY,
        )
    except FileNotFoundError:
        return None
    except OSError as error:
        return Listed(
            kind=kind,
            directory=path,
            title=path.name,
            n_bytes=0,
            last_used=_changed(path),
            state=State.UNREADABLE,
            fault=error.strerror or str(error),
        )


def _n_bytes(file: Path) -> int:
    """0 of a folder, and of a manifest that has got its name meanwhile."""
    try:
        return file.stat().st_size if file.is_file() else 0
    except FileNotFoundError:
        return 0


def _changed(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)


def _usable_title(kind: Kind, path: Path) -> str | None:
    """What an entry is called; None if this version of the harness cannot use it."""
    try:
        manifest = read_manifest(path)
    except (DamagedError, NotADirectoryError):
        return None
    usable = (manifest.kind, manifest.version) == (kind.folder, kind.version) and (path / STAMP).exists()
    return manifest.title if usable else None


def _remove_unused(entry: Listed) -> bool:
    """Remove an entry, unless a living process uses or makes it, or another has removed it. Killed in between, this one
    leaves what `sweep` removes."""
    maker = try_alone(lock_file(entry.directory), create=True)
    if maker is None:
        return False
    try:
        stamp = entry.directory / STAMP
        user = try_alone(stamp) if stamp.exists() else None
        if user is None and stamp.exists():
            return False
        partial = partial_folder(entry.directory)
        entry.directory.rename(partial)  # from now on nobody finds it, whatever happens
        remove(partial)
        return True
    except FileNotFoundError:
        return False
    finally:
        maker.remove()


def _sweep_all(cache_dir: Path) -> int:
    """Remove what killed processes left, of the simulated suite too; how many things that were. OSError if refused.

    What is unfinished without a lock was left by a version of the harness that had none. A manifest that is being
    written is swept as well: its writer can do without.
    """
    unfinished = [path for kind in KINDS for path in (cache_dir / kind.folder).glob(kind.pattern)]
    unfinished += cache_dir.glob("demo-suite-*/demo/.*")
    n_removed = sum(sweep(folder) for folder in sorted({path.parent for path in unfinished}))
    for path in unfinished:
        orphan = path.suffix == PARTIAL or path.name.startswith(".")
        if orphan and path.exists() and not path.with_suffix(LOCK).exists():
            remove(path)
            n_removed += 1
    for path in [path for kind in KINDS for entry in _paths(cache_dir, kind) for path in entry.glob(f"{FILE}.*{NEW}")]:
        path.unlink(missing_ok=True)
        n_removed += 1
    return n_removed
