"""Shares of a grid: which part of it one of several commands does that know nothing of each other."""

import hashlib
import heapq
import re
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from harness.campaign.dividing.groups import Group, group_of_cell
from harness.errors import UserError
from harness.records.cell import Cell


class Shard(NamedTuple):
    """One of several shares."""

    number: int
    """From 1."""
    of: int

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"


def parse_shard(text: str) -> Shard:
    """The share of `3/16`. UserError if it is none."""
    found = re.fullmatch(r"([0-9]{1,6})/([0-9]{1,6})", text)
    shard = Shard(*map(int, found.groups())) if found else None
    if shard is None or not 1 <= shard.number <= shard.of:
        raise UserError(f"--shard: expected one share of several, for example 1/4 to 4/4; found {text!r}")
    return shard


def share(cells: Sequence[Cell], shard: Shard) -> list[Cell]:
    """The cells of one share, in their order. Every cell is in one share, and all of a group in the same.

    Groups are dealt by their number of cells, the largest first, each to the share that has fewest so far: it depends
    on what is asked for and on nothing else, so that no share has to know what the others found or did. What is in a
    share changes with the grid.
    """
    groups = [group_of_cell(cell) for cell in cells]
    sizes = Counter(groups)
    lightest = [(0, number) for number in range(1, shard.of + 1)]
    dealt: dict[Group, int] = {}
    for group in sorted(sizes, key=lambda group: (-sizes[group], _shuffled(group))):
        n_cells, number = heapq.heappop(lightest)
        dealt[group] = number
        heapq.heappush(lightest, (n_cells + sizes[group], number))
    return [cell for cell, group in zip(cells, groups, strict=True) if dealt[group] == shard.number]


def _shuffled(group: Group) -> str:
    """Orders groups so that no dataset falls into few shares only because of where it stands in the grid."""
    return hashlib.sha256(repr(tuple(group)).encode()).hexdigest()
