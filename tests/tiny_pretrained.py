"""The toy backbone of a few thousand weights entered like any other: `BACKBONES` may name this module."""

from dataclasses import replace
from pathlib import Path

from baselines.contract import Backbone, Origin
from baselines.entry import Entry
from toy_images import tiny_backbone

ENTRY = Entry(name="tiny", summary="for tests", module=__name__, weights="none", seeded=True)
BANDS = ("B3", "B4", "B8")


def build(weights: Path | None, seed: int) -> Backbone:
    """Of three bands that every Sentinel-2 dataset has; drawn from `seed`."""
    backbone = tiny_backbone(len(BANDS), seed)
    backbone.inputs = replace(backbone.inputs, bands=BANDS)
    backbone.origin = Origin(weights_sha256=f"{seed:064x}", description="untrained")
    return backbone
