"""Which samples train, choose and test: GEO-Bench's partition files, checked before any path is made of them."""

import hashlib
import json
import os
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from harness.data.json_file import read_json_object
from harness.errors import UserError
from harness.records.identity import hash_names

_SUFFIX = "_partition.json"
_SPLITS = ("train", "valid", "test")

_SAMPLE_NAME = re.compile(r"(?!\.)[^/\\\0]+")
"""One file name: no separator, and no dot at its beginning, so neither `..` nor an absolute path."""


@dataclass(frozen=True)
class Partition:
    """Sample names of the three splits, in the file's order."""

    name: str
    train: tuple[str, ...]
    valid: tuple[str, ...]
    test: tuple[str, ...]
    sha256: str
    """Over the names in their order, so that an edited partition is another one."""

    @cached_property
    def valid_sha256(self) -> str:
        """Over the names of the valid split, whatever their order."""
        return hash_names(self.valid)

    @cached_property
    def test_sha256(self) -> str:
        """Over the names of the test split, whatever their order."""
        return hash_names(self.test)


def list_partitions(directory: Path) -> list[str]:
    """Names of the partitions a dataset comes with, broken links included, sorted."""
    return sorted(path.name.removesuffix(_SUFFIX) for path in directory.glob(f"*{_SUFFIX}"))


def read_partition(directory: Path, name: str, samples: Collection[str]) -> Partition:
    """Read `directory`/`name`_partition.json.

    Args:
        directory: the dataset.
        name: a name that `list_partitions` gives.
        samples: names of the samples that are there.
    Raises:
        UserError: no such partition, or it is damaged, has an empty split, names a sample twice, or names one that is
            not there or that is no plain file name.
    """
    dataset = directory.name
    known = list_partitions(directory)
    if name not in known:
        raise UserError(f"{dataset}: no {name}{_SUFFIX}; its partitions are: {', '.join(known) or 'none'}")
    where = f"{dataset}/{name}{_SUFFIX}"
    content = read_json_object(_follow(directory / f"{name}{_SUFFIX}", where), where)
    if set(content) != set(_SPLITS):
        raise UserError(f"{where}: the splits {', '.join(_SPLITS)} are wanted, found: {', '.join(content) or 'none'}")
    train, valid, test = splits = tuple(_check_split(content[split], f"{where}: split {split}") for split in _SPLITS)
    _check_disjoint(splits, where)
    _check_present((*train, *valid, *test), samples, where)
    return Partition(name, train, valid, test, hash_splits(train, valid, test))


def hash_splits(train: Sequence[str], valid: Sequence[str], test: Sequence[str]) -> str:
    """SHA-256 (64 hex digits) over the sample names of the three splits, in their order."""
    return hashlib.sha256(json.dumps((train, valid, test), separators=(",", ":")).encode()).hexdigest()


def _follow(path: Path, where: str) -> Path:
    """The file a partition is in. GEO-Bench writes `default` as an absolute link, which breaks when the data move;
    the file it named has moved with them."""
    if not path.is_symlink() or path.exists():
        return path
    target = os.readlink(path)
    beside = path.parent / Path(target).name
    if not beside.is_file():
        raise UserError(f"{where}: links to {target}, which does not exist. Put a copy of that file in its place")
    return beside


def _check_split(names: Any, where: str) -> tuple[str, ...]:
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise UserError(f"{where}: a list of sample names is wanted. Download the file again")
    if not names:
        raise UserError(f"{where} is empty; a sample is wanted. Choose another partition or correct the file")
    for name in names:
        if _SAMPLE_NAME.fullmatch(name) is None:
            raise UserError(f"{where} names the sample {name!r}; only files of the dataset's own directory are read")
    return tuple(names)


def _check_disjoint(splits: tuple[tuple[str, ...], ...], where: str) -> None:
    seen: dict[str, str] = {}
    for split, names in zip(_SPLITS, splits, strict=True):
        for name in names:
            if name in seen:
                again = "twice in" if seen[name] == split else f"in {seen[name]} and"
                raise UserError(f"{where}: {name} is {again} {split}; test samples must be new. Correct the file")
            seen[name] = split


def _check_present(names: Sequence[str], samples: Collection[str], where: str) -> None:
    absent = [name for name in names if name not in samples]
    if absent:
        more = f" and {len(absent) - 1} more" if len(absent) > 1 else ""
        raise UserError(
            f"{where} lists {absent[0]}{more}, but {absent[0]}.hdf5 is missing: the download is incomplete. "
            "Download the dataset again"
        )
