"""Extraction: the features of every image of a dataset. `image_features` and `pixel_features` store them."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence, Set
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from baselines.contract import Backbone, Features
from baselines.facts import OF_BANDS, UNKNOWN, Circumstances, Fact
from baselines.inputs import Preparation
from baselines.meter import InputMeter
from harness.data.arrays import ArrayCache
from harness.extraction.known_bands import check_values
from harness.extraction.memory import keep_freed_memory
from harness.extraction.precision import full_precision
from harness.records.progress import Progress

Value = TypeVar("Value")

PIXELS_ON_GPU = 2**20
"""Per forward pass on a GPU: 256 images of 64 px, 9 of 332 px. Keeps memory level whatever the image size."""
BYTES_ON_CPU = 40_000_000
"""That tensors of a forward pass on a CPU may take at once: what layers hand on to each other then stays in its caches,
and there are images enough for the way from layer to layer not to count. It is counted and not timed, so that every
machine, however busy, has the same batches: sums of 8 and of 16 images can differ in their last digit."""
MOST_ON_CPU = 64
"""Images per forward pass on a CPU; more is no faster."""


def pooled(batches: Iterator[Features]) -> Iterator[np.ndarray]:
    """The vectors of each batch: (B, D) float32."""
    for features in batches:
        yield features.vector.float().cpu().numpy()


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


def images_per_batch(device: str, pixels: int, image_bytes: int) -> int:
    """Images that are embedded at once: 1 to 256 on a GPU; on a CPU a power of two up to MOST_ON_CPU.

    Args:
        device: torch device.
        pixels: of an image as it is stored or fed, whichever is more.
        image_bytes: that tensors take at once while one image is embedded.
    """
    if torch.device(device).type != "cpu":
        return max(1, min(256, PIXELS_ON_GPU // pixels))
    fitting = max(1, min(MOST_ON_CPU, BYTES_ON_CPU // max(1, image_bytes)))
    return 1 << (fitting.bit_length() - 1)


@contextmanager
def laid_out(backbone: Backbone, device: torch.device) -> Iterator[None]:
    """What enters the network meanwhile lies in memory as it wants it."""

    def lay_out(module: nn.Module, arguments: tuple[Tensor, ...], x: Tensor) -> Tensor:
        return x.contiguous(memory_format=torch.channels_last)

    if not backbone.channels_last or device.type != "cpu":
        yield
        return
    handle = backbone.entrance.register_forward_hook(lay_out)
    try:
        yield
    finally:
        handle.remove()


def embed_images(
    backbone: Backbone,
    arrays: ArrayCache,
    rows: np.ndarray,
    channels: tuple[int | None, ...],
    preparation: Preparation,
    device: str,
    batch: int,
    meter: InputMeter,
    progress: Progress,
) -> Iterator[Features]:
    """Features of images of a dataset, batch by batch in the order of `rows`, on `device`.

    Args:
        rows: (n,) int64 of the arrays.
        channels: for each band of the backbone the stored channel that supplies it; None: zeros.
        preparation: of the stored pixels.
        device: torch device that runs the backbone.
        batch: images at once (`images_per_batch`).
        meter: gets to see what enters its network.
    Raises:
        UserError: pixels have values that their declared unit cannot have.
    """
    keep_freed_memory()
    target = torch.device(device)
    backbone = backbone.to(target).eval()
    preparation = preparation.to(target)

    def embed(start: int) -> tuple[int, Features]:
        of_batch = rows[start : start + batch]
        pixels = check_values(read_bands(arrays, of_batch, channels), preparation.bands)
        taken = read_circumstances(arrays, of_batch, backbone.inputs.uses, target)
        with torch.inference_mode():
            return len(pixels), backbone(torch.from_numpy(pixels).to(target), preparation, taken)

    threads = torch.get_num_threads() if target.type == "cpu" else 1
    step_of_all = progress.step("embedding images", len(rows))
    with full_precision(), laid_out(backbone, target), meter.watching(backbone), step_of_all as step:
        for count, features in _ordered(embed, range(0, len(rows), batch), threads):
            yield features
            step.advance(count)
            arrays.pixels.let_go()


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
