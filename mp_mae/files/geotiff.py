"""GeoTIFF files, opened in one way: nothing else is read as one, and what is wrong with one is a ValueError."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from mp_mae.errors import NotHereError

if TYPE_CHECKING:
    from rasterio import DatasetReader


@contextmanager
def open_geotiff(path: Path, where: str) -> "Iterator[DatasetReader]":
    """The opened file; that it has no place on the globe is no warning.

    Args:
        where: the file, for messages.
    Raises:
        NotHereError: rasterio is not installed.
        ValueError: no GeoTIFF, or a damaged one, also where the block finds that as it reads.
    """
    try:
        import rasterio  # noqa: PLC0415 - an extra
        from rasterio.errors import NotGeoreferencedWarning, RasterioError  # noqa: PLC0415
    except ImportError:
        raise NotHereError(f"{where}: GeoTIFF files are read by rasterio. Run: pip install '.[geo]'") from None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        try:
            with rasterio.open(path, driver="GTiff") as file:
                yield file
        except RasterioError as error:
            raise ValueError(str(error)) from None
