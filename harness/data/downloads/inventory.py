"""What data are here: every dataset of every suite below a root, what was downloaded beside it, what is unfinished."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from harness.data.downloads.places import BESIDE, DOWNLOADS, folders_of
from harness.data.sources import open_dataset
from harness.data.suites import discover, tell_apart
from harness.errors import UserError, as_user_error
from harness.records.job import DatasetRef
from mp_mae.downloads.obtain import find_unfinished
from mp_mae.downloads.published import Published

COMPLETE, INCOMPLETE, UNFINISHED = "complete", "incomplete", "unfinished"


@dataclass(frozen=True, kw_only=True)
class Holding:
    """One thing that is here."""

    suite: str
    name: str
    task: str
    n_images: int | None
    """None: not looked at, or not readable."""
    n_bytes: int
    erratum: str | None
    """Who reported that its files name bands wrongly."""
    state: str
    problem: str | None = None
    """What is missing, and what to do about it."""


def take_inventory(root: Path) -> list[Holding]:
    """Everything that is there, by suite and name: what belongs to no suite too, in the root and in the folder around
    it."""
    try:
        there = tell_apart(discover(root))
    except UserError:  # no dataset at all; there may be other things
        there = {}
    held = [_dataset(ref, name) for ref, name in there.items()]
    held += [_beside(published, folder) for published in BESIDE.values() for folder in folders_of(published, root)]
    unfinished = (_unfinished(DOWNLOADS, folder) for folder in (root, root.parent))
    return [*held, *chain.from_iterable(unfinished)]


def _dataset(ref: DatasetRef, name: str) -> Holding:
    task, n_images, erratum, problem = "", None, None, None
    folder = ref.directory
    try:
        dataset = open_dataset(ref)
        folder = dataset.directory  # which two datasets may share
        task, erratum = str(dataset.spec.label_kind), dataset.erratum.source if dataset.erratum else None
        n_images = len(dataset.samples)
        dataset.partition("default")  # refuses one that names a sample which is not there
    except Exception as error:  # the border between datasets: one must not hide the others
        problem = str(as_user_error(error))
    return Holding(
        suite=ref.suite,
        name=name,
        task=task,
        n_images=n_images,
        n_bytes=_size(folder),
        erratum=erratum,
        state=INCOMPLETE if problem else COMPLETE,
        problem=problem,
    )


def _beside(published: Published, folder: Path) -> Holding:
    wanted = published.holds if published.archive else [Path(file.path).name for file in published.files]
    absent = [name for name in wanted if not (folder / name).exists()]
    missing = f"{folder}: lacks {', '.join(absent)}. Remove it, then: python -m harness data download {published.name}"
    return Holding(
        suite="",
        name=published.name,
        task=published.what,
        n_images=None,
        n_bytes=_size(folder),
        erratum=None,
        state=INCOMPLETE if absent else COMPLETE,
        problem=missing if absent else None,
    )


def _unfinished(table: Mapping[str, Published], folder: Path) -> Iterator[Holding]:
    for published in table.values():
        left = find_unfinished(published, folder)
        if left:
            yield Holding(
                suite="",
                name=published.name,
                task=published.what,
                n_images=None,
                n_bytes=left.n_bytes,
                erratum=None,
                state=UNFINISHED,
                problem=f"{published.name}: to go on with it: python -m harness data download {published.name}",
            )


def _size(folder: Path) -> int:
    """Bytes of the files of a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
