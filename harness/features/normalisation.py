"""What is done to a dataset's pixels before they enter a network: by whose statistics, and at what size."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from baselines.inputs import Preparation, PretrainingStatistics
from baselines.meter import NetworkInput
from harness.data.band_statistics import Normalisation
from harness.data.bands import canonical_name
from harness.data.dataset import Dataset, normalisation
from harness.data.pixel_kinds import UnknownPixelsError, find_pixel_kind, unit_divisors
from harness.errors import DoesNotApplyError, UserError
from harness.records.run import NormalisationPolicy, Run


class UnfitStatisticsError(DoesNotApplyError):
    """The statistics asked for do not exist or are of other pixels: a reason to skip a run, never to take others."""


def check_statistics(
    policy: NormalisationPolicy,
    dataset: Dataset,
    sources: Sequence[str | None],
    backbone: str,
    pretraining: PretrainingStatistics,
) -> None:
    """What can be told before any pixel is read. Arguments and errors as for `choose_normalisation`."""
    if policy is NormalisationPolicy.DATASET:
        normalisation(dataset, sources)
    if policy is NormalisationPolicy.PRETRAINING and not pretraining:
        raise UnfitStatisticsError(
            f"--normalisation pretraining: {backbone} was not pretrained, or its weights come without the statistics"
        )


def choose_normalisation(
    policy: NormalisationPolicy,
    dataset: Dataset,
    sources: Sequence[str | None],
    dtype: np.dtype,
    backbone: str,
    pretraining: PretrainingStatistics,
) -> Normalisation:
    """Mean and standard deviation of each band that feeds a backbone, in the unit of the stored pixels.

    Where zeros stand in for a band they are 0 and 1 under every policy.

    Args:
        sources: `BandPlan.sources`; statistics are those of the band that feeds, as the dataset's own are.
        dtype: of the stored pixels.
        backbone: its name, for messages.
        pretraining: `InputSpec.pretraining` of the backbone.
    Raises:
        UnfitStatisticsError: there are no pretraining statistics of such pixels.
        UserError: the dataset's statistics cannot normalise.
    """
    match policy:
        case NormalisationPolicy.DATASET:
            return normalisation(dataset, sources)
        case NormalisationPolicy.NONE:
            return Normalisation(np.zeros(len(sources), np.float32), np.ones(len(sources), np.float32))
        case NormalisationPolicy.PRETRAINING:
            return _of_pretraining(dataset, sources, dtype, backbone, pretraining)


def _of_pretraining(
    dataset: Dataset,
    sources: Sequence[str | None],
    dtype: np.dtype,
    backbone: str,
    pretraining: PretrainingStatistics,
) -> Normalisation:
    check_statistics(NormalisationPolicy.PRETRAINING, dataset, sources, backbone, pretraining)
    known = " or ".join(pretraining)
    try:
        kind = find_pixel_kind(dataset, sources, dtype)
    except UnknownPixelsError as error:
        raise UnfitStatisticsError(
            f"--normalisation pretraining: {backbone} has statistics of {known}; {error}"
        ) from error
    if kind not in pretraining:
        raise UnfitStatisticsError(
            f"--normalisation pretraining: {backbone} has statistics of {known}, {dataset.name} stores {kind}"
        )
    mean, std = np.zeros(len(sources), np.float32), np.ones(len(sources), np.float32)
    names = {band.channel: (canonical_name(band), band.name, *band.alt_names) for band in dataset.bands}
    for channel, (source, divisor) in enumerate(zip(sources, unit_divisors(dataset, sources), strict=True)):
        if source is None:
            continue
        found = [pretraining[kind][name] for name in _as_written(pretraining[kind], names[source])]
        if not found:
            raise UnfitStatisticsError(
                f"--normalisation pretraining: {backbone} has no statistics of {dataset.name}'s band {source}, only of "
                f"{' '.join(pretraining[kind])}"
            )
        mean[channel], std[channel] = found[0].mean / divisor, found[0].std / divisor
    return Normalisation(mean, std)


def _as_written(known: Mapping[str, Any], names: Sequence[str | None]) -> list[str]:
    """Those of a band's names that `known` has, whatever their case."""
    wanted = {name.casefold() for name in names if name is not None}
    return [name for name in known if name.casefold() in wanted]


def identifying_statistics(chosen: Normalisation) -> dict[str, list[float]]:
    """What a run's identity holds of a normalisation: the numbers themselves, wherever they come from."""
    return {name: values.tolist() for name, values in chosen._asdict().items()}


def effective_size(asked_px: int | None, native_px: tuple[int, int]) -> int | None:
    """`Run.input_size`: None where the images have that size already, so that nothing would be resampled."""
    return None if asked_px is None or native_px == (asked_px, asked_px) else asked_px


def fed_size(input_size: int | None, native_px: tuple[int, int]) -> tuple[int, int]:
    """(height, width) of images as they are fed, before a backbone pads them."""
    return native_px if input_size is None else (input_size, input_size)


def check_entered(run: Run, entered: NetworkInput) -> NetworkInput:
    """Refuse numbers that no sensor gives: a fill value that nobody declared is squared to infinity.

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
    return entered


def build_preparation(chosen: Normalisation, input_size: int | None) -> Preparation:
    """What a backbone is called with."""
    return Preparation(
        mean=torch.from_numpy(chosen.mean),
        std=torch.from_numpy(chosen.std),
        size_px=None if input_size is None else (input_size, input_size),
    )
