"""What is run where nobody says otherwise: on real data, for a preset, and on the demo suite."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harness.campaign.presets import PRESETS
from harness.data.band_matching import MissingBands
from harness.records.run import BandNames, Selection, TrainDraw


@dataclass(frozen=True, kw_only=True)
class GridDefaults:
    """What runs where nobody says otherwise."""

    protocols: tuple[str, ...]
    partitions: tuple[str, ...]
    seeds: tuple[int, ...]
    drawn_seeds: tuple[int, ...] = ()
    """Of backbones whose weights come from the seed; empty: the same."""
    train_draw: TrainDraw
    select: Selection
    shots: tuple[int, ...] = (1, 2, 5, 10, 20, 50)
    budgets: tuple[int, ...] = (50, 100, 200, 500)
    missing_bands: MissingBands = MissingBands.ERROR
    band_names: BandNames = BandNames.CORRECTED
    backbones: tuple[str, ...] = ()
    """Empty: some have to be named."""


REAL = GridDefaults(
    protocols=("linear_probe", "knn"),
    partitions=("default",),
    seeds=(0,),
    train_draw=TrainDraw.PARTITION,
    select=Selection.VALID,
)
"""As GEO-Bench's published numbers are made."""
OWN = GridDefaults(
    protocols=("linear_probe", "knn"),
    partitions=("all",),
    seeds=(0, 1, 2),
    drawn_seeds=(0,),
    train_draw=TrainDraw.SEED,
    select=Selection.CV,
    backbones=("imagenet_lite", "timm:efficientnet_lite0?random", "random_features", "image_statistics"),
)
"""Curves of somebody's own images: their question is how many labels they need. A network, the same untrained, and two
floors, all of which are here without a hub."""
DEMO = GridDefaults(
    protocols=("linear_probe", "knn", "few_shot"),
    partitions=tuple(f"{share}x_train" for share in ("0.01", "0.02", "0.05", "0.10", "0.20", "0.50", "1.00")),
    seeds=(0, 1, 2),
    train_draw=TrainDraw.SEED,
    select=Selection.CV,
)
"""Whole label-efficiency curves, with all labels counted and the luck of their draw in the intervals."""


def preset_defaults(name: str) -> GridDefaults:
    """A preset says what runs, and how bands that are missing are filled; one that is not known is refused later."""
    preset = PRESETS.get(name)
    if preset is None:
        return REAL
    return replace(REAL, protocols=(), partitions=(), missing_bands=preset.missing_bands, band_names=preset.band_names)


DEMO_SHORT = replace(
    DEMO,
    protocols=("linear_probe", "knn"),
    partitions=("0.01x_train", "0.10x_train", "1.00x_train"),
    drawn_seeds=(0,),
)
"""Of one backbone with its companions, and of all: first, middle and last point of each curve. Another seed of drawn
weights is another network: to embed the images by it takes longer than all other runs of a backbone."""

COMPANIONS = ("image_statistics", "random_init_demo")
"""What a backbone has to beat: no network at all, and the architecture of the demo weights, untrained."""


def suite_defaults(backbones: Sequence[str], *, demo: bool, own: bool = False) -> GridDefaults:
    """What holds on real data, on somebody's own, and on the demo suite for one backbone (or `all`) and for several."""
    if not demo:
        return OWN if own else REAL
    return DEMO_SHORT if len(backbones) == 1 else DEMO


def with_companions(backbones: Sequence[str]) -> tuple[str, ...]:
    """One backbone and what runs beside it on the demo suite; several, or `all`, as they are."""
    if len(backbones) != 1 or backbones[0] == "all":
        return tuple(backbones)
    return tuple(dict.fromkeys((*backbones, *COMPANIONS)))


def default_workers() -> int:
    """The cores this process may use, at most 8."""
    return min(8, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


def default_cache() -> Path:
    """Where converted datasets and features are kept."""
    return Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "mp-mae-bench"
