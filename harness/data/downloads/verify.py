"""Every sample of a dataset read once, as a run would, and its statistics compared with those it comes with."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from harness.data.dataset import Dataset
from harness.data.description import Sample
from harness.data.no_data.marking import mark_no_data
from harness.data.own.images import open_image
from harness.data.own.listing import find_images
from harness.data.reading import PORTION, read_samples
from harness.errors import UserError, as_user_error
from harness.records.progress import Progress
from mp_mae.data.checking.moments import Moments, Stored, differences


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What came of it."""

    n_samples: int
    """That were looked at."""
    n_compared: int
    """Bands whose statistics were compared; 0: the dataset comes with none."""
    problems: tuple[str, ...]
    """A line for each sample that cannot be read, and for each band whose statistics are others."""


def verify_dataset(dataset: Dataset, progress: Progress, workers: int) -> Verdict:
    """Read all samples, those of no partition too; statistics are of the train split of `default`.

    Args:
        workers: processes that read, of a dataset large enough for more than one.
    """
    names, problems = sorted(dataset.samples), []
    train: frozenset[str] = frozenset()
    try:
        train = frozenset(dataset.partition("default").train)
    except UserError as error:  # it lists a sample that is missing, say
        problems.append(str(error))
    found = Moments(len(dataset.spec.bands))
    with progress.step(f"reading {dataset.name}", len(names)) as step:
        for sample in _each(dataset, names, workers):
            if isinstance(sample, UserError):
                problems.append(str(sample))
            elif sample.name in train:
                found.add(mark_no_data(sample.pixels, dataset.spec.bands)[None])
            step.advance()
    n_compared, different = _compare(dataset, found) if train else (0, [])
    return Verdict(n_samples=len(names), n_compared=n_compared, problems=(*problems, *different))


def verify_images(folder: Path, progress: Progress) -> Verdict:
    """Open every image below a folder. Raises UserError if there is none."""
    files, problems = find_images(folder), []
    with progress.step(f"reading {folder.name}", len(files)) as step:
        for file in files:
            try:
                open_image(folder / file, str(folder / file))
            except UserError as error:
                problems.append(str(error))
            step.advance()
    return Verdict(n_samples=len(files), n_compared=0, problems=tuple(problems))


def _each(dataset: Dataset, names: list[str], workers: int) -> Iterator[Sample | UserError]:
    """Each sample in the order of the names, or why it cannot be read."""
    done = 0
    while done < len(names):
        try:
            with closing(read_samples(dataset, names[done:], workers)) as samples:
                for sample in samples:
                    yield sample
                    done += 1
        except Exception:  # the bad one is among the next portion, of which some may have been read and not sent
            for name in names[done : done + PORTION]:
                yield _one(dataset, name)
                done += 1


def _one(dataset: Dataset, name: str) -> Sample | UserError:
    try:
        with closing(read_samples(dataset, [name], 1)) as samples:
            return next(samples)
    except Exception as error:  # the border between samples: one must not hide the others
        return as_user_error(error)


def _compare(dataset: Dataset, found: Moments) -> tuple[int, list[str]]:
    """How many bands have statistics, and a line for each band of which they are others or missing."""
    try:
        statistics = dataset.read_statistics()
    except UserError as error:
        return 0, [str(error)]
    if statistics is None:
        return 0, []
    known, channels = statistics.of_channel, [band.channel for band in dataset.spec.bands]
    stored = {i: Stored(name, *known[name]) for i, name in enumerate(channels) if name in known}
    absent = [name for name in channels if name not in known]
    lines = [f"{statistics.where}: no statistics of band {name}. Download the file again" for name in absent]
    return len(stored), lines + differences(found, stored, statistics.where)
