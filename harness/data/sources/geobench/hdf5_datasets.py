"""Datasets of an HDF5 file that lie in that very file, of a size that is allowed.

HDF5 lets a file draw its values from anywhere: external storage names blocks of any file, external and soft links and
virtual datasets name other datasets. A sample needs none of these, and one from a stranger could read what is not meant
for it, so only datasets that are stored inside are read.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import h5py
import numpy as np
from h5py import h5a, h5d, h5l, h5s, h5t

from harness.data.files.budgets import SAMPLE_BYTES
from harness.errors import UserError

_OVERHEAD = 64
"""Bytes by which packing may make a chunk larger. HDF5 unpacks a chunk to its end, whatever its size should be, so one
that is stored in far more bytes than it has could fill the memory."""


class _Opened(NamedTuple):
    """One dataset that has been checked and not yet read."""

    key: str
    id: h5d.DatasetID
    shape: tuple[int, int]
    dtype: np.dtype
    n_chunks: int
    chunk_bytes: int
    """Of all chunks when unpacked; the last ones may reach far beyond the shape."""


def read_text_attribute(file: h5py.File, name: str) -> str | None:
    """An attribute of the root group that is one text; None if there is none, or it is another thing."""
    if not h5a.exists(file.id, name.encode()):
        return None
    attribute = h5a.open(file.id, name.encode())
    kind = attribute.get_type()
    one_text = isinstance(kind, h5t.TypeStringID) and kind.is_variable_str() and attribute.shape == ()
    text = file.attrs[name] if one_text else None
    return text if isinstance(text, str) else None


def read_datasets(
    file: h5py.File, keys: Sequence[str], mask_key: str | None, where: str
) -> tuple[list[np.ndarray], np.ndarray | None]:
    """Bands as (H, W) arrays of their own sizes and types, and a mask; true and false become 1 and 0.

    Floating-point values that a dataset declares as its fill value become NaN, no data. Zeros stay in any case: a
    writer declares 0 without meaning anything by it.

    Raises:
        UserError: one is no image, lies elsewhere, or all together take more than SAMPLE_BYTES, as stored or when the
            smaller ones are resampled to the largest; begins with `where`.
        OSError, RuntimeError, KeyError, ValueError: of HDF5, for a damaged file.
    """
    opened = [_open(file, key, where) for key in (*keys, *([mask_key] if mask_key else []))]
    bands = opened[: len(keys)]
    height, width = (max(band.shape[axis] for band in bands) for axis in (0, 1))
    stacked = len(bands) * height * width * np.result_type(*{band.dtype for band in bands}).itemsize
    needed = max(stacked, sum(dataset.chunk_bytes for dataset in opened))
    if needed > SAMPLE_BYTES:
        raise UserError(
            f"{where}: its {len(opened)} bands and masks take {needed} bytes; at most {SAMPLE_BYTES} are read. "
            "Download the file again"
        )
    arrays = [_read(dataset, where) for dataset in opened]
    pixels = [
        without_fill(values, declared_fill(band.id, values.dtype)) for band, values in zip(bands, arrays, strict=False)
    ]
    return pixels, arrays[-1] if mask_key else None


def _open(file: h5py.File, key: str, where: str) -> _Opened:
    """The low-level calls halve the time a sample takes."""
    name = key.encode()
    if "/" in key or file.id.links.get_info(name).type != h5l.TYPE_HARD:
        raise UserError(f"{where}: {key} is a link to another place. Get the file again from where it is published")
    dataset = h5d.open(file.id, name)
    layout = dataset.get_create_plist()
    if layout.get_layout() == h5d.VIRTUAL or layout.get_external_count():
        raise UserError(
            f"{where}: {key} takes its values from another file. Get the file again from where it is published"
        )
    shape, dtype = dataset.shape, _dtype(dataset)
    if dtype is None or dtype.kind not in "iufb" or dtype.itemsize > 8 or len(shape) != 2 or 0 in shape:
        shown = "unknown to NumPy" if dtype is None else str(dtype)[:60]
        raise UserError(f"{where}: {key} has shape {shape} and type {shown}; numbers in two dimensions are wanted")
    chunk = layout.get_chunk() if layout.get_layout() == h5d.CHUNKED else shape
    n_chunks = math.prod(-(-side // step) for side, step in zip(shape, chunk, strict=True))
    return _Opened(key, dataset, shape, dtype, n_chunks, n_chunks * math.prod(chunk) * dtype.itemsize)


def _dtype(dataset: h5d.DatasetID) -> np.dtype | None:
    """None for a type of HDF5 that NumPy has no equivalent of."""
    try:
        return dataset.dtype
    except TypeError:
        return None


def _read(dataset: _Opened, where: str) -> np.ndarray:
    if dataset.id.get_space_status() != h5d.SPACE_STATUS_ALLOCATED:
        raise UserError(f"{where}: {dataset.key} was never written to its end. Download the file again")
    if dataset.id.get_storage_size() > 2 * dataset.chunk_bytes + _OVERHEAD * dataset.n_chunks:
        raise UserError(f"{where}: {dataset.key} is packed into more bytes than it has. Download the file again")
    values = np.empty(dataset.shape, dataset.dtype.newbyteorder("="))
    dataset.id.read(h5s.ALL, h5s.ALL, values)
    return values.astype(np.uint8) if values.dtype.kind == "b" else values


def declared_fill(dataset: h5d.DatasetID, dtype: np.dtype) -> np.ndarray | None:
    """The value that the file itself declares to stand where nothing was measured; None: there is none, or it is 0."""
    if dtype.kind != "f":
        return None
    layout = dataset.get_create_plist()
    if layout.fill_value_defined() != h5d.FILL_VALUE_USER_DEFINED:
        return None
    fill = np.zeros((), dtype)
    layout.get_fill_value(fill)
    return fill if fill != 0 else None


def without_fill(values: np.ndarray, fill: np.ndarray | None) -> np.ndarray:
    """NaN for what a file declares to be no data."""
    if fill is not None:
        values[values == fill] = np.nan
    return values
