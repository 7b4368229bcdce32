"""Extraction: the features of every image of a dataset. `image_features` and `pixel_features` store them."""

import math
from collections import deque
from collections.abc import Callable, Iterator, Sequence, Set
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import numpy as np
import torch

from baselines.contract import Backbone, Features
from baselines.facts import OF_BANDS, UNKNOWN, Circumstances, Fact
from baselines.inputs import Preparation
from baselines.meter import InputMeter
from harness.data.arrays import ArrayCache
from harness.extraction.known_bands import check_values
from harness.extraction.precision import full_precision
from harness.records.progress import Progress

Value = TypeVar("Value")

PIXELS_PER_BATCH = {"cuda": 2**20, "cpu": 2**15}
"""Pixels per forward pass: on a GPU 256 images of 64 px, 9 of 332 px. Keeps memory level whatever the image size. On a
CPU 8 and 1: what layers hand on to each other then stays in its caches, and embedding takes a third of the time."""


def pooled(batches: Iterator[Features]) -> np.ndarray:
    """The vectors of all batches: (N, D) float32."""
    return torch.cat([features.vector.float().cpu() for features in batches]).numpy()


def read_bands(arrays: ArrayCache, rows: np.ndarray, channels: Sequence[int | None]) -> np.ndarray:
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


def read_circumstances(arrays: ArrayCache, rows: np.ndarray, uses: Set[Fact], device: torch.device) -> Circumstances:
    """When and where images were taken, as far as a backbone uses it."""
    if not uses - OF_BANDS:
        return UNKNOWN
    stored = {Fact.DAY: arrays.days, Fact.PLACE: arrays.places}
    return Circumstances(
        **{
            fact.value: torch.from_numpy(values[rows]).to(device)
            for fact, values in stored.items()
            if fact in uses and values is not None
        }
    )


def images_per_batch(device: torch.device, pixels: int) -> int:
    """Images of so many pixels that are embedded at once: 1 to 256."""
    return max(1, min(256, PIXELS_PER_BATCH["cpu" if device.type == "cpu" else "cuda"] // pixels))


def embed_images(
    backbone: Backbone,
    arrays: ArrayCache,
    rows: np.ndarray,
    channels: tuple[int | None, ...],
    preparation: Preparation,
    device: str,
    meter: InputMeter,
    progress: Progress,
) -> Iterator[Features]:
    """Features of images of a dataset, batch by batch in the order of `rows`, on `device`.

    Args:
        rows: (n,) int64 of the arrays.
        channels: for each band of the backbone the stored channel that supplies it; None: zeros.
        preparation: of the stored pixels.
        device: torch device that runs the backbone.
        meter: gets to see what enters its network.
    Raises:
        UserError: pixels have values that their declared unit cannot have.
    """
    target = torch.device(device)
    backbone = backbone.to(target).eval()
    preparation = preparation.to(target)
    n, native = len(rows), arrays.pixels.shape[2:]
    batch = images_per_batch(target, max(math.prod(native), math.prod(preparation.size_px or native)))

    def embed(start: int) -> tuple[int, Features]:
        of_batch = rows[start : start + batch]
        pixels = check_values(read_bands(arrays, of_batch, channels), preparation.bands)
        taken = read_circumstances(arrays, of_batch, backbone.inputs.uses, target)
        with torch.inference_mode():
            return len(pixels), backbone(torch.from_numpy(pixels).to(target), preparation, taken)

    threads = torch.get_num_threads() if target.type == "cpu" else 1
    with full_precision(), progress.step("embedding images", n) as step, meter.watching(backbone):
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
