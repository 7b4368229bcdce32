"""Train samples drawn by a seed: repeats of one label budget whose scores may differ, so that intervals mean something.

Every draw takes a prefix of an order that a seed gives to the samples of `default`'s train. So draws of one seed are
nested over sizes, and nothing but names, labels and the seed decides them: not the backbone, not the protocol, not
where the samples are stored. A sample's place comes from a hash of its name, which no library's generator can change.

- *Of a partition's size* (`--train-draw seed`). Single labels are stratified: every class gets a first sample, the
  most frequent class first, and then each next sample goes by Webster's rule, to the class that is furthest behind
  its share (Balinski and Young, Fair Representation, 1982). Counts are those of rounding the exact shares, as by
  largest remainders, but without that method's paradox: there a larger draw may hold fewer samples of a class, so
  draws could not be nested. All other labels are drawn at random: a draw that makes each rare label occur, or covers
  the range of a number evenly, is a draw of unusual images.
- `n=100`: 100 images at random, whatever they show, as somebody gets who labels 100 images.
- `k=5`: 5 images of each class, all there are of a class that has fewer; for multi-label 5 that have each label, so
  that an image may count for several.
"""

import hashlib
import re
from dataclasses import dataclass

import numpy as np

from harness.data.partitions import Partition, hash_splits
from harness.errors import DoesNotApplyError
from harness.records.labels import LabelKind
from harness.tasks import TASKS

_FEW = re.compile(r"([kn])=([1-9][0-9]*)")


class NoSuchDrawError(DoesNotApplyError):
    """A draw makes no sense for these samples."""


class TooFewSamplesError(NoSuchDrawError):
    """It wants more samples than there are."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Pool:
    """What a seed's draws take from, in the order the seed gave."""

    names: tuple[str, ...]
    labels: np.ndarray
    """(n,) int64 class indices or (n, K) uint8 of 0 and 1, in the order of `names`; (n, 0) for masks."""
    label_kind: LabelKind


def shot(k: int) -> str:
    """Name of the partition with k labels of each class."""
    return f"k={k}"


def budget(n: int) -> str:
    """Name of the partition with n labelled images."""
    return f"n={n}"


def is_few(name: str) -> bool:
    """Whether a partition's name asks for a draw of few labels, `k=5` or `n=100`, and thus for no file."""
    return _FEW.fullmatch(name) is not None


def build_pool(names: tuple[str, ...], labels: np.ndarray | None, label_kind: LabelKind, seed: int) -> Pool:
    """Shuffle the samples by a seed. Equal for equal names, whatever order they come in.

    Args:
        names: the samples to draw from.
        labels: theirs, as in `Pool`; None for masks, which are drawn whatever they show.
    """
    order = sorted(range(len(names)), key=lambda i: _hash(names[i], seed))
    known = np.empty((len(names), 0)) if labels is None else labels
    return Pool(names=tuple(names[i] for i in order), labels=known[order], label_kind=label_kind)


def draw_partition(partition: Partition, pool: Pool) -> Partition:
    """The partition with as many train samples as before, drawn from the pool; valid and test stay.

    Raises:
        TooFewSamplesError: the pool is smaller than the partition's train split.
    """
    pool = _without(pool, partition)
    size = len(partition.train)
    _require(size, len(pool.names), f"partition {partition.name}")
    single = pool.label_kind is LabelKind.SINGLE_LABEL
    order = stratified_order(pool.labels) if single else np.arange(len(pool.names))
    return _with_train(partition, partition.name, pool, order[:size])


def draw_few(name: str, default: Partition, pool: Pool) -> Partition:
    """`default` with a few of its train samples, drawn: `k=...` or `n=...`.

    Raises:
        TooFewSamplesError: fewer than n samples, or no class with k.
        NoSuchDrawError: `k=` of labels that are not classes of an image.
    """
    match = _FEW.fullmatch(name)
    if match is None:
        raise ValueError(f"{name} is no draw of few labels")
    kind, number = match[1], int(match[2])
    if kind == "n":
        _require(number, len(pool.names), name)
        return _with_train(default, name, pool, np.arange(number))
    if refusal := TASKS[pool.label_kind].no_shots:
        raise NoSuchDrawError(refusal)
    return _with_train(default, name, pool, _per_class(pool, number, name))


def stratified_order(labels: np.ndarray) -> np.ndarray:
    """(n,) class indices -> (n,) int64 order whose every prefix has each class's share (Webster's rule).

    Within a class samples keep their order. Every class comes once before any comes twice for it.
    """
    _, codes, counts = np.unique(labels, return_inverse=True, return_counts=True)
    place = _place_in_class(codes)
    # The (j + 1)-th sample of a class is due when j + 1/2 of its share has come; the first one is due at once.
    due = np.where(place == 0, 0.0, (place + 0.5) / counts[codes])
    return np.lexsort((np.arange(len(codes)), -counts[codes], due))


def _per_class(pool: Pool, k: int, name: str) -> np.ndarray:
    """Rows of the pool, round by round of the classes, so that fewer per class are a prefix."""
    single = pool.label_kind is LabelKind.SINGLE_LABEL
    has = pool.labels[:, None] == np.unique(pool.labels) if single else pool.labels.astype(bool)
    _require(k, int(has.sum(axis=0).max(initial=0)), f"{name} of the most frequent class")
    rounds = np.where(has, np.cumsum(has, axis=0) - 1, k).min(axis=1)  # in which a sample is first of use
    rows = np.flatnonzero(rounds < k)
    return rows[np.argsort(rounds[rows], kind="stable")]


def _place_in_class(codes: np.ndarray) -> np.ndarray:
    """(n,) class codes -> (n,) how many of the same class come before."""
    by_class = np.argsort(codes, kind="stable")
    ordered = codes[by_class]
    place = np.empty_like(codes)
    place[by_class] = np.arange(len(codes)) - np.searchsorted(ordered, ordered)
    return place


def _hash(name: str, seed: int) -> bytes:
    return hashlib.sha256(f"{seed}/{name}".encode()).digest()


def _without(pool: Pool, partition: Partition) -> Pool:
    """The pool without samples that this partition chooses or tests on."""
    taken = {*partition.valid, *partition.test}
    if taken.isdisjoint(pool.names):
        return pool
    kept = [i for i, name in enumerate(pool.names) if name not in taken]
    return Pool(names=tuple(pool.names[i] for i in kept), labels=pool.labels[kept], label_kind=pool.label_kind)


def _require(wanted: int, found: int, what: str) -> None:
    if wanted > found:
        raise TooFewSamplesError(f"{what} wants {wanted} train samples; default has {found}")


def _with_train(partition: Partition, name: str, pool: Pool, rows: np.ndarray) -> Partition:
    train = tuple(pool.names[row] for row in rows)
    digest = hash_splits(train, partition.valid, partition.test)
    return Partition(name, train, partition.valid, partition.test, digest)
