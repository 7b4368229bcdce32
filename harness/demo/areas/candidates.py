"""The images of an area, in a fixed order."""

from collections.abc import Iterator, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial

import numpy as np

from harness.demo.areas.sensors import SENSORS
from harness.demo.candidates import in_order
from harness.demo.screening import anywhere
from harness.demo.tasks import TILE_PX
from harness.records.labels import Split
from mp_mae.data.world.areas import area_places
from mp_mae.data.world.hashing import mix, word
from mp_mae.data.world.simulate import simulate

BLOCK = 64
"""Candidates screened at once, of which about half are simulated."""
_EPOCH = np.datetime64("1970-01-01")


@dataclass(frozen=True, eq=False, kw_only=True)
class Images:
    """Some images, with what is known of them."""

    names: np.ndarray
    """(n,) str: hashes, which tell neither place nor order."""
    arrays: Mapping[str, np.ndarray]
    """What is written, (n, ...): the pixels of each sensor, `places` (n, 2) float64 longitude and latitude, and `days`
    (n,) int64 since 1 January 1970."""
    cover: np.ndarray
    """(n, H, W) uint8: the true cover, index into the world's COVERS."""

    def __getitem__(self, rows: slice) -> "Images":
        arrays = {name: array[rows] for name, array in self.arrays.items()}
        return Images(names=self.names[rows], arrays=arrays, cover=self.cover[rows])


def draw_images(
    area: str, size: int, seed: int, split: Split, executor: Executor | None, ahead: int
) -> Iterator[Images]:
    """`size` images of a split, block by block. They follow from area, seed and split alone.

    Args:
        executor: simulates, up to `ahead` blocks at a time; None: this process does.
    """
    left = size

    def blocks_needed() -> int:
        return min(ahead, -(-left // (BLOCK // 4)))  # a block gives half of its candidates, give or take

    for images in in_order(partial(_simulate_block, area, seed, split), executor, blocks_needed):
        taken = images[: min(left, len(images.names))]
        left -= len(taken.names)
        yield taken
        if left == 0:
            return


def _simulate_block(area: str, seed: int, split: Split, block: int) -> Images:
    """The candidates of one block, but for those whose Sentinel-2 image is of another level than the suites hold."""
    places = area_places(seed, area, split, np.arange(block * BLOCK, (block + 1) * BLOCK))
    places = places[anywhere(seed, places)]
    tiles = simulate(seed, places, TILE_PX)
    pixels = {name: sensor.take(tiles.modalities[name]) for name, sensor in SENSORS.items()}
    where = np.stack([places.longitude, places.latitude], axis=1)
    days = (places.day - _EPOCH).astype(np.int64)
    return Images(
        names=np.array([f"{name:016x}" for name in mix(places.key, word("area image"))]),
        arrays={**pixels, "places": where, "days": days},
        cover=tiles.cover,
    )
