"""Whether the data are at fault: where a loss is not finite, the step's tiles are read once more and looked at."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

import h5py
import numpy as np
import torch
from accelerate.utils import gather_object
from torch import Tensor

from mp_mae.data.files import METADATA, MMEarthFiles
from mp_mae.modalities import OPTICAL, Modality
from mp_mae.training.setup import Training
from mp_mae.training.stepping.feed import read_batches

FARTHEST = 1000.0
"""Standard deviations from a band's mean. What a sensor measures is nearer; fill values are farther away."""
_SHOWN = 3


@dataclass(frozen=True, kw_only=True)
class Fault:
    """A value that no sensor measured."""

    tile: str
    """Its tile_id."""
    row: int
    modality: str
    band: str
    value: float
    """As stored."""
    unit: str
    deviations: float
    """Standard deviations from the band's mean."""

    def __str__(self) -> str:
        return (
            f"tile {self.tile} (row {self.row}) has {self.value:.5g} {self.unit} in {self.modality} {self.band}, "
            f"{self.deviations:.2g} standard deviations from the mean"
        )


def find_faults(training: Training, step: int) -> list[Fault]:
    """The worst values of the tiles of a step, the same in every process; none where all are as they may be."""
    found: list[Fault] = []
    with closing(read_batches(training, step, step + 1)) as batches:
        for batch in batches:
            standardised = {OPTICAL: batch.input, **batch.targets}
            for modality in (training.plan.files.input, *training.plan.files.modalities):
                if not modality.kind.is_class:
                    values = standardised[modality.name]
                    found += _of_modality(training.plan.files, modality, values, batch.rows)
    unique = {(fault.row, fault.modality, fault.band): fault for fault in gather_object(found)}
    return sorted(unique.values(), key=lambda fault: -fault.deviations)[:_SHOWN]


def describe_faults(faults: list[Fault]) -> str:
    """What a training that cannot go on says of them."""
    return (
        f"The data are at fault, whatever the rate: {'; '.join(map(str, faults))}. Correct the file, or leave such "
        "batches out: --resume auto --set skip_batches=10."
    )


def _of_modality(files: MMEarthFiles, modality: Modality, values: Tensor, rows: np.ndarray) -> Iterator[Fault]:
    """Tiles and bands of (B, C, ...) standardised values that are too far from the mean."""
    distance = values.abs().nan_to_num(nan=0.0, posinf=torch.inf)
    farthest = distance.reshape(*distance.shape[:2], -1).amax(2)
    for tile, band in (farthest > FARTHEST).nonzero().tolist():
        name, row = modality.bands[band], int(rows[tile])
        with h5py.File(files.paths.h5) as file:
            identity = file[METADATA][row][0].decode(errors="replace")
            stored = np.asarray(file[modality.name][row][modality.stored.index(name)], np.float64).ravel()
        mean = float(files.statistics[modality.name].mean[0][band])
        real = stored[np.isfinite(stored) & ~np.isin(stored, modality.no_data)]
        yield Fault(
            tile=identity,
            row=row,
            modality=modality.name,
            band=name,
            value=float(real[np.abs(real - mean).argmax()]),
            unit=modality.unit,
            deviations=float(farthest[tile, band]),
        )
