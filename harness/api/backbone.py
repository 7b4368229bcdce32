"""`Backbone.wrap`: a model of yours, as a backbone."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from torch import nn

from baselines.contract import InputSpec
from baselines.inputs import Moments
from baselines.registry import backbone_names
from baselines.registry.held import BUILDER, Held
from baselines.timm_models.wrapped import wrap_model
from harness.api.words import as_unit, kind_errors
from harness.errors import UserError

_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,60}")
_STATISTICS = 'normalisation: "dataset", "none", or (mean, std) with a number for each band, in `unit`, is wanted'


@dataclass(frozen=True, repr=False)
class Backbone:
    """A model that `run` and `features` take."""

    entry: Held

    @property
    def name(self) -> str:
        """What its rows in the leaderboard say."""
        return self.entry.name

    def __repr__(self) -> str:
        inputs = self.entry.backbone.inputs
        return f"Backbone({self.name!r}: {' '.join(inputs.bands or ())}, {inputs.unit_in_words})"

    @classmethod
    def wrap(
        cls,
        model: nn.Module,
        *,
        bands: Sequence[str],
        unit: str | None = None,
        normalisation: Literal["dataset", "none"] | tuple[Any, Any] = "dataset",
        name: str | None = None,
        size_px: int | None = None,
    ) -> "Backbone":
        """A copy of a model as it is now; the model itself stays as it is.

        A model of timm is read at every stride, so that protocols of pixels take it too, and loses its classifier. Any
        other has to turn (B, C, H, W) float32 into (B, D) features of images. A run is told apart by a hash of its
        tensors and of its structure, and by bands, unit and statistics.

        Args:
            bands: what its channels are, in their order: Sentinel-2's `B4`, or a common name such as `red`.
            unit: of the values it was trained with, such as `reflectance`. None: it has only ever seen standardised
                ones.
            normalisation: `dataset`: each dataset's own statistics standardise what it is fed; `none`: it is fed values
                in its unit as they are; `(mean, std)`: these standardise them, a number for each band or one for all.
            name: what its rows are called. Default: timm's name of it, or that of its class.
            size_px: side of the images it was trained with. Default: what a model of timm says.
        Raises:
            UserError: it cannot embed such images, or words that contradict each other; says what to pass.
        """
        with kind_errors():
            name = _checked_name(name or _own_name(model))
            if isinstance(bands, str) or not bands:
                raise UserError(
                    f'Backbone.wrap: bands is {bands!r}; a list of names is wanted, such as ["B4", "B3", "B2"]'
                )
            try:
                inputs = InputSpec(
                    bands=tuple(bands), unit=as_unit(unit), native_size_px=size_px, **_scaling(normalisation, bands)
                )
            except ValueError as error:
                raise UserError(f"Backbone.wrap: {error}") from None
            backbone = wrap_model(model, inputs, name)
            return cls(
                Held(
                    name=name,
                    summary=backbone.origin.description,
                    module=BUILDER,
                    weights="none",
                    backbone=backbone,
                )
            )


def _own_name(model: nn.Module) -> str:
    """What timm calls it, else its class."""
    return (getattr(model, "pretrained_cfg", None) or {}).get("architecture") or type(model).__name__


def _checked_name(name: str) -> str:
    if _NAME.fullmatch(name) is None:
        raise UserError(f"name: letters, digits and _ . - are wanted, found {name!r}")
    if name in backbone_names():
        raise UserError(f"name: {name} is another backbone here. Choose a name of your own, such as my_{name}")
    return name


def _scaling(normalisation: Any, bands: Sequence[str]) -> dict[str, Any]:
    """Fields of `InputSpec`."""
    if isinstance(normalisation, str):
        if normalisation not in ("dataset", "none"):
            raise UserError(f"{_STATISTICS}; found {normalisation!r}")
        return {"standardised": normalisation == "dataset"}
    try:
        mean, std = (np.broadcast_to(np.asarray(numbers, float), len(bands)) for numbers in normalisation)
    except (TypeError, ValueError):
        raise UserError(f"{_STATISTICS}; found {normalisation!r:.80}") from None
    if not (np.isfinite(mean).all() and (std > 0).all()):
        raise UserError("normalisation: finite means and positive standard deviations are wanted")
    moments = {band: Moments(*pair) for band, *pair in zip(bands, mean.tolist(), std.tolist(), strict=True)}
    return {"moments": moments, "as_trained": True}
