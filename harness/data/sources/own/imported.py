"""Images of somebody's own that were imported: arrays beside `dataset.json`, read without the images."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from harness.data.description import Sample
from harness.data.files.mapped_array import map_array
from harness.data.own.description import LABELS, PIXELS
from harness.data.sources.own.dataset import OwnDataset
from harness.errors import UserError

_IMPORT_AGAIN = "Remove the folder, and import the images again"


@dataclass(frozen=True, kw_only=True)
class ImportedDataset(OwnDataset):
    """`pixels.npy` (N, C, H, W) as stored, and `labels.npy` as `harness.tasks` lays them out, a row a file."""

    def file_of(self, sample: str) -> Path:
        return self.directory / PIXELS

    def read_sample(self, name: str) -> Sample:
        what, row = self.understood, self._row_of[name]
        return Sample(
            name=name,
            pixels=np.array(self._pixels[row]),
            label=np.array(self._labels[row]),
            place=what.places[row] if what.places else None,
        )

    @cached_property
    def _pixels(self) -> np.ndarray:
        return self._map(PIXELS, (len(self.bands), *self.understood.size_px))

    @cached_property
    def _labels(self) -> np.ndarray:
        return self._map(LABELS)

    def _map(self, file_name: str, shape: tuple[int, ...] | None = None) -> np.ndarray:
        where, n = f"{self.name}/{file_name}", len(self.understood.files)
        array = map_array(self.directory / file_name, where, _IMPORT_AGAIN)
        if array.shape[:1] != (n,) or (shape is not None and array.shape[1:] != shape):
            raise UserError(f"{where}: {(n, *(shape or ('...',)))} is wanted, {array.shape} found. {_IMPORT_AGAIN}")
        return array
