"""A dataset of six bands whose images are one number a band, and backbones that say what they were fed."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from geobench_files import STATISTICS, SUITE, band, thing, write_partition, write_sample, write_task
from harness.campaign.plan import Line, build_plan
from harness.campaign.request import make_request
from harness.execution.workbench import Workbench
from harness.records.job import Places
from harness.records.progress import Silent

BANDS = [
    band("02 - Blue", alt_names=("2", "02", "blue"), wavelength=0.49),
    band("03 - Green", alt_names=("3", "03", "green"), wavelength=0.56),
    band("04 - Red", alt_names=("4", "04", "red"), wavelength=0.665),
    band("08A - Vegetation Red Edge", alt_names=("8A", "08A"), wavelength=0.865),
    band("11 - SWIR", alt_names=("11",), wavelength=1.61),
    band("VV", kind="Sentinel1", alt_names=("vv",)),
]
NAMES = ["B2", "B3", "B4", "B8A", "B11", "VV"]
MEAN = {name: 100.0 * place for place, name in enumerate(NAMES, start=1)}
STD = {name: 10.0 * place for place, name in enumerate(NAMES, start=1)}
SPLITS = {"train": range(12), "valid": range(12, 18), "test": range(18, 24)}

BACKBONES = '''
import torch
from baselines.contract import Backbone, Features, InputSpec, Level, Origin
from baselines.facts import Fact


class Means(Backbone):
    """The mean of each band as it enters, through a layer that may be trained and begins as nothing at all."""

    def __init__(self, bands, uses=frozenset()):
        super().__init__(
            inputs=InputSpec(bands=bands, uses=uses),
            origin=Origin(weights_sha256="0" * 64, description="means"),
            pyramid=(),
        )
        self.scale = torch.nn.Parameter(torch.ones(()))

    def embed(self, x, facts):
        return Features(vector=self.scale * x.mean((2, 3)), maps=())


class Told(Means):
    """As many numbers whatever the bands: the mean of all of them, and of their wavelengths."""

    def embed(self, x, facts):
        told = x.new_tensor([band.wavelength_um for band in facts.bands]).mean().expand(len(x))
        return Features(vector=self.scale * torch.stack([x.mean((1, 2, 3)), told], 1), maps=())


def red_green_blue(weights, seed):
    return Means(("red", "green", "blue"))


def five_bands(weights, seed):
    return Means(("B2", "B3", "B4", "B8A", "B11"))


def every_band(weights, seed):
    return Means(None)


def told(weights, seed):
    return Told(None, frozenset({Fact.WAVELENGTH}))
'''


def entered(sample: int, name: str) -> float:
    """What a sample's band is when it has been standardised by its own statistics: no other band's is the same."""
    return (1.0 if sample % 2 else -1.0) * (1 + sample % 3 + 0.1 * NAMES.index(name))


def write_data(root: Path, name: str = "toy") -> Path:
    """The datasets' folder; beside it `nets.py` with the backbones. A class is a sign that each band tells."""
    directory = root / "data" / SUITE / name
    directory.mkdir(parents=True)
    for sample in range(24):
        values = [MEAN[name] + STD[name] * entered(sample, name) for name in NAMES]
        pixels = [(info, np.full((4, 4), value, np.float32), None) for info, value in zip(BANDS, values, strict=True)]
        write_sample(directory, f"id_{sample:02d}", pixels, label=sample % 2)
    write_task(directory, BANDS, thing("Classification", n_classes=2, _class_names=["a", "b"]))
    statistics = {
        info.name: {**dict.fromkeys(STATISTICS, 1.0), "mean": MEAN[name], "std": STD[name]}
        for info, name in zip(BANDS, NAMES, strict=True)
    }
    (directory / "band_stats.json").write_text(json.dumps(statistics))
    write_partition(directory, "default", **{split: [f"id_{i:02d}" for i in rows] for split, rows in SPLITS.items()})
    (root / "nets.py").write_text(BACKBONES)
    return root / "data"


def plan(data: Path, backbone: str, **changes: Any) -> tuple[list[Line], Workbench]:
    """What a command would run of one backbone, and the workbench to run it with."""
    asked = {
        "backbones": [f"{data.parent / 'nets.py'}:{backbone}"], "weights": [], "geobench_dir": data, "datasets": (),
        "protocols": ("linear_probe",), "partitions": ("default",), "seeds": (0,), "train_draw": "partition",
        "selection": "valid", "shots": (1,), "budgets": (), "missing_bands": "error", "db": data / "x.duckdb",
        "cache_dir": data.parent / "cache", "device": "cpu",
    }  # fmt: skip
    request = make_request(**{**asked, **changes})
    workbench = Workbench(Places(cache_dir=request.cache_dir, device="cpu"), Silent())
    return build_plan(request, workbench, convert=True), workbench
