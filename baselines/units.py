"""How values get from one unit to another, and which values a unit can have at all."""

from enum import StrEnum
from typing import NamedTuple

import torch
from torch import Tensor

from baselines.bands import Unit


class Curve(StrEnum):
    """A conversion that no factor expresses. The value is what a run's identity holds."""

    TO_DECIBEL = "10 log10 x"
    TO_POWER = "10 ^ (x / 10)"

    def apply(self, values: Tensor) -> Tensor:
        """The converted values; what has no value in the new unit (the logarithm of 0) is not finite: no data."""
        if self is Curve.TO_DECIBEL:
            return 10 * torch.log10(values)
        return torch.pow(10.0, values / 10)


class Conversion(NamedTuple):
    """Multiply by `factor`, then follow `curve`, if there is one."""

    factor: float = 1.0
    curve: Curve | None = None


_CONVERSIONS = {
    (Unit.DN_10000, Unit.REFLECTANCE): Conversion(factor=1e-4),
    (Unit.REFLECTANCE, Unit.DN_10000): Conversion(factor=1e4),
    (Unit.LINEAR_POWER, Unit.DECIBEL): Conversion(curve=Curve.TO_DECIBEL),
    (Unit.DECIBEL, Unit.LINEAR_POWER): Conversion(curve=Curve.TO_POWER),
}
"""(stored, wanted). There is none between 8-bit tones and reflectance: how a picture was stretched is not known."""

_LIGHT = frozenset({Unit.REFLECTANCE, Unit.DN_10000, Unit.UINT8, Unit.LANDSAT_DN})

LIMITS = {
    Unit.REFLECTANCE: (-1.0, 10.0),
    Unit.DN_10000: (-2e3, 1e5),
    Unit.UINT8: (0.0, 255.0),
    Unit.LANDSAT_DN: (0.0, 65535.0),
    Unit.DECIBEL: (-150.0, 100.0),
    Unit.LINEAR_POWER: (-1e-2, 1e6),
    Unit.METRE: (-2e4, 1e5),
    Unit.KELVIN: (0.0, 1e4),
    Unit.COHERENCE: (-1e-3, 1.001),
}
"""Values beyond which something else is stored than the unit says. Wide: an offset, noise, sun glint, a saturated
detector and what is left of a mirror in a town stay inside."""


def find_conversion(stored: Unit, wanted: Unit) -> Conversion | None:
    """How values in one unit become values in another; None if nothing is known to do it."""
    return Conversion() if stored is wanted else _CONVERSIONS.get((stored, wanted))


def standardised_alike(stored: Unit, wanted: Unit) -> bool:
    """Whether values in both units look alike once each band is standardised by its own statistics.

    Tones of a picture and reflectance do, as far as anybody has ever fed one for the other; decibels and linear power
    do not, and no radar is light.
    """
    return stored is wanted or {stored, wanted} <= _LIGHT
