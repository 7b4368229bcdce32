"""What the images of an area hold: Sentinel-2, both orbits of Sentinel-1, and interferometric coherence."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from baselines.bands import Unit
from harness.demo.geobench_format import BANDS, GSD_M
from mp_mae.modalities import COHERENCE_STORED, S1_STORED, S2_STORED


@dataclass(frozen=True, kw_only=True)
class Sensor:
    """A modality of the simulated world, and which of its channels are written."""

    channels: tuple[int, ...]
    """Of the modality, in the order written."""
    dtype: type[np.generic]
    bands: tuple[Mapping[str, Any], ...]
    """What area.json says of each."""

    def take(self, stored: np.ndarray) -> np.ndarray:
        """(n, C, H, W) of the modality -> the channels written; NaN where nothing was recorded."""
        taken = stored[:, self.channels]
        if self.dtype is np.uint16:
            return taken
        return np.where(np.isfinite(taken), taken, np.nan).astype(self.dtype)


def _band(
    name: str, kind: str, alt_names: tuple[str, ...], wavelength_um: float | None, gsd_m: float, unit: Unit
) -> dict[str, Any]:
    return {
        "name": name,
        "kind": kind,
        "alt_names": list(alt_names),
        "wavelength_um": wavelength_um,
        "gsd_m": float(gsd_m),
        "unit": str(unit),
    }


_S1_WRITTEN = ("asc VV", "asc VH", "desc VV", "desc VH")
"""HH and HV are recorded near the poles alone."""

SENSORS: dict[str, Sensor] = {
    "sentinel2": Sensor(
        channels=tuple(S2_STORED.index(band.stored) for band in BANDS),
        dtype=np.uint16,
        bands=tuple(
            _band(band.stored, "Sentinel2", band.alt_names, band.wavelength_um, band.native_gsd_m, Unit.DN_10000)
            for band in BANDS
        ),
    ),
    # Whoever wants a VV and no orbit gets the ascending one.
    "sentinel1": Sensor(
        channels=tuple(map(S1_STORED.index, _S1_WRITTEN)),
        dtype=np.float16,
        bands=tuple(
            _band(name, "Sentinel1", (name.removeprefix("asc "),) * name.startswith("asc"), None, GSD_M, Unit.DECIBEL)
            for name in _S1_WRITTEN
        ),
    ),
    "coherence": Sensor(
        channels=tuple(range(len(COHERENCE_STORED))),
        dtype=np.float16,
        bands=tuple(
            _band(f"coherence {baseline}", "Sentinel1Coherence", (baseline,), None, GSD_M, Unit.COHERENCE)
            for baseline in COHERENCE_STORED
        ),
    ),
}
"""By the name of the modality. float16 holds decibels to 0.02 and coherence to 0.0005, below any noise in them."""
