"""A dataset of somebody's images, as it was understood."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from harness.data.dataset import Dataset
from harness.data.description import DatasetSpec, Sample
from harness.data.no_data.marking import mark_no_data
from harness.data.own.description import Understood, read_understood
from harness.data.own.fitting import fit_image, fit_mask
from harness.data.own.images import open_image, open_mask
from harness.data.own.labels import find_mask
from harness.data.own.settings import Fit
from harness.data.partitions import Partition, build_partition, require_partition
from harness.errors import UserError
from harness.records.job import DatasetRef
from harness.records.labels import IGNORED, LabelKind
from harness.tasks import TASKS, parse_label


@dataclass(frozen=True, kw_only=True)
class OwnDataset(Dataset):
    """Images in a folder of their own; `dataset.json` says all but their pixels."""

    understood: Understood

    @cached_property
    def samples(self) -> frozenset[str]:
        return frozenset(self._row_of)

    def file_of(self, sample: str) -> Path:
        return self.understood.root / self.understood.files[self._row_of[sample]]

    def partitions(self) -> list[str]:
        return sorted(self.understood.partitions)

    def partition(self, name: str) -> Partition:
        require_partition(name, self.partitions(), self.name)
        samples = self.understood.samples
        splits: dict[str, list[str]] = {
            split: sorted(samples[row] for row in rows) for split, rows in self.understood.partitions[name].items()
        }
        return build_partition(name, splits, self.samples, self.name)

    def read_statistics(self) -> None:
        """None come along: they are computed over train."""

    def read_sample(self, name: str) -> Sample:
        what, row = self.understood, self._row_of[name]
        file, label = what.files[row], what.labels[row]
        pixels = open_image(what.root / file, file).pixels
        own_size = pixels.shape[1:]
        if what.fit is Fit.RESAMPLE and own_size != what.size_px:
            pixels = mark_no_data(pixels, self.bands)  # which must not be mixed with data
        raw: Any = list(label) if isinstance(label, tuple) else label
        if isinstance(label, str):
            raw = self._read_mask(label, own_size, file)
        return Sample(
            name=name,
            pixels=fit_image(pixels, what.size_px, what.fit),
            label=parse_label(raw, self.spec.label_kind, self.spec.n_classes, file),
            place=what.places[row] if what.places else None,
        )

    def _read_mask(self, file: str, own_size: tuple[int, ...], image: str) -> np.ndarray:
        """Class indices or numbers of pixels, of the size of the dataset's images."""
        what = self.understood
        mask = open_mask(find_mask(what.root, file), file)
        if mask.shape != own_size:
            raise UserError(f"{file}: is {mask.shape} where its image {image} is {own_size}; one size is wanted")
        if self.spec.label_kind is LabelKind.PIXEL_REGRESSION:
            return fit_mask(np.where(mask.mask, np.nan, mask.data).astype(np.float32), what.size_px, what.fit, np.nan)
        known = np.array(what.mask_values)
        place = np.minimum(np.searchsorted(known, mask.data), len(known) - 1)
        indices = np.where((known[place] == mask.data) & ~mask.mask, place, IGNORED)
        return fit_mask(indices.astype(np.int32), what.size_px, what.fit, IGNORED)

    @cached_property
    def _row_of(self) -> dict[str, int]:
        return {name: row for row, name in enumerate(self.understood.samples)}


def open_dataset(ref: DatasetRef) -> OwnDataset:
    """Read what was understood of a folder of images.

    Raises:
        UserError: dataset.json is missing or damaged.
    """
    understood = read_understood(ref.directory)
    kind = understood.label_kind
    spec = DatasetSpec(
        dataset=ref.name,
        suite=ref.suite,
        label_kind=kind,
        n_classes=len(understood.class_names),
        class_names=understood.class_names,
        size_px=understood.size_px,
        bands=understood.bands,
        metric=TASKS[kind].headline,
    )
    return OwnDataset(
        name=ref.name,
        suite=ref.suite,
        directory=ref.directory,
        spec=spec,
        bands=understood.bands,
        understood=understood,
    )
