"""Writes a dataset of Sentinel-2's thirteen bands, each channel of which can be told by its value."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from geobench_files import STATISTICS, SUITE, band, write_partition, write_sample, write_task

DESCRIBED = {
    "B1": ("01 - Coastal aerosol", ("1", "01"), 0.443),
    "B2": ("02 - Blue", ("2", "02", "blue"), 0.49),
    "B3": ("03 - Green", ("3", "03", "green"), 0.56),
    "B4": ("04 - Red", ("4", "04", "red"), 0.665),
    "B5": ("05 - Vegetation Red Edge", ("5", "05"), 0.705),
    "B6": ("06 - Vegetation Red Edge", ("6", "06"), 0.74),
    "B7": ("07 - Vegetation Red Edge", ("7", "07"), 0.783),
    "B8": ("08 - NIR", ("8", "08", "NIR"), 0.842),
    "B8A": ("08A - Vegetation Red Edge", ("8A", "08A"), 0.865),
    "B9": ("09 - Water vapour", ("9", "09"), 0.945),
    "B10": ("10 - SWIR - Cirrus", ("10",), 1.375),
    "B11": ("11 - SWIR", ("11",), 1.61),
    "B12": ("12 - SWIR", ("12",), 2.19),
}
PUBLISHED = list(DESCRIBED)
"""What the files of both published datasets say that their channels are."""
TRUE: dict[str, list[str]] = {
    "m-eurosat": ["B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8", "B9", "B10", "B11", "B12", "B8A"],
    "m-brick-kiln": ["B1", "B2", "B3", "B4", "B5", "B7", "B8A", "B8", "B11", "B12", "TCI_R", "TCI_G", "TCI_B"],
}


def write_thirteen_bands(root: Path, name: str, order: Sequence[str] = PUBLISHED) -> Path:
    """A dataset whose i-th channel holds 999 + i, 1000 + i or 1001 + i all over an image; 1000 + i is its mean."""
    bands = [band(DESCRIBED[b][0], alt_names=DESCRIBED[b][1], wavelength=DESCRIBED[b][2]) for b in order]
    directory = root / SUITE / name
    directory.mkdir(parents=True)
    names = [f"id_{i:02}" for i in range(18)]
    for i, sample in enumerate(names):
        pixels = [(info, np.full((4, 4), 999 + channel + i % 3, np.uint16), None) for channel, info in enumerate(bands)]
        write_sample(directory, sample, pixels, label=i % 3)
    write_task(directory, bands)
    statistics = {b.name: {**dict.fromkeys(STATISTICS, 1.0), "mean": 1000.0 + i} for i, b in enumerate(bands)}
    (directory / "band_stats.json").write_text(json.dumps(statistics))
    write_partition(directory, "default", train=names[:12], valid=names[12:15], test=names[15:])
    return directory
