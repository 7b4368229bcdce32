"""One sample from its HDF5 file: the bands as one array, the label, and the dates."""

import ast
import contextlib
import datetime
import re
from collections.abc import Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from scipy.ndimage import zoom

from harness.data.description import DatasetSpec, Sample, list_names
from harness.data.files.budgets import BANDS, DESCRIPTION_CHARACTERS, NAME_CHARACTERS
from harness.data.files.regular_file import check_regular
from harness.data.no_data.marking import mark_no_data, resample_data
from harness.data.sources.geobench.hdf5_datasets import read_datasets, read_text_attribute
from harness.data.sources.geobench.layouts import Layouts
from harness.data.sources.geobench.pickle_allowlist import Record
from harness.data.sources.geobench.unpickle import safe_unpickle
from harness.errors import UserError
from harness.tasks import TASKS, parse_label

_SPLINE_ORDER = 3
_BYTES_LITERAL = re.compile(r"""b(?:'[^'\\\n]*+(?:\\.[^'\\\n]*+)*+'|"[^"\\\n]*+(?:\\.[^"\\\n]*+)*+")""")
"""One literal and nothing else: a text of the same length that is a list of lists would take gigabytes to parse."""
_SHORT = 2**16
"""Characters of a description up to which it is kept: samples without a place of their own differ in their label."""
_LAYOUTS = Layouts()


def read_sample(path: Path, spec: DatasetSpec) -> Sample:
    """Read a sample with GEO-Bench's semantics.

    A time series gives the most recent date that has every band of the specification; a band without a date belongs to
    every date. Bands smaller than the largest are resampled to it by cubic splines (`scipy.ndimage.zoom`, order 3), as
    GEO-Bench's own package does, so that the arrays are equal to its.

    Whatever the file declares, no other file is read, and no more than `budgets` allow. Of damage that lets the HDF5
    library itself go in circles or crash, `reading` protects.

    Raises:
        UserError: names the file and says what is missing, damaged or of the wrong kind.
    """
    where = f"{spec.dataset}/{path.name}"
    try:
        size = check_regular(path, where)
        attributes, (bands, mask), dates = _read_alike(path, size, spec, where) or _read_checked(path, spec, where)
        pixels = _stack(bands, spec, where)
    except FileNotFoundError:
        raise UserError(f"{where}: is missing, the download is incomplete. Download the dataset again") from None
    except MemoryError:
        raise UserError(f"{where}: takes more memory to read than a sample may. Download the file again") from None
    except (OSError, RuntimeError, KeyError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(
            f"{where}: cannot be read ({reason}): the download is incomplete. Download the file again"
        ) from None
    label = parse_label(attributes.get("label") if mask is None else mask, spec.label_kind, spec.n_classes, where)
    if TASKS[spec.label_kind].per_pixel and label.shape != pixels.shape[1:]:
        raise UserError(f"{where}: its mask has {_size(label)} pixels, its image {_size(pixels)}; they must agree")
    return Sample(path.stem, pixels, label, dates)


_Read = tuple[dict[Any, Any], tuple[list[np.ndarray], np.ndarray | None], tuple[datetime.date, ...]]
"""The description; bands and mask, if the label is one; all dates."""


def _read_alike(path: Path, size: int, spec: DatasetSpec, where: str) -> _Read | None:
    """What is in a file that is laid out as one before; None if it is not."""
    with path.open("rb", buffering=0) as file:
        alike = _LAYOUTS.find(file.fileno(), size)
        text = alike and alike.text()
        if not alike or not text:
            return None
        attributes = _parse(text, where)
        chosen, label_key, dates = _choose(attributes, alike.keys, spec, where)
        if not {*chosen, label_key or chosen[0]}.issubset(alike.keys):
            return None
        bands = [alike.read_band(key) for key in chosen]
        return attributes, (bands, alike.read(label_key) if label_key else None), dates


def _read_checked(path: Path, spec: DatasetSpec, where: str) -> _Read:
    """What is in any file."""
    with h5py.File(path, "r", locking=False) as file:
        text = read_text_attribute(file, "pickle")
        if text is None:
            raise UserError(f"{where}: has no description (HDF5 attribute `pickle`). Download the file again")
        attributes = _parse(text, where)
        chosen, label_key, dates = _choose(attributes, tuple(file), spec, where)
        read = read_datasets(file, chosen, label_key, where)
        _LAYOUTS.learn(path, file, text)
    return attributes, read, dates


def _parse(text: str, where: str) -> dict[Any, Any]:
    """GEO-Bench stores the text of a bytes literal that is a pickle."""
    attributes = None
    if len(text) <= DESCRIPTION_CHARACTERS and _BYTES_LITERAL.fullmatch(text):
        with contextlib.suppress(SyntaxError):  # of an escape, or a character that bytes do not have
            known = _read_once(text) if len(text) <= _SHORT else None
            attributes = known or safe_unpickle(ast.literal_eval(text), where)
    if not isinstance(attributes, dict):
        raise UserError(f"{where}: its description (HDF5 attribute `pickle`) is damaged. Download the file again")
    return attributes


@lru_cache(maxsize=64)
def _read_once(text: str) -> Any:
    """What a description holds that many samples may share; None where something is wrong with it."""
    try:
        return safe_unpickle(ast.literal_eval(text), "")
    except UserError:
        return None


def _choose(
    attributes: dict[Any, Any], keys: Sequence[str], spec: DatasetSpec, where: str
) -> tuple[list[str], str | None, tuple[datetime.date, ...]]:
    """The file's key of each band of the specification, the key of the label if that is a mask, and all dates."""
    order = attributes["bands_order"] if "bands_order" in attributes else list(keys)
    if not isinstance(order, list) or len(order) > BANDS or not all(map(_is_key, order)):
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
    raise UserError(f"{where}: has no band {list_names(missing)}{on_one_date}, which task_specs.pkl lists")


def _is_key(value: Any) -> bool:
    """The name of a band, with a date behind it in a time series."""
    return isinstance(value, str) and len(value) <= 2 * NAME_CHARACTERS


def _read_name_and_date(attributes: dict[Any, Any], key: str, where: str) -> tuple[str, datetime.date | None]:
    described = attributes.get(key)
    info = described.get("band_info") if isinstance(described, dict) else None
    name = info.fields.get("name") if isinstance(info, Record) else None
    date = described.get("date") if isinstance(described, dict) else None
    if not isinstance(name, str) or not (date is None or isinstance(date, datetime.date)):
        raise UserError(f"{where}: its description of {key!r} is damaged. Download the file again")
    return name, date


def _stack(bands: list[np.ndarray], spec: DatasetSpec, where: str) -> np.ndarray:
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
        if band.shape != (height, width):
            (marked,) = mark_no_data(band[None], [described])  # which must not be mixed with data
            band = resample_data(marked, partial(_zoom, factors=factors))  # noqa: PLW2901
        resampled.append(band)
    return np.stack(resampled)


def _zoom(band: np.ndarray, factors: tuple[float, ...]) -> np.ndarray:
    return zoom(band[..., None], factors, order=_SPLINE_ORDER)[..., 0]


def _size(array: np.ndarray) -> str:
    return " x ".join(str(side) for side in array.shape[-2:])
