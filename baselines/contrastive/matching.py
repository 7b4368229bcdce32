"""Which of a dataset's bands is which channel of a contrastive model: by name, never by position.

| modality | a band is a channel if |
| --- | --- |
| `sentinel2` | it has its canonical name (`B4`); else, of another sensor, its common name (`red`) |
| `sentinel1` | it is called by polarisation and orbit in any order (`VV asc`); one that names no orbit is ascending |
| `coherence` | it is called by the days between both images (`12 days`, `coherence 12`) |
| any other | it has its name (`elevation`) |

Radar in another unit than dB, where the dataset says so, is none of these. Upper and lower case are one. Where several
bands could be a channel, the first in the more exact way is.
"""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from baselines.bands import SENTINEL2_LIGHT, BandInfo, Unit

_ORBITS = {"asc": "asc", "ascending": "asc", "desc": "desc", "des": "desc", "descending": "desc"}
_POLARISATIONS = frozenset({"vv", "vh", "hh", "hv"})
_OF_COHERENCE = frozenset({"coherence", "days"})
_SAID_ANYWAY = frozenset({"sentinel1", "s1", "vv"})
"""Words of a band's name that tell no coherence from another: all are of Sentinel-1's VV."""
_UNITS = {"sentinel1": Unit.DECIBEL, "coherence": Unit.COHERENCE}
"""What statistics of a dataset cannot make up for: standardised, the logarithm of a power looks unlike the power."""


class Match(NamedTuple):
    """The channels of one modality that a dataset has."""

    positions: tuple[int, ...]
    """Of the bands, in the order of the model's channels."""
    channels: tuple[str, ...]
    """Which channel each of them is."""


def match_bands(modalities: Mapping[str, tuple[str, ...]], bands: Sequence[BandInfo]) -> dict[str, Match]:
    """The bands of each modality that has any, in the order of the model."""
    found = {name: _match(name, channels, bands) for name, channels in modalities.items()}
    return {name: match for name, match in found.items() if match.positions}


def name_channels(modalities: Mapping[str, tuple[str, ...]], bands: Sequence[BandInfo]) -> list[str | None]:
    """Which channel each band is; None: of no modality."""
    names: list[str | None] = [None] * len(bands)
    for match in match_bands(modalities, bands).values():
        for position, channel in zip(match.positions, match.channels, strict=True):
            names[position] = channel
    return names


def _match(modality: str, channels: Sequence[str], bands: Sequence[BandInfo]) -> Match:
    unit = _UNITS.get(modality)
    keys = [_keys(modality, band) if None in (unit, band.unit) or band.unit is unit else [] for band in bands]
    pairs = []
    for channel in channels:
        wanted = _keys(modality, BandInfo(name=channel))[0]
        ways = [(of_band.index(wanted), position) for position, of_band in enumerate(keys) if wanted in of_band]
        if ways:
            pairs.append((min(ways)[1], channel))
    return Match(tuple(position for position, _ in pairs), tuple(channel for _, channel in pairs))


def _keys(modality: str, band: BandInfo) -> list[str]:
    """What a band can be taken for, the most exact first."""
    name = band.name.casefold()
    words = re.findall(r"[a-z0-9]+", name)
    if modality == "sentinel1":
        return _radar_keys([word for word in words if word not in {"sentinel1", "s1"}])
    if modality == "coherence":
        days = [word for word in words if word not in _OF_COHERENCE | _SAID_ANYWAY]
        return [" ".join(days)] if _OF_COHERENCE & set(words) else []
    if modality == "sentinel2":
        lights = {light: canonical.casefold() for canonical, light in SENTINEL2_LIGHT.items()}
        return [name, *([lights[band.common_name]] if band.common_name in lights else [])]
    return [name]


def _radar_keys(words: Sequence[str]) -> list[str]:
    polarisations = [word for word in words if word in _POLARISATIONS]
    orbits = [_ORBITS[word] for word in words if word in _ORBITS]
    if len(polarisations) != 1 or len(orbits) > 1 or len(words) != len(polarisations) + len(orbits):
        return []  # a real part, a filtered one, a ratio: another quantity
    return [f"{polarisations[0]} {orbits[0]}"] if orbits else ["", f"{polarisations[0]} asc"]
