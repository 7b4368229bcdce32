"""Writes tasks in the layout of MMEarth-Bench from simulated places, without its package."""

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from generated_patches import Patches, draw_patches

SIDE, N = 16, 12
S2 = ("B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B9", "B11", "B12")
SPECIES = {"Lepus capensis": 1, "Canis lupus": 0, "Sus scrofa": 2}
SPLITS = {
    "train_100%_indices": [0, 2, 4, 6, 8],
    "train_50%_indices": [0, 2, 4],
    "train_5%_indices": [2],
    "val_indices": [1, 3],
    "random_test_indices": [5, 7, 9],
    "geographic_test_indices": [10, 11],
}


def simulated_patches() -> Patches:
    return draw_patches(N, SIDE)


def write_task(root: Path, task: str, patches: Patches) -> Path:
    """Twelve tiles of a task; the first lacks radar and part of Sentinel-2. Returns its folder."""
    folder = root / "mmearth-bench" / task
    folder.mkdir(parents=True)
    with h5py.File(folder / f"{task}.h5", "w") as file:
        for key, values in {**_images(patches), **_facts(patches), task: _labels(task, patches)}.items():
            file.create_dataset(key, data=values, compression="gzip", compression_opts=9)
    (folder / f"{task}_split_data.json").write_text(json.dumps(SPLITS))
    if task == "species":
        (folder / "species_labels.json").write_text(json.dumps(SPECIES))
    return folder


def _images(patches: Patches) -> dict[str, np.ndarray]:
    optical = np.stack([patches.optical[name] for name in S2], axis=1)
    optical[0, :, 0] = 65535
    radar = np.full((N, 8, SIDE, SIDE), -9999, np.float32)
    for channel, name in {0: "VV", 1: "VH", 4: "VV", 5: "VH"}.items():
        radar[1:, channel] = patches.radar[name][1:] - channel
    ramp = np.arange(N * 2 * SIDE * SIDE).reshape(N, 2, SIDE, SIDE)
    return {
        "Sentinel2": optical,
        "Sentinel1": radar,
        "ASTER_GDEM": (ramp % 3000).astype(np.int16),
        "ETH_GCH": (ramp % 60).astype(np.uint8),
        "DynamicWorld": (ramp[:, :1] % 9).astype(np.uint8),
    }


def _facts(patches: Patches) -> dict[str, Any]:
    return {
        "geolocation": np.stack([np.linspace(-20, 50, N), np.linspace(-30, 30, N)], axis=1),
        "sentinel2_date": [day.isoformat() for day in patches.days],
        "id": list(range(100, 100 + N)),
        "missing_modalities": [json.dumps(["sentinel1"] if row == 0 else []) for row in range(N)],
    }


def _labels(task: str, patches: Patches) -> Any:
    if task == "species":
        return [json.dumps(list(SPECIES)[: row % 4]) for row in range(N)]
    if task == "biomass":
        footprints = np.full((N, SIDE, SIDE), -9999, np.float32)
        footprints[:, ::4, ::4] = patches.optical["B8"][:, ::4, ::4] / 100
        return footprints
    return [[patches.optical["B8"][row].mean() / 1000] for row in range(N)]
