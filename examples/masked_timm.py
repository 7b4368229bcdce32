"""Masked pretraining of a ConvNeXt V2 as timm has it, on images of your own:

    python -m mp_mae data import pictures --out data/pictures --side 224
    python examples/masked_timm.py data/pictures out --model convnextv2_atto --epochs 100
    timm.create_model("local-dir:out", pretrained=True, num_classes=10)        # and anywhere timm is

Only visible patches are computed (`mp_mae.packed`). The decoder is one block at low width, and the target is every
removed patch, normalised (He et al., 2022, arXiv:2111.06377; Woo et al., 2023, arXiv:2301.00808). It runs on one device
and keeps no checkpoints: `python -m mp_mae pretrain` is the trainer, of MP-MAE's own stem.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import timm
import torch
from timm.models import save_for_hf
from torch import Tensor, nn

from mp_mae.data.files import open_mmearth
from mp_mae.data.loader import Loader, training_requests
from mp_mae.data.order import TrainingOrder
from mp_mae.decoders import Branch, PatchTokens, initialise, token_windows
from mp_mae.losses.rules import normalise_patches, squared_error
from mp_mae.masking import Mask, draw_mask
from mp_mae.modalities import MODALITIES, OPTICAL
from mp_mae.packed.timm_encoder import PATCH, forward_packed_timm
from mp_mae.patches import gather_patches


class MaskedAutoencoder(nn.Module):
    """timm's encoder, and a decoder that is thrown away."""

    def __init__(self, encoder: nn.Module, bands: tuple[str, ...], width: int = 256) -> None:
        super().__init__()
        self.encoder = encoder
        self.tokens = PatchTokens(encoder.num_features, width)
        self.decoder = Branch([replace(MODALITIES[OPTICAL], bands=bands)], width, depth=1, patch=PATCH)
        self.tokens.apply(initialise)
        self.decoder.apply(initialise)

    def forward(self, pixels: Tensor, target: Tensor, mask: Mask) -> Tensor:
        """Mean squared error at the removed patches.

        Args:
            pixels: (B, C, H, W) standardised, 0 = missing.
            target: the same with NaN = missing.
        """
        visible = forward_packed_timm(self.encoder, pixels, mask)
        rows, cols = pixels.shape[2] // PATCH, pixels.shape[3] // PATCH
        windows = token_windows(len(pixels), rows, cols, pixels.device)
        prediction = self.decoder(self.tokens(visible, mask), windows, mask.removed)[OPTICAL]
        loss = squared_error(prediction, normalise_patches(gather_patches(target, mask.removed, PATCH)))
        return loss.total / loss.n_values.clamp(min=1)


def train(data: str, out: str, args: argparse.Namespace) -> list[float]:
    """Train and write what timm loads. Returns the loss of every step."""
    bands = tuple(args.bands.split(","))
    device = torch.device(args.device)
    files = open_mmearth(data, [MODALITIES[OPTICAL]], bands)
    crop = args.crop or files.side // PATCH * PATCH
    if not PATCH <= crop <= files.side:
        raise SystemExit(
            f"{data}: tiles of {files.side} px; wanted at least one patch of {PATCH} px, better seven by seven"
        )
    torch.manual_seed(args.seed)
    encoder = timm.create_model(args.model, in_chans=len(bands), num_classes=0, conv_mlp=False)
    model = MaskedAutoencoder(encoder, bands).to(device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=args.rate, betas=(0.9, 0.95), weight_decay=0.05)

    rows = files.rows("train")
    batch = min(args.batch, len(rows))
    order = TrainingOrder(n=len(rows), global_batch=batch, micro_batch=batch, seed=args.seed)
    steps = args.epochs * order.steps_per_epoch
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, args.rate, total_steps=steps + 1, pct_start=0.2)
    loader = Loader(files, capacity=batch, crop=crop, device=device)
    generator, losses = torch.Generator().manual_seed(args.seed), []
    for read in loader.batches(training_requests(files, rows, order, 0, steps, crop=crop, turn=True)):
        mask = draw_mask(generator, batch, (crop // PATCH) ** 2, args.mask_ratio).to(device)
        loss = model(read.input, read.targets[OPTICAL], mask)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
        if len(losses) % 50 == 0:
            print(f"step {len(losses)}/{steps}: loss {losses[-1]:.4f}")
    arguments = {"in_chans": len(bands), "conv_mlp": False}
    save_for_hf(encoder.cpu(), out, model_args=arguments, safe_serialization=True)
    return losses


def main(words: list[str] | None = None) -> list[float]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder that `python -m mp_mae data import` wrote")
    parser.add_argument("out", type=Path, help="folder for timm")
    parser.add_argument("--model", default="convnextv2_atto", help="any convnextv2_* of timm (default atto)")
    parser.add_argument("--bands", default="B4,B3,B2", help="input channels in their order (default red, green, blue)")
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rate", type=float, default=1e-3, help="highest learning rate (default 0.001)")
    parser.add_argument("--mask-ratio", type=float, default=0.6)
    parser.add_argument("--crop", type=int, help=f"side in pixels, a multiple of {PATCH} (default: what fits a tile)")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(words)
    return train(args.data, str(args.out), args)


if __name__ == "__main__":
    main()
