"""Writes datasets in the layout of GEO-Bench-2 from simulated places, without its package."""

import io
import struct
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np

from generated_patches import Patches, draw_patches

SIDE = 16
SPLITS = ("train", "train", "train", "train", "validation", "validation", "test", "test")
S2_12 = ["B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B9", "B11", "B12"]
S2_10 = ["B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B11", "B12"]
S2_TREES = ["B2", "B3", "B4", "B8", "B5", "B6", "B7", "B8A", "B11", "B12", "B1", "B9"]


class Packed(NamedTuple):
    """One file of a tortilla."""

    id: str
    format: str
    content: bytes
    columns: Mapping[str, Any] = {}


def tortilla(items: Sequence[Packed]) -> bytes:
    """A tortilla that holds these files: 200 bytes of header, the files, the table."""
    import pyarrow
    from pyarrow import parquet

    offsets = np.cumsum([200, *(len(item.content) for item in items)]).tolist()
    rows = [
        {
            "tortilla:id": item.id,
            "tortilla:file_format": item.format,
            "tortilla:offset": offset,
            "tortilla:length": len(item.content),
            **item.columns,
        }
        for item, offset in zip(items, offsets, strict=False)
    ]
    table = io.BytesIO()
    parquet.write_table(pyarrow.Table.from_pylist(rows), table)
    header = struct.pack("<2sQQQ", b"#y", offsets[-1], len(table.getvalue()), 1).ljust(200, b"\0")
    return b"".join([header, *(item.content for item in items), table.getvalue()])


def geotiff(pixels: np.ndarray) -> bytes:
    """(C, H, W) or (H, W)."""
    import rasterio
    from rasterio.transform import from_origin

    bands = pixels.reshape(-1, *pixels.shape[-2:])
    shape = {"count": len(bands), "height": bands.shape[1], "width": bands.shape[2], "dtype": bands.dtype.name}
    place = {"crs": "EPSG:32629", "transform": from_origin(605580, 6147240, 10, 10)}
    with rasterio.MemoryFile() as memory:
        with memory.open(driver="GTiff", compress="zstd", **shape, **place) as file:
            file.write(bands)
        return memory.read()


def hdf5(array: np.ndarray) -> bytes:
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        file.create_dataset("data", data=array, compression="gzip")
    return content.getvalue()


def tif(name: str, pixels: np.ndarray, **columns: Any) -> Packed:
    return Packed(name, "GTiff", geotiff(pixels), columns)


def write_dataset(root: Path, name: str, patches: Patches, parts: int = 1) -> Path:
    """A dataset of as many samples as SPLITS has, in so many files. Returns its folder."""
    folder = root / "geobench2" / name
    folder.mkdir(parents=True)
    rows = []
    for i, split in enumerate(SPLITS):
        items, labels = WRITERS[name](patches, i)
        columns = {"tortilla:data_split": split, "add_test_split": False, **labels}
        columns["stac:centroid"] = f"POINT ({10 + i} -46.25)"
        rows.append(Packed(f"sample_{i}", "TORTILLA", tortilla(items), columns))
    for part in range(parts):  # the last samples first, so that only their names give their order
        ending = f".{part:04}.part" if parts > 1 else ""
        (folder / f"geobench_{name}{ending}.tortilla").write_bytes(tortilla(rows[::-1][part::parts]))
    return folder


def optical(patches: Patches, i: int, names: Sequence[str]) -> np.ndarray:
    return np.stack([patches.optical[name][i] for name in names])


def radar(patches: Patches, i: int, *names: str) -> np.ndarray:
    return np.stack([patches.radar[name][i] for name in names])


def as_bytes(pixels: np.ndarray) -> np.ndarray:
    return np.clip(pixels // 40, 0, 255).astype(np.uint8)


def _benv2(patches: Patches, i: int) -> tuple[list[Packed], dict[str, Any]]:
    items = [tif("s1", radar(patches, i, "VH", "VV")), tif("s2", optical(patches, i, S2_12))]
    return items, {"labels": ["Pastures", "Marine waters"][: 1 + i % 2], "lon": 10.5, "lat": 20.5}


def _treesatai(patches: Patches, i: int) -> tuple[list[Packed], dict[str, Any]]:
    decibels = np.stack([*radar(patches, i, "VV", "VH"), np.zeros((SIDE, SIDE))])[:, :4, :4].astype(np.int16)
    items = [
        tif("aerial", as_bytes(optical(patches, i, ["B8", "B3", "B2", "B4"]))),
        tif("s1", decibels.view(np.uint16)),
        tif("s2", optical(patches, i, S2_TREES)[:, ::4, ::4]),
    ]
    return items, {"species_labels": ["Abies", "Tilia"][i % 2 :], "dist_labels": [0.75, 0.25][i % 2 :]}


def _so2sat(patches: Patches, i: int) -> tuple[list[Packed], dict[str, Any]]:
    items = [tif("s1", radar(patches, i, "VH", "VV")), tif("s2", optical(patches, i, S2_10) / np.float64(10_000))]
    return items, {"labels": ["Water", "Open low-rise"][i % 2]}


def _forestnet(patches: Patches, i: int) -> tuple[list[Packed], dict[str, Any]]:
    bands = optical(patches, i, ["B2", "B3", "B4", "B8A", "B11", "B12"])
    return [tif("image", as_bytes(bands))], {"labels": i % 2 + 7}


WRITERS: dict[str, Callable[[Patches, int], tuple[list[Packed], dict[str, Any]]]] = {
    "benv2": _benv2,
    "treesatai": _treesatai,
    "so2sat": _so2sat,
    "forestnet": _forestnet,
}
"""By dataset: the files of sample i, and what the index says of it."""


def simulated_patches() -> Patches:
    return draw_patches(len(SPLITS), SIDE)
