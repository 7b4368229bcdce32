"""What standardised a network's input while it was trained, from what our own checkpoints hold of it."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from baselines.inputs import Moments, PixelKind, PretrainingStatistics
from mp_mae.data.statistics import OF_NO_VALUES
from mp_mae.errors import UserError

_LEVELS = {"l1c": PixelKind.SENTINEL2_L1C, "l2a": PixelKind.SENTINEL2_L2A}
_KINDS = {"sentinel1": PixelKind.SENTINEL1, "coherence": PixelKind.COHERENCE}
"""Modalities without levels."""
_NO_TILES = Moments(*OF_NO_VALUES)


def read_statistics(
    weights: Path, normalisation: Mapping[str, Any], modalities: Iterable[str]
) -> PretrainingStatistics:
    """Moments by what the pixels are and by the name of the band; of Sentinel-2 those of each processing level.

    A modality of which nothing is held (official files hold nothing at all), or that is no kind of pixels that a
    dataset is known to store, is left out; so is what no tile of the training had.

    Args:
        weights: for messages.
        normalisation: as `mp_mae.checkpoint.TrainingSummary` has it.
    Raises:
        UserError: these are no such statistics.
    """
    try:
        kinds: dict[PixelKind, dict[str, Moments]] = {}
        for modality in modalities:
            held = normalisation.get(modality, {})
            if modality == "sentinel2":
                kinds |= {
                    kind: _moments(held["bands"], held[level]) for level, kind in _LEVELS.items() if level in held
                }
            elif modality in _KINDS and held:
                kinds[_KINDS[modality]] = _moments(held["bands"], held)
    except (LookupError, TypeError, ValueError, OverflowError, AttributeError) as error:
        raise UserError(
            f"{weights}: wanted the statistics of its pretraining as bands, mean and std of each level, found others "
            f"({error!r}). Export the checkpoint again: python -m mp_mae export"
        ) from error
    return {kind: bands for kind, bands in kinds.items() if bands}


def _moments(bands: Iterable[str], held: Mapping[str, Any]) -> dict[str, Moments]:
    numbers = zip(bands, held["mean"], held["std"], strict=True)
    moments = {band: Moments(float(mean), float(std)) for band, mean, std in numbers}
    return {band: known for band, known in moments.items() if known != _NO_TILES}
