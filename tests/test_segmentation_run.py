"""Masks through the whole command: a small dataset in GEO-Bench's layout, metrics read by SQL."""

import json

import numpy as np
import pytest

from command_line import harness
from geobench_files import BLUE, RED, band, write_mask_dataset
from harness.records.labels import IGNORED

NIR = band("08 - NIR", alt_names=("8", "08", "nir"), wavelength=0.842)
CLASSES = ["field", "water", "road"]
SPECTRA = np.array([[600, 500, 3000], [900, 400, 200], [1200, 1500, 1800]])


def draw_split(rng, n):
    """Blocks of one class in noise; the first row has no label."""
    cells = rng.integers(0, 3, (n, 4, 4))
    masks = cells.repeat(5, axis=1).repeat(5, axis=2).astype(np.uint8)
    pixels = np.moveaxis(SPECTRA[masks], -1, 1) + rng.normal(0, 400, (n, 3, 20, 20))
    masks[:, 0] = IGNORED
    return {"pixels": np.clip(pixels, 0, None).astype(np.uint16), "masks": masks}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("masks")
    rng = np.random.default_rng(0)
    splits = {"train": draw_split(rng, 8), "valid": draw_split(rng, 5), "test": draw_split(rng, 6)}
    write_mask_dataset(folder / "data", splits, [BLUE, RED, NIR], CLASSES)
    arguments = (
        "run", "--backbone", "image_statistics", "--geobench-dir", folder / "data",
        "--cache-dir", folder / "cache", "--device", "cpu",
    )  # fmt: skip
    return folder, arguments, harness(*arguments, cwd=folder)


def rows(folder, query):
    return json.loads(harness("sql", query, "--format", "json", cwd=folder).stdout)


def test_metrics_of_masks_are_in_the_leaderboard(finished):
    folder, _, printed = finished
    assert printed.returncode == 0, printed.stderr
    assert "fields, image_statistics: knn does not take segmentation labels" in printed.stderr
    (row,) = rows(folder, "SELECT * FROM leaderboard")
    assert (row["suite"], row["protocol"], row["metric"]) == ("user:data", "linear_probe", "miou")
    assert row["n_labels_fit"] == 8
    assert 0.75 < row["ci_low"] < row["value"] < row["ci_high"] <= 1  # classes overlap in noise
    metrics = rows(folder, "SELECT split, metric, value FROM metrics ORDER BY ALL")
    assert [(m["split"], m["metric"]) for m in metrics] == [
        (split, metric) for split in ("test", "valid") for metric in ("miou", "pixel_accuracy", "pixel_f1_macro")
    ]
    test = {m["metric"]: m["value"] for m in metrics if m["split"] == "test"}
    assert test["miou"] < test["pixel_f1_macro"] <= 1


def test_each_class_has_its_iou_and_the_headline_is_their_mean(finished):
    folder, _, _ = finished
    found = rows(folder, "SELECT class_name, value FROM class_metrics WHERE metric = 'iou' AND split = 'test'")
    assert {row["class_name"] for row in found} == set(CLASSES)
    (headline,) = rows(folder, "SELECT value FROM leaderboard")
    assert headline["value"] == pytest.approx(np.mean([row["value"] for row in found]))


def test_a_run_says_what_pixels_it_was_fitted_on(finished):
    folder, _, _ = finished
    (row,) = rows(folder, "SELECT provenance, configuration FROM runs")
    ran_with = json.loads(row["provenance"])["ran_with"]
    assert ran_with["strides"] == [1, 4, 16]
    assert ran_with["pixels"] == 8 * 256
    assert ran_with["features"] == 3 * 5
    assert json.loads(row["configuration"])["protocol_settings"]["pixels_per_image"] == 256


def test_confusion_counts_of_each_image_are_kept_and_give_the_headline(finished):
    folder, _, _ = finished
    found = rows(folder, "SELECT sample, target, predicted, n_pixels FROM mask_counts ORDER BY position")
    assert [row["sample"] for row in found] == [f"test_{i}" for i in range(6)]
    confusion = np.zeros((3, 3))
    for row in found:
        assert sum(row["n_pixels"]) == 19 * 20  # the first row of pixels has no label
        np.add.at(confusion, (row["target"], row["predicted"]), row["n_pixels"])
    iou = np.diag(confusion) / (confusion.sum(axis=0) + confusion.sum(axis=1) - np.diag(confusion))
    (headline,) = rows(folder, "SELECT value FROM leaderboard")
    assert headline["value"] == pytest.approx(iou.mean())


def test_the_same_again_elsewhere_is_bit_identical(finished, tmp_path):
    folder, arguments, _ = finished
    moved = [tmp_path / "cache" if argument == folder / "cache" else argument for argument in arguments]
    assert harness(*moved, cwd=tmp_path).returncode == 0
    query = "SELECT * FROM metrics ORDER BY ALL"
    assert rows(folder, query) == rows(tmp_path, query)


def test_other_seeds_draw_other_pixels_from_the_same_features(finished):
    folder, arguments, _ = finished
    files = sorted((folder / "cache").rglob("*.npy"))
    before = [path.stat().st_mtime_ns for path in files]
    assert harness(*arguments, "--seeds", "1", cwd=folder).returncode == 0
    assert sorted((folder / "cache").rglob("*.npy")) == files
    assert [path.stat().st_mtime_ns for path in files] == before
    assert len({row["value"] for row in rows(folder, "SELECT value FROM leaderboard")}) == 2


def test_a_backbone_without_maps_is_skipped_with_the_reason(finished, tmp_path, monkeypatch):
    from baselines.image_statistics import ImageStatistics

    original = ImageStatistics.__init__
    monkeypatch.setattr(ImageStatistics, "__init__", lambda self, **fields: original(self, **{**fields, "pyramid": ()}))
    printed = harness(*finished[1], cwd=tmp_path)
    assert "fields, image_statistics: no features of pixels, only of images" in printed.stderr
