"""The demo tasks: what each asks, how many samples it has and where its difficulty comes from.

Tasks, sizes and label errors were fixed before any pretrained model was evaluated on them. A change here is a new
VERSION of the suite, whose results do not compare with those of the old.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from harness.demo import labels, screening
from harness.records.labels import LabelKind, Split
from mp_mae.data.world.places import Places
from mp_mae.data.world.tiles import CLIMATE_ZONES, Tiles

VERSION = 1
"""Raised when the same seed gives other files."""

TILE_PX = 64

SIZES: Mapping[Split, int] = {"train": 1000, "valid": 200, "test": 500}
CROPS_SIZES: Mapping[Split, int] = {"train": 300, "valid": 75, "test": 150}

LARGEST_SHARE = 0.12
"""Of the samples, that any one class of a single-label task may have: balanced, but for what is rare in the world."""

LEAST_CROPLAND = 0.25
"""Share of cropland in every tile of `demo-crops`."""


@dataclass(frozen=True, kw_only=True)
class DemoTask:
    """A task of the suite."""

    name: str
    kind: LabelKind
    class_names: tuple[str, ...]
    sizes: Mapping[Split, int]
    screen: Callable[[int, Places], np.ndarray]
    """World's seed, places -> (n,) bool: where tiles are worth simulating."""
    label: Callable[[Tiles], np.ndarray]
    """Labels of n simulated tiles, as `harness.tasks.parse_label` describes them."""
    wanted: Callable[[np.ndarray], np.ndarray]
    """Labels -> (n,) bool: whether the tile is a sample of this task."""


def _any_but_not_all(present: np.ndarray) -> np.ndarray:
    return np.isin(present.sum(axis=1), (0, present.shape[1]), invert=True)


def _enough_cropland(mask: np.ndarray) -> np.ndarray:
    return (mask > 0).mean(axis=(1, 2)) >= LEAST_CROPLAND


TASKS: dict[str, DemoTask] = {
    task.name: task
    for task in (
        DemoTask(
            name="demo-landcover",
            kind=LabelKind.SINGLE_LABEL,
            class_names=tuple(labels.LANDCOVER),
            sizes=SIZES,
            screen=screening.anywhere,
            label=labels.landcover,
            wanted=lambda label: label >= 0,
        ),
        DemoTask(
            name="demo-multilabel",
            kind=LabelKind.MULTI_LABEL,
            class_names=tuple(labels.LANDCOVER),
            sizes=SIZES,
            screen=screening.anywhere,
            label=labels.covers_present,
            wanted=_any_but_not_all,
        ),
        DemoTask(
            name="demo-climate",
            kind=LabelKind.SINGLE_LABEL,
            class_names=CLIMATE_ZONES,
            sizes=SIZES,
            screen=screening.anywhere,
            label=labels.climate,
            wanted=lambda label: label >= 0,
        ),
        DemoTask(
            name="demo-crops",
            kind=LabelKind.SEGMENTATION,
            class_names=labels.CROP_CLASSES,
            sizes=CROPS_SIZES,
            screen=screening.farmland,
            label=labels.crops,
            wanted=_enough_cropland,
        ),
    )
}
"""In the order they are built and shown."""
