"""Which samples train, choose and test: partitions, checked before any path is made of them."""

import hashlib
import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

from harness.errors import UserError
from harness.records.identity import hash_names

FRACTIONS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
"""Of train, as in GEO-Bench: the points of a label-efficiency curve before `default`."""
FEWEST = 10
"""Train samples of the smallest such point."""

_SPLITS = ("train", "valid", "test")

_Sample = TypeVar("_Sample")
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
        """SHA-256 over the names of the valid split, whatever their order."""
        return hash_names(self.valid)

    @cached_property
    def test_sha256(self) -> str:
        """SHA-256 over the names of the test split, whatever their order."""
        return hash_names(self.test)


def build_partition(
    name: str, splits: Mapping[str, Any], samples: Collection[str], where: str, suffix: str = ""
) -> Partition:
    """A partition of splits as a file has them.

    Args:
        splits: `train`, `valid` and `test`, each a list of names of samples.
        samples: names of the samples that are there.
        where: begins each message.
        suffix: of the names of their files, for messages.
    Raises:
        UserError: a split is missing or empty, no list of names, names a sample twice, or names one that is not there
            or that is no plain file name.
    """
    if set(splits) != set(_SPLITS):
        raise UserError(f"{where}: the splits {', '.join(_SPLITS)} are wanted, found: {', '.join(splits) or 'none'}")
    train, valid, test = checked = tuple(_check_split(splits[split], f"{where}: split {split}") for split in _SPLITS)
    _check_disjoint(checked, where)
    _check_present((*train, *valid, *test), samples, where, suffix)
    return Partition(name, train, valid, test, hash_splits(train, valid, test))


def smaller_trains(train: Sequence[_Sample], fewest: int = FEWEST) -> dict[str, Sequence[_Sample]]:
    """Train splits by partition: beginnings of one, called `0.10x_train` and the like, and `default`, the whole.

    Args:
        fewest: samples that a beginning has at least.
    """
    sizes = {f"{share:.2f}x_train": round(share * len(train)) for share in FRACTIONS}
    return {name: train[:size] for name, size in sizes.items() if size >= fewest} | {"default": train}


def require_partition(name: str, there: Collection[str], where: str) -> None:
    """UserError: there is no such partition; begins with `where`, and lists those there are."""
    if name not in there:
        raise UserError(f"{where}: no partition {name!r}; there are: {', '.join(there)}")


def hash_splits(train: Sequence[str], valid: Sequence[str], test: Sequence[str]) -> str:
    """SHA-256 (64 hex digits) over the sample names of the three splits, in their order."""
    return hashlib.sha256(json.dumps((train, valid, test), separators=(",", ":")).encode()).hexdigest()


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


def _check_present(names: Sequence[str], samples: Collection[str], where: str, suffix: str) -> None:
    absent = [name for name in names if name not in samples]
    if absent:
        more = f" and {len(absent) - 1} more" if len(absent) > 1 else ""
        raise UserError(
            f"{where} lists {absent[0]}{more}, but {absent[0]}{suffix} is missing: the download is incomplete. "
            "Download the dataset again"
        )
