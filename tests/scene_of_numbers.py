"""A dataset of one image whose every band is one number, and the numbers that enter a network from it.

Bands are stored in an order that no model reads, so a model that goes by position gets others' numbers.
"""

from collections.abc import Mapping
from types import SimpleNamespace

import numpy as np
import torch

from baselines.bands import Unit
from baselines.contract import InputSpec
from baselines.inputs import prepare
from harness.data.band_matching import MissingBands, plan_bands
from harness.data.description import Band
from harness.extraction.normalisation import build_preparation, check_statistics, choose_normalisation, default_policy

LIGHT = {
    "B12": 2100.0,
    "B8A": 1800.0,
    "B1": 1000.0,
    "B11": 2000.0,
    "B2": 1100.0,
    "B3": 1200.0,
    "B9": 1900.0,
    "B10": 1950.0,
    "B4": 1300.0,
    "B7": 1600.0,
    "B5": 1400.0,
    "B6": 1500.0,
    "B8": 1700.0,
}
"""Digital numbers of a scene of Sentinel-2: reflectance x 10,000."""
RADAR = {"VH": -15.0, "VV": -10.0}
"""The same place in dB."""
PICTURE = {"blue": 120.0, "red": 100.0, "green": 110.0}
"""8-bit tones."""

_KINDS = {Unit.DECIBEL: "Sentinel1", Unit.LINEAR_POWER: "Sentinel1", Unit.UINT8: "SpectralBand"}


def numbers_that_enter(inputs: InputSpec, *stored: tuple[Unit, Mapping[str, float]]) -> list[float]:
    """What a network gets in each channel, fed as it is where nobody says how, to four digits.

    Args:
        stored: a unit, and the value of each band in it.
    """
    values = {name: value for _, of_unit in stored for name, value in of_unit.items()}
    bands = tuple(Band(name, _KINDS.get(unit, "Sentinel2"), unit=unit) for unit, of_unit in stored for name in of_unit)
    dataset = SimpleNamespace(name="scene", bands=bands, statistics=None)
    wanted = inputs.bands or tuple(values)
    sources = plan_bands(wanted, bands, MissingBands.ERROR, "scene: it").sources
    policy = default_policy(inputs)
    check_statistics(policy, dataset, sources, "it", inputs)
    chosen = choose_normalisation(policy, dataset, sources, np.dtype(np.float32), "it", inputs)
    pixels = torch.tensor([values[source] for source in sources])[None, :, None, None]
    entering = prepare(pixels, build_preparation(chosen, None), inputs.limits)
    return [round(value, 4) for value in entering.flatten().tolist()]
