"""Stochastic depth whose draws come from outside, one per sample and block.

timm's DropPath draws inside the forward pass from a global generator, so what a sample meets would depend on how the
batch was cut to fit into memory. Here the loop draws for the whole effective batch and hands each part its own.

Huang et al., Deep Networks with Stochastic Depth, 2016 (arXiv:1603.09382).
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

PLACES = ("drop_path", "drop_path1", "drop_path2")
"""Names timm's blocks give to the place between a residual branch and its sum; None or an identity if not in use."""


class DrawnDropPath(nn.Module):
    """Multiplies each sample of a residual branch by its factor; an identity while there are none."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate
        self.factors: Tensor | None = None
        """(B,) for the next forward pass: 0 dropped, else 1 / (1 - rate)."""

    def forward(self, x: Tensor) -> Tensor:
        if self.factors is None:
            return x
        return x * self.factors.to(x.dtype).reshape(-1, *(1,) * (x.ndim - 1))


def insert_drop_paths(backbone: nn.Module, rate: float) -> list[DrawnDropPath]:
    """Put one into every residual block of timm's models, replacing timm's own, with rates from 0 up to `rate`."""
    blocks = [module for module in backbone.modules() if any(_is_place(module, name) for name in PLACES)]
    inserted = []
    for block, share in zip(blocks, torch.linspace(0, rate, len(blocks)).tolist(), strict=True):
        for name in PLACES:
            if _is_place(block, name):
                inserted.append(DrawnDropPath(share))
                setattr(block, name, inserted[-1])
    return inserted


def _is_place(module: nn.Module, name: str) -> bool:
    from timm.layers import DropPath  # noqa: PLC0415 - whoever plans, reads or probes must not wait for it

    return isinstance(vars(module)["_modules"].get(name), nn.Identity | DropPath)


def draw_factors(drop_paths: Sequence[DrawnDropPath], n: int, generator: torch.Generator) -> Tensor:
    """(n, number of drop paths) float32 factors of n samples."""
    keep = 1.0 - torch.tensor([drop_path.rate for drop_path in drop_paths])
    return (torch.rand(n, len(drop_paths), generator=generator) < keep) / keep


def set_factors(drop_paths: Sequence[DrawnDropPath], factors: Tensor | None) -> None:
    """For the samples of the next forward pass, (B, number of drop paths); None: nothing is dropped."""
    for i, drop_path in enumerate(drop_paths):
        drop_path.factors = None if factors is None else factors[:, i]
