"""Features: extracted once per checkpoint, dataset and preprocessing, reused by every partition, seed and protocol."""

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch

from baselines.contract import Backbone, Features
from baselines.inputs import Normalisation
from harness.data.cache import ArrayCache
from harness.errors import UserError
from harness.progress import Progress

PIXELS_PER_BATCH = 2**20
"""Pixels per forward pass: 256 images of 64 px, 9 of 332 px. Keeps memory level whatever the image size."""


def cached_features(cache_dir: Path, key: str, n_rows: int, extract: Callable[[], np.ndarray]) -> np.ndarray:
    """(N, D) float32 features from the cache, or extracted and stored.

    The file is written under a temporary name and renamed, so processes that extract the same features at the same time
    do the work twice but never read half a file.

    Raises:
        UserError: the cache directory cannot be written.
    """
    path = cache_dir / "features" / f"{key}.npy"
    stored = _read(path, n_rows)
    if stored is not None:
        return stored
    features = extract()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
        try:
            with os.fdopen(handle, "wb") as file:
                np.save(file, features)
            os.replace(temporary, path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise UserError(
            f"{path.parent}: cannot store features: {error}. Pass --cache-dir DIR with room to write"
        ) from error
    return features


def _read(path: Path, n_rows: int) -> np.ndarray | None:
    """The stored features, or None if there are none or they are damaged (they are then extracted again)."""
    try:
        features = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return features if features.ndim == 2 and len(features) == n_rows else None


def pooled(batches: Iterator[Features]) -> np.ndarray:
    """The vectors of all batches: (N, D) float32."""
    return torch.cat([features.vector.float().cpu() for features in batches]).numpy()


def read_bands(arrays: ArrayCache, rows: slice | np.ndarray, channels: Sequence[int | None]) -> np.ndarray:
    """(B, C, H, W) float32, the caller's own: for each band the stored channel that supplies it; None: zeros."""
    stored = [channel for channel in channels if channel is not None]
    raw = arrays.read(rows, stored).astype(np.float32, copy=False)
    if len(stored) == len(channels):
        return raw
    pixels = np.zeros((len(raw), len(channels), *raw.shape[2:]), np.float32)
    pixels[:, [i for i, channel in enumerate(channels) if channel is not None]] = raw
    return pixels


def stored_channels(arrays: ArrayCache, sources: Sequence[str | None]) -> tuple[int | None, ...]:
    """The stored channel of each band's source."""
    return tuple(None if source is None else arrays.bands.index(source) for source in sources)


def embed_images(
    backbone: Backbone,
    arrays: ArrayCache,
    channels: tuple[int | None, ...],
    mean: np.ndarray,
    std: np.ndarray,
    device: str,
    progress: Progress,
) -> Iterator[Features]:
    """Features of every image of a dataset, batch by batch in storage order, on `device`.

    Args:
        channels: for each band of the backbone the stored channel that supplies it; None: zeros.
        mean, std: (C,) float32 per band of the backbone, in the unit of the stored pixels.
        device: torch device that runs the backbone.
    """
    target = torch.device(device)
    backbone = backbone.to(target).eval()
    normalisation = Normalisation(torch.from_numpy(mean), torch.from_numpy(std)).to(target)
    n, _, height, width = arrays.pixels.shape
    batch = max(1, min(256, PIXELS_PER_BATCH // (height * width)))
    with progress.step("embedding images", n) as step:
        for start in range(0, n, batch):
            pixels = read_bands(arrays, slice(start, min(start + batch, n)), channels)
            with torch.inference_mode():  # not around the loop: it would leak to whoever consumes the batches
                features = backbone(torch.from_numpy(pixels).to(target), normalisation)
            yield features
            step.advance(len(pixels))
