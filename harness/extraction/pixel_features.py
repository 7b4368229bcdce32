"""Features of pixels: a backbone's feature pyramid, extracted once per checkpoint, dataset and preprocessing.

Every partition, seed and protocol reads the same files, memory-mapped. A value takes two bytes, so an image of S x S
pixels takes 2 * sum(D_i * (S / s_i)^2) bytes: for ConvNeXt V2 atto (40, 80, 160, 320 channels) 0.61 MB at 64 px with
8 px patches (strides 1, 2, 4, 8), 0.15 MB with 16 px patches, 2.5 MB at 256 px with those.
"""

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from baselines.contract import Features, Level
from baselines.meter import InputMeter, NetworkInput
from harness.errors import UserError
from harness.extraction.half_precision import HALF, HalfWriter
from harness.extraction.image_features import read_making
from harness.records.progress import Progress
from harness.store.arrays import StoredArray
from harness.store.damage import DamagedError
from harness.store.entry import Entry, EntryWriter, open_entry
from harness.store.kinds import Place


@dataclass(frozen=True, eq=False, kw_only=True)
class PixelFeatures:
    """The feature pyramids of a whole dataset, in the order of its arrays, and what they were made from and by."""

    maps: tuple[StoredArray, ...]
    """Per level (N, h_i, w_i, D_i) float16, finest first; checked as they are read. Channels come last, so that what a
    pixel needs lies together. They reach beyond the image's border where it was padded."""
    units: tuple[np.ndarray, ...]
    """Per level (2, D_i) float32: what its channels were centred and scaled by. A linear model does not see it, unless
    it reads maps of two extractions (`half_precision.convert`)."""
    strides: tuple[int, ...]
    """Pixels per cell of each level, of images at the size they entered the network."""
    network_input: NetworkInput
    extraction: Mapping[str, Any]
    """What extracted them (`describe_extraction`)."""


def cached_pixel_features(
    place: Place,
    n_rows: int,
    extract: Callable[[InputMeter], tuple[Sequence[Level], Iterator[Features]]],
    extraction: Mapping[str, Any],
    progress: Progress,
) -> PixelFeatures:
    """The pyramids from the cache, or embedded and stored together with what entered the network.

    Args:
        n_rows: images of the dataset.
        extract: gives the pyramid a backbone promises, and the features of all images, batch by batch; the meter it
            gets must have seen every image by then.
        extraction: what extracts them if that has to be done.
    Raises:
        UserError: the cache directory cannot be written or lacks the room, which is checked before the work is done;
            or features that are not finite.
    """

    def make(writer: EntryWriter) -> Mapping[str, Any]:
        meter = InputMeter()
        pyramid, batches = extract(meter)
        strides = [level.stride for level in pyramid]
        _write_levels(writer, n_rows, strides, batches)
        return {"strides": strides, "network_input": asdict(meter.result()), "extraction": extraction}

    return open_entry(place, lambda entry: _read(entry, n_rows), make, progress)


def _read(entry: Entry, n_rows: int) -> PixelFeatures:
    """DamagedError for anything else than pyramids of so many images."""
    strides = entry.facts.get("strides")
    if not isinstance(strides, list) or not strides:
        raise DamagedError("the strides of its levels are not known")
    maps = tuple(entry.array(_file_name(stride)) for stride in strides)
    for level in maps:
        if level.ndim != 4 or level.dtype != HALF or len(level) != n_rows:
            raise DamagedError(f"a level is {level.dtype} {level.shape}; float16 maps of {n_rows} images are wanted")
    units = tuple(entry.array(_units_name(stride))[:] for stride in strides)
    if any(of_level.shape != (2, level.shape[-1]) for of_level, level in zip(units, maps, strict=True)):
        raise DamagedError("the units of its levels are not those of its channels")
    return PixelFeatures(maps=maps, units=units, strides=tuple(strides), **read_making(entry, n_rows))


def _file_name(stride: int) -> str:
    return f"stride_{stride}.npy"


def _units_name(stride: int) -> str:
    return f"units_{stride}.npy"


def _write_levels(writer: EntryWriter, n_rows: int, strides: Sequence[int], batches: Iterator[Features]) -> None:
    levels: list[HalfWriter] = []
    with ExitStack() as stack:
        for features in batches:
            if not levels:
                shapes = [(n_rows, *level.shape[2:], level.shape[1]) for level in features.maps]
                _have_room(writer, shapes)
                for stride, shape in zip(strides, shapes, strict=True):
                    array = stack.enter_context(writer.array(_file_name(stride), shape, HALF))
                    levels.append(HalfWriter(array, stride))
            for level, maps in zip(levels, features.maps, strict=True):
                level.append(maps)
    for stride, level in zip(strides, levels, strict=True):
        writer.write(_units_name(stride), level.units)


def _have_room(writer: EntryWriter, shapes: Sequence[tuple[int, ...]]) -> None:
    """Room for all levels at once: two commands that each got some of theirs would wait for each other."""
    wanted = sum(int(np.prod(shape)) for shape in shapes) * HALF.itemsize
    writer.room.claim(wanted + sum(2 * np.dtype(np.float32).itemsize * shape[-1] for shape in shapes))  # with units
    free = shutil.disk_usage(writer.directory).free
    if wanted > free:
        raise UserError(
            f"{writer.directory.parent}: features of pixels take {wanted / 1e9:.1f} GB "
            f"({wanted / shapes[0][0] / 1e6:.1f} MB an image), {free / 1e9:.1f} GB are free. "
            "Pass --cache-dir DIR on a larger disk"
        )
