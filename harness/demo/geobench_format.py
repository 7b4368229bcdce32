"""Sentinel-2 samples and task descriptions in GEO-Bench v1.0's on-disk format, without its package.

A sample is an HDF5 file with one dataset per band and a pickled description in the attribute `pickle`. All samples of a
task have the same structure, so HDF5 lays it out once per label and each sample is a copy with its own pixels: twenty
times as fast as writing each through the library, and byte for byte the same.
"""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np

from harness.demo.pickle_writer import Instance, write_pickle
from harness.records.labels import LabelKind

GSD_M = 10
"""Of all pixels; bands of 20 m and 60 m have been resampled, as in MMEarth and in GEO-Bench's EuroSAT."""


@dataclass(frozen=True)
class Band:
    """A Sentinel-2 band by its MMEarth name and as GEO-Bench describes it."""

    stored: str
    name: str
    alt_names: tuple[str, ...]
    native_gsd_m: int
    wavelength_um: float

    def describe(self) -> Instance:
        """GEO-Bench's object for it."""
        attributes = {
            "name": self.name,
            "alt_names": self.alt_names,
            "spatial_resolution": self.native_gsd_m,
            "wavelength": self.wavelength_um,
        }
        return Instance("geobench.dataset", "Sentinel2", attributes)


BANDS = (
    Band("B1", "01 - Coastal aerosol", ("1", "01"), 60, 0.443),
    Band("B2", "02 - Blue", ("2", "02", "blue"), 10, 0.49),
    Band("B3", "03 - Green", ("3", "03", "green"), 10, 0.56),
    Band("B4", "04 - Red", ("4", "04", "red"), 10, 0.665),
    Band("B5", "05 - Vegetation Red Edge", ("5", "05"), 20, 0.705),
    Band("B6", "06 - Vegetation Red Edge", ("6", "06"), 20, 0.74),
    Band("B7", "07 - Vegetation Red Edge", ("7", "07"), 20, 0.783),
    Band("B8", "08 - NIR", ("8", "08", "NIR"), 10, 0.842),
    Band("B8A", "08A - Vegetation Red Edge", ("8A", "08A"), 20, 0.865),
    Band("B9", "09 - Water vapour", ("9", "09"), 60, 0.945),
    Band("B10", "10 - SWIR - Cirrus", ("10",), 60, 1.375),
    Band("B11", "11 - SWIR", ("11",), 20, 1.61),
    Band("B12", "12 - SWIR", ("12",), 20, 2.19),
)
"""In GEO-Bench's order: B8 before B8A, which MMEarth stores the other way round."""


@dataclass(frozen=True)
class _Layout:
    """A sample's file but for its pixels."""

    file: bytes
    offsets: Mapping[str, int]
    """HDF5 dataset -> where its values begin."""


class SampleWriter:
    """Turns pixels and a label into the bytes of a sample's HDF5 file."""

    def __init__(self, mask: Instance | None) -> None:
        """`mask` describes the label if that is a mask, and is None for labels of whole images."""
        self._mask = mask
        self._layouts: dict[bytes, _Layout] = {}

    def sample(self, pixels: np.ndarray, label: np.ndarray) -> bytes:
        """The file's content.

        Args:
            pixels: (13, H, W) uint16 in the order of BANDS.
            label: () int64, (K,) uint8, or (H, W) uint8 if the label is a mask.
        """
        planes = dict(zip((band.name for band in BANDS), pixels, strict=True))
        if self._mask is not None:
            planes["label"] = label
        key = b"" if self._mask is not None else label.tobytes()
        if key not in self._layouts:
            self._layouts[key] = self._lay_out(planes, None if self._mask is not None else label)
        layout = self._layouts[key]
        content = bytearray(layout.file)
        for name, plane in planes.items():
            content[layout.offsets[name] : layout.offsets[name] + plane.nbytes] = plane.tobytes()
        return bytes(content)

    def _lay_out(self, planes: Mapping[str, np.ndarray], label: np.ndarray | None) -> _Layout:
        file = io.BytesIO()
        with h5py.File(file, "w") as hdf5:
            for name, plane in planes.items():
                hdf5.create_dataset(name, data=np.zeros_like(plane), track_times=False)
            hdf5.attrs["pickle"] = str(write_pickle(self._describe(list(planes), label)))
            offsets = {name: hdf5[name].id.get_offset() for name in planes}
        return _Layout(file.getvalue(), offsets)

    def _describe(self, order: list[str], label: np.ndarray | None) -> dict[str, Any]:
        """Without date, position or coordinate system: a label could be guessed from them."""
        described: dict[str, Any] = {} if label is None else {"label": label if label.ndim else int(label)}
        infos = {band.name: band.describe() for band in BANDS} | {"label": self._mask}
        for name in order:
            described[name] = {
                "date": None,
                "date_id": None,
                "spatial_resolution": GSD_M,
                "band_info": infos[name],
                "meta_info": None,
                "transform": None,
                "crs": None,
            }
        return {**described, "bands_order": order}


def label_type(kind: LabelKind, class_names: Sequence[str]) -> Instance:
    """GEO-Bench's description of a label."""
    classes = {"n_classes": len(class_names)}
    match kind:
        case LabelKind.SINGLE_LABEL:
            return Instance("geobench.label", "Classification", {**classes, "_class_names": list(class_names)})
        case LabelKind.MULTI_LABEL:
            return Instance("geobench.label", "MultiLabelClassification", {**classes, "class_name": list(class_names)})
        case LabelKind.SEGMENTATION:
            band = {"name": "label", "alt_names": (), "spatial_resolution": GSD_M}
            attributes = {**band, **classes, "_class_names": list(class_names)}
            return Instance("geobench.dataset", "SegmentationClasses", attributes)
        case _:
            raise ValueError(f"the simulated world has no {kind} labels")


def task_specifications(dataset: str, benchmark: str, size_px: int, label: Instance) -> bytes:
    """The content of task_specs.pkl."""
    attributes = {
        "dataset_name": dataset,
        "benchmark_name": benchmark,
        "patch_size": (size_px, size_px),
        "n_time_steps": 1,
        "bands_info": [band.describe() for band in BANDS],
        "label_type": label,
        "spatial_resolution": GSD_M,
    }
    return write_pickle(Instance("geobench.task", "TaskSpecifications", attributes))
