"""Two small datasets in GEO-Bench's layout with all that published ones have: simulated places, nine patches each.

`scenes` has twelve optical and two radar bands of two types; its pickles hold positions, notes, and labels as lists or
as NumPy 1 wrote them. `covers` has masks and series of images: the days are part of the bands' names and differ between
patches, and every other file lists its bands backwards and is compressed. In neither is the order of bands that of
their names or of the statistics, and both describe more than is needed.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from geobench_files import (
    CRS,
    MASK_SUITE,
    STATISTICS,
    SUITE,
    Affine,
    OldArray,
    band,
    thing,
    write_partition,
    write_sample,
    write_task,
)
from harness.demo.geobench_format import BANDS
from mp_mae.data.world.places import draw_places
from mp_mae.data.world.records.tile_info import tile_id
from mp_mae.data.world.simulate import simulate
from mp_mae.modalities import S1_STORED, S2_STORED, WORLDCOVER_CODES

SCENES, COVERS = "scenes", "covers"
SIDE = 64
CLASSES = (
    "Tree cover", "Shrubland", "Grassland", "Cropland", "Built-up", "Bare, sparse vegetation", "Snow and ice",
    "Permanent water bodies", "Herbaceous wetland", "Mangroves", "Moss and lichen",
)  # fmt: skip
"""Of ESA WorldCover, in the order of WORLDCOVER_CODES."""
SPLITS = {"train": (0, 5, 6, 7, 8), "valid": (1, 2), "test": (3, 4)}
COMMON = 0.2
"""Share of a scene's pixels from which on a class is one of its labels."""
OFFSET = 300
"""What `covers` has less than reflectance x 10,000: some of its pixels are below zero."""
UTM_29N = (
    'PROJCS["WGS 84 / UTM zone 29N",GEOGCS["WGS 84",DATUM["WGS_1984",SPHEROID["WGS 84",6378137,298.257223563]],'
    'PRIMEM["Greenwich",0],UNIT["degree",0.0174532925199433]],PROJECTION["Transverse_Mercator"],'
    'PARAMETER["latitude_of_origin",0],PARAMETER["central_meridian",-9],PARAMETER["scale_factor",0.9996],'
    'PARAMETER["false_easting",500000],PARAMETER["false_northing",0],UNIT["metre",1],AUTHORITY["EPSG","32629"]]'
)


@dataclass(frozen=True)
class Patches:
    """Simulated places of which optical and radar pixels are known."""

    optical: Mapping[str, np.ndarray]
    """(n, side, side) uint16 by MMEarth's name of the band, reflectance x 10,000."""
    radar: Mapping[str, np.ndarray]
    """(n, side, side) float32 by polarisation, dB."""
    cover: np.ndarray
    """(n, side, side) uint8: index into CLASSES."""
    days: list[date]
    """Of the optical image."""


def draw_patches(n: int, side: int = SIDE) -> Patches:
    """The first n places with optical images of level L2A and radar of an ascending orbit; always the same."""
    tiles = simulate(0, draw_places(0, "pretrain", np.arange(6 * n), "patches"), side)
    radar = tiles.modalities["sentinel1"]
    seen = np.isfinite(radar[:, :2]).all(axis=(1, 2, 3)) & (tiles.s2_level == "l2a")
    rows = np.flatnonzero(seen)[:n]
    assert len(rows) == n, f"{len(rows)} of {n} places"
    optical = tiles.modalities["sentinel2"][rows]
    return Patches(
        optical={name: optical[:, i] for i, name in enumerate(S2_STORED)},
        radar={name.split()[1]: radar[rows, i] for i, name in enumerate(S1_STORED[:2])},
        cover=np.searchsorted(WORLDCOVER_CODES, tiles.modalities["esa_worldcover"][rows, 0]).astype(np.uint8),
        days=[day.item() for day in tiles.places.day[rows]],
    )


def write_patches(root: Path) -> Path:
    """Both datasets below `root`, which is returned."""
    patches = draw_patches(sum(map(len, SPLITS.values())))
    _write_scenes(root / SUITE / SCENES, patches)
    _write_covers(root / MASK_SUITE / COVERS, patches)
    return root


def optical_bands(*without: str) -> dict[str, Any]:
    """GEO-Bench's descriptions of the bands by MMEarth's names, in GEO-Bench's order."""
    wanted = [found for found in BANDS if found.stored not in without]
    return {found.stored: band(found.name, "Sentinel2", found.alt_names, found.wavelength_um) for found in wanted}


def _write_scenes(directory: Path, patches: Patches) -> None:
    directory.mkdir(parents=True)
    optical = optical_bands("B10")
    radar = {name: band(name, "Sentinel1", (name.lower(),)) for name in ("VV", "VH")}
    pixels = {optical[name].name: patches.optical[name] for name in optical} | dict(patches.radar)
    infos = [*optical.values(), *radar.values()]
    shares = (patches.cover.reshape(len(patches.cover), -1, 1) == np.arange(len(CLASSES))).mean(axis=1)
    labels = (shares >= COMMON).astype(np.int64)  # (n, K)
    for row, day in enumerate(patches.days):
        notes = {
            "patch_id": tile_id(0, row),
            "date": str(day),
            "lat": np.float64(55.4),
            "shape": np.array([SIDE, SIDE]),
        }
        place = {"transform": Affine((10.0, 0.0, 605580.0, 0.0, -10.0, 6147240.0)), "crs": CRS(UTM_29N)}
        bands = [(info, pixels[info.name][row], None) for info in infos]
        label = OldArray(labels[row]) if row % 2 else labels[row].tolist()
        write_sample(directory, _name(row), bands, label, described_by={**place, "meta_info": notes})
    label_type = thing("MultiLabelClassification", n_classes=len(CLASSES), class_name=list(CLASSES))
    alike = next(pair for pair in combinations(SPLITS["train"], 2) if (labels[pair[0]] == labels[pair[1]]).all())
    _write_beside(directory, infos, label_type, pixels, labels, half=alike[::-1])


def _write_covers(directory: Path, patches: Patches) -> None:
    directory.mkdir(parents=True)
    optical = optical_bands("B1", "B9", "B10")
    infos = list(optical.values())
    pixels = {info.name: patches.optical[name].astype(np.int16) - OFFSET for name, info in optical.items()}
    names = [*CLASSES, "Unknown"]
    described = {"name": "label", "alt_names": (), "spatial_resolution": 10}
    classes = thing("SegmentationClasses", **described, n_classes=len(names), _class_names=names)
    masks = patches.cover.copy()
    masks[:, :2] = len(CLASSES)
    for row, day in enumerate(patches.days):
        bands = [(info, pixels[info.name][row], day) for info in infos]
        bands += [(info, pixels[info.name][row] // 2, day - timedelta(days=60)) for info in infos]
        storage = {"compression": "gzip", "shuffle": True} if row % 2 else {}
        bands = bands[::-1] if row % 2 else bands
        write_sample(directory, _name(row), bands, mask=masks[row], classes=classes, storage=storage)
    shares = (masks.reshape(len(masks), -1, 1) == np.arange(len(names))).mean(axis=1)
    _write_beside(directory, infos, classes, pixels, shares, half=(6, 0), n_time_steps=2)


def _write_beside(
    directory: Path,
    infos: list[Any],
    label_type: Any,
    pixels: Mapping[str, np.ndarray],
    contents: np.ndarray,
    half: tuple[int, ...],
    **fields: Any,
) -> None:
    """Specification, statistics, labels and partitions; `half` are the rows that 0.50x_train trains on."""
    write_task(
        directory, infos, label_type, dataset_name=directory.name, benchmark_name=directory.parent.name,
        spatial_resolution=10, **{"patch_size": (SIDE, SIDE), **fields},
    )  # fmt: skip
    train = list(SPLITS["train"])
    statistics = {name: _statistics(values[train]) for name, values in pixels.items()}
    statistics["label"] = _statistics(contents[train])
    _write_json(directory / "band_stats.json", statistics)
    _write_json(directory / "label_stats.json", {_name(row): content.tolist() for row, content in enumerate(contents)})
    splits = {split: [_name(row) for row in rows] for split, rows in SPLITS.items()}
    write_partition(directory, "default", **splits)
    write_partition(directory, "0.50x_train", **{**splits, "train": [_name(row) for row in half]})
    write_partition(directory, "1.00x_train", **{**splits, "train": [_name(row) for row in (0, 6, 5, 8, 7)]})


def _statistics(values: np.ndarray) -> dict[str, float]:
    """GEO-Bench's eleven statistics."""
    values = values.astype(np.float64)
    plain = {name: getattr(np, name)(values) for name in ("min", "max", "mean", "std", "median")}
    ranks = {name: name.removeprefix("percentile_").replace("_", ".") for name in STATISTICS[len(plain) :]}
    percentiles = {name: np.percentile(values, float(rank)) for name, rank in ranks.items()}
    return {name: float(value) for name, value in {**plain, **percentiles}.items()}


def _name(row: int) -> str:
    return f"id_{row:04}"


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=4, sort_keys=True))
