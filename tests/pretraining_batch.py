"""A batch of random pretraining data with missing values, as the loader would deliver it."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from mp_mae.masking import Mask, draw_mask
from mp_mae.modalities import Modality


class Batch(NamedTuple):
    """What MPMAE.forward takes."""

    x: Tensor
    targets: dict[str, Tensor]
    mask: Mask


def random_batch(
    tasks: Sequence[Modality], *, n: int, side: int, patch: int, channels: int = 12, missing: float = 0.1, seed: int = 0
) -> Batch:
    """`n` square images of `side` px; every target misses a share `missing` of its values; 60 % of patches removed."""
    generator = torch.Generator().manual_seed(seed)
    targets = {}
    for task in tasks:
        size = (side, side) if task.kind.is_pixel else ()
        shape = (n, *size) if task.kind.is_class else (n, task.n_outputs, *size)
        gone = torch.rand(shape, generator=generator) < missing
        if task.kind.is_class:
            targets[task.name] = torch.randint(task.n_classes, shape, generator=generator).masked_fill(gone, -1)
        else:
            targets[task.name] = torch.randn(shape, generator=generator).masked_fill(gone, float("nan"))
    x = torch.randn(n, channels, side, side, generator=generator)
    return Batch(x, targets, draw_mask(generator, n, (side // patch) ** 2, 0.6))
