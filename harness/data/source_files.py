"""The files a dataset is converted from: by what one notices, without reading them, that they changed."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.data.dataset import Dataset, locate
from harness.errors import UserError


@dataclass(frozen=True, kw_only=True)
class SourceFiles:
    """The files of a dataset as they are on disk now."""

    sizes_and_times: Sequence[tuple[str, int, int]]
    """(sample, bytes, nanoseconds): what a file has in common with its copies. Sorted by name."""
    changed_ns: Mapping[str, int]
    """Sample -> when its file was last written, renamed or given other times. No program can set this time, so that
    files put in the place of others are noticed even if size and time were made the same."""


def list_source_files(dataset: Dataset) -> SourceFiles:
    """All samples of a dataset.

    Raises:
        UserError: there is none, or one cannot be looked at.
    """
    names = sorted(dataset.samples)
    if not names:
        raise UserError(f"{dataset.name}: holds no sample ({dataset.directory} is empty, or still to be unzipped)")
    sizes_and_times, changed_ns = [], {}
    status_of: dict[Path, os.stat_result] = {}
    for name in names:
        file = dataset.file_of(name)
        try:
            status = status_of.get(file) or file.stat()
        except OSError as error:
            raise UserError(
                f"{locate(dataset, name)}: cannot be read ({error.strerror}). Download the dataset again"
            ) from None
        status_of[file] = status
        sizes_and_times.append((name, status.st_size, status.st_mtime_ns))
        changed_ns[name] = status.st_ctime_ns
    return SourceFiles(sizes_and_times=sizes_and_times, changed_ns=changed_ns)
