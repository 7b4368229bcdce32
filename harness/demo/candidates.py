"""Which simulated tiles become samples: candidates come in a fixed order and are taken as they fit."""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import TypeVar

import numpy as np

from harness.demo.geobench_format import BANDS
from harness.demo.screening import LEVEL
from harness.demo.tasks import LARGEST_SHARE, TASKS, TILE_PX, DemoTask
from harness.records.labels import LabelKind, Split
from mp_mae.data.world.hashing import mix, word
from mp_mae.data.world.places import draw_places
from mp_mae.data.world.simulate import simulate
from mp_mae.modalities import S2_STORED

BLOCK = 64
"""Candidates screened at once, of which half or fewer are simulated."""

_CHANNELS = [S2_STORED.index(band.stored) for band in BANDS]

Out = TypeVar("Out")


@dataclass(frozen=True, eq=False)
class Samples:
    """Some samples of a task."""

    names: tuple[str, ...]
    pixels: np.ndarray
    """(n, 13, H, W) uint16 in the order of BANDS."""
    labels: np.ndarray
    """(n, ...) as the task's `label` gives them."""

    def __getitem__(self, rows: np.ndarray) -> "Samples":
        return Samples(tuple(self.names[row] for row in rows), self.pixels[rows], self.labels[rows])


def draw_samples(task: DemoTask, seed: int, split: Split, executor: Executor | None, ahead: int) -> Iterator[Samples]:
    """The samples of a split, block by block, as many in all as the task's size says.

    They are taken by the numbers of the candidates, so the result does not depend on who simulates faster. No class of
    a single-label task gets more than LARGEST_SHARE.

    Args:
        executor: simulates, up to `ahead` blocks at a time; None: this process does.
    """
    size = left = task.sizes[split]
    n_blocks = 0
    room = np.full(len(task.class_names), np.ceil(LARGEST_SHARE * size), np.int64)

    def blocks_needed() -> int:
        per_block = max((size - left) / n_blocks, 1) if n_blocks else BLOCK / 4
        return min(ahead, int(np.ceil(left / per_block)))

    for block in in_order(partial(_simulate_block, task.name, seed, split), executor, blocks_needed):
        n_blocks += 1
        if block is None:
            continue
        fitting = _take(block.labels, room) if task.kind is LabelKind.SINGLE_LABEL else np.arange(len(block.names))
        taken = block[fitting[:left]]
        left -= len(taken.names)
        yield taken
        if left == 0:
            return


def _take(labels: np.ndarray, room: np.ndarray) -> np.ndarray:
    """Rows whose class has room, which they fill."""
    rows = []
    for row, label in enumerate(labels):
        if room[label] > 0:
            room[label] -= 1
            rows.append(row)
    return np.array(rows, np.int64)


def _simulate_block(task_name: str, seed: int, split: Split, block: int) -> Samples | None:
    """The candidates of one block that the task wants; None if no place in it is worth simulating."""
    task = TASKS[task_name]
    places = draw_places(seed, split, np.arange(block * BLOCK, (block + 1) * BLOCK), stream=task.name)
    places = places[task.screen(seed, places)]
    if not len(places):
        return None
    tiles = simulate(seed, places, TILE_PX)
    assert (tiles.s2_level == LEVEL).all(), "the screen foretells the level"
    labels = task.label(tiles)
    wanted = task.wanted(labels)
    names = mix(places.key[wanted], word("sample name"))
    pixels = tiles.modalities["sentinel2"][wanted][:, _CHANNELS]
    return Samples(tuple(f"{name:016x}" for name in names), pixels, labels[wanted])


def in_order(function: Callable[[int], Out], executor: Executor | None, needed: Callable[[], int]) -> Iterator[Out]:
    """function(0), function(1), ... without end. The executor is given no more of them at a time than are `needed`."""
    numbers = count()
    if executor is None:
        yield from map(function, numbers)
        return
    running: deque[Future[Out]] = deque()
    try:
        while True:
            while len(running) < max(needed(), 1):
                running.append(executor.submit(function, next(numbers)))
            yield running.popleft().result()
    finally:
        for future in running:
            future.cancel()
