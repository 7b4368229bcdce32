"""Training on more images than memory holds: block by block, for some epochs each, so that disks are read less often.

Choi et al., Faster Neural Network Training with Data Echoing, 2019 (arXiv:1907.05550).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
import torch

from harness.training.loop import draw_batches


@dataclass(frozen=True, eq=False)
class Block:
    """Images that are in memory together, and what is trained on meanwhile."""

    images: np.ndarray
    """(b,) int64 of n."""
    batches: Sequence[np.ndarray]
    """Per update (batch size,) int64 places in `images`."""


def plan_blocks(n: int, batch_size: int, block: int, block_epochs: int, n_updates: int) -> Iterator[tuple[slice, int]]:
    """Which part of n images in random order is read, and how many updates are made of it, `n_updates` in all.

    A part has up to `block` images, more only where a batch needs them: none has fewer than a batch. Parts are equal in
    size, to one. All of n, where they fit, are read once.
    """
    n_parts = max(1, min(-(-n // block), n // batch_size))
    if n_parts == 1:
        yield slice(0, n), n_updates
        return
    parts = np.array_split(np.arange(n), n_parts)
    while True:
        for part in parts:
            count = min(max(1, block_epochs * len(part) // batch_size), n_updates)
            yield slice(int(part[0]), int(part[-1]) + 1), count
            n_updates -= count
            if n_updates == 0:
                return


def draw_blocks(
    n: int, batch_size: int, block: int, block_epochs: int, n_updates: int, generator: torch.Generator
) -> Iterator[Block]:
    """Blocks of n images as planned, and what is drawn from them. All of n, if they fit, keep their order."""
    order = np.arange(n)
    for part, count in plan_blocks(n, batch_size, block, block_epochs, n_updates):
        if part.start == 0 and part.stop < n:
            order = torch.randperm(n, generator=generator).numpy()
        images = order[part]
        yield Block(images, list(islice(draw_batches(len(images), batch_size, generator), count)))
