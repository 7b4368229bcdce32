"""What is asked of the images of an area: from the simulated truth, without errors."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from harness.records.labels import LabelKind
from mp_mae.data.world.tiles import COVERS

_FORESTS = ("evergreen broadleaf forest", "deciduous broadleaf forest", "needleleaf forest", "mangrove")

COVER_CLASSES: dict[str, tuple[str, ...]] = {
    "water": ("water",),
    "forest": _FORESTS,
    "shrubland": ("shrubland",),
    "grassland": ("grassland", "moss and lichen"),
    "cropland": ("cropland",),
    "built-up": ("built-up",),
    "bare or frozen": ("bare ground", "snow and ice"),
    "wetland": ("wetland",),
}
"""Class -> the world's covers in it; each cover is in one."""

FRACTIONS: dict[str, tuple[str, ...]] = {
    "vegetation": (*_FORESTS, "shrubland", "grassland", "wetland", "moss and lichen"),
    "built-up": ("built-up",),
    "cropland": ("cropland",),
    "permanent water": ("water",),
}
"""Number -> the world's covers whose share it is. Bare ground, snow and ice are in none: the sum may stay below 100."""


@dataclass(frozen=True, kw_only=True)
class Question:
    """A dataset of every area."""

    name: str
    kind: LabelKind
    class_names: tuple[str, ...]
    metric: str
    label: Callable[[np.ndarray], np.ndarray]
    """(n, H, W) indices into COVERS -> the labels of n images, as `harness.tasks.parse_label` describes them."""
    content: Callable[[np.ndarray], np.ndarray]
    """Labels -> (n, K) of each sample, by which small train splits are made to look like the whole."""


def dominant_class(cover: np.ndarray) -> np.ndarray:
    """(n,) int64: the class that most pixels have; of equals the first of COVER_CLASSES."""
    return _shares(cover, COVER_CLASSES).argmax(axis=1)


def fractions(cover: np.ndarray) -> np.ndarray:
    """(n, 4) float64: the part of the image that each of FRACTIONS covers, in per cent."""
    return 100 * _shares(cover, FRACTIONS)


def _shares(cover: np.ndarray, groups: Mapping[str, tuple[str, ...]]) -> np.ndarray:
    """(n, H, W) covers -> (n, groups) float64: the share of the pixels in each group."""
    of_cover = np.stack([(cover == index).mean(axis=(1, 2)) for index in range(len(COVERS))], axis=1)
    member = np.array([[name in names for names in groups.values()] for name in COVERS], np.float64)
    return of_cover @ member


QUESTIONS: tuple[Question, ...] = (
    Question(
        name="cover",
        kind=LabelKind.SINGLE_LABEL,
        class_names=tuple(COVER_CLASSES),
        metric="f1_macro",
        label=dominant_class,
        content=lambda labels: np.eye(len(COVER_CLASSES))[labels],
    ),
    Question(
        name="fractions",
        kind=LabelKind.REGRESSION,
        class_names=tuple(FRACTIONS),
        metric="r2",
        label=fractions,
        content=lambda labels: np.column_stack([labels, 100 - labels.sum(axis=1)]),
    ),
)
