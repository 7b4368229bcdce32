"""Which patches the encoder sees: drawn from a generator, the same number for every image."""

from dataclasses import dataclass

import torch
from torch import Tensor

from mp_mae.errors import UserError


@dataclass(frozen=True, eq=False)
class Mask:
    """Patches of each image, numbered row by row over the patch grid; both lists ascend and together hold them all."""

    visible: Tensor
    """(B, V) int64: patches the encoder sees."""
    removed: Tensor
    """(B, R) int64: patches to be predicted; R is 0 when nothing is removed."""

    @property
    def n_patches(self) -> int:
        """Patches of one image, V + R."""
        return self.visible.shape[1] + self.removed.shape[1]

    def to(self, device: torch.device | str) -> "Mask":
        """This mask on another device."""
        return Mask(self.visible.to(device, non_blocking=True), self.removed.to(device, non_blocking=True))


def draw_mask(generator: torch.Generator, batch: int, n_patches: int, ratio: float) -> Mask:
    """A random mask on the CPU: equal seeds give equal masks whatever device the model is on.

    Args:
        generator: a CPU generator; `batch * n_patches` float32 normal numbers are taken from it.
        ratio: share of patches to remove, 0 <= ratio < 1.
    Raises:
        UserError: the ratio is outside [0, 1) or keeps no patch of `n_patches`.
    """
    return mask_from_noise(torch.randn(batch, n_patches, generator=generator), ratio)


def mask_from_noise(noise: Tensor, ratio: float) -> Mask:
    """The patches with the smallest numbers stay visible.

    Args:
        noise: (B, L), one number per patch.
        ratio: share of patches to remove, 0 <= ratio < 1.
    Raises:
        UserError: the ratio is outside [0, 1) or keeps no patch of L.
    Source: the rule of the published MP-MAE pretraining.
    """
    kept = kept_patches(noise.shape[1], ratio)
    order = noise.argsort(dim=1, stable=True)
    return Mask(order[:, :kept].sort(dim=1).values, order[:, kept:].sort(dim=1).values)


def kept_patches(n_patches: int, ratio: float) -> int:
    """Patches that stay visible: n (1 - ratio) in floating point, cut to an integer, so 49 at 0.6 keep 19.

    Raises:
        UserError: the ratio is outside [0, 1) or keeps no patch.
    """
    if not 0 <= ratio < 1:
        raise UserError(f"The mask ratio is {ratio}; pass the share of patches to remove, 0 <= ratio < 1.")
    kept = int(n_patches * (1 - ratio))
    if kept == 0:
        raise UserError(
            f"The mask ratio {ratio} keeps none of {n_patches} patches; pass a smaller ratio or use larger images."
        )
    return kept
