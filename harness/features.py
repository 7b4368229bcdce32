"""Features: extracted once per checkpoint, dataset and preprocessing, reused by every partition, seed and protocol."""

import io
import json
import math
import os
import tempfile
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch

from baselines.contract import Backbone, Features
from baselines.inputs import Preparation
from baselines.meter import InputMeter, NetworkInput
from harness.data.cache import ArrayCache
from harness.errors import UserError
from harness.progress import Progress

Value = TypeVar("Value")

PIXELS_PER_BATCH = {"cuda": 2**20, "cpu": 2**15}
"""Pixels per forward pass: on a GPU 256 images of 64 px, 9 of 332 px. Keeps memory level whatever the image size. On a
CPU 8 and 1: what layers hand on to each other then stays in its caches, and embedding takes a third of the time."""


@dataclass(frozen=True, eq=False, kw_only=True)
class ImageFeatures:
    """The features of a whole dataset, in storage order, and what they were made from."""

    vectors: np.ndarray
    """(N, D) float32."""
    network_input: NetworkInput


def cached_features(
    cache_dir: Path, key: str, n_rows: int, extract: Callable[[InputMeter], np.ndarray]
) -> ImageFeatures:
    """Features from the cache, or extracted and stored together with what entered the network.

    Files are written under a temporary name and renamed, so processes that extract the same features at the same time
    do the work twice but never read half a file.

    Args:
        extract: gives (N, D) float32; the meter it gets must see every image.
    Raises:
        UserError: the cache directory cannot be written.
    """
    path = cache_dir / "features" / f"{key}.npy"
    stored = _read(path, n_rows)
    if stored is not None:
        return stored
    meter = InputMeter()
    vectors = extract(meter)
    network_input = meter.result()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # The features come last: whoever finds them finds the rest.
        _write(path.with_suffix(".json"), json.dumps(asdict(network_input)).encode())
        _write(path, _npy(vectors))
    except OSError as error:
        raise UserError(
            f"{path.parent}: cannot store features: {error}. Pass --cache-dir DIR with room to write"
        ) from error
    return ImageFeatures(vectors=vectors, network_input=network_input)


def _write(path: Path, content: bytes | memoryview) -> None:
    handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _npy(array: np.ndarray) -> memoryview:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getbuffer()


def _read(path: Path, n_rows: int) -> ImageFeatures | None:
    """What is stored, or None if that is nothing or damaged (features are then extracted again)."""
    try:
        vectors = np.load(path, mmap_mode="r", allow_pickle=False)
        network_input = NetworkInput.from_json(json.loads(path.with_suffix(".json").read_bytes()))
    except (OSError, ValueError, EOFError, TypeError, KeyError):
        return None
    sound = vectors.ndim == 2 and len(vectors) == n_rows
    return ImageFeatures(vectors=vectors, network_input=network_input) if sound else None


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
    preparation: Preparation,
    device: str,
    meter: InputMeter,
    progress: Progress,
) -> Iterator[Features]:
    """Features of every image of a dataset, batch by batch in storage order, on `device`.

    Args:
        channels: for each band of the backbone the stored channel that supplies it; None: zeros.
        preparation: of the stored pixels.
        device: torch device that runs the backbone.
        meter: gets to see what enters its network.
    """
    target = torch.device(device)
    backbone = backbone.to(target).eval()
    preparation = preparation.to(target)
    n, _, *native = arrays.pixels.shape
    largest = max(math.prod(native), math.prod(preparation.size_px or native))
    batch = max(1, min(256, PIXELS_PER_BATCH["cpu" if target.type == "cpu" else "cuda"] // largest))

    def embed(start: int) -> tuple[int, Features]:
        pixels = read_bands(arrays, slice(start, min(start + batch, n)), channels)
        with torch.inference_mode():
            return len(pixels), backbone(torch.from_numpy(pixels).to(target), preparation)

    threads = torch.get_num_threads() if target.type == "cpu" else 1
    with progress.step("embedding images", n) as step, meter.watching(backbone):
        for count, features in _ordered(embed, range(0, n, batch), threads):
            yield features
            step.advance(count)


def _ordered(work: Callable[[int], Value], items: Sequence[int], threads: int) -> Iterator[Value]:
    """The results of all items, in order.

    Each thread computes on its own: one that shares every small operation with others mostly waits for them, and its
    results would depend on their number. The first item comes alone, so that whatever it sets up is always its own.
    """
    if threads == 1:
        yield from map(work, items)
        return
    ahead: deque[Future[Value]] = deque()
    try:
        with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            for i, item in enumerate(items):
                ahead.append(pool.submit(work, item))
                if i == 0 or len(ahead) > 2 * threads:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
    finally:
        torch.set_num_threads(threads)  # new threads would start with 1
