"""GeoTIFF chips and tables as people have them, with a signal in their pixels that labels follow from."""

from pathlib import Path

import numpy as np
import pytest

rasterio = pytest.importorskip("rasterio", reason="GeoTIFF files are read by rasterio, the extra `geo`")

N, SIDE, NO_DATA = 80, 12, 65535
NIR, SWIR = 7, 10
"""Channels of B8 and B11 among the twelve of Sentinel-2 L2A."""
CORNERS, OTHER_SIZES, UNREADABLE = range(0, N, 5), range(3, N, 8), 77
"""Chips without data in a corner, of another size than most, and the one that is cut off."""


def write_chip(path, pixels, descriptions=(), crs="EPSG:32632", east=0.0, **options):
    """(C, H, W) as GeoTIFF with pixels of 10 m, at 9 degrees east, so many metres east of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    count, height, width = pixels.shape
    place = rasterio.transform.from_origin(500_000 + east, 5_200_000, 10, 10)
    shape = {"count": count, "height": height, "width": width, "dtype": pixels.dtype}
    with rasterio.open(path, "w", driver="GTiff", crs=crs, transform=place, **shape, **options) as file:
        file.write(pixels)
        for band, name in enumerate(descriptions, 1):
            file.set_band_description(band, name)
    return path


def write_fields(root: Path) -> Path:
    """N chips of twelve bands of uint16, their masks, and labels.csv with a column of each kind of labels.

    `value` is by how much B8 is raised, from 0 to 1; `label` says whether that is more than half; `labels` says the
    same, and whether B11 is raised; in the mask pixels are 30 where B2 is raised by 800, else 10, and 255 at the top.
    """
    generator = np.random.default_rng(0)
    lines = ["file,label,labels,value,mask"]
    for i in range(N):
        height, width = (SIDE + 4, SIDE - 4) if i in OTHER_SIZES else (SIDE, SIDE)
        pixels = generator.normal(1500, 60, (12, height, width))
        high, wet = (generator.random(2) < 0.5).tolist()
        value = generator.uniform(0.65, 1) if high else generator.uniform(0, 0.35)
        mask = np.full((height, width), 10, np.uint8)
        top, left = generator.integers(1, height - 4), generator.integers(0, width - 4)
        mask[top : top + 4, left : left + 4] = 30
        pixels[1] += 800 * (mask == 30)
        pixels[NIR] += 2000 * value
        pixels[SWIR] += 1500 * wet
        mask[0] = 255
        stored = pixels.round().astype(np.uint16)
        if i in CORNERS:
            stored[:, :3, :3] = NO_DATA
        chip = write_chip(root / f"feld {i:02} ü.tif", stored, east=5_000 * i, nodata=NO_DATA)
        write_chip(root / "masks" / f"{i:02}.tif", mask[None], east=5_000 * i)
        if i == UNREADABLE:
            chip.write_bytes(chip.read_bytes()[:200])
        several = ";".join(["high"] * high + ["wet"] * wet)
        lines.append(f"{chip.name},{'high' if high else 'low'},{several},{value:.3f},masks/{i:02}.tif")
    (root / "labels.csv").write_text("\n".join(lines), "utf-8")
    return root
