"""What is done to a dataset's pixels before they enter a network: by whose statistics, in what unit, at what size."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import torch

from baselines.bands import BandInfo
from baselines.contract import InputSpec
from baselines.inputs import Moments, PixelKind, Preparation, PretrainingStatistics
from baselines.units import Curve, find_conversion, standardised_alike
from harness.data.band_matching import canonical_name
from harness.data.dataset import Dataset, normalisation
from harness.data.pixel_kinds import UnknownPixelsError, find_pixel_kind
from harness.errors import DoesNotApplyError
from harness.extraction.known_bands import describe_bands
from harness.records.run import NormalisationPolicy


class UnfitStatisticsError(DoesNotApplyError):
    """The statistics asked for do not exist or are of other pixels, or the pixels' unit is not known or cannot be
    converted: a reason to skip a run, never to take others."""


class Standardisation(NamedTuple):
    """What is subtracted from each band that feeds a backbone, and what it is divided by."""

    mean: np.ndarray
    """(C,) float32, in the unit of the stored pixels, or in the one that the band's curve leads to."""
    std: np.ndarray
    """(C,) float32, positive."""
    curves: tuple[Curve | None, ...] = ()
    """What converts each band beforehand; empty: nothing."""


def default_policy(inputs: InputSpec) -> NormalisationPolicy:
    """The policy of a backbone where the user names none.

    The dataset's statistics, as most published evaluations have it; but what a backbone was trained with where it takes
    nothing else or declares that it is used so, and nothing for one that takes stored values as they are.
    """
    if inputs.wants_raw_values and inputs.unit is None:
        return NormalisationPolicy.NONE
    if inputs.wants_raw_values or inputs.as_trained:
        return NormalisationPolicy.PRETRAINING
    return NormalisationPolicy.DATASET


def check_statistics(
    policy: NormalisationPolicy,
    dataset: Dataset,
    sources: Sequence[str | None],
    backbone: str,
    inputs: InputSpec,
) -> None:
    """What can be told before any pixel is read. Arguments and errors as for `choose_normalisation`."""
    match policy:
        case NormalisationPolicy.DATASET:
            _check_alike(dataset, sources, backbone, inputs)
            if dataset.statistics is not None:  # else they are computed once there are arrays
                normalisation(dataset, sources)
        case NormalisationPolicy.NONE:
            _check_unscaled(backbone, inputs)
            if inputs.unit is not None:
                _in_unit(policy, dataset, sources, backbone, inputs)
        case NormalisationPolicy.PRETRAINING if not inputs.pretraining:
            if not _has_values_of_its_own(inputs):
                raise UnfitStatisticsError(
                    f"--normalisation pretraining: {backbone} was not pretrained, or its weights come without the "
                    "statistics"
                )
            _in_unit(policy, dataset, sources, backbone, inputs)


def choose_normalisation(
    policy: NormalisationPolicy,
    dataset: Dataset,
    sources: Sequence[str | None],
    dtype: np.dtype,
    backbone: str,
    inputs: InputSpec,
) -> Standardisation:
    """Mean and standard deviation of each band that feeds a backbone, and what converts its unit beforehand.

    Where zeros stand in for a band they are 0 and 1 under every policy. A factor between units is part of both numbers.

    Args:
        sources: `BandPlan.sources`; statistics are those of the band that feeds, as the dataset's own are.
        dtype: of the stored pixels.
        backbone: its name, for messages.
        inputs: of the backbone.
    Raises:
        UnfitStatisticsError: there are no pretraining statistics of such pixels, or a unit stands in the way.
        UserError: the dataset's statistics cannot normalise.
    """
    match policy:
        case NormalisationPolicy.DATASET:
            _check_alike(dataset, sources, backbone, inputs)
            return Standardisation(*normalisation(dataset, sources))
        case NormalisationPolicy.NONE:
            _check_unscaled(backbone, inputs)
            if inputs.unit is None:
                return Standardisation(np.zeros(len(sources), np.float32), np.ones(len(sources), np.float32))
            return _in_unit(policy, dataset, sources, backbone, inputs)
        case NormalisationPolicy.PRETRAINING:
            check_statistics(policy, dataset, sources, backbone, inputs)
            if inputs.pretraining:
                return _of_pretraining(dataset, sources, dtype, backbone, inputs)
            return _in_unit(policy, dataset, sources, backbone, inputs)


def _has_values_of_its_own(inputs: InputSpec) -> bool:
    """Whether a unit, and moments if there are any, tell what it was trained with."""
    return bool(inputs.moments) or (inputs.wants_raw_values and inputs.unit is not None)


def _check_unscaled(backbone: str, inputs: InputSpec) -> None:
    """Whether values that nothing scaled can enter: neither where limits are meant for scaled ones and would make the
    rest alike, nor where its own scale is the only one it takes."""
    scaled = bool(inputs.moments) or not inputs.wants_raw_values
    if scaled and (inputs.limits is not None or inputs.wants_raw_values):
        how = f"clips to {inputs.limits[0]:g}..{inputs.limits[1]:g} what was" if inputs.limits else "takes only what is"
        raise UnfitStatisticsError(
            f"--normalisation none: {backbone} {how} scaled. Pass --normalisation {default_policy(inputs)}"
        )


def _check_alike(dataset: Dataset, sources: Sequence[str | None], backbone: str, inputs: InputSpec) -> None:
    """Whether the dataset's own statistics can stand in for those a backbone was trained with."""
    if inputs.wants_raw_values:
        instead = default_policy(inputs)
        values = f"{inputs.unit} as it is" if inputs.unit else "values as they are stored"
        how = "scales by itself" if inputs.moments else "standardises by itself"
        raise UnfitStatisticsError(
            f"--normalisation dataset: {backbone} {how} and wants {values}. Pass --normalisation {instead}"
        )
    bands = {band.channel: band for band in dataset.bands}
    for channel, source in enumerate(sources):
        stored, wanted = bands[source].unit if source else None, inputs.unit_of(channel)
        if stored and wanted and not standardised_alike(stored, wanted):
            converts = "Pass --normalisation pretraining, which converts what it can, or choose"
            raise UnfitStatisticsError(
                f"--normalisation dataset: {backbone} wants {wanted}, the statistics of {dataset.name}'s band "
                f"{source} are of {stored}. {converts if inputs.moments else 'Choose'} another backbone"
            )


def _in_unit(
    policy: NormalisationPolicy,
    dataset: Dataset,
    sources: Sequence[str | None],
    backbone: str,
    inputs: InputSpec,
) -> Standardisation:
    """Pixels in the unit a backbone was trained with; standardised by its moments, unless the policy is `none`."""
    mean, std = np.zeros(len(sources), np.float32), np.ones(len(sources), np.float32)
    curves: list[Curve | None] = [None] * len(sources)
    bands = {band.channel: band for band in dataset.bands}
    for channel, source in enumerate(sources):
        if source is None:
            continue
        band, wanted = bands[source], inputs.unit_of(channel)
        assert wanted is not None, "where some band has a unit, all have"
        if band.unit is None:
            instead = "" if inputs.wants_raw_values else ", or pass --normalisation dataset"
            raise UnfitStatisticsError(
                f"--normalisation {policy}: {backbone} wants {wanted}, and nothing says in which unit "
                f"{dataset.name} stores {source}. Declare the unit where the dataset is described{instead}"
            )
        conversion = find_conversion(band.unit, wanted)
        if conversion is None:
            raise UnfitStatisticsError(
                f"--normalisation {policy}: {backbone} wants {wanted}, {dataset.name} stores {source} as "
                f"{band.unit}, and nothing converts one into the other. Choose another backbone"
            )
        moments = Moments(0.0, 1.0)
        if inputs.moments and policy is NormalisationPolicy.PRETRAINING:
            moments = _moments_of(inputs.moments, dataset, source, backbone)
        mean[channel], std[channel] = moments.mean / conversion.factor, moments.std / conversion.factor
        curves[channel] = conversion.curve
    return Standardisation(mean, std, tuple(curves) if any(curves) else ())


def _of_pretraining(
    dataset: Dataset, sources: Sequence[str | None], dtype: np.dtype, backbone: str, inputs: InputSpec
) -> Standardisation:
    """The normalisation by statistics of pretraining on pixels of the same kind, for each sensor that feeds it."""
    fed = [source for source in sources if source is not None]
    known = describe_bands(dataset, fed, fed)
    called = dict(zip(fed, inputs.names_channels(known) if inputs.names_channels else [None] * len(fed), strict=True))
    bands = {band.channel: band for band in dataset.bands}
    by_sensor: dict[str, list[str]] = defaultdict(list)
    for fed_channel in fed:
        by_sensor[bands[fed_channel].kind].append(fed_channel)
    kinds = {
        sensor: _kind_of(dataset, channels, dtype, backbone, inputs.pretraining)
        for sensor, channels in (by_sensor or {"": fed}).items()
    }
    mean, std = np.zeros(len(sources), np.float32), np.ones(len(sources), np.float32)
    for channel, source in enumerate(sources):
        if source is not None:
            kind = kinds[bands[source].kind]
            moments = _moments_of(inputs.pretraining[kind], dataset, source, backbone, called[source])
            conversion = find_conversion(bands[source].unit or kind.unit, kind.unit)
            assert conversion is not None, "pixels of this kind are in a unit that its own follows from"
            mean[channel], std[channel] = moments.mean / conversion.factor, moments.std / conversion.factor
    return Standardisation(mean, std)


def _kind_of(
    dataset: Dataset, sources: Sequence[str], dtype: np.dtype, backbone: str, pretraining: PretrainingStatistics
) -> PixelKind:
    """What the bands of one sensor hold, if there are statistics of such pixels."""
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
    return kind


def _moments_of(
    known: Mapping[str, Moments], dataset: Dataset, source: str, backbone: str, called: str | None = None
) -> Moments:
    """The moments of the band that feeds, by what the backbone calls it, or by any of its names."""
    band = next(band for band in dataset.bands if band.channel == source)
    names = (canonical_name(band), band.name, *band.alt_names) if called is None else (called,)
    found = _as_written(known, names)
    if not found:
        raise UnfitStatisticsError(
            f"--normalisation pretraining: {backbone} has no statistics of {dataset.name}'s band {source}, only of "
            f"{' '.join(known)}"
        )
    return known[found[0]]


def _as_written(known: Mapping[str, Any], names: Sequence[str | None]) -> list[str]:
    """The names of a band that `known` has, whatever their case."""
    wanted = {name.casefold() for name in names if name is not None}
    return [name for name in known if name.casefold() in wanted]


def identifying_statistics(chosen: Standardisation) -> dict[str, list[Any]]:
    """What a run's identity holds of a normalisation: the numbers themselves, wherever they come from; and the curves,
    if there are any."""
    numbers: dict[str, list[Any]] = {"mean": chosen.mean.tolist(), "std": chosen.std.tolist()}
    return {**numbers, "curves": list(chosen.curves)} if chosen.curves else numbers


def effective_size(asked_px: int | None, native_px: tuple[int, int]) -> int | None:
    """`Run.input_size`: None where the images have that size already, so that nothing would be resampled."""
    return None if asked_px is None or native_px == (asked_px, asked_px) else asked_px


def choose_size(
    asked: int | Literal["native"] | None, stored_px: tuple[int, int], backbone: str, inputs: InputSpec
) -> int | None:
    """`Run.input_size` of what was asked for.

    Raises:
        DoesNotApplyError: nobody knows the backbone's native size; or it can embed images of that size alone, and these
            would have another.
    """
    if asked == "native" and inputs.native_size_px is None:
        raise DoesNotApplyError(
            f"--input-size native: {backbone} does not say at what size it was trained. Pass a number"
        )
    asked_px = inputs.native_size_px if asked == "native" else asked
    chosen = effective_size(asked_px, stored_px)
    native = inputs.native_size_px
    if inputs.fixed_size and native is not None and fed_size(chosen, stored_px) != (native, native):
        raise DoesNotApplyError(
            f"{backbone} can embed images of {native} pixels a side alone. Pass --input-size native"
        )
    return chosen


def fed_size(input_size: int | None, native_px: tuple[int, int]) -> tuple[int, int]:
    """(height, width) of images as they are fed, before a backbone pads them."""
    return native_px if input_size is None else (input_size, input_size)


def build_preparation(chosen: Standardisation, input_size: int | None, bands: tuple[BandInfo, ...] = ()) -> Preparation:
    """What a backbone is called with; `bands` is what is known of those that feed it."""
    return Preparation(
        mean=torch.from_numpy(chosen.mean),
        std=torch.from_numpy(chosen.std),
        size_px=None if input_size is None else (input_size, input_size),
        curves=chosen.curves,
        bands=bands,
    )
