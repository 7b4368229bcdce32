"""A small dataset in MMEarth's layout whose modalities follow from each other, so that there is something to learn.

Each tile has two hidden numbers and a direction in which the first one grows. Sentinel-2 shows them, and they decide
all other modalities; a removed patch follows from those that are seen.
"""

import json
from pathlib import Path

import h5py
import numpy as np

from mp_mae.modalities import MODALITIES, Kind, Modality

CLUSTERS = (-1.2, -0.6, 0.0, 0.6)
"""Lower ends of the classes that occur, on the scale of the first hidden number."""


def write_mmearth(folder: Path, *, n: int, side: int, held_out: int = 0, missing: float = 0.0, seed: int = 0) -> Path:
    """`n` tiles of `side` px in `folder`, the last `held_out` of them in the validation split.

    `missing` is the share of tiles that each modality but Sentinel-2 has no values for.
    """
    rng = np.random.default_rng(seed)
    first, second, east, south = rng.uniform(-1, 1, (4, n))
    first = 0.6 * rng.integers(len(CLUSTERS), size=n) - 0.9 + 0.1 * first  # in four clusters, the classes
    ramp = np.linspace(-0.3, 0.3, side)
    field = first[:, None, None] + east[:, None, None] * ramp + south[:, None, None] * ramp[:, None]  # (n, side, side)
    folder.mkdir(parents=True)
    statistics = {}
    with h5py.File(folder / f"{folder.name}.h5", "w") as file:
        for modality in MODALITIES.values():
            complete = _values(modality, field, first, second, rng)
            values = complete.copy()
            gone = rng.random(n) < (0 if modality.name == "sentinel2" else missing)
            values[gone] = modality.no_data[0] if modality.no_data else np.nan
            file[modality.name] = values
            if not modality.kind.is_class:
                _describe(statistics, modality, complete)
        levels = np.where(np.arange(n) % 2, b"l1c", b"l2a")
        records = list(zip([f"tile{i}".encode() for i in range(n)], levels, strict=True))
        file["metadata"] = np.array(records, dtype=[("tile_id", "S20"), ("S2_type", "S10")])
    rows = list(range(n))
    splits = {"train": rows[: n - held_out], "val": rows[n - held_out :], "test": []}
    (folder / f"{folder.name}_splits.json").write_text(json.dumps(splits))
    (folder / f"{folder.name}_band_stats.json").write_text(json.dumps(statistics))
    return folder


def _values(
    modality: Modality, field: np.ndarray, first: np.ndarray, second: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """What is stored: (n, C, side, side) or (n, C)."""
    angle = np.arange(len(modality.stored)) + len(modality.name)
    if modality.kind is Kind.IMAGE_CLASS:
        classes = np.digitize(first, CLUSTERS[1:])
        return np.eye(modality.n_classes, dtype=np.uint16 if modality.n_classes > 255 else np.uint8)[classes]
    if modality.kind is Kind.PIXEL_CLASS:
        return np.array(modality.codes, np.uint8)[np.digitize(field, CLUSTERS[1:])][:, None]
    if modality.kind is Kind.IMAGE_REGRESSION:
        return (first[:, None] * np.cos(angle) + second[:, None] * np.sin(angle)).astype(np.float32)
    hidden = field[:, None] * np.cos(angle)[:, None, None] + (second[:, None] * np.sin(angle))[:, :, None, None]
    hidden = hidden + 0.05 * rng.standard_normal(hidden.shape)
    scale, offset, dtype = _STORED_AS[modality.name]
    return (offset + scale * hidden).astype(dtype)


_STORED_AS = {
    "sentinel2": (500, 2000, np.uint16),
    "sentinel1": (3, -12, np.float32),
    "aster": (200, 900, np.int16),
    "canopy_height_eth": (20, 50, np.int8),
    "coherence": (0.2, 0.5, np.float32),
}
"""Scale, offset and type of the pixel modalities with numbers."""


def _describe(statistics: dict, modality: Modality, values: np.ndarray) -> None:
    over = (0, 2, 3) if modality.kind.is_pixel else (0,)
    entry = {name: getattr(np, name)(values.astype(float), over).tolist() for name in ("mean", "std", "min", "max")}
    for key in ("sentinel2_l1c", "sentinel2_l2a") if modality.name == "sentinel2" else (modality.name,):
        statistics[key] = entry
