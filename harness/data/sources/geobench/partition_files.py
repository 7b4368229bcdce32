"""GEO-Bench's partition files: which samples train, choose and test."""

import os
from collections.abc import Collection
from pathlib import Path

from harness.data.files.json_file import read_json_object
from harness.data.partitions import Partition, build_partition
from harness.errors import UserError

_SUFFIX = "_partition.json"


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
    return build_partition(name, content, samples, where, ".hdf5")


def count_samples(directory: Path, name: str) -> tuple[int, ...]:
    """How many samples train, valid and test of a partition list; nothing else is read. UserError: it is damaged."""
    where = f"{directory.name}/{name}{_SUFFIX}"
    content = read_json_object(_follow(directory / f"{name}{_SUFFIX}", where), where)
    listed = [content.get(split) for split in ("train", "valid", "test")]
    return tuple(len(names) if isinstance(names, list) else 0 for names in listed)


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
