"""Features of pixels: a backbone's feature pyramid, extracted once per checkpoint, dataset and preprocessing.

Every partition, seed and protocol reads the same files, memory-mapped. A value takes two bytes, so an image of S x S
pixels takes 2 * sum(D_i * (S / s_i)^2) bytes: for ConvNeXt V2 atto (40, 80, 160, 320 channels) 0.61 MB at 64 px with
8 px patches (strides 1, 2, 4, 8), 0.15 MB with 16 px patches, 2.5 MB at 256 px with those.

Half precision keeps 11 bits, enough once a channel is centred and of unit variance; which is why maps are stored so,
by the statistics of the first batch. A linear model cannot tell: it is standardised by train anyway.
"""

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from torch import Tensor

from baselines.contract import Features, Level
from baselines.meter import InputMeter, NetworkInput
from harness.errors import UserError

HALF = np.dtype(np.float16)


@dataclass(frozen=True, eq=False, kw_only=True)
class PixelFeatures:
    """The feature pyramids of a whole dataset, in storage order."""

    maps: tuple[np.ndarray, ...]
    """Per level (N, h_i, w_i, D_i) float16, finest first; read-only memory maps. Channels come last, so that what a
    pixel needs lies together. They reach beyond the image's border where it was padded."""
    strides: tuple[int, ...]
    """Pixels per cell of each level, of images at the size they entered the network."""
    network_input: NetworkInput


def cached_pixel_features(
    cache_dir: Path, key: str, n_rows: int, extract: Callable[[InputMeter], tuple[Sequence[Level], Iterator[Features]]]
) -> PixelFeatures:
    """The pyramids from the cache, or embedded and stored together with what entered the network.

    The folder is written under a temporary name and renamed, so processes that do the same at the same time do the
    work twice but never read half a folder.

    Args:
        n_rows: images of the dataset.
        extract: gives the pyramid a backbone promises, and the features of all images, batch by batch; the meter it
            gets must have seen every image by then.
    Raises:
        UserError: the cache directory cannot be written or lacks the room, which is checked before the work is done;
            or features that are not finite.
    """
    directory = cache_dir / "pixel_features" / key
    stored = _read(directory, n_rows)
    if stored is not None:
        return stored
    meter = InputMeter()
    pyramid, batches = extract(meter)
    try:
        _store(directory, n_rows, tuple(level.stride for level in pyramid), batches, meter)
    except OSError as error:
        raise UserError(
            f"{directory.parent}: cannot store features of pixels: {error}. Pass --cache-dir DIR with room to write"
        ) from error
    stored = _read(directory, n_rows)
    if stored is None:
        raise UserError(f"{directory}: was written and cannot be read back. Pass --cache-dir DIR on another disk")
    return stored


def _read(directory: Path, n_rows: int) -> PixelFeatures | None:
    """None if there are none or they are damaged (they are then extracted again)."""
    try:
        strides = tuple(json.loads((directory / "strides.json").read_bytes()))
        network_input = NetworkInput.from_json(json.loads((directory / "network_input.json").read_bytes()))
        maps = [
            np.asarray(np.load(directory / _file_name(stride), mmap_mode="r", allow_pickle=False)) for stride in strides
        ]
    except (OSError, ValueError, EOFError, TypeError, KeyError):
        return None
    sound = all(level.ndim == 4 and level.dtype == HALF and len(level) == n_rows for level in maps)
    return PixelFeatures(maps=tuple(maps), strides=strides, network_input=network_input) if sound else None


def _file_name(stride: int) -> str:
    return f"stride_{stride}.npy"


def _store(
    directory: Path, n_rows: int, strides: tuple[int, ...], batches: Iterator[Features], meter: InputMeter
) -> None:
    directory.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(dir=directory.parent, suffix=".partial"))
    try:
        (partial / "strides.json").write_text(json.dumps(strides))
        _write_levels(partial, n_rows, strides, batches)
        (partial / "network_input.json").write_text(json.dumps(asdict(meter.result())))
        if directory.exists():  # damaged, or another process was faster: either way ours is whole
            shutil.rmtree(directory)
        partial.rename(directory)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _write_levels(directory: Path, n_rows: int, strides: tuple[int, ...], batches: Iterator[Features]) -> None:
    units: list[tuple[Tensor, Tensor]] = []
    with ExitStack() as stack:
        # Plain writing rather than through memory maps, where a full disk would kill the process.
        files = [stack.enter_context((directory / _file_name(stride)).open("wb")) for stride in strides]
        for features in batches:
            if not units:
                units = [_channel_units(level) for level in features.maps]
                shapes = [(n_rows, *level.shape[2:], level.shape[1]) for level in features.maps]
                _check_room(directory, shapes)
                for file, shape in zip(files, shapes, strict=True):
                    _write_header(file, shape)
            for file, stride, level, (mean, scale) in zip(files, strides, features.maps, units, strict=True):
                half = ((level - mean) * scale).to(torch.float16)
                if not torch.isfinite(half).all():
                    raise UserError(
                        f"the feature map at stride {stride} has values that are not finite or 65,504 standard "
                        "deviations from their mean. Look for broken weights"
                    )
                file.write(half.permute(0, 2, 3, 1).contiguous().cpu().numpy().data)


def _channel_units(level: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and inverse standard deviation per channel of a (B, D, h, w) batch, each (D, 1, 1); constant ones keep 1."""
    std, mean = torch.std_mean(level.double(), dim=(0, 2, 3), correction=0)
    scale = torch.where(std > 0, 1.0 / std, 1.0)
    return mean.float()[:, None, None], scale.float()[:, None, None]


def _check_room(directory: Path, shapes: Sequence[tuple[int, ...]]) -> None:
    wanted = sum(int(np.prod(shape)) for shape in shapes) * HALF.itemsize
    free = shutil.disk_usage(directory).free
    if wanted > free:
        raise UserError(
            f"{directory.parent}: features of pixels take {wanted / 1e9:.1f} GB ({wanted / shapes[0][0] / 1e6:.1f} MB "
            f"an image), {free / 1e9:.1f} GB are free. Pass --cache-dir DIR on a larger disk"
        )


def _write_header(file: BinaryIO, shape: tuple[int, ...]) -> None:
    np.lib.format.write_array_header_2_0(
        file, {"descr": np.lib.format.dtype_to_descr(HALF), "fortran_order": False, "shape": shape}
    )
