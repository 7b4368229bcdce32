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


Writer = Callable[[Patches, int], tuple[list[Packed], dict[str, Any]]]
"""The files of sample i, and what the index says of it."""


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

    bands = pixels.reshape(-1, *pixels.shape[-2:])
    shape = {"count": len(bands), "height": bands.shape[1], "width": bands.shape[2], "dtype": bands.dtype.name}
    place = {"crs": "EPSG:32629", "transform": rasterio.Affine(10, 0, 605580, 0, -10, 6147240)}
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
        columns = {"tortilla:data_split": split, "stac:centroid": f"POINT ({10 + i} -46.25)", **labels}
        items = [item._replace(columns={**columns, **item.columns}) for item in items]
        rows.append(Packed(f"sample_{i}", "TORTILLA", tortilla(items), {**columns, "add_test_split": False}))
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
    return items, {"labels": [16, 5][i % 2]}


def _forestnet(patches: Patches, i: int) -> tuple[list[Packed], dict[str, Any]]:
    bands = optical(patches, i, ["B2", "B3", "B4", "B8A", "B11", "B12"])
    return [tif("image", as_bytes(bands))], {"labels": i % 2 + 7}


def _image_and_mask(bands: Sequence[str], mask: Callable[[np.ndarray], np.ndarray], scale: float = 1) -> Writer:
    def write(patches: Patches, i: int) -> tuple[list[Packed], dict[str, Any]]:
        pixels = optical(patches, i, bands)
        pixels = pixels if scale == 1 else as_bytes(pixels) if scale == 0 else (pixels * scale).astype(np.float32)
        return [tif("image", pixels), tif("mask", mask(patches.cover[i]))], {}

    return write


def _dynamic_earthnet(patches: Patches, i: int) -> tuple[list[Packed], dict[str, Any]]:
    planet = optical(patches, i, ["B2", "B3", "B4", "B8"]).astype(np.int16)
    items = [tif(f"planet_{day}", planet + day, modality="planet") for day in range(2)]
    items.append(tif("s1", np.zeros((8, SIDE, SIDE), np.float32), modality="s1"))
    if i != 1:
        items.append(tif("s2", optical(patches, i, S2_TREES), modality="s2"))
    return [*items, tif("label", patches.cover[i] % 7, modality="label")], {}


def _flair2(patches: Patches, i: int) -> tuple[list[Packed], dict[str, Any]]:
    pixels = as_bytes(optical(patches, i, ["B4", "B3", "B2", "B8", "B1"]))
    mask = patches.cover[i] + 1
    mask[0, :3] = [0, 19, 13]
    return [tif("aerial", pixels), tif("mask", mask)], {}


def _fotw(patches: Patches, i: int) -> tuple[list[Packed], dict[str, Any]]:
    pixels = optical(patches, i, ["B4", "B3", "B2", "B8"])
    masks = [tif("instance_mask", patches.cover[i]), tif("semantic_mask", patches.cover[i] % 3)]
    return [tif("win_a", pixels), tif("win_b", pixels + 1), *masks], {}


def _kuro_siwo(patches: Patches, i: int) -> tuple[list[Packed], dict[str, Any]]:
    power = 10 ** (radar(patches, i, "VV", "VH") / 10)
    valid = np.ones((SIDE, SIDE), np.uint8)
    valid[0] = 0
    items = [tif(name, power * factor) for name, factor in {"pre_1": 2, "pre_2": 3, "post": 1}.items()]
    elevation = np.full((SIDE, SIDE), 7, np.float32)
    return [*items, tif("dem", elevation), tif("mask", patches.cover[i] % 4), tif("invalid_data", valid)], {}


def _pastis(patches: Patches, i: int) -> tuple[list[Packed], dict[str, Any]]:
    first = optical(patches, i, S2_10).astype(np.int16)
    ascending = np.stack([*(r := radar(patches, i, "VV", "VH")), r[0] - r[1]]).astype(np.float16)
    semantic = np.stack([patches.cover[i], *np.zeros((2, SIDE, SIDE), np.uint8)])
    arrays = {
        "s2": np.stack([first, first + 1]),
        "s1a": np.stack([ascending] * 3),
        "s1d": np.stack([ascending - 1] * 2),
        "semantic": semantic,
        "instance": semantic.astype(np.int64),
    }
    return [Packed(name, "HDF5", hdf5(array)) for name, array in arrays.items()], {"dates": [20190101, 20190201]}


def _spacenet2(patches: Patches, i: int) -> tuple[list[Packed], dict[str, Any]]:
    buildings = patches.cover[i] % 2
    multi = optical(patches, i, S2_12[:8])[:, ::4, ::4]
    pan = optical(patches, i, ["B8"])
    return [tif("multi", multi), tif("pan", pan), tif("mask", buildings), tif("instance", patches.cover[i])], {}


def _spacenet7(patches: Patches, i: int) -> tuple[list[Packed], dict[str, Any]]:
    pixels = as_bytes(optical(patches, i, ["B4", "B3", "B2", "B2"]))
    pixels[3] = 255
    return [tif("image", pixels), tif("mask", patches.cover[i] % 2)], {}


def _biomassters(patches: Patches, i: int) -> tuple[list[Packed], dict[str, Any]]:
    backscatter = radar(patches, i, "VV", "VH", "VV", "VH")
    backscatter[2:, 0] = -9999
    months = [tif(f"{i}_S1_{month}", backscatter + month, modality="S1") for month in range(2)]
    pixels = np.concatenate([optical(patches, i, S2_10), np.full((1, SIDE, SIDE), 9, np.uint16)])
    months += [tif(f"{i}_S2_{month}", pixels + month, modality="S2") for month in range(2)]
    return [*months, tif(f"{i}_AGBM", patches.optical["B8"][i].astype(np.float32), modality="AGBM")], {}


WRITERS: dict[str, Writer] = {
    "benv2": _benv2,
    "treesatai": _treesatai,
    "so2sat": _so2sat,
    "forestnet": _forestnet,
    "burn_scars": _image_and_mask(
        ["B2", "B3", "B4", "B8A", "B11", "B12"], lambda cover: cover.astype(np.int16) % 3 - 1, scale=1e-4
    ),
    "caffe": _image_and_mask(["B8"], lambda cover: cover % 4, scale=0),
    "cloudsen12": _image_and_mask(S2_12, lambda cover: cover % 4),
    "dynamic_earthnet": _dynamic_earthnet,
    "flair2": _flair2,
    "fotw": _fotw,
    "kuro_siwo": _kuro_siwo,
    "pastis": _pastis,
    "spacenet2": _spacenet2,
    "spacenet7": _spacenet7,
    "biomassters": _biomassters,
}
"""By the name of the dataset."""


def simulated_patches() -> Patches:
    return draw_patches(len(SPLITS), SIDE)
