"""Size and normalisation through the whole command: what is declared, what was measured, and that both are kept."""

import json

import h5py
import numpy as np
import pytest

from command_line import harness
from geobench_files import (
    BLUE,
    RED,
    SUITE,
    band,
    write_dataset,
    write_mask_dataset,
    write_partition,
    write_sample,
    write_statistics,
    write_task,
)

NIR = band("08 - NIR", alt_names=("8", "08", "nir"), wavelength=0.842)
MEASURED = """SELECT run_id, configuration->>'normalisation' AS normalisation,
    configuration->'input_size' AS input_size,
    provenance->'network_input' AS network_input, flops_per_image, peak_memory_bytes, images_per_second,
    provenance->'speed' AS speed FROM runs ORDER BY finished_at"""


def rows(folder, query=MEASURED):
    found = json.loads(harness("sql", query, "--format", "json", cwd=folder).stdout)
    for row in found:
        for name in row.keys() & {"network_input", "speed"}:
            row[name] = json.loads(row[name])
    return found


@pytest.fixture
def run(tmp_path):
    """Runs a backbone that needs no weights on a dataset of 12 images of 4 x 4 px; returns what was printed."""
    directory = write_dataset(tmp_path / "data", n_samples=12)
    write_statistics(directory, [BLUE, RED], mean=5000.0, std=2500.0)

    def call(*arguments, backbone="image_statistics", protocols="knn"):
        return harness(
            "run", "--backbone", backbone, "--geobench-dir", tmp_path / "data", "--protocols", protocols,
            "--cache-dir", tmp_path / "cache", "--device", "cpu", *arguments, cwd=tmp_path,
        )  # fmt: skip

    return call


def stored_pixels(root):
    """(N, 2, 4, 4) float64, as the files have them."""
    images = []
    for path in sorted(root.rglob("*.hdf5")):
        with h5py.File(path) as file:
            images.append([file["02 - Blue"][:], file["04 - Red"][:]])
    return np.array(images, np.float64)


def test_raw_pixels_are_measured_as_they_are_stored_and_standardised_ones_are_not(run, tmp_path):
    for policy in ("none", "dataset"):
        printed = run("--normalisation", policy)
        assert printed.returncode == 0, printed.stderr
    none, dataset = rows(tmp_path)
    pixels = stored_pixels(tmp_path / "data")
    mean, std = pixels.mean(axis=(0, 2, 3)), pixels.std(axis=(0, 2, 3))
    assert (none["normalisation"], dataset["normalisation"]) == ("none", "dataset")
    assert (none["network_input"]["images"], none["network_input"]["size_px"]) == (12, [4, 4])
    np.testing.assert_allclose(none["network_input"]["mean"], mean, rtol=1e-5)
    np.testing.assert_allclose(none["network_input"]["std"], std, rtol=1e-5)
    np.testing.assert_allclose(dataset["network_input"]["mean"], (mean - 5000) / 2500, atol=1e-5)
    np.testing.assert_allclose(dataset["network_input"]["std"], std / 2500, rtol=1e-5)


def test_another_size_is_another_run_with_features_of_its_own(run, tmp_path):
    for size in ((), ("--input-size", "8"), ("--input-size", "16")):
        printed = run(*size, "--missing-bands", "nearest", backbone="random_init_demo")
        assert printed.returncode == 0, printed.stderr
    native, small, large = found = rows(tmp_path)
    assert len({row["run_id"] for row in found}) == 3
    assert [json.loads(str(row["input_size"] or "null")) for row in found] == [None, 8, 16]
    assert len(list((tmp_path / "cache" / "features").iterdir())) == 3
    # 4 px are padded to a whole patch of 8 px, which resampling to 8 px is not.
    assert [row["network_input"]["size_px"] for row in found] == [[8, 8], [8, 8], [16, 16]]
    assert native["network_input"]["std"] != small["network_input"]["std"]
    assert large["flops_per_image"] == pytest.approx(4 * small["flops_per_image"], rel=0.01)
    assert large["peak_memory_bytes"] > small["peak_memory_bytes"]
    assert [row["speed"]["size_px"] for row in found] == [[4, 4], [8, 8], [16, 16]]
    assert all(row["images_per_second"] == row["speed"]["images_per_second"] > 1 for row in found)


def test_the_size_images_have_anyway_is_the_run_that_is_there(run, tmp_path):
    assert run().returncode == 0
    assert "1 of 1 runs were in the leaderboard already" in run("--input-size", "4").stderr
    assert len(rows(tmp_path)) == 1


def test_what_was_measured_is_kept_with_the_features(run, tmp_path):
    assert run(protocols="knn").returncode == 0
    features = tmp_path / "cache" / "features"
    written = {path: path.stat().st_mtime_ns for path in features.iterdir()}
    assert run(protocols="linear_probe").returncode == 0  # another run of the same features
    assert {path: path.stat().st_mtime_ns for path in features.iterdir()} == written
    first, second = rows(tmp_path)
    assert first["network_input"] == second["network_input"]


@pytest.mark.parametrize("damage", ["missing", "text", "other"])
def test_features_without_their_measurement_are_made_again(run, tmp_path, damage):
    assert run(protocols="knn").returncode == 0
    (measured,) = (tmp_path / "cache" / "features").glob("*/manifest.json")
    if damage == "missing":
        measured.unlink()
    else:
        measured.write_text("<html>" if damage == "text" else '{"mean": 3}')
    assert run(protocols="linear_probe").returncode == 0
    first, second = rows(tmp_path)
    assert first["network_input"] == second["network_input"]
    assert json.loads(measured.read_text())["manifest"]["facts"]["network_input"]["images"] == 12


def test_show_tells_what_entered_and_how_to_do_it_again(run, tmp_path):
    assert run("--normalisation", "none", "--input-size", "6").returncode == 0
    (row,) = rows(tmp_path)
    shown = harness("show", row["run_id"], cwd=tmp_path).stdout
    low, high = (f"{value:.4g}" for value in sorted(row["network_input"]["mean"]))
    assert f"network input: 6 x 6 px, 2 bands; of the bands mean {low} to {high}, std " in shown
    command = next(line for line in shown.splitlines() if line.startswith("python -m harness run"))
    assert " --input-size 6 --normalisation none " in command
    again = harness(*command.split()[3:], "--geobench-dir", tmp_path / "data", cwd=tmp_path)
    assert "1 of 1 runs were in the leaderboard already" in again.stderr
    plain = run()
    assert plain.returncode == 0
    default = next(r for r in rows(tmp_path) if r["normalisation"] == "dataset")
    told = harness("show", default["run_id"], cwd=tmp_path).stdout
    assert "--input-size" not in told
    assert "--normalisation dataset " in told, "each backbone has a default of its own"


RAW = """import torch
from baselines.contract import Backbone, Features, InputSpec, Origin
from baselines.entry import Entry

class Means(Backbone):
    def embed(self, x, facts):
        return Features(vector=x.mean(dim=(2, 3)), maps=())

def build(weights, seed):
    return Means(
        inputs=InputSpec(bands=None, standardised=False, limits=(0.0, 9000.0)),
        origin=Origin(weights_sha256="0" * 64, description="means"),
        pyramid=(),
    )

ENTRY = Entry(name="means", summary="", module=__name__, weights="none")
"""


def test_a_backbone_of_raw_values_needs_no_word_to_be_fed_them(run, tmp_path):
    (tmp_path / "means.py").write_text(RAW)
    printed = run(backbone="means.py:ENTRY")
    assert printed.returncode == 0, printed.stderr
    (row,) = rows(tmp_path)
    assert row["normalisation"] == "none"
    fed = stored_pixels(tmp_path / "data").clip(0, 9000)
    np.testing.assert_allclose(row["network_input"]["mean"], fed.mean(axis=(0, 2, 3)), rtol=1e-5)
    (configuration,) = rows(tmp_path, "SELECT configuration->'backbone_settings'->>'limits' AS limits FROM runs")
    assert json.loads(configuration["limits"]) == [0.0, 9000.0], "limits change features, so they are in the identity"
    refused = run("--normalisation", "dataset", backbone="means.py:ENTRY")
    assert "wants values as they are stored. Pass --normalisation none" in refused.stderr


def test_a_backbone_without_pretraining_statistics_is_skipped_with_the_reason(run, tmp_path):
    printed = run("--normalisation", "pretraining")
    assert printed.returncode == 2
    assert "skipped: toy, image_statistics: --normalisation pretraining: image_statistics was not" in printed.stderr
    assert not (tmp_path / "cache" / "arrays").exists()  # nothing had to be read for that


def test_a_size_that_is_none_is_refused(run):
    printed = run("--input-size", "0")
    assert printed.returncode == 2
    assert "--input-size: Input should be greater than 0, found 0" in printed.stderr


def test_a_pretrained_network_is_fed_by_its_own_statistics(tmp_path):
    """Simulated weights know L1C and L2A apart: a dataset with a cirrus band is the former."""
    from baselines.entry import DEMO_WEIGHTS

    held = json.loads((DEMO_WEIGHTS / "rgb_mae" / "config.json").read_text())["normalisation"]["sentinel2"]
    names = {"B2": BLUE, "B3": band("03 - Green", alt_names=("3", "03")), "B4": RED, "B10": band("10 - SWIR - Cirrus")}
    directory = tmp_path / "data" / SUITE / "toy"
    directory.mkdir(parents=True)
    pixels = np.random.default_rng(0).integers(500, 3000, (9, 4, 8, 8)).astype(np.uint16)
    samples = [f"id_{i}" for i in range(9)]
    for i, sample in enumerate(samples):
        write_sample(
            directory, sample, [(b, p, None) for b, p in zip(names.values(), pixels[i], strict=True)], label=i % 3
        )
    write_task(directory, list(names.values()))
    write_statistics(directory, list(names.values()))
    write_partition(directory, "default", train=samples[:3], valid=samples[3:6], test=samples[6:])
    printed = harness(
        "run", "--backbone", "rgb_mae", "--weights", DEMO_WEIGHTS / "rgb_mae", "--geobench-dir", tmp_path / "data",
        "--protocols", "knn", "--cache-dir", tmp_path / "cache", "--device", "cpu", "--normalisation", "pretraining",
        cwd=tmp_path,
    )  # fmt: skip
    assert printed.returncode == 0, printed.stderr
    (row,) = rows(tmp_path)
    (configured,) = rows(tmp_path, "SELECT configuration FROM runs")
    configuration = json.loads(configured["configuration"])
    # The numbers themselves are in the identity.
    identified = configuration["normalisation_statistics"]
    for i, name in enumerate(configuration["bands"]):
        at = held["bands"].index(name)
        assert identified["mean"][i] == held["l1c"]["mean"][at]
        stored = pixels[:, list(names).index(name)].astype(np.float64)
        expected = (stored.mean() - held["l1c"]["mean"][at]) / held["l1c"]["std"][at]
        assert row["network_input"]["mean"][i] == pytest.approx(expected, abs=1e-5)


def test_masks_are_predicted_at_their_own_size_from_resampled_images(tmp_path):
    rng = np.random.default_rng(0)
    spectra = np.array([[600, 500, 3000], [900, 400, 200], [1200, 1500, 1800]])
    splits = {}
    for split, n in (("train", 5), ("valid", 3), ("test", 4)):
        masks = rng.integers(0, 3, (n, 4, 4)).repeat(4, axis=1).repeat(4, axis=2).astype(np.uint8)
        pixels = np.moveaxis(spectra[masks], -1, 1) + rng.normal(0, 100, (n, 3, 16, 16))
        splits[split] = {"pixels": np.clip(pixels, 0, None).astype(np.uint16), "masks": masks}
    write_mask_dataset(tmp_path / "data", splits, [BLUE, RED, NIR], ["field", "water", "road"])
    arguments = (
        "run", "--backbone", "image_statistics", "--geobench-dir", tmp_path / "data", "--protocols", "linear_probe",
        "--cache-dir", tmp_path / "cache", "--device", "cpu",
    )  # fmt: skip
    for size in ("8", "16", "40"):
        printed = harness(*arguments, "--input-size", size, cwd=tmp_path)
        assert printed.returncode == 0, printed.stderr
    found = rows(
        tmp_path, "SELECT configuration->'input_size' AS size, value FROM leaderboard JOIN runs USING (run_id)"
    )
    scores = {str(row["size"]): row["value"] for row in found}
    counted = rows(tmp_path, "SELECT run_id, sample, sum(list_sum(n_pixels)) AS n FROM mask_counts GROUP BY ALL")
    assert {row["n"] for row in counted} == {16 * 16}
    assert len(scores) == 3
    assert min(scores.values()) > 0.75  # a shift by a pixel or two at the borders of 4 x 4 px fields would cost more
    assert [row["network_input"]["size_px"] for row in rows(tmp_path)] == [[8, 8], [16, 16], [40, 40]]


def test_a_row_says_what_kind_of_backbone_made_it(run, tmp_path):
    run()
    run("--missing-bands", "nearest", backbone="random_init_demo")
    kinds = rows(tmp_path, "SELECT backbone, provenance->>'kind' AS kind FROM runs ORDER BY ALL")
    assert kinds == [
        {"backbone": "image_statistics", "kind": "floor"}, {"backbone": "random_init_demo", "kind": "untrained"},
    ]  # fmt: skip
