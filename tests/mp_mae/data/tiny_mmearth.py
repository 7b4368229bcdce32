"""Writes small MMEarth datasets with random values in the stored dtypes, every modality and every no-data code."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from mp_mae.modalities import ERA5_STORED, S1_STORED, S2_STORED, WORLDCOVER_CODES

N_BANDS = {"sentinel1": 8, "aster": 2, "canopy_height_eth": 2, "era5": 12, "lat": 2, "lon": 2, "month": 2}


def one_hot(n: int, n_classes: int, dtype: str, rng: np.random.Generator) -> np.ndarray:
    """Some rows without a class: all zeros, all no-data."""
    rows = np.eye(n_classes, dtype=dtype)[rng.integers(n_classes, size=n)]
    rows[1::4] = 0
    rows[2::4] = np.iinfo(dtype).max
    return rows


def with_codes(values: np.ndarray, codes: list[float], rng: np.random.Generator) -> np.ndarray:
    """A fifth of the values replaced by the codes."""
    chosen = rng.random(values.shape) < 0.2
    values[chosen] = rng.choice(np.array(codes, values.dtype), size=chosen.sum())
    return values


def random_columns(n: int, side: int, seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    square = (side, side)
    not_finite = [np.nan, np.inf, -np.inf]

    def real(*shape: int) -> np.ndarray:
        return with_codes(rng.normal(-10, 5, (n, *shape)).astype("f4"), not_finite, rng)

    metadata = np.zeros(n, [("tile_id", "S100"), ("S2_type", "S10")])
    metadata["tile_id"] = [f"tile {i}".encode() for i in range(n)]
    metadata["S2_type"] = np.where(np.arange(n) % 3 == 0, b"l1c", b"l2a")
    return {
        "sentinel2": with_codes(rng.integers(1, 65536, (n, len(S2_STORED), *square)).astype("u2"), [0, 65535], rng),
        "sentinel1": real(len(S1_STORED), *square),
        "aster": with_codes(rng.integers(-500, 9000, (n, 2, *square)).astype("i2"), [-32768], rng),
        "canopy_height_eth": with_codes(rng.integers(0, 60, (n, 2, *square)).astype("i1"), [127, -1, -128], rng),
        "dynamic_world": rng.integers(0, 10, (n, 1, *square)).astype("u1"),
        "esa_worldcover": rng.choice(np.array([0, 255, 7, *WORLDCOVER_CODES], "u1"), (n, 1, *square)),
        "era5": real(len(ERA5_STORED)),
        "lat": real(2),
        "lon": real(2),
        "month": real(2),
        "biome": one_hot(n, 14, "u1", rng),
        "eco_region": one_hot(n, 846, "u2", rng),
        "metadata": metadata,
    }


def band_stats(seed: int = 1) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    sizes = {**N_BANDS, "sentinel2_l1c": 13, "sentinel2_l2a": 13}
    return {
        name: {"mean": rng.normal(0, 10, size).tolist(), "std": rng.uniform(1, 20, size).tolist()}
        for name, size in sizes.items()
    }


def write(
    folder: Path,
    columns: Mapping[str, np.ndarray],
    *,
    splits: Mapping[str, list[Any]] | None = None,
    stats: Mapping[str, Any] | None = None,
    storage: Mapping[str, Any] | None = None,
) -> Path:
    """A dataset folder; `storage` goes to h5py's create_dataset (contiguous if empty)."""
    folder.mkdir(parents=True)
    n = len(next(iter(columns.values())))
    with h5py.File(folder / f"{folder.name}.h5", "w") as file:
        for name, values in columns.items():
            how = dict(storage or {})
            if how.get("chunks") == "row":
                how["chunks"] = (1, *values.shape[1:])
            file.create_dataset(name, data=values, **how)
    everything = {"train": list(range(n)), "val": [], "test": []}
    (folder / f"{folder.name}_splits.json").write_text(json.dumps(everything if splits is None else splits))
    (folder / f"{folder.name}_band_stats.json").write_text(json.dumps(band_stats() if stats is None else stats))
    return folder
