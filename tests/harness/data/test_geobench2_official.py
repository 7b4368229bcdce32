"""The official reader of GEO-Bench-2 opens the files that our tests write, and finds in them what ours finds."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from harness.data.sources import open_dataset
from harness.data.suites import discover
from harness.records.run import BandNames

pytest.importorskip("rasterio", reason="the extra `geo`")
pytest.importorskip("pyarrow", reason="the extra `geo`")

from geobench2_files import SPLITS, simulated_patches, write_dataset

official = pytest.importorskip("geobench_v2.datasets", reason="geobenchv2 0.9 is not installed", exc_type=ImportError)

S2_12 = ["B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B11", "B12"]
S2_10 = [name for name in S2_12 if name not in ("B01", "B09")]
CASES = {
    "benv2": ("GeoBenchBENV2", {"s1": ["VV", "VH"], "s2": S2_12}),
    "so2sat": ("GeoBenchSo2Sat", {"s1": ["VV", "VH"], "s2": S2_10}),
    "treesatai": ("GeoBenchTreeSatAI", {"aerial": ["red", "green", "blue", "nir"]}),
    "forestnet": ("GeoBenchForestnet", ["B02", "B03", "B04", "B8A", "B11", "B12"]),
    "burn_scars": ("GeoBenchBurnScars", ["B02", "B03", "B04", "B8A", "B11", "B12"]),
    "caffe": ("GeoBenchCaFFe", ["gray"]),
    "cloudsen12": ("GeoBenchCloudSen12", S2_12),
    "flair2": ("GeoBenchFLAIR2", {"aerial": ["red", "green", "blue", "nir"], "elevation": ["elevation"]}),
    "pastis": ("GeoBenchPASTIS", {"s2": S2_10}),
    "spacenet7": ("GeoBenchSpaceNet7", ["red", "green", "blue"]),
}
"""Dataset -> its class there, and the channels it is asked for by the names that it knows."""


@pytest.fixture(scope="module")
def patches():
    return simulated_patches()


@pytest.mark.parametrize("name", CASES)
def test_both_readers_find_the_same_pixels_and_labels(tmp_path, patches, name):
    class_name, order = CASES[name]
    folder = write_dataset(tmp_path, name, patches, parts=3 if name == "pastis" else 1)
    (ref,) = discover(tmp_path)
    ours = open_dataset(replace(ref, band_names=BandNames.STORED))
    theirs = getattr(official, class_name)(folder, split="train", band_order=order, data_normalizer=torch.nn.Identity())
    train = ours.partition("default").train
    assert len(theirs) == len(train) == SPLITS.count("train")
    for sample, found in zip(map(ours.read_sample, train), theirs, strict=False):
        channels = dict(zip([band.name for band in ours.bands], sample.pixels.astype(np.float32), strict=True))
        images = order if isinstance(order, dict) else {"": order}
        for image, names in images.items():
            for channel, band in zip(found[f"image_{image}" if image else "image"], names, strict=True):
                np.testing.assert_array_equal(channel, channels[band.replace("B0", "B")], err_msg=f"{name} {band}")
        _compare_labels(sample.label, found)


def _compare_labels(label, found):
    if "mask" in found:
        known = label != 255  # what they give other values there
        np.testing.assert_array_equal(np.asarray(found["mask"])[known], label[known])
    else:
        np.testing.assert_array_equal(found["label"], label)
