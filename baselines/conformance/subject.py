"""A backbone under examination, and the images it is examined with: noise in the unit and bands that it declares."""

from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from baselines.bands import BandInfo, Unit
from baselines.contract import Backbone, Features, FittedBackbone, InputSpec, fitted
from baselines.entry import Entry
from baselines.facts import Circumstances
from baselines.inputs import Preparation, prepare

IF_ALL = {"B2": "blue", "B3": "green", "B4": "red", "B8": "nir"}
"""Bands of a backbone that takes what there is, with their common names."""
SIDE_PX = 32

USUAL = {
    None: (0.0, 3000.0),
    Unit.REFLECTANCE: (0.0, 0.4),
    Unit.DN_10000: (0.0, 4000.0),
    Unit.UINT8: (0.0, 255.0),
    Unit.LANDSAT_DN: (5000.0, 20000.0),
    Unit.DECIBEL: (-25.0, 0.0),
    Unit.LINEAR_POWER: (0.001, 0.3),
    Unit.METRE: (0.0, 2000.0),
    Unit.KELVIN: (250.0, 310.0),
    Unit.COHERENCE: (0.0, 1.0),
}
"""Values that an image in a unit is made of here."""


@dataclass(frozen=True)
class Subject:
    """A backbone and all that a check needs of it."""

    entry: Entry
    weights: Path | None
    backbone: Backbone
    """Built once, in evaluation mode, on the CPU."""
    bands: tuple[BandInfo, ...]
    preparation: Preparation

    @property
    def side_px(self) -> int:
        """Side of the images: a small one, unless it takes one size alone."""
        inputs = self.backbone.inputs
        return inputs.native_size_px if inputs.fixed_size and inputs.native_size_px else SIDE_PX

    def draw_pixels(self, n: int, height: int | None = None, width: int | None = None) -> Tensor:
        """(n, C, height, width) float32 of noise in the declared units, always the same."""
        low, high = usual(self.bands)
        shape = (n, len(self.bands), height or self.side_px, width or self.side_px)
        noise = torch.rand(shape, generator=torch.Generator().manual_seed(7))
        return low[:, None, None] + (high - low)[:, None, None] * noise

    @torch.inference_mode()
    def embed(
        self, pixels: Tensor, preparation: Preparation | None = None, backbone: Backbone | None = None
    ) -> Features:
        """What the contract's public call gives, without gradients."""
        return (backbone or self.backbone)(pixels, preparation or self.preparation, circumstances(len(pixels)))

    def build_again(self, seed: int) -> Backbone:
        """The backbone once more, of a seed."""
        return build_subject(self.entry, self.weights, seed).backbone


def circumstances(n: int) -> Circumstances:
    """One day and one place for each of n images."""
    return Circumstances(
        day=torch.full((n,), 18_000.0, dtype=torch.float64),
        place=torch.tensor([[9.5, 47.1]], dtype=torch.float64).expand(n, 2),
    )


def build_subject(entry: Entry, weights: Path | None, seed: int = 0) -> Subject:
    """Build a backbone to examine, fitted to images if it wants to be. Whatever its `build` raises is raised."""
    backbone = entry.build(weights, seed).eval()
    inputs, bands = backbone.inputs, _bands(backbone)
    subject = Subject(entry, weights, backbone, bands, _preparation(inputs, bands))
    if not isinstance(backbone, FittedBackbone):
        return subject
    images = prepare(subject.draw_pixels(8), subject.preparation, inputs.limits, inputs.size_multiple)
    return replace(subject, backbone=fitted(backbone, images.unbind()))


def _bands(backbone: Backbone) -> tuple[BandInfo, ...]:
    """The bands that a backbone names, or what it reads of those that it knows, or of IF_ALL."""
    inputs = backbone.inputs
    bands = tuple(
        BandInfo(
            name=name,
            common_name=IF_ALL.get(name),
            wavelength_um=0.45 + 0.1 * i,
            unit=inputs.unit_of(i),
            sensor="Sentinel-2",
            gsd_m=10.0,
        )
        for i, name in enumerate(inputs.bands or backbone.known_bands or IF_ALL)
    )
    return bands if inputs.bands else tuple(bands[channel] for channel in backbone.reads(bands))


def usual(bands: tuple[BandInfo, ...]) -> tuple[Tensor, Tensor]:
    """(C,) float32 least and greatest value of each band here."""
    low, high = torch.tensor([USUAL[band.unit] for band in bands]).unbind(1)
    return low, high


def _preparation(inputs: InputSpec, bands: tuple[BandInfo, ...]) -> Preparation:
    """What its images are prepared with: its own moments where its values are those of its training, nothing for raw
    values, else any others."""
    if inputs.moments and inputs.bands and (inputs.as_trained or inputs.wants_raw_values):
        mean, std = torch.tensor([inputs.moments[band.name] for band in bands]).unbind(1)
        return Preparation(mean, std, bands=bands)
    if inputs.wants_raw_values:
        return Preparation(torch.zeros(len(bands)), torch.ones(len(bands)), bands=bands)
    low, high = usual(bands)
    places = torch.linspace(0.0, 1.0, len(bands))
    mean, std = low + (0.33 + 0.17 * places) * (high - low), (0.1 + 0.2 * places) * (high - low)
    return Preparation(mean, std, bands=bands)


def alike(first: Tensor, second: Tensor, tolerance: float = 1e-3) -> bool:
    """Whether features are equal but for rounding, compared with how large they are."""
    scale = max(float(first.abs().mean()), float(second.abs().mean()), 1e-12)
    return first.shape == second.shape and float((first - second).abs().max()) <= tolerance * scale
