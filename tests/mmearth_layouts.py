"""Small MMEarth datasets laid out as the files found in the world are: each way of storing that a reader has met.

`write_sparse_tiles` writes as MMEarth's own converter does and has little more than Sentinel-2 and radar;
`write_plain_tiles` stores everything contiguously, some of it in other types and under other names.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from mp_mae.data.world.places import draw_places
from mp_mae.data.world.records.tile_info import describe_tiles
from mp_mae.data.world.simulate import simulate
from mp_mae.modalities import S1_STORED, S2_STORED

SIDE = 64
SPLITS = {"train": [0, 5, 6, 7, 8], "val": [1, 2], "test": [3, 4]}
NOTHING = {
    "aster": -32768, "canopy_height_eth": 127, "era5": np.nan, "dynamic_world": 0, "esa_worldcover": 255, "biome": 0,
    "eco_region": 0, "sentinel2_cloudmask": 65535, "sentinel2_cloudprod": 65535, "sentinel2_scl": 255,
}  # fmt: skip
"""What is stored where a modality has no values."""


def write_sparse_tiles(folder: Path) -> Path:
    """Nine simulated tiles: gzip, one tile a chunk, all L2A, so that B10 is 0 throughout; radar of the ascending orbit
    alone; no values in the modalities of NOTHING. Statistics of what has no values are 0 and 1."""
    tiles = simulate(0, draw_places(0, "pretrain", np.arange(54), "tiles"), SIDE)
    seen = np.isfinite(tiles.modalities["sentinel1"][:, :2]).all(axis=(1, 2, 3)) & (tiles.s2_level == "l2a")
    rows = np.flatnonzero(seen)[:9]
    columns = {name: values[rows] for name, values in tiles.modalities.items()}
    columns["sentinel1"][:, 2:] = -np.inf
    columns |= {name: np.full_like(columns[name], value) for name, value in NOTHING.items()}
    names = [f"S2A_MSIL2A_{day:%Y%m%d}T115401_{row:02}" for row, day in enumerate(tiles.places.day[rows].tolist())]
    columns["metadata"] = np.array([(name, "l2a") for name in names], [("tile_id", "S100"), ("S2_type", "S10")])
    _write(folder, columns, gzip=True)
    known = {name: columns[name] for name in ("sentinel2", "sentinel1", "lat", "lon", "month")}
    known["sentinel2_l2a"] = known["sentinel2"]
    unknown = {name: np.full(columns[name].shape[:2], np.nan) for name in NOTHING}
    unknown["sentinel2_l1c"] = np.full((1, len(S2_STORED)), np.nan)
    statistics = {name: _statistics(values) for name, values in {**known, **unknown}.items()}
    described = describe_tiles(tiles)
    _write_beside(folder, SPLITS, statistics, {name: described[row] for name, row in zip(names, rows, strict=True)})
    return folder


def write_plain_tiles(folder: Path) -> Path:
    """Ten tiles of random values: contiguous, all in the training split, L1C and L2A mixed. Months are int32, scene
    classes uint16; the first field of `metadata` is `meta_id`; ecoregions are not one-hot, and half of the statistics
    have a min above the max."""
    rng = np.random.default_rng(0)
    n, square = 10, (SIDE, SIDE)
    names = [str(row) for row in range(n)]
    levels = np.where(np.arange(n) % 3 == 1, b"l1c", b"l2a")
    columns = {
        "sentinel2": rng.integers(0, 65535, (n, len(S2_STORED), *square)).astype("u2"),
        "sentinel1": np.zeros((n, len(S1_STORED), *square), "f4"),
        "aster": np.zeros((n, 2, *square), "i2"),
        "canopy_height_eth": np.zeros((n, 2, *square), "i1"),
        "dynamic_world": rng.integers(0, 10, (n, 1, *square)).astype("u1"),
        "esa_worldcover": rng.choice(np.array([*range(10, 100, 10), 95, 100, 255], "u1"), (n, 1, *square)),
        "era5": np.zeros((n, 12), "f4"),
        "lat": rng.random((n, 2), "f4"),
        "lon": rng.random((n, 2), "f4"),
        "month": np.zeros((n, 2), "i4"),
        "biome": rng.integers(0, 2, (n, 14)).astype("u1"),
        "eco_region": rng.integers(0, 2, (n, 846)).astype("u2"),
        "sentinel2_cloudmask": rng.integers(0, 2, (n, 1, *square)).astype("u2"),
        "sentinel2_cloudprod": rng.integers(0, 2, (n, 1, *square)).astype("u2"),
        "sentinel2_scl": rng.integers(0, 2, (n, 1, *square)).astype("u2"),
        "metadata": np.array(list(zip(names, levels, strict=True)), [("meta_id", "S10"), ("S2_type", "S3")]),
    }
    _write(folder, columns, gzip=False)
    sizes = {name: values.shape[1] for name, values in columns.items() if name != "metadata"}
    sizes |= dict.fromkeys(("sentinel2_l1c", "sentinel2_l2a"), len(S2_STORED))
    measures = ("mean", "std", "min", "max")
    statistics = {name: {what: rng.random(size).tolist() for what in measures} for name, size in sizes.items()}
    tile_info = {name: {"S2_type": level.decode()} for name, level in zip(names, levels, strict=True)}
    _write_beside(folder, {"train": list(range(n)), "val": [], "test": []}, statistics, tile_info)
    return folder


def _write(folder: Path, columns: Mapping[str, np.ndarray], *, gzip: bool) -> None:
    folder.mkdir(parents=True)
    with h5py.File(folder / f"{folder.name}.h5", "w") as file:
        for name, values in sorted(columns.items()):
            storage = {"chunks": (1, *values.shape[1:]), "compression": "gzip"} if gzip else {}
            file.create_dataset(name, data=values, **storage)


def _write_beside(folder: Path, splits: Mapping[str, list[int]], statistics: Any, tile_info: Any) -> None:
    for what, content in {"splits": splits, "band_stats": statistics, "tile_info": tile_info}.items():
        (folder / f"{folder.name}_{what}.json").write_text(json.dumps(content, indent=4))


def _statistics(values: np.ndarray) -> dict[str, list[float]]:
    """Of each channel over the values it has; 0 and 1 where it has none. Nothing is stored as 0 here but no data."""
    found: dict[str, list[float]] = {"mean": [], "std": [], "min": [], "max": []}
    for channel in np.moveaxis(values, 1, 0).astype(np.float64):
        known = channel[np.isfinite(channel) & (channel != 0)]
        for name, of_none in zip(found, (0.0, 1.0, 0.0, 1.0), strict=True):
            found[name].append(float(getattr(np, name)(known)) if len(known) else of_none)
    return found
