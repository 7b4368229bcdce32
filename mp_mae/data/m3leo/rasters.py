"""Pixels of a GeoTIFF or of a NetCDF-4 file, as float32 with NaN where there is no data."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import h5py
import numpy as np

from mp_mae.errors import UserError
from mp_mae.files.geotiff import open_geotiff

LARGEST_SIDE = 4096
"""Pixels; a larger image is no chip, and would fill the memory."""

_ROWS, _COLUMNS = ("y", "lat", "latitude"), ("x", "lon", "longitude")
"""Names that the dimensions of an image have in NetCDF."""


class BadFileError(UserError):
    """One file of a chip that cannot be read, or holds something else than it should."""


def need_rasterio() -> None:
    """Raises UserError with the command that installs it."""
    if find_spec("rasterio") is None:
        raise UserError("M3LEO's GeoTIFF files are read by rasterio, which is not installed. Run: pip install rasterio")


Choose = Callable[[tuple[str | None, ...], str], Sequence[int]]
"""Given the names of a GeoTIFF's bands and its type, the positions of those that are wanted."""


def read_tif(path: Path, choose: Choose) -> np.ndarray:
    """Chosen bands (C, H, W) of a GeoTIFF.

    Raises:
        BadFileError: not a readable GeoTIFF, or `choose` refuses it by a ValueError.
    """
    import rasterio  # noqa: PLC0415 - an extra

    alone = rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR")  # does not list the thousands of files beside it
    try:
        with alone, open_geotiff(path, str(path)) as file:
            if max(file.width, file.height) > LARGEST_SIDE:
                raise ValueError(f"{file.width} x {file.height} pixels; wanted a chip")
            bands = choose(file.descriptions, file.dtypes[0])
            masked = file.read([band + 1 for band in bands], masked=True)
            return np.ma.filled(masked.astype(np.float32), np.nan)
    except (OSError, ValueError) as error:
        raise BadFileError(f"{path}: {error}") from error


@dataclass(frozen=True)
class Dimension:
    """One dimension of a NetCDF variable, by name, with its coordinate where the file has one."""

    name: str
    size: int
    values: np.ndarray | None
    """(size,) str or numbers."""


def read_netcdf(path: Path, variable: str, where: Mapping[str, Callable[[Dimension], Sequence[int]]]) -> np.ndarray:
    """An image (..., H, W) of a NetCDF-4 file, north up, with fill values and packing resolved.

    Args:
        where: by the name of a dimension, which of its positions are wanted; those axes come first, in this order.
    Raises:
        BadFileError: not a readable file, no such variable or dimension, or a function of `where` refuses by a
            ValueError.
    """
    try:
        with path.open("rb") as file:
            if file.read(3) == b"CDF":
                raise ValueError("is NetCDF-3; wanted NetCDF-4. Convert it: nccopy -k nc4 OLD NEW")
        with h5py.File(path, "r") as root:
            dataset = _variable(root, variable)
            dimensions = [_dimension(dataset, axis) for axis in range(dataset.ndim)]
            names = [dimension.name for dimension in dimensions]
            image = [axis for axis, name in enumerate(names) if name not in where]
            if len(image) != 2 or len(names) != len(where) + 2:
                raise ValueError(
                    f"{variable} has dimensions {', '.join(names)}; wanted {', '.join(where)} and two more"
                )
            if names[image[0]] in _COLUMNS or names[image[1]] in _ROWS:
                image.reverse()
            if dataset.size > 4 * LARGEST_SIDE**2:
                raise ValueError(f"{variable} has shape {dataset.shape}; wanted a chip")
            axes = [names.index(name) for name in where]
            values = _unpack(dataset)
            for axis, choose in zip(axes, where.values(), strict=True):
                values = values.take(choose(dimensions[axis]), axis=axis)
            values = values.transpose(*axes, *image)
            return values[..., ::-1, :] if _ascends(dimensions[image[0]]) else values
    except (OSError, KeyError, RuntimeError, TypeError, ValueError) as error:
        raise BadFileError(f"{path}: {error}") from error


def _variable(root: h5py.File, name: str) -> h5py.Dataset:
    if not isinstance(root.get(name, getlink=True), h5py.HardLink) or not isinstance(root[name], h5py.Dataset):
        raise ValueError(f"no variable {name}; there are {', '.join(root) or 'none'}")
    dataset = root[name]
    if dataset.is_virtual or dataset.external:
        raise ValueError(f"{name} takes its values from another file")
    return dataset


def _dimension(dataset: h5py.Dataset, axis: int) -> Dimension:
    scales = dataset.dims[axis]
    if not len(scales):
        return Dimension(f"unnamed {axis}", dataset.shape[axis], None)
    scale = scales[0]
    name, size = scale.name.rpartition("/")[2], dataset.shape[axis]
    is_coordinate = b"This is a netCDF dimension but not" not in np.bytes_(scale.attrs.get("NAME", b""))
    if not is_coordinate or scale.shape[:1] != (size,):
        return Dimension(name, size, None)
    return Dimension(name, size, _as_names(scale[:]) if scale.dtype.kind in "OSU" else scale[:])


def _as_names(values: np.ndarray) -> np.ndarray:
    """Strings of variable or fixed length, or characters (n, length), as (n,) str."""
    rows = values.reshape(len(values), -1).tolist()
    texts = ["".join(part.decode() if isinstance(part, bytes) else str(part) for part in row) for row in rows]
    return np.array([text.rstrip("\0 ") for text in texts])


def _unpack(dataset: h5py.Dataset) -> np.ndarray:
    """Values as float32 by the conventions of NetCDF: _FillValue and missing_value, scale_factor and add_offset."""
    stored = dataset[:]
    if stored.dtype.kind not in "iuf":
        raise ValueError(f"{dataset.name} is stored as {stored.dtype}; wanted numbers")
    values = stored.astype(np.float64)
    for name in ("_FillValue", "missing_value"):
        if name in dataset.attrs:
            values[np.isin(stored, np.asarray(dataset.attrs[name]).astype(stored.dtype))] = np.nan
    scale = float(np.squeeze(dataset.attrs.get("scale_factor", 1)))
    offset = float(np.squeeze(dataset.attrs.get("add_offset", 0)))
    return (values * scale + offset).astype(np.float32)


def _ascends(rows: Dimension) -> bool:
    """Whether the coordinate of the rows grows, so that the first row is the southernmost."""
    values = rows.values
    return values is not None and values.dtype.kind in "iuf" and rows.size > 1 and bool(values[-1] > values[0])
