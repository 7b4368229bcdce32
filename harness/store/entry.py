"""Opens an entry, made first if nobody has: once, by one process, whole or not at all."""

import contextlib
import math
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from harness.errors import UserError
from harness.records.progress import Progress
from harness.store.arrays import ArrayWriter, Layout, StoredArray
from harness.store.damage import DamagedError
from harness.store.kinds import Place
from harness.store.leftovers import lock_file, partial_folder, remove, sweep
from harness.store.locks import SHARED, Lock, locked
from harness.store.manifest import CLAIM, FILE, STAMP, read_manifest, write_manifest
from harness.store.room import Room

Value = TypeVar("Value")


class Entry:
    """An entry in use: `cache prune` leaves it alone for as long as anything refers to this object or its arrays."""

    def __init__(self, place: Place) -> None:
        """
        Raises:
            FileNotFoundError: there is none.
            DamagedError: its manifest is not what was written, or of another entry.
            OSError: it cannot be read.
        """
        self.place = place
        if not place.directory.is_dir():
            raise FileNotFoundError(place.directory)
        self._use = _use(place.directory / STAMP)
        manifest = read_manifest(place.directory)
        found = (manifest.kind, manifest.version, manifest.key)
        if found != (place.kind.folder, place.kind.version, place.key):
            raise DamagedError(f"{FILE} is of {manifest.kind}/{manifest.key}, version {manifest.version}")
        self.facts = manifest.facts
        self._layouts = manifest.arrays

    def holds(self, file_name: str) -> bool:
        """Whether it has an array of that name."""
        return file_name in self._layouts

    def array(self, file_name: str) -> StoredArray:
        """One of its arrays; rows are checked when they are first read. DamagedError if there is no such array."""
        if file_name not in self._layouts:
            raise DamagedError(f"{FILE} knows no {file_name}")
        try:
            return StoredArray(self.place.directory / file_name, self._layouts[file_name], self.give_up)
        except (FileNotFoundError, IsADirectoryError) as error:
            raise DamagedError(f"{file_name}: {error.strerror}") from error

    def keep_facts(self, facts: Mapping[str, Any]) -> None:
        """Replace the facts. In a cache that may only be read they stay as they are, and have to be found out again.
        So they do where another process has made the entry anew."""
        with contextlib.suppress(OSError):
            if self._use.is_of_path():
                write_manifest(self.place.directory, self.place, self._layouts, facts)

    def give_up(self) -> None:
        """Have it made anew by whoever asks for it next. Those who use it now keep what they have mapped."""
        if self._use.is_of_path():
            (self.place.directory / FILE).unlink(missing_ok=True)


class EntryWriter:
    """Fills the folder of a new entry."""

    def __init__(self, directory: Path, room: Room) -> None:
        self.directory = directory
        self.room = room
        self.layouts: dict[str, Layout] = {}
        self._n_bytes = 0

    @contextmanager
    def array(self, file_name: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Iterator[ArrayWriter]:
        """Writes one array row by row; all rows of `shape` must be there in the end. UserError as `Room.claim`."""
        self._n_bytes += math.prod(shape) * dtype.itemsize
        self.room.claim(self._n_bytes)
        with ArrayWriter(self.directory / file_name, shape, dtype) as writer:
            yield writer
        self.layouts[file_name] = writer.layout()

    def write(self, file_name: str, array: np.ndarray) -> None:
        """Writes one array in one go."""
        with self.array(file_name, array.shape, array.dtype) as writer:
            writer.append(array)


def open_entry(
    place: Place,
    read: Callable[[Entry], Value],
    make: Callable[[EntryWriter], Mapping[str, Any]],
    progress: Progress,
) -> Value:
    """What `read` gives of an entry. One that is not there, or is damaged, is made first.

    Processes that want the same entry share the work: one makes it, the others wait. Whatever killed processes left
    beside it is removed.

    Args:
        read: raises DamagedError for an entry that is not sound.
        make: writes the arrays of a new entry and returns its facts.
    Raises:
        UserError: the cache directory cannot be written or is full; or whatever `make` raises.
    """
    found = _find(place, read, progress.notice)
    if found is None:
        with _storing(place), locked(lock_file(place.directory), lambda: progress.notice(f"{place} {_WAITING}")):
            found = _find(place, read, lambda damage: None)  # made by another process while this one waited
            if found is None:
                _make(place, make, progress)
                found = _find(place, read, lambda damage: None)
    if found is None:
        raise UserError(
            f"{place.directory}: was written and cannot be read back. Pass --cache-dir DIR, a directory on another disk"
        )
    return found


_WAITING = "are being made by another process; waiting for it"


def find_entry(place: Place, read: Callable[[Entry], Value]) -> Value | None:
    """What `read` gives of an entry that is there and sound; None if there is none. Makes nothing and says nothing."""
    return _find(place, read, lambda damage: None)


def _find(place: Place, read: Callable[[Entry], Value], say: Callable[[str], None]) -> Value | None:
    try:
        return read(Entry(place))
    except DamagedError as damage:
        say(f"{place} in the cache cannot be used: {damage}. They are made anew")
        return None
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UserError(
            f"{place.directory}: cannot be read ({error.strerror or error}). Pass --cache-dir DIR, a directory of yours"
        ) from error


def _make(place: Place, make: Callable[[EntryWriter], Mapping[str, Any]], progress: Progress) -> None:
    """Write under a temporary name and rename. Under the lock that name is ours, leftovers of a crash included."""
    partial = partial_folder(place.directory)
    try:
        remove(partial)
        remove(place.directory)
        sweep(place.directory.parent)
        partial.mkdir()
        writer = EntryWriter(partial, Room(place, progress))
        facts = make(writer)
        (partial / STAMP).touch()
        (partial / CLAIM).unlink(missing_ok=True)
        write_manifest(partial, place, writer.layouts, facts)
        _sync_folder(partial)
        partial.rename(place.directory)
        _sync_folder(place.directory.parent)
    except BaseException:
        remove(partial)
        raise


def _use(stamp: Path) -> Lock:
    """The shared lock on an entry's stamp, whose time becomes now."""
    try:
        lock = Lock(stamp, SHARED)
    except FileNotFoundError:
        raise DamagedError(f"{stamp.name} is missing") from None
    if not lock.is_of_path():
        raise FileNotFoundError(stamp)  # removed while we waited for the lock
    with contextlib.suppress(OSError):  # a cache that may only be read keeps no account of its use
        os.utime(stamp)
    return lock


@contextmanager
def _storing(place: Place) -> Iterator[None]:
    """Whatever the disk refuses is for the user to solve; damaged input is told apart where it is read."""
    try:
        yield
    except OSError as error:
        raise UserError(
            f"{place.cache_dir}: cannot store the {place.kind.noun} of {place.title} ({error.strerror or error}). "
            "Pass --cache-dir DIR, a directory that can be written and has room"
        ) from error


def _sync_folder(folder: Path) -> None:
    """So that after a power cut the names in it are there as well."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
