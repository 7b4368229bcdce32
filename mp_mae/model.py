"""MP-MAE as a whole: encode the visible patches, predict every modality, add up what the predictions cost.

Nedungadi et al., 2024 (arXiv:2405.02771). The optical-only and RGB masked autoencoders are the same model with fewer
pretext tasks.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Self

import torch
from torch import Tensor, nn

from mp_mae.config import SIZES
from mp_mae.decoders import Branch, PatchTokens, initialise, token_windows
from mp_mae.devices.transfer import to_device
from mp_mae.encoder import MpMaeConvNeXt, build_encoder
from mp_mae.errors import UserError
from mp_mae.losses import LOSS_RULES
from mp_mae.losses.rules import LossSum, combine_losses, normalise_patches
from mp_mae.masking import Mask, kept_patches, mask_from_noise
from mp_mae.modalities import OPTICAL, Modality, choose_modalities
from mp_mae.model_config import ModelConfig, MPMAEOptions
from mp_mae.objective import LossReport, ModelRequest, Objective
from mp_mae.packed.encoder import forward_packed
from mp_mae.patches import gather_patches, patches_to_images


class MPMAE(Objective):
    """Encoder, decoder and losses. Initial weights come from torch's global generator (see `initialise`)."""

    bf16_on_cpu = True
    encoder: MpMaeConvNeXt

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.tasks = config.tasks  # in the order of `log_vars`
        self.encoder = build_encoder(config.encoder)
        # The final norm belongs to evaluation. Frozen, it is no parameter that waits for a gradient in vain.
        self.encoder.head.norm.requires_grad_(False)
        self.tokens = PatchTokens(SIZES[config.encoder.size].widths[-1], config.decoder_width)
        groups = [self.tasks] if config.decoder == "shared" else [(task,) for task in self.tasks]
        self.branches = nn.ModuleList(
            Branch(group, config.decoder_width, config.decoder_depth, config.encoder.patch) for group in groups
        )
        uncertain = config.weighting == "uncertainty"
        self.log_vars = nn.Parameter(torch.zeros(len(self.tasks))) if uncertain else None
        self.tokens.apply(initialise)
        self.branches.apply(initialise)

    @classmethod
    def build(cls, options: MPMAEOptions, request: ModelRequest) -> Self:
        return cls(ModelConfig(encoder=request.encoder, modalities=request.modalities, **asdict(options)))

    @classmethod
    def encoded_patches(cls, options: MPMAEOptions, n_patches: int) -> int:
        return kept_patches(n_patches, options.mask_ratio)

    @classmethod
    def check(cls, options: MPMAEOptions, request: ModelRequest, crop: int, *, batch: int, micro_batch: int) -> None:
        """Raises UserError where pixels are to be predicted and the mask removes no patch to predict them at."""
        n_patches = (crop // request.patch) ** 2
        pixel_tasks = [task.name for task in choose_modalities(request.modalities) if task.kind.is_pixel]
        if pixel_tasks and kept_patches(n_patches, options.mask_ratio) == n_patches:
            raise UserError(
                f"mask_ratio {options.mask_ratio:g} removes none of {n_patches} patches, and {', '.join(pixel_tasks)} "
                "can be predicted at removed ones alone. Pass a larger ratio, such as --set mask_ratio=0.6."
            )

    def draw(self, generator: torch.Generator, n_tiles: int, crop: int) -> Tensor:
        """Normal numbers (n_tiles, L), one per patch: the patches with the smallest stay visible."""
        return torch.randn(n_tiles, (crop // self.config.encoder.patch) ** 2, generator=generator)

    def inputs(
        self, pixels: Tensor, targets: Mapping[str, Tensor], drawn: Tensor
    ) -> tuple[Tensor, Mapping[str, Tensor], Mask]:
        return pixels, targets, mask_from_noise(to_device(drawn, pixels.device), self.config.mask_ratio)

    def forward(
        self,
        x: Tensor,
        targets: Mapping[str, Tensor],
        mask: Mask,
        share_counts: Callable[[Tensor], Tensor] | None = None,
    ) -> LossReport:
        """Losses of one batch.

        Args:
            x: (B, C, H, W) standardised pixels in the encoder's bands, 0 where missing.
            targets: by modality, shaped as its Kind says; modalities that are no task are ignored.
            mask: patches that are seen and those that are predicted, on the device of `x`.
            share_counts: (T,) numbers of valid targets here -> what losses are divided by instead: their mean over
                the calls that share a batch. With it, gradients averaged over calls are those of the whole batch.
        Raises:
            UserError: a task without target, or a target of another shape than the image's.
        """
        self._check_targets(x, targets)
        predictions = self._predict(x, mask, mask.removed)
        sums = [self._loss(task, predictions[task.name], targets[task.name], mask) for task in self.tasks]
        totals = torch.stack([loss.total for loss in sums])
        counts = torch.stack([loss.n_values for loss in sums])
        shared = counts if share_counts is None else share_counts(counts)
        total, means = combine_losses(LOSS_RULES[self.config.losses], totals, shared, self.log_vars)
        return LossReport(
            total=total, names=tuple(task.name for task in self.tasks), means=means.detach(), counts=counts
        )

    def probed(self, pixels: Tensor) -> Tensor:
        features: Tensor = self.encoder.forward_head(self.encoder.forward_features(pixels), pre_logits=True)
        return features

    def counts(self, x: Tensor, targets: Mapping[str, Tensor], mask: Mask) -> Tensor | None:
        of_kind = LOSS_RULES[self.config.losses].counts
        if of_kind is None:
            return None
        return torch.stack([of_kind[task.kind](self._filled(task, targets[task.name], mask)) for task in self.tasks])

    @classmethod
    def depends_on_micro_batch(cls, options: MPMAEOptions) -> bool:
        return options.grn == "batch" or LOSS_RULES[options.losses].counts is None

    def predict(self, x: Tensor, mask: Mask) -> dict[str, Tensor]:
        """Every task at all patches, visible ones too: (B, C, H, W) for pixel tasks, (B, C) for image tasks.

        Classes are logits; optical pixels are in the units of their normalised patches if `normalise_optical`.
        """
        predictions = self._predict(x, mask, None)
        cols = x.shape[-1] // self.config.encoder.patch
        return {
            task.name: patches_to_images(predictions[task.name], cols) if task.kind.is_pixel else predictions[task.name]
            for task in self.tasks
        }

    def _predict(self, x: Tensor, mask: Mask, wanted: Tensor | None) -> dict[str, Tensor]:
        patch = self.config.encoder.patch
        visible = forward_packed(self.encoder, x, mask, grn=self.config.grn, holes=self.config.holes)  # (B, V, D)
        tokens = self.tokens(visible, mask)
        windows = token_windows(len(x), x.shape[-2] // patch, x.shape[-1] // patch, x.device)
        predictions: dict[str, Tensor] = {}
        for branch in self.branches:
            predictions |= branch(tokens, windows, wanted)
        return predictions

    def _loss(self, task: Modality, prediction: Tensor, target: Tensor, mask: Mask) -> LossSum:
        rules, target = LOSS_RULES[self.config.losses], self._filled(task, target, mask)
        if task.name == OPTICAL and self.config.normalise_optical:
            target = normalise_patches(target)
        return rules.by_kind[task.kind](prediction, target)

    def _filled(self, task: Modality, target: Tensor, mask: Mask) -> Tensor:
        """What a prediction of the task is held against, but for the normalisation of patches."""
        if task.kind.is_pixel:
            target = gather_patches(target, mask.removed, self.config.encoder.patch)
        return LOSS_RULES[self.config.losses].fill(task.kind, target)

    def _check_targets(self, x: Tensor, targets: Mapping[str, Tensor]) -> None:
        for task in self.tasks:
            if task.name not in targets:
                raise UserError(f"{task.name}: it is a pretext task, but the batch has no such target. Leave it out.")
            size = x.shape[2:] if task.kind.is_pixel else ()
            wanted = (len(x), *(() if task.kind.is_class else (task.n_outputs,)), *size)
            if targets[task.name].shape != wanted:
                raise UserError(
                    f"{task.name}: wanted a target of shape {wanted} for images of shape {tuple(x.shape)}, "
                    f"found {tuple(targets[task.name].shape)}. Crop images and targets alike."
                )
