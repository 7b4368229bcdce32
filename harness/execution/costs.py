"""What a backbone costs, whatever machine it runs on: parameters, and the operations and memory that an image takes."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor

from baselines.bands import BandInfo
from baselines.contract import Backbone, Features
from baselines.facts import Circumstances
from baselines.inputs import Preparation
from harness.execution.live_memory import LiveMemory
from harness.execution.operations import CountedOperations
from harness.extraction.half_precision import HALF


class Costs(NamedTuple):
    """Recorded with each run, for comparing backbones by what they need."""

    parameters: int
    flops_per_image: int
    """Of matrix products and convolutions; a multiplication and an addition are two."""
    peak_memory_bytes: int
    """The most that tensors take at once while one image is embedded, the parameters among them."""
    pyramid_bytes: int
    """That the stored features of an image's pixels take."""
    vector_bytes: int
    """That the stored features of a whole image take."""
    image_bytes: int
    """That are alive at once because of an image: `peak_memory_bytes` without parameters, buffers and the pixels."""


def count_costs(backbone: Backbone, bands: Sequence[BandInfo], height: int, width: int) -> Costs:
    """Count on one image of zeros as it is fed, (len(bands), height, width), on whatever device the backbone is.

    Preparation and pooling are not matrix products and count nothing, so statistics of bands cost no operations.
    """
    with at_rest(backbone), _attention_by_parts(), CountedOperations() as counted:
        pixels = blank_images(backbone, bands, 1, height, width)
        with LiveMemory([pixels, *backbone.parameters(), *backbone.buffers()]) as memory:
            features = embed_blank(backbone, bands, pixels)
    return Costs(
        parameters=sum(parameter.numel() for parameter in backbone.parameters()),
        flops_per_image=counted.total,
        peak_memory_bytes=memory.peak_bytes,
        pyramid_bytes=HALF.itemsize * sum(level.numel() for level in features.maps),
        vector_bytes=features.vector.nbytes,
        image_bytes=memory.peak_bytes - memory.bytes_before,
    )


def blank_images(backbone: Backbone, bands: Sequence[BandInfo], images: int, height: int, width: int) -> Tensor:
    """(images, len(bands), height, width) zeros where the backbone is."""
    return torch.zeros(images, len(bands), height, width, device=_device(backbone))


def embed_blank(backbone: Backbone, bands: Sequence[BandInfo], pixels: Tensor) -> Features:
    """What the backbone makes of images of these bands, as they are, of which neither day nor place is known."""
    device = pixels.device
    mean, std = torch.zeros(len(bands), device=device), torch.ones(len(bands), device=device)
    unknown = torch.full((len(pixels), 2), torch.nan, dtype=torch.float64, device=device)
    circumstances = Circumstances(day=unknown[:, 0], place=unknown)  # a backbone that uses them takes what is not known
    return backbone(pixels, Preparation(mean, std, bands=tuple(bands)), circumstances)


@contextmanager
def at_rest(backbone: Backbone) -> Iterator[None]:
    """The backbone as it embeds, without gradients; afterwards as it was."""
    training = backbone.training
    backbone.eval()
    try:
        with torch.inference_mode():
            yield
    finally:
        backbone.train(training)


@contextmanager
def _attention_by_parts() -> Iterator[None]:
    """PyTorch's transformer layers as the products they are made of: as one operation nobody knows what it takes."""
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)


def _device(backbone: Backbone) -> torch.device:
    return next((parameter.device for parameter in backbone.parameters()), torch.device("cpu"))
