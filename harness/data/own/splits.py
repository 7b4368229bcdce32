"""Which images train, choose and test: as somebody says, else drawn by a seed, image by image or group by group.

Folders and tables (`draw_splits`) and arrays of a notebook (`harness.api.dataset`) are split by the same `share_out`.
"""

import hashlib
import math
from collections import Counter, defaultdict
from collections.abc import Hashable, Mapping, Sequence
from typing import get_args

import numpy as np

from harness.data.draws import stratified_order
from harness.data.own.listing import SPLIT_WORDS, Row, sample_name
from harness.data.partitions import FEWEST, smaller_trains
from harness.errors import UserError
from harness.records.labels import Split

SHARES: dict[Split, float] = {"train": 0.7, "valid": 0.1, "test": 0.2}
"""Of the images, where nobody says which of them train, choose and test."""
NEAR_KM = 1.0
"""Images nearer than that show the same field."""

_EARTH_KM = 6371.0

Splits = dict[Split, list[int]]
Place = tuple[float, float]


def draw_splits(rows: Sequence[Row], strata: np.ndarray | None, groups: Sequence[Hashable] | None, seed: int) -> Splits:
    """Rows of the three splits: as the column `split` says, and what it leaves open drawn by the seed.

    Args:
        strata: (n,) class indices, whose shares are kept; None: images are drawn whatever they show.
        groups: of each row; a group is in one split. None: each row is its own.
    Raises:
        UserError: a word for a split that is none, an image of which none is said while it is of others, or a split
            without an image.
    """
    given = [row.cells.get("split", "") for row in rows]
    _check_filled("split", rows, "Say train, val or test")
    unknown = sorted({word for word in given if word and word.casefold() not in SPLIT_WORDS})
    if unknown:
        raise UserError(f"column split: {unknown[0]!r} is no split; {', '.join(SPLIT_WORDS)} are known")
    order = shuffled([sample_name(row.file) for row in rows], strata, seed)
    if any(given):
        splits = {split: [i for i in order if SPLIT_WORDS.get(given[i].casefold()) == split] for split in SHARES}
        if not splits["valid"]:  # of two splits, train gives some to choose by
            both: dict[Split, float] = {"train": SHARES["train"], "valid": SHARES["valid"]}
            splits |= share_out(splits["train"], strata, groups, both)
    else:
        splits = share_out(order, strata, groups)
    for split in get_args(Split):
        if not splits[split]:
            there = f"the split {split} has no image; there are {len(rows)} images"
            if groups is None or any(given):
                raise UserError(f"{there}. Give some to each split")
            raise UserError(
                f"{there} in {len(set(groups))} groups, each of which stays in one split. Make smaller groups: "
                "another --group-by, or a smaller --block-km"
            )
    return splits


def _check_filled(column: str, rows: Sequence[Row], advice: str) -> None:
    """UserError: a column says something of some images and nothing of others, which would be in no split at all."""
    empty = [row.file for row in rows if not row.cells.get(column)]
    if empty and len(empty) < len(rows):
        raise UserError(f"{empty[0]}: has nothing in column {column}, as others have. {advice}, or leave the row out")


def shuffled(names: Sequence[str], strata: np.ndarray | None, seed: int) -> list[int]:
    """All samples, shuffled by the seed and their names alone, so that each beginning has each class's share.

    Args:
        strata: (n,) class indices; None: without classes.
    """
    digests = [hashlib.sha256(f"{seed}/{name}".encode()).digest() for name in names]
    order = np.array(sorted(range(len(names)), key=digests.__getitem__), np.int64)
    return (order if strata is None else order[stratified_order(strata[order])]).tolist()


def share_out(
    order: Sequence[int],
    strata: np.ndarray | None,
    groups: Sequence[Hashable] | None = None,
    shares: Mapping[Split, float] = SHARES,
) -> Splits:
    """Groups one after the other, each to the split that is furthest behind its share; single images class by class.
    Within a split they keep their order."""
    single = order if strata is None else sorted(order, key=lambda i: int(strata[i]))
    members: dict[Hashable, list[int]] = defaultdict(list)
    for i in single if groups is None else order:
        members[i if groups is None else groups[i]].append(i)
    splits: dict[Split, set[int]] = {split: set() for split in shares}
    for of_group in members.values():
        splits[min(shares, key=lambda name: (len(splits[name]) + 0.5) / shares[name])].update(of_group)
    return {split: [i for i in order if i in chosen] for split, chosen in splits.items()}


def folds(rows: Sequence[Row]) -> dict[str, Splits]:
    """A partition for each word in the column `fold`: it tests, the next one chooses, the others train.

    Raises:
        UserError: there are fewer than three, or an image is in none while others are in some.
    """
    _check_filled("fold", rows, "Name a fold")
    words = [row.cells.get("fold", "") for row in rows]
    names = sorted(set(words) - {""})
    if not names:
        return {}
    if len(names) < 3:
        raise UserError(
            f"column fold: at least three are wanted, as one tests, one chooses and the others train; found "
            f"{', '.join(names)}. Add folds, or rename the column if it says something else"
        )
    of = {name: [i for i, word in enumerate(words) if word == name] for name in names}
    found: dict[str, Splits] = {}
    for place, name in enumerate(names):
        chosen = names[(place + 1) % len(names)]
        train = [i for other in names if other not in (name, chosen) for i in of[other]]
        found[f"fold-{name}"] = {"train": train, "valid": of[chosen], "test": of[name]}
    return found


def partitions_of(splits: Splits, n_classes: int) -> dict[str, Splits]:
    """The splits with smaller and smaller beginnings of train, none below an image a class."""
    trains = smaller_trains(splits["train"], max(FEWEST, n_classes))
    return {name: {**splits, "train": list(train)} for name, train in trains.items()}


def blocks_of(places: Sequence[Place | None], side_km: float) -> list[Hashable]:
    """The square of a grid over the Earth that each place lies in; an image without a place is a block of its own."""

    def block(i: int, place: Place | None) -> Hashable:
        if place is None:
            return i
        longitude, latitude = place
        row = math.floor(math.radians(latitude) * _EARTH_KM / side_km)
        parallel = math.cos(min(math.pi / 2, (abs(row + 0.5)) * side_km / _EARTH_KM)) * _EARTH_KM
        return row, math.floor(math.radians(longitude) * parallel / side_km)

    return [block(i, place) for i, place in enumerate(places)]


def merged_groups(one: Sequence[Hashable], other: Sequence[Hashable]) -> list[Hashable]:
    """Groups in which all are together that are so in either grouping of the same images, or by way of others."""
    left = {key: i for i, key in enumerate(dict.fromkeys(one))}
    right = {key: len(left) + i for i, key in enumerate(dict.fromkeys(other))}
    ends = [left[key] for key in one], [right[key] for key in other]
    size = len(left) + len(right)
    from scipy.sparse import coo_array  # noqa: PLC0415 - every command would wait for it
    from scipy.sparse.csgraph import connected_components  # noqa: PLC0415

    _, found = connected_components(coo_array((np.ones(len(one)), ends), shape=(size, size)), directed=False)
    return found[ends[0]].tolist()


def count_torn(splits: Mapping[Split, Sequence[int]], groups: Sequence[Hashable]) -> int:
    """How many groups have images in several splits, which only given splits do."""
    of_split = [{groups[i] for i in chosen} for chosen in splits.values()]
    return sum(n > 1 for n in Counter(group for found in of_split for group in found).values())


def count_near(splits: Mapping[Split, Sequence[int]], places: Sequence[Place | None]) -> int:
    """How many test images have an image of another split within `NEAR_KM`."""

    def on_sphere(rows: Sequence[int]) -> np.ndarray:
        degrees = np.radians([place for row in rows if (place := places[row])]).reshape(-1, 2)
        longitude, latitude = degrees.T
        flat = np.cos(latitude)
        return _EARTH_KM * np.stack([flat * np.cos(longitude), flat * np.sin(longitude), np.sin(latitude)], axis=1)

    seen, tested = on_sphere([*splits["train"], *splits["valid"]]), on_sphere(splits["test"])
    if not len(seen) or not len(tested):
        return 0
    from scipy.spatial import cKDTree  # noqa: PLC0415 - every command would wait for it

    distance, _ = cKDTree(seen).query(tested)
    return int((distance < NEAR_KM).sum())
