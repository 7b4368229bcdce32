"""Train images as a backbone that is fitted to them gets them: without labels, one at a time."""

from collections.abc import Sequence
from typing import overload

import numpy as np
import torch
from torch import Tensor

from baselines.inputs import Preparation, prepare
from harness.data.arrays import ArrayCache
from harness.extraction.batches import read_bands
from harness.extraction.known_bands import check_values


class PreparedImages(Sequence[Tensor]):
    """(C, H, W) float32 images as they enter a network, on the CPU; each is read when it is asked for."""

    def __init__(
        self,
        arrays: ArrayCache,
        rows: np.ndarray,
        channels: Sequence[int | None],
        preparation: Preparation,
        limits: tuple[float, float] | None,
        multiple: int,
    ) -> None:
        """
        Args:
            rows: (n,) where the images are stored, in their order.
            channels: for each band of the backbone the stored channel that supplies it; None: zeros.
            preparation: of the stored pixels.
            limits: the least and the greatest value that enters; None: any.
            multiple: of both sides, in pixels.
        """
        self._arrays, self._rows, self._channels = arrays, rows, channels
        self._preparation, self._limits, self._multiple = preparation, limits, multiple

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, index: int) -> Tensor: ...
    @overload
    def __getitem__(self, index: slice) -> list[Tensor]: ...
    def __getitem__(self, index: int | slice) -> Tensor | list[Tensor]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        pixels = check_values(read_bands(self._arrays, self._rows[[index]], self._channels), self._preparation.bands)
        return prepare(torch.from_numpy(pixels), self._preparation, self._limits, self._multiple)[0]
