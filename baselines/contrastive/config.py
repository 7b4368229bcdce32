"""What defines a contrastive model: sizes, modalities with their channels by name, the shared space."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

from mp_mae.config import check_choice, check_choices
from mp_mae.errors import UserError

Architecture = Literal["vit", "convnext"]
PATCHES = (8, 16)
"""Sides of a patch in pixels: what both architectures have."""


class TransformerSize(NamedTuple):
    """One vision transformer."""

    width: int
    depth: int
    heads: int


class TowerSize(NamedTuple):
    """The encoder of one modality, by architecture, and the space that is shared where nobody says otherwise."""

    vit: TransformerSize
    convnext: str
    """Key of `mp_mae.config.SIZES`: its body is MP-MAE's, so that the two objectives can be compared."""
    dim: int


SIZES: dict[str, TowerSize] = {
    "demo": TowerSize(TransformerSize(96, 5, 3), "demo", 64),
    "small": TowerSize(TransformerSize(192, 12, 3), "atto", 128),
    "base": TowerSize(TransformerSize(384, 12, 6), "tiny", 256),
    "full": TowerSize(TransformerSize(768, 12, 12), "base", 512),
}
"""`small` has the body of the published MP-MAE where it is a ConvNeXt; three towers of `full` have about 250 M
parameters (arXiv:2310.00119 states that number and no architecture beyond ViT)."""

LOGIT_SCALES = (1.0, 100.0)
"""The least and greatest factor of similarities in the loss, 1 / temperature. CLIP's rule (arXiv:2103.00020, 2.5): it
starts at 1 / 0.07 and never exceeds 100; nor does it fall below a temperature of 1."""
FIRST_LOGIT_SCALE = 1 / 0.07


@dataclass(frozen=True, kw_only=True)
class ContrastiveConfig:
    """One model. Raises UserError when a field cannot be honoured."""

    size: str
    """Key of SIZES."""
    architecture: Architecture = "vit"
    patch: int = 8
    """Side of a patch in pixels, 8 or 16."""
    modalities: Mapping[str, tuple[str, ...]]
    """Its modalities by name, in order; of each the channels by name, in order."""
    dim: int
    """Numbers of the shared space."""

    def __post_init__(self) -> None:
        check_choice("size", self.size, tuple(SIZES))
        check_choices(self)
        if self.patch not in PATCHES:
            raise UserError(f"patch is {self.patch!r}; pass 8 or 16.")
        if isinstance(self.dim, bool) or not isinstance(self.dim, int) or self.dim < 2:
            raise UserError(f"dim is {self.dim!r}; the shared space needs at least 2 numbers.")
        if len(self.modalities) < 2:
            found = ", ".join(self.modalities) or "none"
            raise UserError(f"modalities: wanted two or more to hold against each other; found {found}.")
        for name, channels in self.modalities.items():
            _check_modality(name, channels)


def _check_modality(name: str, channels: tuple[str, ...]) -> None:
    if not name.isidentifier():
        raise UserError(f"modalities: {name!r} is no name. Use letters, digits and underscores, such as sentinel2.")
    named = isinstance(channels, tuple) and all(isinstance(channel, str) and channel for channel in channels)
    if not named or not channels or len(set(channels)) != len(channels):
        raise UserError(f"modalities: wanted names of the channels of {name}, each once; found {channels!r}.")
