"""A dataset of the harness as material: described without embedding anything, embedded once, kept in the cache."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from baselines.bands import BandInfo
from baselines.contrastive.backbone import ContrastiveBackbone
from baselines.contrastive.embeddings import AVERAGE
from baselines.inputs import EXTRACTION_VERSION, Preparation
from baselines.meter import InputMeter
from baselines.registry import find_backbone
from harness.data.arrays import ArrayCache
from harness.errors import DoesNotApplyError, UserError
from harness.execution.costs import count_costs
from harness.execution.workbench import Workbench
from harness.extraction.batches import embed_images, images_per_batch, pooled, read_bands, stored_channels
from harness.extraction.image_features import cached_features
from harness.extraction.known_bands import describe_bands
from harness.extraction.normalisation import (
    Standardisation,
    build_preparation,
    choose_normalisation,
    default_policy,
    identifying_statistics,
)
from harness.extraction.precision import describe_extraction
from harness.metrics import METRICS_VERSION
from harness.multimodal.material import Described, Material
from harness.multimodal.probe import PENALTIES, PROBED
from harness.multimodal.results import Model
from harness.multimodal.towers import EveryTower, channels_of
from harness.multimodal.vectors import SharedVectors
from harness.protocols.image.numeric_labels import numbers_of
from harness.records.job import DatasetRef
from harness.records.run import NormalisationPolicy
from harness.store.kinds import MODALITIES, Place
from harness.tasks import TASKS


@dataclass(frozen=True, eq=False, kw_only=True)
class _Fed:
    """What a model is fed from a dataset."""

    sources: tuple[str, ...]
    """The stored channels, in the dataset's order."""
    bands: tuple[BandInfo, ...]
    chosen: Standardisation


class Embedder:
    """One contrastive model, and datasets as it sees them."""

    def __init__(
        self,
        backbone: str,
        weights: Path | None,
        workbench: Workbench,
        normalisation: NormalisationPolicy | None,
        same_place_km: float,
    ) -> None:
        """
        Raises:
            UserError: another kind of backbone; its weights are absent or damaged.
        """
        entry = find_backbone(backbone)
        if "embedding" not in entry.settings:
            raise UserError(f"--backbone {backbone}: wanted a contrastive model, whose modalities share a space: clip")
        shared = replace(entry, settings={**entry.settings, "embedding": AVERAGE})  # the one with every projection
        clip = shared.build(weights, 0)
        assert isinstance(clip, ContrastiveBackbone), "no other backbone has embeddings to choose from"
        self.model = Model(backbone=backbone, weights_sha256=clip.origin.weights_sha256)
        self._clip, self._settings = clip, shared.describe(clip)
        self._workbench, self._same_place_km = workbench, same_place_km
        self._policy = normalisation or default_policy(clip.inputs)
        self._fed: dict[DatasetRef, _Fed] = {}

    def describe(self, ref: DatasetRef) -> Described:
        """What the dataset has of the model's modalities; it is converted to arrays if that has not happened yet.

        Raises:
            DoesNotApplyError: it has fewer than two, or its pixels cannot be standardised as asked.
            UserError: bad input.
        """
        dataset = self._workbench.dataset(ref)
        known = describe_bands(dataset, [b.name for b in dataset.bands], [b.channel for b in dataset.bands])
        read = self._clip.reads(known)
        bands = tuple(known[position] for position in read)
        channels = channels_of(self._clip, bands)
        if len(channels) < 2:
            raise DoesNotApplyError(
                f"{ref.name}: wanted two modalities or more of {', '.join(self._clip.modalities)}; found "
                f"{', '.join(channels) or 'none'}. Choose a dataset that has them"
            )
        sources = tuple(dataset.bands[position].channel for position in read)
        dtype = self._workbench.arrays(ref).pixels.dtype
        measured = self._workbench.measured_dataset(ref)
        chosen = choose_normalisation(self._policy, measured, sources, dtype, self.model.backbone, self._clip.inputs)
        self._fed[ref] = _Fed(sources=sources, bands=bands, chosen=chosen)
        return Described(
            name=ref.name,
            suite=ref.suite,
            kind=dataset.spec.label_kind,
            class_names=dataset.spec.class_names,
            metric=dataset.spec.metric,
            channels=channels,
            configuration={
                "backbone_settings": self._settings,
                "dataset_fingerprint": self._workbench.fingerprint(ref, "default"),
                "channels": {modality: list(names) for modality, names in channels.items()},
                "band_sources": list(sources),
                "normalisation": self._policy.value,
                "normalisation_statistics": identifying_statistics(chosen),
                "extraction_version": EXTRACTION_VERSION,
                "metrics_version": METRICS_VERSION,
                "same_place_km": self._same_place_km,
                "penalties": asdict(PENALTIES),
            },
        )

    def embed(self, ref: DatasetRef, described: Described) -> Material:
        """The images of train and test that have every modality; vectors come from the cache if they are there.

        Raises:
            UserError: none of train or of test has every modality; vectors that are not finite.
        """
        arrays, partition = self._workbench.arrays(ref), self._workbench.partition(ref, "default")
        train, test = arrays.rows(partition.train), arrays.rows(partition.test)
        rows = np.union1d(train, test)
        vectors = SharedVectors(channels=described.channels, table=self._vectors(ref, described, rows))
        complete = vectors.complete()
        kept = {name: of[complete[np.searchsorted(rows, of)]] for name, of in (("train", train), ("test", test))}
        self._tell_incomplete(described, len(train) - len(kept["train"]), len(test) - len(kept["test"]))
        for split, of_split in kept.items():
            if not len(of_split):
                raise UserError(
                    f"{ref.name}: wanted {split} images with all of {', '.join(described.channels)}; found none. Look "
                    "for channels without data"
                )
        labels = arrays.labels
        return Material(
            described=described,
            train=vectors.of(np.searchsorted(rows, kept["train"])),
            numbers=self._numbers(described, labels[kept["train"]]),
            test=vectors.of(np.searchsorted(rows, kept["test"])),
            targets=labels[kept["test"]],
            places=None if arrays.places is None else arrays.places[kept["test"]],
        )

    def _numbers(self, described: Described, labels: np.ndarray) -> np.ndarray:
        if described.kind not in PROBED:
            return np.empty((len(labels), 0))
        TASKS[described.kind].check_learnable(labels, "a probe")
        return numbers_of(labels, described.kind, len(described.class_names))

    def _tell_incomplete(self, described: Described, train: int, test: int) -> None:
        if train or test:
            self._workbench.progress.notice(
                f"{described.name}: {train} train and {test} test images lack one of "
                f"{', '.join(described.channels)} and are left out"
            )

    def _vectors(self, ref: DatasetRef, described: Described, rows: np.ndarray) -> np.ndarray:
        """(n, S, E) float32 of rows of the arrays, as `SharedVectors.table`."""
        fed, places = self._fed[ref], self._workbench.places
        arrays = self._workbench.arrays(ref)
        channels = stored_channels(arrays, fed.sources)
        decides: Mapping[str, Any] = {
            "weights_sha256": self.model.weights_sha256,
            "pixels": _hash_pixels(arrays, rows, channels),
            **{key: described.configuration[key] for key in _DECIDE_VECTORS},
        }
        digest = hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()[:32]
        title = f"{ref.name}, {self.model.backbone}"
        place = Place(cache_dir=places.cache_dir, kind=MODALITIES, key=f"{digest}-{MODALITIES.version}", title=title)

        def extract(meter: InputMeter) -> Iterator[np.ndarray]:
            preparation: Preparation = build_preparation(fed.chosen, None, fed.bands)
            towers, progress = EveryTower(self._clip), self._workbench.progress
            height, width = self._workbench.native_size(ref)
            image_bytes = count_costs(towers, fed.bands, height, width).image_bytes
            batch = images_per_batch(places.device, height * width, image_bytes)
            of_batches = embed_images(
                towers, arrays, rows, channels, preparation, places.device, batch, meter, progress
            )
            return pooled(of_batches)

        extraction = describe_extraction(places.device)
        flat = cached_features(place, len(rows), extract, extraction, self._workbench.progress).vectors
        if not np.isfinite(flat).all():
            raise UserError(f"{ref.name}: vectors that are not finite. Look for an undeclared fill value (-3.4e38?)")
        return flat.reshape(len(rows), -1, self._clip.model.config.dim)


def _hash_pixels(arrays: ArrayCache, rows: np.ndarray, channels: Sequence[int | None]) -> str:
    """SHA-256 of what is fed of (n,) rows, in their order: datasets that ask other labels of the same images share it.

    It takes a hundredth of what embedding takes.
    """
    digest = hashlib.sha256(f"{arrays.pixels.dtype} {len(rows)} {arrays.pixels.shape[2:]}".encode())
    for start in range(0, len(rows), _HASHED_AT_ONCE):
        digest.update(read_bands(arrays, rows[start : start + _HASHED_AT_ONCE], channels).tobytes())
    return digest.hexdigest()


_HASHED_AT_ONCE = 64
"""Images."""
_DECIDE_VECTORS = (
    "backbone_settings",
    "channels",
    "band_sources",
    "normalisation_statistics",
    "extraction_version",
)
"""Of `Described.configuration`."""
