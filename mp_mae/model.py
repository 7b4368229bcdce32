"""MP-MAE as a whole: encode the visible patches, predict every modality, add up what the predictions cost.

Nedungadi et al., 2024 (arXiv:2405.02771). The optical-only and RGB masked autoencoders are the same model with fewer
pretext tasks.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn

from mp_mae.config import SIZES, EncoderConfig
from mp_mae.decoders import Branch, PatchTokens, initialise, token_windows
from mp_mae.encoder import build_encoder
from mp_mae.errors import UserError
from mp_mae.losses import LossSum, combine, normalise_patches
from mp_mae.masking import Mask
from mp_mae.modalities import PRESETS, Modality, choose_modalities
from mp_mae.packed.encoder import GrnPool, Holes, forward_packed
from mp_mae.patches import gather_patches, patches_to_images
from mp_mae.published_losses import LOSS_RULES

OPTICAL = "sentinel2"
"""The modality the encoder reads: as a pretext task it is predicted in the encoder's bands."""

DecoderSharing = Literal["shared", "per_task"]
Weighting = Literal["uncertainty", "sum"]


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """One pretraining model. Raises UserError when a field cannot be honoured."""

    encoder: EncoderConfig
    modalities: tuple[str, ...] = PRESETS["all"]
    """What is predicted; kept in the order of MODALITIES."""
    decoder: DecoderSharing = "shared"
    """"shared": the blocks run once for all tasks, as in the published checkpoints. "per_task": each task has its own
    blocks (and image tasks their own LayerNorm), as the paper describes."""
    decoder_width: int = 512
    decoder_depth: int = 1
    weighting: Weighting = "uncertainty"
    """"uncertainty": learnt weights (Kendall et al., 2018); "sum": all tasks alike."""
    normalise_optical: bool = True
    """Optical targets are standardised patch by patch (`normalise_patches`)."""
    mask_ratio: float = 0.6
    """Share of patches that are removed; the masks themselves are drawn by the caller."""
    grn: GrnPool = "sample"
    """Sites over which the encoder's global response normalisation pools; published: "batch"."""
    holes: Holes = "sites"
    """Visible pixels that are zero in all bands are ordinary "sites"; published: "absent", as if they were removed."""
    losses: str = "valid_pixels"
    """Key of LOSS_RULES."""

    def __post_init__(self) -> None:
        choices = (
            ("decoder", get_args(DecoderSharing)),
            ("weighting", get_args(Weighting)),
            ("grn", get_args(GrnPool)),
            ("holes", get_args(Holes)),
            ("losses", tuple(LOSS_RULES)),
        )
        for name, allowed in choices:
            if getattr(self, name) not in allowed:
                raise UserError(f"{name} is {getattr(self, name)!r}; pass one of {', '.join(allowed)}.")
        for name in ("decoder_width", "decoder_depth"):
            if getattr(self, name) < 1:
                raise UserError(f"{name} is {getattr(self, name)}; pass at least 1.")
        if self.encoder.padding != "same":
            raise UserError(
                f'The encoder\'s padding is "{self.encoder.padding}", which shifts features against the patches that '
                'are masked; pretraining needs padding="same".'
            )
        object.__setattr__(self, "modalities", tuple(task.name for task in choose_modalities(self.modalities)))

    @property
    def tasks(self) -> tuple[Modality, ...]:
        """The pretext tasks, with the bands that are predicted."""
        return tuple(
            replace(task, bands=self.encoder.bands) if task.name == OPTICAL else task
            for task in choose_modalities(self.modalities)
        )


@dataclass(frozen=True, eq=False)
class LossReport:
    """Losses of one batch. All but `total` carry no gradient and stay on the device."""

    total: Tensor
    """Scalar to minimise."""
    by_task: Mapping[str, Tensor]
    """Mean loss of each task before weighting; 0 where it has no valid target."""
    n_valid: Mapping[str, Tensor]
    """Valid target values of each task in this batch: numbers, pixels or images."""


class MPMAE(nn.Module):
    """Encoder, decoder and losses. Initial weights come from torch's global generator (see `initialise`)."""

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
            share_counts: (T,) numbers of valid targets here -> their mean over the processes that share a batch.
                With it, gradients averaged over processes are those of the whole batch.
        Raises:
            UserError: a task without target, or a target of another shape than the image's.
        """
        self._check_targets(x, targets)
        predictions = self._predict(x, mask, mask.removed)
        sums = [self._loss(task, predictions[task.name], targets[task.name], mask) for task in self.tasks]
        totals = torch.stack([loss.total for loss in sums])
        counts = torch.stack([loss.n_values for loss in sums])
        shared = counts if share_counts is None else share_counts(counts)
        total, means = combine(LOSS_RULES[self.config.losses], totals, shared, self.log_vars)
        names = [task.name for task in self.tasks]
        return LossReport(
            total=total,
            by_task=dict(zip(names, means.detach().unbind(), strict=True)),
            n_valid=dict(zip(names, counts.unbind(), strict=True)),
        )

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
        rules = LOSS_RULES[self.config.losses]
        if task.kind.is_pixel:
            target = gather_patches(target, mask.removed, self.config.encoder.patch)
        target = rules.fill(task.kind, target)
        if task.name == OPTICAL and self.config.normalise_optical:
            target = normalise_patches(target)
        return rules.by_kind[task.kind](prediction, target)

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


def parameter_groups(model: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Trainable parameters for an optimizer: kernels and matrices with decay, all others without.

    Without decay are norms, biases, GRN, mask token and uncertainty weights.
    """
    decayed = {id(module.weight) for module in model.modules() if isinstance(module, nn.Linear | nn.Conv2d)}
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    return [
        {"params": [p for p in trained if id(p) in decayed], "weight_decay": weight_decay},
        {"params": [p for p in trained if id(p) not in decayed], "weight_decay": 0.0},
    ]
