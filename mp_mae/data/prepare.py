"""Raw rows to model input and targets, with torch on any device: crop, mark what is missing, standardise."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from mp_mae.data.crops import ORIENTATIONS, Crops
from mp_mae.data.files import MMEarthFiles
from mp_mae.devices.transfer import to_device
from mp_mae.modalities import Kind, Modality

_SIGNED = {torch.uint16: torch.int16, torch.uint32: torch.int32, torch.uint64: torch.int64}
"""Torch moves and converts these unsigned types but hardly computes with them: same bits, signed."""


@dataclass(frozen=True, eq=False)
class _ModalityTables:
    """What is looked up to turn one modality's raw rows into its target, as tensors on the device."""

    modality: Modality
    channels: Tensor
    """(C,) int64: stored channels in use."""
    mean: Tensor
    """(levels, C) float32; one level but for Sentinel-2; (1, 0) for classes."""
    std: Tensor
    class_of: Tensor
    """Pixel classes: class index by stored value + 1, first and last entry for all values outside; -1 = missing."""


@dataclass(frozen=True, eq=False)
class DatasetTables:
    """Everything `prepare` looks up about a dataset, on one device."""

    input: _ModalityTables
    targets: tuple[_ModalityTables, ...]
    crop: int
    """Side in pixels."""

    @staticmethod
    def of(files: MMEarthFiles, crop: int, device: torch.device) -> "DatasetTables":
        def tables_of(modality: Modality) -> _ModalityTables:
            statistics = files.statistics.get(modality.name)
            nothing = np.empty((1, 0), np.float32)
            mean, std = (statistics.mean, statistics.std) if statistics else (nothing, nothing)
            channels = [modality.stored.index(band) for band in modality.bands if band in modality.stored]
            return _ModalityTables(
                modality,
                torch.tensor(channels, dtype=torch.int64, device=device),
                torch.from_numpy(mean).to(device),
                torch.from_numpy(std).to(device),
                _class_table(modality).to(device),
            )

        return DatasetTables(tables_of(files.input), tuple(tables_of(modality) for modality in files.modalities), crop)


@dataclass(frozen=True, eq=False)
class Batch:
    """One micro-batch, ready for the model, on the device."""

    input: Tensor
    """(B, C, H, W) float32 standardised Sentinel-2, missing = 0."""
    targets: dict[str, Tensor]
    """By modality name, in the table's order; shape, dtype and missing value as its `Kind` says."""
    rows: np.ndarray
    """(B,) int64 rows of the file."""


def prepare(
    raw: Mapping[str, Tensor], levels: Tensor, crops: Crops, tables: DatasetTables
) -> tuple[Tensor, dict[str, Tensor]]:
    """Model input and targets of B tiles.

    No-data codes, NaN, infinities and class codes that the table does not list are missing; a one-hot row that is not
    exactly one 1 among zeros has no class. `raw` is left as it is.

    Args:
        raw: (B, *row) by HDF5 name, in the stored type, on the device of `tables`.
        levels: (B,) int64 index into LEVELS, on the device: chooses the statistics of Sentinel-2.
        crops: of the B tiles.
    Returns:
        input (B, C, crop, crop) float32 with 0 for missing, and targets by modality name as `Kind` documents them.
    """
    window = _Window(crops, tables.crop, levels.device)
    pixels = _pixel_regression(raw["sentinel2"], tables.input, window, levels)
    targets = {
        target.modality.name: pixels
        if target.modality.name == "sentinel2"
        else _BY_KIND[target.modality.kind](raw[target.modality.name], target, window, levels)
        for target in tables.targets
    }
    return torch.nan_to_num(pixels, nan=0.0), targets


class _Window:
    """The part that is cut out of every pixel modality of a batch, turned one way in all of them."""

    def __init__(self, crops: Crops, side: int, device: torch.device) -> None:
        self.side = side
        self.tiles = torch.arange(len(crops.top), device=device)[:, None]
        self.top = to_device(torch.from_numpy(crops.top), device)[:, None]
        self.left = to_device(torch.from_numpy(crops.left), device)[:, None]
        self.turned = [
            (code, to_device(torch.from_numpy(np.flatnonzero(crops.orientation == code)), device))
            for code in range(1, ORIENTATIONS)
            if (crops.orientation == code).any()
        ]

    def cut(self, images: Tensor, channels: Tensor) -> Tensor:
        """The window of (B, stored channels, S, S), as a copy (B, C, side, side) in the same dtype."""
        signed = images.view(_SIGNED.get(images.dtype, images.dtype))
        places = signed.unfold(2, self.side, 1).unfold(3, self.side, 1)  # (B, stored, rows, columns, side, side)
        cut = places[self.tiles, channels, self.top, self.left]
        for code, tiles in self.turned:
            cut[tiles] = _turn(cut[tiles], code)
        return cut.view(images.dtype)


def _turn(images: Tensor, orientation: int) -> Tensor:
    flipped = images.flip([axis for bit, axis in ((1, -2), (2, -1)) if orientation & bit])
    return flipped.transpose(-2, -1) if orientation & 4 else flipped


def _pixel_regression(raw: Tensor, target: _ModalityTables, window: _Window, levels: Tensor) -> Tensor:
    """The target (B, C, side, side) float32, NaN = missing."""
    return _standardise(window.cut(raw, target.channels), target, levels, (1, 1))


def _image_regression(raw: Tensor, target: _ModalityTables, window: _Window, levels: Tensor) -> Tensor:
    """The target (B, C) float32, NaN = missing."""
    return _standardise(raw[:, target.channels], target, levels, ())


def _standardise(chosen: Tensor, target: _ModalityTables, levels: Tensor, spatial: tuple[int, ...]) -> Tensor:
    """A copy of raw values (B, C, ...) as float32 (x - mean) / std, NaN = missing. May overwrite `chosen`."""
    values = chosen.to(torch.float32)  # exact for all codes
    missing = None
    for code in _codes(target.modality, chosen.dtype):
        found = values == code
        missing = found if missing is None else missing.logical_or_(found)
    mean, std = (
        (statistic[levels] if len(statistic) > 1 else statistic).unflatten(1, (-1, *spatial))
        for statistic in (target.mean, target.std)
    )
    values.sub_(mean).div_(std)
    if chosen.dtype.is_floating_point:
        values.nan_to_num_(nan=torch.nan, posinf=torch.nan, neginf=torch.nan)
    return values if missing is None else values.masked_fill_(missing, torch.nan)


def _codes(modality: Modality, dtype: torch.dtype) -> list[float]:
    """Stored values that mean missing and that the dtype can hold.

    In signed integers the smallest value is one: HDF5 stores minus infinity as that.
    """
    if dtype.is_floating_point:
        return list(modality.no_data)
    limits = torch.iinfo(dtype)
    smallest = [float(limits.min)] if limits.min < 0 else []
    return sorted({*smallest, *(code for code in modality.no_data if limits.min <= code <= limits.max)})


def _class_table(modality: Modality) -> Tensor:
    table = torch.full((max(modality.codes, default=0) + 3,), -1)
    table[torch.tensor(modality.codes, dtype=torch.int64) + 1] = torch.arange(len(modality.codes))
    return table


def _pixel_class(raw: Tensor, target: _ModalityTables, window: _Window, levels: Tensor) -> Tensor:
    """The target (B, side, side) int64, -1 = missing."""
    codes = window.cut(raw, target.channels)[:, 0].to(torch.int32)
    return target.class_of[codes.clamp_(-1, len(target.class_of) - 2).add_(1)]


def _image_class(raw: Tensor, target: _ModalityTables, window: _Window, levels: Tensor) -> Tensor:
    """The target (B,) int64, -1 = missing."""
    row = raw.view(_SIGNED.get(raw.dtype, raw.dtype))
    is_one = row == 1
    one_hot = is_one.any(1) & ((row != 0).sum(1) == 1)
    return torch.where(one_hot, is_one.to(torch.uint8).argmax(1), -1)


_BY_KIND: dict[Kind, Callable[[Tensor, _ModalityTables, _Window, Tensor], Tensor]] = {
    Kind.PIXEL_REGRESSION: _pixel_regression,
    Kind.PIXEL_CLASS: _pixel_class,
    Kind.IMAGE_REGRESSION: _image_regression,
    Kind.IMAGE_CLASS: _image_class,
}
