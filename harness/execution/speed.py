"""How fast a backbone embeds on this machine: what `costs` cannot say, and what no other machine has to repeat."""

from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter

import torch

from baselines.bands import BandInfo
from baselines.contract import Backbone
from harness.execution.costs import at_rest, blank_images, embed_blank
from harness.extraction.batches import laid_out
from harness.extraction.memory import keep_freed_memory
from harness.extraction.precision import full_precision

PASSES = 2
"""At least: on a GPU the first one also chooses its kernels."""
SECONDS = 0.05
"""Passes go on for as long: of one that takes a millisecond a single one would say little."""


@dataclass(frozen=True, kw_only=True)
class Speed:
    """What was measured, and on what."""

    images_per_second: float
    """Of the fastest pass: whatever else the machine did made the others slower."""
    images: int
    """In one pass: as many as extraction feeds at once."""
    bands: int
    size_px: tuple[int, int]
    """(height, width) of an image as it is fed."""
    device: str
    """Model of the GPU, or `cpu`."""
    threads: int
    """Of PyTorch."""


def measure_speed(
    backbone: Backbone, bands: Sequence[BandInfo], size_px: tuple[int, int], images: int, device: str
) -> Speed:
    """Time passes over blank images as they are fed, preparation included.

    Args:
        size_px: (height, width) of an image.
        images: in one pass.
        device: torch device, where the backbone is left.
    """
    keep_freed_memory()  # as wherever images are embedded
    target = torch.device(device)
    backbone.to(target)
    pixels = blank_images(backbone, bands, images, *size_px).to(target)
    seconds: list[float] = []
    with at_rest(backbone), full_precision(), laid_out(backbone, target):
        while len(seconds) < PASSES or sum(seconds) < SECONDS:
            started = perf_counter()
            embed_blank(backbone, bands, pixels)
            if target.type == "cuda":
                torch.cuda.synchronize(target)  # what was asked of it may not have begun
            seconds.append(perf_counter() - started)
    return Speed(
        images_per_second=images / min(seconds),
        images=images,
        bands=len(bands),
        size_px=size_px,
        device=torch.cuda.get_device_name(target) if target.type == "cuda" else target.type,
        threads=torch.get_num_threads(),
    )
