"""Labels alone, as a dataset: its images are names, which vectors that were made elsewhere are found by."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from harness.data.description import Sample
from harness.data.own.description import FILE
from harness.data.sources.own.dataset import OwnDataset
from harness.tasks import parse_label


@dataclass(frozen=True, kw_only=True)
class LabelsAlone(OwnDataset):
    """Every image is one pixel of zeros, which `harness.campaign.feeds` feeds to nothing."""

    def file_of(self, sample: str) -> Path:
        return self.directory / FILE

    def read_sample(self, name: str) -> Sample:
        label = self.understood.labels[self._row_of[name]]
        raw = list(label) if isinstance(label, tuple) else label
        return Sample(
            name=name,
            pixels=np.zeros((1, 1, 1), np.uint8),
            label=parse_label(raw, self.spec.label_kind, self.spec.n_classes, name),
        )
