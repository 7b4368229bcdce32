"""Pixels drawn from the masks of a split: what a pixel classifier is fitted on and chosen by."""

from typing import NamedTuple

import numpy as np

from harness.records.labels import is_labelled


class PixelSample(NamedTuple):
    """Pixels of one image, in reading order."""

    y: np.ndarray  # (p,) int64
    x: np.ndarray  # (p,) int64
    labels: np.ndarray  # (p,) as in the masks


def draw_pixels(masks: np.ndarray, budget: int, seed: int) -> list[PixelSample]:
    """About `budget` labelled pixels of (n, H, W) masks, of classes or of numbers, image by image.

    Every labelled pixel has the same chance, so that classes keep the frequencies that metrics over the whole split
    see: an image that is half unlabelled gives half as many. Each image has a generator of its own, seeded by `seed`
    and its place; each that has a labelled pixel gives at least one, by which the budget may be exceeded.
    """
    n_labelled = np.count_nonzero(is_labelled(masks), axis=(1, 2))
    total = max(1, int(n_labelled.sum()))
    return [
        _draw(mask, min(int(n), -(-budget * int(n) // total)), seed, i)
        for i, (mask, n) in enumerate(zip(masks, n_labelled, strict=True))
    ]


def _draw(mask: np.ndarray, n: int, seed: int, image: int) -> PixelSample:
    flat = mask.reshape(-1)
    labelled = np.flatnonzero(is_labelled(flat))
    chosen = np.sort(np.random.default_rng((seed, image)).choice(labelled, n, replace=False, shuffle=False))
    y, x = np.divmod(chosen, mask.shape[1])
    return PixelSample(y, x, flat[chosen])
