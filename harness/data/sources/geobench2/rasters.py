"""Pixels of the GeoTIFF and HDF5 files inside a tortilla, from their bytes."""

import io
import math
import warnings

import h5py
import numpy as np

from harness.data.files.budgets import SAMPLE_BYTES
from harness.errors import NotHereError, UserError

_SERIES = "data"
"""What an HDF5 file calls its only array."""
_AGAIN = "Download the file again"


def read_raster(content: bytes, form: str, where: str) -> np.ndarray:
    """(C, H, W) numbers as stored; of a series the first date, as the official reader has it unless told otherwise.

    Args:
        form: `GTiff` or `HDF5`.
    Raises:
        NotHereError: rasterio is not installed.
        UserError: it is another format, damaged, or more than a sample may have; begins with `where`.
    """
    readers = {"GTiff": _read_geotiff, "HDF5": _read_hdf5}
    if form not in readers:
        raise UserError(f"{where}: is {form[:50]}; {' or '.join(readers)} is wanted. {_AGAIN}")
    try:
        return readers[form](content, where)
    except (OSError, RuntimeError, KeyError, ValueError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0][:100]
        raise UserError(f"{where}: cannot be read ({reason}). {_AGAIN}") from None


def _read_geotiff(content: bytes, where: str) -> np.ndarray:
    try:
        import rasterio  # noqa: PLC0415 - of the extra `geo`
        from rasterio.errors import NotGeoreferencedWarning, RasterioError  # noqa: PLC0415
    except ImportError:
        raise NotHereError(f"{where}: is read by rasterio, which is not installed. Run: pip install '.[geo]'") from None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)  # some are of no place
        try:
            with rasterio.MemoryFile(content) as memory, memory.open(driver="GTiff") as file:
                _check((file.count, file.height, file.width), np.result_type(*file.dtypes), where)
                return file.read()
        except RasterioError as error:
            raise ValueError(str(error)) from None


def _read_hdf5(content: bytes, where: str) -> np.ndarray:
    with h5py.File(io.BytesIO(content), "r") as file:
        link = file.get(_SERIES, getlink=True)
        series = file[_SERIES] if isinstance(link, h5py.HardLink) else None
        if (
            not isinstance(series, h5py.Dataset)
            or (series.is_virtual or series.external)
            or series.ndim not in (3, 4)
            or 0 in series.shape
        ):
            raise UserError(f"{where}: an array {_SERIES!r} of (T, C, H, W) or (C, H, W) is wanted in it. {_AGAIN}")
        chunk = series.chunks or series.shape[-3:]
        _check(tuple(map(max, series.shape[-3:], chunk[-3:])), series.dtype, where, math.prod(chunk[:-3]))
        return series[0] if series.ndim == 4 else series[:]


def _check(shape: tuple[int, ...], dtype: np.dtype, where: str, steps: int = 1) -> None:
    """UserError: these are no pixels, or too many."""
    if dtype.kind not in "iuf":
        raise UserError(f"{where}: has shape {shape} and type {dtype}; numbers are wanted. {_AGAIN}")
    if (size := steps * math.prod(shape) * dtype.itemsize) > SAMPLE_BYTES:
        raise UserError(f"{where}: unpacks to {size} bytes; at most {SAMPLE_BYTES} are read. {_AGAIN}")
