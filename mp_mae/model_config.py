"""What defines a pretraining model of MP-MAE: its options, with their defaults and checks, and its configuration."""

from dataclasses import dataclass, replace
from typing import Annotated, Literal

from mp_mae.config import EncoderConfig, GrnPool, Holes, check_choices, check_lowest
from mp_mae.errors import UserError
from mp_mae.modalities import OPTICAL, PRESETS, Modality, choose_modalities

DecoderSharing = Literal["shared", "per_task"]
Weighting = Literal["uncertainty", "sum"]
LossRulesName = Literal["valid_pixels", "valid_patches", "published"]


@dataclass(frozen=True, kw_only=True)
class MPMAEOptions:
    """How masked patches are learnt from. Each field is a setting of a training, and says what it is in one line.

    Raises UserError when a field cannot be honoured.
    """

    mask_ratio: Annotated[float, "share of patches that are removed"] = 0.6
    decoder: Annotated[DecoderSharing, "shared: one decoder; per_task: one for each modality"] = "shared"
    """"shared": the blocks run once for all tasks, as in the published checkpoints. "per_task": each task has its own
    blocks (and image tasks their own LayerNorm), as the paper describes."""
    decoder_width: Annotated[int, "channels of the decoder"] = 512
    decoder_depth: Annotated[int, "blocks of the decoder"] = 1
    weighting: Annotated[Weighting, "of the tasks: uncertainty (learnt) or sum"] = "uncertainty"
    """"uncertainty": learnt weights (Kendall et al., 2018); "sum": all tasks alike."""
    normalise_optical: Annotated[bool, "standardise optical targets patch by patch"] = True
    grn: Annotated[GrnPool, "response normalisation pools over: sample, or batch as published code did"] = "sample"
    holes: Annotated[Holes, "visible all-zero pixels are sites, or absent as in published code"] = "sites"
    losses: Annotated[LossRulesName, "rules for missing data: valid_pixels, valid_patches, published"] = "valid_pixels"

    def __post_init__(self) -> None:
        check_choices(self)
        check_lowest(self, {"mask_ratio": 0, "decoder_width": 1, "decoder_depth": 1})


@dataclass(frozen=True, kw_only=True)
class ModelConfig(MPMAEOptions):
    """One pretraining model. Raises UserError when a field cannot be honoured."""

    encoder: EncoderConfig
    modalities: tuple[str, ...] = PRESETS["all"]
    """What is predicted; kept in the order of MODALITIES."""

    def __post_init__(self) -> None:
        super().__post_init__()
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
