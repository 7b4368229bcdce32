"""One sample from its tortilla: images as one array, the label, and the place."""

import math
import re
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from scipy.ndimage import zoom

from harness.data.description import DatasetSpec, Sample
from harness.data.no_data.marking import mark_no_data, resample_data
from harness.data.sources.geobench2.rasters import read_raster
from harness.data.sources.geobench2.table import Entry, Image
from harness.data.sources.geobench2.tortilla import TORTILLA, Item, read_index, read_item
from harness.errors import UserError
from harness.records.labels import IGNORED, UNLABELLED, LabelKind
from harness.records.measured import is_measured
from harness.tasks import parse_label

_POINT = re.compile(r"POINT ?\((\S+) (\S+)\)")
_AGAIN = "Download the file again"


def read_sample(file: Path, row: Item, entry: Entry, spec: DatasetSpec, where: str) -> Sample:
    """Read a sample. Images of other sizes than the mask, or than the largest of them, are resampled linearly to it.

    Args:
        row: of the index of the file.
    Raises:
        UserError: something is missing, damaged or of the wrong kind; begins with `where`.
    """
    items = read_index(file, where, row) if row.format == TORTILLA else [row]
    said = items[0].columns if items else {}  # the index of the whole may call classes otherwise
    images = [_read_image(file, items, image, where) for image in entry.images]
    if isinstance(entry.label, str):
        raw = _read_column(said.get(entry.label), entry, spec.label_kind, where)
        size = max(image.shape[1:] for image in images if image is not None)
    else:
        raw = _read_mask(file, items, entry.label, entry.codes, where)
        size = raw.shape
    label = parse_label(raw, spec.label_kind, spec.n_classes, where)
    pixels = np.concatenate(
        [_resample(image, described, size) for image, described in zip(images, entry.images, strict=True)]
    )
    if entry.valid is not None:
        valid = _read(file, items, entry.valid, where)[0] != 0
        pixels = np.where(valid, pixels, np.float32(np.nan))
    return Sample(row.id, pixels, label, place=_read_place(said))


def _read_image(file: Path, items: Sequence[Item], image: Image, where: str) -> np.ndarray | None:
    """(C, H, W) of the channels that are not left out; None: an image that this sample is without."""
    if image.optional and _find(items, image.item) is None:
        return None
    pixels = _read(file, items, image.item, where)
    if len(pixels) != len(image.bands):
        raise UserError(f"{where}: {image.item!r} has {len(pixels)} channels; {len(image.bands)} are wanted. {_AGAIN}")
    return pixels[[band is not None for band in image.bands]]


def _read(file: Path, items: Sequence[Item], key: int | str, where: str) -> np.ndarray:
    item = _find(items, key)
    if item is None:
        raise UserError(f"{where}: has no file {key!r} among its {len(items)}. {_AGAIN}")
    where = f"{where}, {item.id}"
    return read_raster(read_item(file, item, where), item.format, where)


def _find(items: Sequence[Item], key: int | str) -> Item | None:
    if isinstance(key, str):
        return next((item for item in items if key in (item.id, item.columns.get("modality"))), None)
    return items[key] if -len(items) <= key < len(items) else None


def _read_column(raw: Any, entry: Entry, kind: LabelKind, where: str) -> Any:
    """A label as `parse_label` wants it, of names of classes or their numbers."""
    named = raw if isinstance(raw, list) else [raw]
    unknown = [name for name in named if isinstance(name, str) and name not in entry.classes]
    if unknown:
        raise UserError(f"{where}: its label {unknown[0][:50]!r} is none of the {len(entry.classes)} classes. {_AGAIN}")
    indices = [entry.classes.index(name) if isinstance(name, str) else name for name in named]
    if kind is LabelKind.MULTI_LABEL and isinstance(raw, list):
        return [int(index in indices) for index in range(len(entry.classes))]
    return raw if isinstance(raw, list) else indices[0]


def _read_mask(file: Path, items: Sequence[Item], key: int, codes: Sequence[int], where: str) -> np.ndarray:
    """(H, W) of its first channel, in classes."""
    mask = _read(file, items, key, where)[0]
    if not codes:
        return mask
    labelled = is_measured(mask) & ~np.isin(mask, UNLABELLED)
    found = mask[labelled]
    if found.size and not (found.min() >= 0 and found.max() < len(codes)):
        raise UserError(
            f"{where}: its mask has values from {found.min()} to {found.max()}; 0 to {len(codes) - 1} are known"
        )
    classes = np.full(mask.shape, IGNORED)
    classes[labelled] = np.array(codes)[found.astype(np.intp)]
    return classes


def _resample(image: np.ndarray | None, described: Image, size: tuple[int, ...]) -> np.ndarray:
    if image is None:
        n_bands = sum(band is not None for band in described.bands)
        return np.full((n_bands, *size), np.nan, np.float32)
    if image.shape[1:] == size:
        return image
    factors = tuple(wanted / found for wanted, found in zip(size, image.shape[1:], strict=True))
    marked = mark_no_data(image, [band for band in described.bands if band is not None])  # not to be mixed with data
    return np.stack([resample_data(band, partial(_zoom, factors=factors)) for band in marked])


def _zoom(band: np.ndarray, factors: tuple[float, ...]) -> np.ndarray:
    return zoom(band, factors, order=1, mode="nearest", grid_mode=True)


def _read_place(columns: Mapping[str, Any]) -> tuple[float, float] | None:
    """Longitude and latitude, of their own columns or of a point in well-known text; None: neither says it."""
    place: Sequence[Any] = [columns.get("lon"), columns.get("lat")]
    if None in place and (point := _POINT.fullmatch(str(columns.get("stac:centroid")))):
        place = point.groups()
    try:
        longitude, latitude = (float(degrees) for degrees in place)
    except (TypeError, ValueError):
        return None
    return (longitude, latitude) if math.isfinite(longitude) and math.isfinite(latitude) else None
