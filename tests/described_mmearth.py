"""A small dataset in MMEarth's layout whose stored statistics are exactly those of its values."""

import json
from pathlib import Path

import h5py
import numpy as np

from generated_mmearth import write_mmearth
from mp_mae.modalities import MODALITIES


def write_described(folder: Path, *, n: int, side: int, missing: float = 0.0) -> Path:
    """`n` tiles of `side` px, every second of level L1C; `missing` as `write_mmearth` has it. Returns the folder."""
    write_mmearth(folder, n=n, side=side, missing=missing)
    statistics = {}
    with h5py.File(folder / f"{folder.name}.h5") as file:
        for modality in MODALITIES.values():
            if modality.kind.is_class:
                continue
            values = file[modality.name][:].astype(float)
            values[np.isin(values, modality.no_data)] = np.nan
            levels = {"sentinel2_l1c": values[1::2], "sentinel2_l2a": values[::2]}
            for key, of_level in (levels if modality.name == "sentinel2" else {modality.name: values}).items():
                over = tuple(axis for axis in range(of_level.ndim) if axis != 1)
                statistics[key] = {
                    name: getattr(np, f"nan{name}")(of_level, over).tolist() for name in ("mean", "std", "min", "max")
                }
    (folder / f"{folder.name}_band_stats.json").write_text(json.dumps(statistics))
    return folder
