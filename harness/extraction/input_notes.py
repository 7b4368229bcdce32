"""What is odd about what entered a network: refused where nothing sensible can follow, written down where it may."""

import math
from collections.abc import Mapping

from baselines.meter import NetworkInput
from harness.errors import UserError
from harness.records.run import Run

CONSTANT = 1e-6
"""A band whose standard deviation is less than this part of its level, or of 1, says nothing in single precision."""


def check_entered(run: Run, entered: NetworkInput) -> NetworkInput:
    """Refuse numbers that no sensor gives: a fill value that nobody declared is squared to infinity; an image that is
    the same everywhere and in every sample tells nothing.

    Args:
        entered: what entered the network, bands as in `Run.bands`.
    """
    measured = zip(run.bands, run.band_sources, entered.mean, entered.std, strict=True)
    for band, source, mean, std in measured:
        if not (math.isfinite(mean) and math.isfinite(std)):
            raise UserError(
                f"what entered the network as band {band} has mean {mean:g} and std {std:g}, finite ones are wanted. "
                f'Look for an undeclared fill value (-3.4e38?) in channel "{source}" and write NaN for it'
            )
    constant = _constant_bands(run, entered)
    if constant and len(constant) == sum(source is not None for source in run.band_sources):
        raise UserError(
            f"{' '.join(constant)} entered the network as one number each, the same in all pixels of "
            f"{entered.images:,} images, so no image can be told from another. Look at the files of {run.dataset}"
        )
    return entered


def note_input(run: Run, filled: Mapping[str, str | None], entered: NetworkInput) -> list[str]:
    """What a row says about odd input; empty for most.

    Args:
        filled: bands that the dataset lacks, each with the band that feeds it instead; None: zeros.
    """
    notes = [
        f"band {band} is the same in all pixels of {entered.images:,} images" for band in _constant_bands(run, entered)
    ]
    if 2 * len(filled) > len(run.bands):
        why = "were left out" if run.band_sets else "are not in the dataset"
        notes.append(f"{len(filled)} of {len(run.bands)} bands {why} and were filled")
    return notes


def _constant_bands(run: Run, entered: NetworkInput) -> list[str]:
    """Bands that the dataset feeds with a single number."""
    measured = zip(run.bands, run.band_sources, entered.mean, entered.std, strict=True)
    return [band for band, source, mean, std in measured if source is not None and std < CONSTANT * max(1.0, abs(mean))]
