"""The places of the sites of visible patches: the index arithmetic behind the packed encoder.

A patch holds side x side sites of a stage. Packed rows list the sites of all visible patches of a batch: image by
image, patch by patch, row by row inside a patch. A convolution reads them through windows, in which removed patches
and everything beyond the image are empty sites that read zero.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

PATCHWISE_FROM = 8
"""Sites per patch side from which a window around each visible patch costs less than the whole image.

Around 8 x 8 sites a radius of 3 reads 14 x 14: three times the visible sites, as much as the whole image holds at
60 % removed, but outputs are computed at visible sites only. Smaller patches would mostly read their surroundings.
"""


@dataclass(frozen=True, eq=False)
class Windows:
    """T windows of the image, which together cover all visible sites with what surrounds them.

    Either one window per visible patch, margin included, or one per image with the margin left to `padding`.
    """

    reads: Tensor
    """(T, h, w) int64, the packed row at each position; the number of packed rows stands for an empty site."""
    padding: int
    """Rows and columns of zeros to add around a window."""
    outputs: Tensor
    """(T, h', w') int64, the packed row at each output of the convolution, likewise."""
    collect: Tensor | None
    """(N,) int64, the outputs at the packed rows; None: the outputs are the packed rows, in order."""


@dataclass(frozen=True, eq=False)
class PackedLayout:
    """The visible patches of a batch on their grid of rows x cols patches."""

    visible: Tensor
    """(B, V) int64, numbered row by row."""
    rows: int
    cols: int

    @classmethod
    def whole(cls, batch: int, rows: int, cols: int, device: torch.device) -> "PackedLayout":
        """A layout of which nothing is removed."""
        return cls(torch.arange(rows * cols, device=device).expand(batch, -1), rows, cols)

    def windows(self, side: int, radius: int) -> Windows:
        """The cheaper kind of windows for a convolution that reaches `radius` sites, at a stage of `side` sites."""
        if side >= PATCHWISE_FROM:
            return self.patch_windows(side, radius)
        return self._image_windows(side, radius)

    def patch_windows(self, side: int, radius: int) -> Windows:
        """One window per visible patch, which needs no padding; `radius` is at most `side`."""
        offsets = torch.arange(-radius, side + radius, device=self.visible.device)
        top, left = self._corners(side)
        reads = self._packed_rows(side, top[..., None] + offsets, left[..., None] + offsets).flatten(0, 1)
        outputs = torch.arange(self.visible.numel() * side**2, device=self.visible.device).view(-1, side, side)
        return Windows(reads, 0, outputs, None)

    def _image_windows(self, side: int, radius: int) -> Windows:
        device = self.visible.device
        height, width = self.rows * side, self.cols * side
        y, x = torch.arange(height, device=device), torch.arange(width, device=device)
        reads = self._packed_rows(side, y[None, None], x[None, None])[:, 0]
        inside = torch.arange(side, device=device)
        top, left = (corner[..., None] + inside for corner in self._corners(side))  # (B, V, side)
        image = torch.arange(len(self.visible), device=device)[:, None, None, None]
        collect = (image * height + top[..., None]) * width + left[..., None, :]
        return Windows(reads, radius, reads, collect.flatten())

    def _corners(self, side: int) -> tuple[Tensor, Tensor]:
        """First site row and column of each visible patch, each (B, V)."""
        return self.visible // self.cols * side, self.visible % self.cols * side

    def _packed_rows(self, side: int, y: Tensor, x: Tensor) -> Tensor:
        """Packed rows (B, W, h, w) at site rows y (B or 1, W, h), columns x (B or 1, W, w), a patch outside at most."""
        batch, n_visible = self.visible.shape
        device = self.visible.device
        # The patch grid with a frame of empty patches, so that margins may leave the image.
        frame = torch.full((batch, (self.rows + 2) * (self.cols + 2)), batch * n_visible, device=device)
        framed = (self.visible // self.cols + 1) * (self.cols + 2) + self.visible % self.cols + 1
        frame = frame.scatter(1, framed, torch.arange(batch * n_visible, device=device).view(batch, n_visible))
        y, x = y[..., :, None], x[..., None, :]
        position = (y.div(side, rounding_mode="floor") + 1) * (self.cols + 2) + x.div(side, rounding_mode="floor") + 1
        position = position.expand(batch, *position.shape[1:])
        patch = frame.gather(1, position.flatten(1)).view_as(position)
        row = (patch * side + y % side) * side + x % side
        return row.clamp(max=batch * n_visible * side**2)
