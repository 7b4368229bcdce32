"""Which Sentinel-2 band each channel of an image stands for: told, written in the file, or red, green and blue."""

import re
from collections.abc import Sequence

from mp_mae.errors import UserError
from mp_mae.modalities import S2_STORED

COLOURS = {"red": "B4", "green": "B3", "blue": "B2", "nir": "B8"}
"""Other names of bands."""
RGB = ("B4", "B3", "B2")
"""What three channels are where nobody says otherwise."""
LEFT_OUT = "none"
"""The name of a channel that is not read."""

Channels = tuple[str | None, ...]
"""The band of each channel of a file in its order; None: the channel is not read."""


def band_of(name: str) -> str | None:
    """The band of a name such as B4, b04, B8A or red; None if it is no name of a band."""
    word = re.sub(r"^b0+(?=\d)", "b", name.strip().casefold())
    return COLOURS.get(word) or (word.upper() if word.upper() in S2_STORED else None)


def parse_bands(text: str) -> Channels:
    """The channels that `--bands` names: `rgb`, or a name for each channel of a file.

    Raises:
        UserError: a name that is no band, one named twice, or no band at all.
    """
    if text.strip().casefold() == "rgb":
        return RGB
    names = [name.strip() for name in text.split(",")]
    channels = tuple(None if name == LEFT_OUT else band_of(name) for name in names)
    unknown = [name for name, band in zip(names, channels, strict=True) if band is None and name != LEFT_OUT]
    bands = [band for band in channels if band]
    if unknown or not bands or len(set(bands)) < len(bands):
        found = f"{', '.join(unknown)} is no band" if unknown else "a band is named twice" if bands else "no band named"
        raise UserError(
            f"--bands {text}: {found}. Name each channel of a file in its order: {', '.join(S2_STORED)}, "
            f"{', '.join(COLOURS)}, or {LEFT_OUT} for one that is not read. A band of another sensor goes by the name "
            "of the Sentinel-2 band that is nearest."
        )
    return channels


def channels_of(n_channels: int, names: Sequence[str]) -> Channels:
    """The channels of a file that nothing was told of.

    Args:
        names: as the file has them; empty where it does not name them.
    Raises:
        ValueError: it does not follow from the file.
    """
    named = tuple(band_of(name) for name in names)
    if named and all(named) and len(set(named)) == len(named):
        return named
    if n_channels == len(RGB):
        return RGB
    called = f" called {', '.join(names)}" if names else ""
    count = "1 channel" if n_channels == 1 else f"{n_channels} channels"
    raise ValueError(f"{count}{called}; name the band of each: --bands B4,B3,B2,B8")
