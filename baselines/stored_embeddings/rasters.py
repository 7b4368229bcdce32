"""Vectors in GeoTIFF stacks: a file an image, a band a number, as products of embeddings are cut into chips."""

from pathlib import Path

import numpy as np

from mp_mae.errors import UserError
from mp_mae.files.geotiff import open_geotiff
from mp_mae.files.listing import visible_folders

_SUFFIXES = (".tif", ".tiff")
_MOST_BYTES = 2**28
"""Of a file as it is read: 2,048 px a side of 16 bands of float32."""


def read_rasters(folder: Path, where: str) -> tuple[list[str], np.ndarray]:
    """The mean of each file's bands over its pixels that are data in all of them.

    Numbers are taken as they are stored: a product that packs them into integers wants to be unpacked before.

    Returns:
        N names, from the folder on and without their endings; (N, D) float32.
    Raises:
        UserError: a folder cannot be read, or holds no such file; or one is damaged, too large, has other bands than
            the first, or no data.
    """
    files = sorted(
        below / name
        for below, names in visible_folders(folder)
        for name in names
        if Path(name).suffix.casefold() in _SUFFIXES and not name.startswith(".")
    )
    if not files:
        raise UserError(f"{where}: a folder of GeoTIFF files is wanted, each called as its image; none found")
    vectors = [_read_mean(file, f"{where}/{file.relative_to(folder)}") for file in files]
    for file, vector in zip(files, vectors, strict=True):
        if len(vector) != len(vectors[0]):
            raise UserError(
                f"{where}: {file.name} has {len(vector)} bands, {files[0].name} has {len(vectors[0])}; vectors of one "
                "length are wanted"
            )
    return [file.relative_to(folder).with_suffix("").as_posix() for file in files], np.stack(vectors)


def _read_mean(file: Path, where: str) -> np.ndarray:
    """(D,) float32."""
    try:
        with open_geotiff(file, where) as raster:
            if raster.count * raster.height * raster.width * np.dtype(raster.dtypes[0]).itemsize > _MOST_BYTES:
                size = f"{raster.count} bands of {raster.width} x {raster.height} px"
                raise UserError(f"{where}: {size} are more than an image's vectors may have. Cut it into chips")
            pixels = raster.read(masked=True).astype(np.float64)  # (D, H, W)
    except (OSError, ValueError) as error:
        raise UserError(f"{where}: cannot be read ({str(error).splitlines()[0]})") from None
    values = np.ma.filled(pixels, np.nan)
    known = values[:, np.isfinite(values).all(axis=0)]
    if not known.size:
        raise UserError(f"{where}: has no pixel that is data in all bands. Remove the file, and its image")
    mean: np.ndarray = known.mean(axis=1).astype(np.float32)
    return mean
