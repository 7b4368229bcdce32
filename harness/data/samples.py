"""One sample from its HDF5 file: the bands as one array, the label, and the dates."""

import ast
import datetime
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from h5py import h5d, h5s
from scipy.ndimage import zoom

from harness.data.labels import parse_label
from harness.data.pickled import Record
from harness.data.specs import TaskSpec
from harness.data.unpickle import safe_unpickle
from harness.errors import UserError
from harness.records import LabelKind

_SPLINE_ORDER = 3
_MAX_PIXELS = 2**28
"""Of one band. A few bytes of HDF5 can declare any size, so there is a limit, far above any image patch."""


@dataclass(frozen=True, eq=False)
class Sample:
    """One sample, with the bands of the dataset's specification."""

    name: str
    pixels: np.ndarray
    """(C, H, W) in the order of `TaskSpec.bands`, in the smallest type that holds every band's; values as stored."""
    label: np.ndarray
    """As `labels.parse_label` returns it."""
    dates: tuple[datetime.date, ...]
    """Every date in the file, oldest first; empty where bands have none. The pixels are of the last complete one."""


def read_sample(path: Path, spec: TaskSpec) -> Sample:
    """Read a sample with GEO-Bench's semantics.

    A time series gives the most recent date that has every band of the specification; a band without a date belongs to
    every date. Bands smaller than the largest are resampled to it by cubic splines (`scipy.ndimage.zoom`, order 3), as
    GEO-Bench's own package does, so that the arrays are equal to its.

    Raises:
        UserError: names the file and says what is missing, damaged or of the wrong kind.
    """
    where = f"{spec.dataset}/{path.name}"
    try:
        with h5py.File(path, "r", locking=False) as file:
            attributes = _read_attributes(file, where)
            chosen, label_key, dates = _choose(attributes, file, spec, where)
            bands = [_read_band(file, key, where) for key in chosen]
            raw_label = _read_band(file, label_key, where) if label_key else attributes.get("label")
    except FileNotFoundError:
        raise UserError(f"{where}: is missing, the download is incomplete. Download the dataset again") from None
    except (OSError, RuntimeError, KeyError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(
            f"{where}: cannot be read ({reason}): the download is incomplete. Download the file again"
        ) from None
    pixels = _stack(bands, spec, where)
    label = parse_label(raw_label, spec, where)
    if spec.label_kind is LabelKind.SEGMENTATION and label.shape != pixels.shape[1:]:
        raise UserError(f"{where}: its mask has {_size(label)} pixels, its image {_size(pixels)}; they must agree")
    return Sample(path.stem, pixels, label, dates)


def _read_attributes(file: h5py.File, where: str) -> dict[Any, Any]:
    """GEO-Bench stores the text of a bytes literal that is a pickle."""
    text = file.attrs.get("pickle")
    if not isinstance(text, str):
        raise UserError(f"{where}: has no description (HDF5 attribute `pickle`). Download the file again")
    try:
        data = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        data = None
    attributes = safe_unpickle(data, where) if isinstance(data, bytes) else None
    if not isinstance(attributes, dict):
        raise UserError(f"{where}: its description (HDF5 attribute `pickle`) is damaged. Download the file again")
    return attributes


def _choose(
    attributes: dict[Any, Any], file: h5py.File, spec: TaskSpec, where: str
) -> tuple[list[str], str | None, tuple[datetime.date, ...]]:
    """The file's key of each band of the specification, the key of the label if that is a mask, and all dates."""
    order = attributes["bands_order"] if "bands_order" in attributes else list(file)
    if not isinstance(order, list) or not all(isinstance(key, str) for key in order):
        raise UserError(f"{where}: its order of bands is damaged. Download the file again")
    labels = [key for key in order if key == "label" or key.startswith("label_")]
    if len(labels) > 1:
        raise UserError(f"{where}: holds {len(labels)} masks; one label is wanted")
    found: dict[tuple[str, datetime.date | None], str] = {}
    for key in order:
        if key not in labels:
            found[_read_name_and_date(attributes, key, where)] = key
    dates = sorted({date for _, date in found if date is not None}, key=datetime.date.isoformat)
    wanted = [band.name for band in spec.bands]
    missing: list[str] = []
    for date in (*reversed(dates), None):
        chosen = [found.get((name, date), found.get((name, None))) for name in wanted]
        missing = [name for name, key in zip(wanted, chosen, strict=True) if key is None]
        if not missing:
            return [key for key in chosen if key is not None], labels[0] if labels else None, tuple(dates)
    on_one_date = " on any one date" if len(dates) > 1 else ""
    raise UserError(f"{where}: has no band {', '.join(missing)}{on_one_date}, which task_specs.pkl lists")


def _read_name_and_date(attributes: dict[Any, Any], key: str, where: str) -> tuple[str, datetime.date | None]:
    described = attributes.get(key)
    info = described.get("band_info") if isinstance(described, dict) else None
    name = info.fields.get("name") if isinstance(info, Record) else None
    date = described.get("date") if isinstance(described, dict) else None
    if not isinstance(name, str) or not (date is None or isinstance(date, datetime.date)):
        raise UserError(f"{where}: its description of {key!r} is damaged. Download the file again")
    return name, date


def _read_band(file: h5py.File, key: str, where: str) -> np.ndarray:
    """One HDF5 dataset; true and false become 1 and 0. The low-level calls halve the time a sample takes."""
    dataset = h5d.open(file.id, key.encode())
    dtype, shape = dataset.dtype, dataset.shape
    if dtype.kind not in "iufb" or len(shape) != 2 or not 0 < shape[0] * shape[1] <= _MAX_PIXELS:
        raise UserError(f"{where}: {key} has shape {shape} and type {dtype}; numbers in two dimensions are wanted")
    values = np.empty(shape, dtype.newbyteorder("="))
    dataset.read(h5s.ALL, h5s.ALL, values)
    return values.astype(np.uint8) if dtype.kind == "b" else values


def _stack(bands: list[np.ndarray], spec: TaskSpec, where: str) -> np.ndarray:
    if all(band.shape == bands[0].shape for band in bands):
        return np.stack(bands)  # (C, H, W)
    height, width = max(band.shape[0] for band in bands), max(band.shape[1] for band in bands)
    resampled = []
    for band, described in zip(bands, spec.bands, strict=True):
        if height * band.shape[1] != width * band.shape[0]:
            raise UserError(
                f"{where}: band {described.name} has {_size(band)} pixels, which cannot fill {height} x {width} "
                "without distortion"
            )
        # GEO-Bench's package resamples with a third axis; without it the last digit can differ.
        factors = (height / band.shape[0], width / band.shape[1], 1)
        same = band.shape == (height, width)
        resampled.append(band if same else zoom(band[..., None], factors, order=_SPLINE_ORDER)[..., 0])
    return np.stack(resampled)


def _size(array: np.ndarray) -> str:
    return " x ".join(str(side) for side in array.shape[-2:])
