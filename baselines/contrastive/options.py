"""The contrastive objective's own settings of a training, and how it is entered in the table of objectives."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from baselines.contrastive.config import LOGIT_SCALES, SIZES, Architecture
from mp_mae.config import check_choices, check_lowest
from mp_mae.errors import UserError
from mp_mae.training.objectives import DataPreset, ObjectiveEntry

if TYPE_CHECKING:
    from torch import Tensor

    from mp_mae.objective import Objective
    from mp_mae.training.state import TrainingFacts

EARTH_KM = 12_742.0
"""No two tiles are farther apart, in a straight line."""


@dataclass(frozen=True, kw_only=True)
class ContrastiveOptions:
    """How modalities are held against each other. Raises UserError when a field cannot be honoured."""

    architecture: Annotated[Architecture, "of each modality's encoder: vit or convnext"] = "vit"
    dim: Annotated[int | None, "numbers of the shared space; auto: the size's"] = None
    same_place_km: Annotated[float, "tiles not farther apart are no negatives of each other"] = 3.0
    drop_modality: Annotated[float, "chance that a tile does without a modality; two always stay"] = 0.1
    drop_channel: Annotated[float, "chance that a tile does without a channel; one always stays"] = 0.2
    scale_init: Annotated[float, "factor of similarities at the start, 1 / temperature; learnt, at most 100"] = 14.3

    def __post_init__(self) -> None:
        check_choices(self)
        check_lowest(self, {"dim": 2, "same_place_km": 0, "drop_modality": 0, "drop_channel": 0})
        for name in ("drop_modality", "drop_channel"):
            if not getattr(self, name) < 1:
                raise UserError(f"{name} is {getattr(self, name)}; pass a chance below 1.")
        if not self.same_place_km < EARTH_KM:
            raise UserError(
                f"same_place_km is {self.same_place_km:g}, so that no tile is a negative of another. Pass less than "
                f"the {EARTH_KM:,g} km across the Earth."
            )
        low, high = LOGIT_SCALES
        if not low <= self.scale_init <= high:
            raise UserError(f"scale_init is {self.scale_init}; pass {low:g} to {high:g}.")


def _load() -> "type[Objective]":
    from baselines.contrastive.objective import Contrastive  # noqa: PLC0415 - imports torch

    return Contrastive


def _export(state: "Mapping[str, Tensor]", facts: "TrainingFacts", step: int, folder: Path) -> str:
    from baselines.contrastive.export import export_model  # noqa: PLC0415 - imports torch

    return export_model(state, facts, step, folder)


CLIP = ObjectiveEntry(
    summary="tell tiles apart by any two of their modalities",
    options=ContrastiveOptions,
    load=_load,
    sizes=("base", *(size for size in SIZES if size != "base")),
    presets={
        "clip": DataPreset(
            modalities=("sentinel2", "sentinel1", "coherence"),
            bands=("B4", "B3", "B2"),
            instead={"coherence": "aster"},
        )
    },
    export=_export,
    backbone="clip",
)
"""What our entry point `clip` names (`mp_mae.training.objectives.GROUP`)."""
