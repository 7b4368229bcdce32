"""The way from visible features to predictions: mask tokens, decoder blocks, one head per task."""

from collections.abc import Sequence
from functools import partial
from typing import cast

import torch
from timm.layers import LayerNorm
from timm.layers.grn import GlobalResponseNorm
from timm.models.convnext import ConvNeXtBlock
from torch import Tensor, nn

from mp_mae.encoder import NORM_EPS
from mp_mae.masking import Mask
from mp_mae.modalities import Modality
from mp_mae.packed.encoder import packed_block
from mp_mae.packed.layout import PackedLayout, Windows
from mp_mae.patches import gather_tokens

GRN_EPS = 1e-4
"""Stabiliser of the decoder's global response normalisation, the published one: it is 1e-6 in the encoder only."""


class PatchTokens(nn.Module):
    """Encoder features projected to the decoder's width; one learnt token wherever a patch was removed."""

    def __init__(self, encoder_width: int, width: int) -> None:
        super().__init__()
        self.proj = nn.Linear(encoder_width, width)
        self.mask_token = nn.Parameter(torch.empty(width))

    def forward(self, visible: Tensor, mask: Mask) -> Tensor:
        """Tokens of all patches row by row: (B, V, D) of the mask's visible patches in its order -> (B, L, width)."""
        projected = self.proj(visible)
        tokens = self.mask_token.to(projected.dtype).expand(len(visible), mask.n_patches, -1)
        return tokens.scatter(1, mask.visible.unsqueeze(-1).expand_as(projected), projected)


class Branch(nn.Module):
    """Decoder blocks and the heads of the tasks they serve.

    Pixel tasks are linear in the decoded feature of their patch. Image tasks are linear in the mean over all patches
    of the layer-normalised features; all image tasks of a branch share that LayerNorm, as published.
    """

    def __init__(self, tasks: Sequence[Modality], width: int, depth: int, patch: int) -> None:
        super().__init__()
        self.blocks = nn.Sequential(*(_block(width) for _ in range(depth)))
        pixel_tasks = [task for task in tasks if task.kind.is_pixel]
        image_tasks = [task for task in tasks if not task.kind.is_pixel]
        self.image_norm = LayerNorm(width, eps=NORM_EPS) if image_tasks else None
        self.pixel_heads = nn.ModuleDict({t.name: nn.Linear(width, patch**2 * t.n_outputs) for t in pixel_tasks})
        self.image_heads = nn.ModuleDict({t.name: nn.Linear(width, t.n_outputs) for t in image_tasks})
        self.patch = patch

    def forward(self, tokens: Tensor, windows: Windows, wanted: Tensor | None) -> dict[str, Tensor]:
        """Predictions by task.

        Args:
            tokens: (B, L, W), all patches row by row.
            windows: what a block's convolution reads, one site per patch (`token_windows`).
            wanted: (B, R) patches at which pixels are predicted; None: all, row by row.
        Returns:
            (B, R, patch * patch, C) for pixel tasks, (B, C) for image tasks; C numbers, or logits of C classes.
        """
        sites = tokens[:, :, None, None]  # (B, L, 1, 1, W)
        for block in self.blocks:
            sites = packed_block(block, sites, windows)
        decoded = sites.flatten(2)  # (B, L, W)
        predictions = {}
        if self.pixel_heads:
            at = decoded if wanted is None else gather_tokens(decoded, wanted)
            for name, head in self.pixel_heads.items():
                predictions[name] = head(at).unflatten(-1, (self.patch**2, -1))
        if self.image_norm is not None:
            pooled = self.image_norm(decoded).mean(1)
            predictions |= {name: head(pooled) for name, head in self.image_heads.items()}
        return predictions


def token_windows(batch: int, rows: int, cols: int, device: torch.device) -> Windows:
    """Windows of the decoder's 7x7 convolutions over all tokens of rows x cols patches."""
    return PackedLayout.whole(batch, rows, cols, device).windows(side=1, radius=3)


def initialise(module: nn.Module) -> None:
    """Weights from a normal distribution of std 0.02 truncated at +-2, biases 0, mask token N(0, 0.02).

    LayerNorms start at weight 1 and bias 0, GRN at 0: the encoder's rule. To be used with `Module.apply`.
    """
    if isinstance(module, nn.Linear | nn.Conv2d):
        nn.init.trunc_normal_(module.weight, std=0.02)
        nn.init.zeros_(cast(nn.Parameter, module.bias))
    elif isinstance(module, PatchTokens):
        nn.init.normal_(module.mask_token, std=0.02)


def _block(width: int) -> ConvNeXtBlock:
    block = ConvNeXtBlock(width, use_grn=True, ls_init_value=None, norm_layer=partial(LayerNorm, eps=NORM_EPS))
    cast(GlobalResponseNorm, block.mlp.grn).eps = GRN_EPS
    return block
