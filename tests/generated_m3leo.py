"""Writes a small area of interest in M3LEO's layout: the description beside it, GeoTIFF and NetCDF-4 files.

Rasters of 7 x 7 cells cover a chip as 49 tiles of 64 px, each of one value, so that any tile can be told by hand.
"""

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import h5py
import numpy as np

NAME = "europe_partitions_aschips_2f8bd3f01ddd5"
CELLS = 7
SEASONS = ("winter", "spring", "summer", "fall")
DAYS = (12, 24, 36, 48)
MONTHS = range(1, 13)

CHIPS = {"0a": "train", "0b": "train", "0c": "val", "0d": "test"}
"""Split by chip."""


def cell_numbers() -> np.ndarray:
    """0 .. 48, (7, 7) row by row: which cell is which."""
    return np.arange(CELLS**2, dtype=np.float32).reshape(CELLS, CELLS)


def optical(chip: int) -> dict[str, np.ndarray]:
    """Bands by name, uint8: 3 x month + colour + cell + chip."""
    return {
        f"{month:02d}_{colour}": (3 * month + number + cell_numbers() + chip).astype(np.uint8)
        for month in MONTHS
        for number, colour in enumerate(("red", "green", "blue"))
    }


def radar(chip: int) -> np.ndarray:
    """(16, 7, 7) dB: season and band in tens and units, cells in hundredths below."""
    bands = np.arange(16, dtype=np.float32)[:, None, None]
    return -10 - bands - cell_numbers() / 100 - chip / 1000


def coherence(chip: int) -> np.ndarray:
    """(4 seasons, 4 baselines, 7, 7), 0.01 .. 0.99."""
    seasons, days = np.arange(4.0)[:, None, None, None], np.arange(4.0)[:, None, None]
    return (0.1 + 0.2 * seasons + 0.03 * days + cell_numbers() / 1000 + chip / 10_000).astype(np.float32)


def write_tif(path: Path, bands: np.ndarray, names: Sequence[str] = (), no_data: float | None = None) -> None:
    import rasterio

    path.parent.mkdir(parents=True, exist_ok=True)
    count, height, width = bands.shape
    corner = rasterio.Affine(4480 / width, 0, 500_000, 0, -4480 / height, 5_400_000)
    with rasterio.open(
        path, "w", driver="GTiff", count=count, height=height, width=width, dtype=bands.dtype, nodata=no_data,
        crs="EPSG:32632", transform=corner, compress="deflate",
    ) as file:  # fmt: skip
        file.write(bands)
        for number, name in enumerate(names, 1):
            file.set_band_description(number, name)


def write_netcdf(
    path: Path,
    values: np.ndarray,
    coordinates: Mapping[str, np.ndarray | Sequence[str] | None],
    attributes: Mapping[str, object] | None = None,
    variable: str = "coherence",
) -> None:
    """One variable with its dimensions in order, by name, as the NetCDF-4 library has them; None: no coordinate."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        dataset = file.create_dataset(variable, data=values, compression="gzip")
        dataset.attrs.update(attributes or {})
        for axis, (name, coordinate) in enumerate(coordinates.items()):
            if coordinate is None:
                scale = file.create_dataset(name, data=np.zeros(values.shape[axis], np.float32))
                scale.make_scale(f"This is a netCDF dimension but not a netCDF variable.{values.shape[axis]:10d}")
            else:
                texts = isinstance(coordinate[0], str)
                scale = file.create_dataset(name, data=coordinate, dtype=h5py.string_dtype() if texts else None)
                scale.make_scale(name)
            dataset.dims[axis].attach_scale(scale)


def write_coherence(path: Path, values: np.ndarray, attributes: Mapping[str, object] | None = None) -> None:
    """With named seasons, and rows from north to south."""
    north, west = np.linspace(48.4, 48.36, CELLS), np.linspace(9, 9.06, CELLS)
    write_netcdf(path, values, {"season": SEASONS, "deltadays": np.array(DAYS), "y": north, "x": west}, attributes)


def box(chip: int) -> tuple[float, float, float, float]:
    """West, south, east, north."""
    return 9.0 + chip, 48.0, 9.07 + chip, 48.07


def write_area(root: Path, chips: Mapping[str, str] = CHIPS) -> Path:
    """The folder of one area of interest, in which every chip has a file of every dataset that is read."""
    folder = root / NAME
    folder.mkdir(parents=True)
    for number, chip in enumerate(chips):
        bands = optical(number)
        write_tif(folder / "s2rgbm-2020" / f"{chip}.tif", np.stack(list(bands.values())), list(bands))
        write_tif(folder / "s1grd-2020" / f"{chip}.tif", radar(number))
        write_coherence(folder / "gssic" / f"{chip}.nc", coherence(number))
        write_tif(folder / "srtmdem" / f"{chip}.tif", (100 * number + cell_numbers())[None].astype(np.int16))
        codes = np.array([10, 50, 80], np.uint8)[cell_numbers().astype(int) % 3]
        write_tif(folder / "esaworldcover-2020" / f"{chip}.tif", codes[None])
    write_description(root, chips)
    return folder


def write_description(root: Path, chips: Mapping[str, str]) -> None:
    """Splits and geometry beside the folder of chips."""
    with (root / f"{NAME}_splits_60bands_angle09_60-20-20_miniset.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["identifier", "split"])
        rows.writerows(chips.items())
    features = []
    for number, chip in enumerate(chips):
        west, south, east, north = box(number)
        ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
        features.append(
            {
                "type": "Feature",
                "properties": {"identifier": chip, "area_km2": 20.07, "original_index": number},
                "geometry": {"type": "Polygon", "coordinates": [ring]},
            }
        )
    geometry = {"type": "FeatureCollection", "features": features}
    (root / f"{NAME}_miniset.geojson").write_text(json.dumps(geometry))
