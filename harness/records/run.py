"""A run: everything that can change a result, and the choices it is made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any


class TrainDraw(StrEnum):
    """Which train samples a run gets. The value is what users type and what rows store."""

    PARTITION = "partition"
    """Those its partition's file lists."""
    SEED = "seed"
    """As many, drawn from `default`'s by the run's seed; or the few a few-shot protocol asks for."""


class Selection(StrEnum):
    """What chooses hyper-parameters. The value is what users type and what rows store."""

    VALID = "valid"
    """The whole valid split, as is customary; its labels count as labels used."""
    CV = "cv"
    """Cross-validation inside train: no label beyond those that fit."""
    NONE = "none"
    """Nothing: the documented default is used, or there is nothing to choose."""


class NormalisationPolicy(StrEnum):
    """Whose statistics standardise what a backbone is fed. The value is what users type and what rows store."""

    DATASET = "dataset"
    """Those the dataset comes with, else those of its train split."""
    PRETRAINING = "pretraining"
    """Those the backbone was trained with."""
    NONE = "none"
    """Nobody's: the stored values enter as they are, no data as 0."""


class BandNames(StrEnum):
    """Whose word is taken on which band a channel is. The value is what users type and what rows store."""

    CORRECTED = "corrected"
    """An erratum's, where the published files are known to be wrong (`Dataset.erratum`)."""
    STORED = "stored"
    """The files', as published numbers were made."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """Everything that can change a result and nothing that cannot: `identity` hashes exactly this.

    Device, workers, paths, host and inference batch size are deliberately absent, and so is the name under which the
    backbone was chosen: one network may have several.
    """

    suite: str
    dataset: str
    dataset_fingerprint: str
    """Over pixels and labels of the samples in `default` and in the run's partition as it is filed."""
    partition: str
    partition_sha256: str
    """Over the sample names of the three splits in order: an edited partition, or another draw, is another run."""
    valid_sha256: str
    """Over the sorted sample names of the valid split."""
    test_sha256: str
    """The same of the test split."""
    train_draw: TrainDraw
    backbone_settings: Mapping[str, Any]
    """What the network is, beside its weights: `builder`, `version`, and all that changes its features."""
    weights_sha256: str
    weights_from_seed: bool
    """Whether the weights were drawn from the run's seed, so that each seed is another network."""
    bands: tuple[str, ...]
    """Bands the backbone was fed, in its order, by the name it asked for."""
    band_sources: tuple[str | None, ...]
    """For each of `bands` the channel that supplied it, by the name it is stored under; None: filled with zeros."""
    band_names: BandNames
    """Whose names `bands` were matched with; `stored` where nothing is known to be wrong with them."""
    normalisation: NormalisationPolicy
    normalisation_statistics: Mapping[str, Sequence[Any]]
    """`mean` and `std` of each of `bands`, the very numbers that were used: in the unit of the stored pixels, or in the
    one that the band's curve leads to, where there are `curves`."""
    input_size: int | None
    """Side in pixels the images were resampled to; None: their own size."""
    extraction_version: int
    """Of what is done to pixels before any network sees them."""
    metric: str
    """Headline metric: chooses hyper-parameters on valid and ranks on test."""
    metrics_version: int
    protocol: str
    protocol_version: int
    protocol_settings: Mapping[str, Any]
    selection: Selection
    facts: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    """What the backbone is told of each of `bands` besides pixels, by the fact's name. Empty for one that is told
    nothing, and then no part of the identity."""
    band_sets: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """`train` and `test`: names of the bands that fed the backbone, where it was trained on fewer of the dataset's than
    it reads, or tested on others. Asking for both, in this order, gives the run again. Empty for any other run."""
    test_feed: Mapping[str, Any] = field(default_factory=dict)
    """What replaces `bands`, `band_sources`, `normalisation_statistics` and `facts` at test. Empty: the same feeds it.
    Empty, both are no part of the identity."""
    fitted_on: str = ""
    """Over the sorted names of the unlabelled train images of `default` that the backbone was fitted to: those that the
    run does not choose by or test on. Empty for one that is not fitted, and then no part of the identity."""
    ignore_nodata: bool = False
    """Whether pixels without any image data have no label, of a dataset that has such pixels. False, it is no part of
    the identity."""
    seed: int
    """0 where it decides nothing, so that the same run is not repeated under many numbers."""

    def as_tested(self) -> "Run":
        """The run that feeds everything as this one feeds test; itself where it feeds nothing else."""
        return replace(self, **self.test_feed, test_feed={}, band_sets={}) if self.test_feed else self
