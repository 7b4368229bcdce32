"""Other bands at test than in training: what feeds which input, by whose statistics, and what is told apart."""

import json
import shlex

import numpy as np
import pytest
from shifted_bands import NAMES, SPLITS, entered, plan, write_data

from command_line import harness
from geobench_files import BLUE, RED, write_mask_dataset
from harness.campaign.plan import State
from harness.execution.execute import execute
from harness.execution.materials import build_material
from harness.protocols import find_protocol
from harness.records.identity import configuration, feature_key
from harness.records.labels import LabelKind

RGB = ["B4", "B3", "B2"]
NAMED = {"B3": "03 - Green", "B4": "04 - Red"}


@pytest.fixture
def data(tmp_path):
    return write_data(tmp_path)


def jobs(lines):
    assert all(line.job for line in lines), [line.reason for line in lines]
    return [line.job for line in lines]


def material(job, workbench):
    protocol = find_protocol(job.run.protocol, LabelKind.SINGLE_LABEL)
    return build_material(job, workbench.partition(job.dataset, "default"), workbench, protocol)


def fed(split, names):
    return [[0.0 if name is None else entered(sample, name) for name in names] for sample in SPLITS[split]]


@pytest.mark.parametrize(
    ("backbone", "train", "test", "feeding"),
    [
        ("red_green_blue", RGB, ["B8A", "B11", "VV"], ["B8A", "B11", "VV"]),
        ("red_green_blue", ["B2", "B3", "B4"], ["B8A", "B11", "VV"], ["VV", "B11", "B8A"]),
        ("red_green_blue", [], ["B8A", "B11", "VV"], ["B8A", "B11", "VV"]),
        ("red_green_blue", RGB, ["B4", "B8A", "B11"], ["B4", "B8A", "B11"]),
        ("red_green_blue", RGB, ["B11", "B3", "B4"], ["B4", "B3", "B11"]),
        ("red_green_blue", RGB, ["VV"], ["VV", None, None]),
        ("red_green_blue", RGB, ["S1"], ["VV", None, None]),
        ("five_bands", RGB, ["B8A", "B11"], [None, None, None, "B8A", "B11"]),
        ("five_bands", RGB, ["VV", "B8A"], [None, None, "VV", "B8A", None]),
        ("five_bands", RGB, ["S2"], ["B2", "B3", "B4", "B8A", "B11"]),
        ("every_band", RGB, ["B8A", "B11", "VV"], ["VV", "B11", "B8A"]),
        ("every_band", RGB, [*RGB, "VV", "B11", "B8A"][::-1], None),
    ],
)
def test_new_bands_take_the_places_of_lost_ones_and_names_keep_theirs(data, backbone, train, test, feeding):
    """Each with its own statistics; of valid all is as in training."""
    lines, workbench = plan(data, backbone, train_bands=[train] if train else [], test_bands=[test])
    if feeding is None:  # what it was trained on is there, and it has no input for more
        assert [line.state for line in lines] == [State.NEW, State.SAME]
        assert lines[1].reason == f"{lines[1].cell.bands} feeds it as B4 B3 B2 does"
        return
    same, other = jobs(lines)
    found = material(other, workbench)
    np.testing.assert_allclose(found.features("test"), fed("test", feeding), atol=1e-4)
    for split in ("train", "valid"):
        np.testing.assert_array_equal(found.features(split), material(same, workbench).features(split))
    assert not same.run.test_feed
    assert same.run_id != other.run_id


def test_a_backbone_that_is_told_wavelengths_gets_the_bands_of_test_as_they_are(data):
    _, shifted, dropped = jobs(plan(data, "told", train_bands=[RGB], test_bands=[["B11", "B8A"]], drop_bands=["B2"])[0])
    assert shifted.run.bands == ("02 - Blue", "03 - Green", "04 - Red")
    assert shifted.run.test_feed["bands"] == ("08A - Vegetation Red Edge", "11 - SWIR")
    assert shifted.run.test_feed["facts"]["wavelength_um"] == [0.865, 1.61]
    assert dropped.run.test_feed["bands"] == ("03 - Green", "04 - Red")
    _, workbench = plan(data, "told")
    found = material(shifted, workbench).features("test")
    expected = [[np.mean([entered(i, "B8A"), entered(i, "B11")]), (0.865 + 1.61) / 2] for i in SPLITS["test"]]
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_a_radar_band_without_wavelength_is_refused_to_it_in_a_line(data):
    *_, line = plan(data, "told", train_bands=[RGB], test_bands=[["VV"]])[0]
    assert line.state is State.SKIPPED
    assert line.reason.endswith("uses wavelength_um, which toy does not say of VV")


# Sweeps


def test_a_sweep_loses_each_band_that_feeds_the_backbone_and_no_other(data):
    lines, workbench = plan(data, "red_green_blue", drop_bands=["each"])
    assert [line.cell.bands.dropped for line in lines] == [None, "B2", "B3", "B4"]
    whole, *swept = jobs(lines)
    assert [job.run.band_sets["test"] for job in swept] == [("B3", "B4"), ("B2", "B4"), ("B2", "B3")]
    found = material(swept[0], workbench).features("test")
    np.testing.assert_allclose(found, fed("test", ["B4", "B3", None]), atol=1e-4)
    assert not whole.run.band_sets


def test_a_band_that_is_named_and_not_read_says_so(data):
    _, _, line = plan(data, "red_green_blue", drop_bands=["B4", "VV"])[0]
    assert line.state is State.SKIPPED
    assert line.reason.endswith("is not fed from VV in training, so nothing changes without it")


def test_what_is_lost_may_be_filled_by_its_neighbour(data):
    *_, job = jobs(plan(data, "five_bands", drop_bands=["B3"], missing_bands="nearest")[0])
    assert job.filled_at_test == {"B3": "02 - Blue"}
    assert job.run.test_feed["band_sources"][1] == "02 - Blue"


@pytest.mark.parametrize(
    ("backbone", "lost", "instead"),
    [("red_green_blue", "B4", "B3"), ("every_band", "B8A", "B4"), ("every_band", "B2", "B3")],
)
def test_the_neighbour_of_a_band_is_known_by_its_wavelength_where_its_name_says_none(data, backbone, lost, instead):
    lines, workbench = plan(data, backbone, drop_bands=[lost], missing_bands="nearest")
    whole, filled = (material(job, workbench).features("test") for job in jobs(lines))
    order = ["B4", "B3", "B2"] if backbone == "red_green_blue" else NAMES
    np.testing.assert_array_equal(filled[:, order.index(lost)], whole[:, order.index(instead)])
    assert list(jobs(lines)[1].filled_at_test.values()) == [NAMED[instead]]


def test_a_radar_band_that_is_lost_has_no_neighbour(data):
    *_, line = plan(data, "every_band", drop_bands=["VV"], missing_bands="nearest")[0]
    assert line.state is State.SKIPPED
    assert "no wavelength tells which is nearest; ask for one of these, say of images of your own" in line.reason


def test_image_statistics_keep_their_length_without_a_band(data):
    lines, workbench = plan(data, "x", backbones=["image_statistics"], drop_bands=["VV"])
    whole, lost = (material(job, workbench).features("test") for job in jobs(lines))
    assert whole.shape == lost.shape == (6, 9 * len(NAMES))
    assert not lost[:, 5].any()
    np.testing.assert_array_equal(lost[:, :5], whole[:, :5])


def test_a_hand_crafted_floor_without_a_band_takes_it_for_zeros_and_keeps_its_length(data):
    """Six bands and NDVI, NDWI and NDBI, each of which is -1 or 1 where one of its two bands is 0."""
    lines, workbench = plan(data, "x", backbones=["handcrafted_1"], drop_bands=["B4"])
    whole, lost = (material(job, workbench).features("test").reshape(6, 9, 9) for job in jobs(lines))
    assert not lost[:, 2].any()
    assert (lost[:, 6, 0] == 1).all()
    np.testing.assert_array_equal(np.delete(lost, (2, 6), 1), np.delete(whole, (2, 6), 1))


def test_indices_read_the_bands_they_are_made_of_alone(data):
    whole, cut = (
        jobs(plan(data, "x", backbones=["spectral_indices"], train_bands=[names] if names else [])[0])[0]
        for names in ([], ["B2", "B4", "B8A"])
    )
    assert whole.run.facts["name"] == ["B3", "B4", "B8A", "B11"]
    assert cut.run.facts["name"] == ["B4", "B8A"]


def test_what_is_fitted_to_the_bands_of_training_takes_no_others(data):
    ordinary, other = plan(data, "x", backbones=["random_features_zca"], drop_bands=["B4"])[0]
    assert ordinary.job.run.fitted_on
    assert (other.state, other.reason) == (
        State.SKIPPED,
        "random_features_zca is fitted to the bands of training and takes no others",
    )


def test_a_preset_leaves_out_datasets_that_are_not_there_and_sets_that_they_lack(tmp_path):
    """Six bands of m-eurosat: of the sets of GeoCrossBench two are there, and all of Sentinel-2."""
    data = write_data(tmp_path, "m-eurosat")
    preset = {"preset": "geocross-classification", "protocols": (), "partitions": (), "missing_bands": "zero"}
    lines, _ = plan(data, "five_bands", **preset)
    probed = [line for line in lines if line.cell.protocol == "linear_probe"]
    assert [str(line.cell.bands) for line in probed if line.state is State.NEW] == [
        "B4 B3 B2", "B4 B3 B2 -> S2", "B4 B3 B2 S2", "B4 B3 B2 S2 -> B4 B3 B2",
    ]  # fmt: skip
    skipped = {line.reason.partition(";")[0] for line in probed if line.state is State.SKIPPED}
    assert skipped == {f"m-eurosat, --test-bands: no band {name} here" for name in ("B5", "B12", "VH")}


# What is told apart, and what is done once


def test_what_the_bands_of_training_would_have_given_anyway_is_the_ordinary_run(data):
    (ordinary,) = jobs(plan(data, "red_green_blue")[0])
    (cut,) = jobs(plan(data, "red_green_blue", train_bands=[RGB])[0])
    assert cut.run_id == ordinary.run_id
    assert not {"band_sets", "test_feed"} & set(configuration(ordinary.run))


def test_a_run_on_fewer_bands_than_it_reads_says_which(data):
    (cut,) = jobs(plan(data, "five_bands", train_bands=[RGB])[0])
    (again,) = jobs(plan(data, "five_bands", train_bands=[RGB[::-1]])[0])
    assert cut.run.band_sources == ("02 - Blue", "03 - Green", "04 - Red", None, None)
    assert cut.run.band_sets == {"train": ("B2", "B3", "B4"), "test": ("B2", "B3", "B4")}
    assert cut.run_id == again.run_id


def test_train_features_are_shared_and_of_test_no_other_image_is_embedded(data):
    lines, workbench = plan(data, "red_green_blue", train_bands=[RGB], test_bands=[["B8A", "B11", "VV"]])
    same, other = jobs(lines)
    content = workbench.arrays(same.dataset).content_sha256
    assert feature_key(same.run, content) == feature_key(other.run, content)
    assert feature_key(other.run.as_tested(), content) != feature_key(other.run, content)
    assert workbench.features(same) is workbench.features(other)
    assert len(workbench.features(other.at_test)) == len(SPLITS["test"])
    assert same.at_test is same


def test_the_command_that_is_shown_asks_for_the_same_run(data):
    """Whatever the order in which sets were typed."""
    for backbone, changes in (
        ("red_green_blue", {"train_bands": [["B2", "B3", "B4"]], "test_bands": [["VV", "B8A"]]}),
        ("five_bands", {"train_bands": [RGB], "test_bands": [["VV", "B8A"]]}),
        ("five_bands", {"drop_bands": ["B3"], "missing_bands": "nearest"}),
        ("every_band", {"train_bands": [RGB], "test_bands": [["B11", "VV"]]}),
        ("told", {"train_bands": [RGB], "test_bands": [["B11", "B8A"]]}),
    ):
        *_, job = jobs(plan(data, backbone, **changes)[0])
        sets = {f"{split}_bands": [job.run.band_sets[split]] for split in ("train", "test")}
        fill = "zero" if None in job.run.test_feed["band_sources"] else "nearest"
        *_, again = jobs(plan(data, backbone, missing_bands=fill, **sets)[0])
        assert (again.run_id, again.run.band_sets) == (job.run_id, job.run.band_sets), (backbone, changes)


# Protocols


def test_a_network_is_trained_with_the_bands_of_training_and_tested_with_those_of_test(data):
    """The sign that tells the classes is turned round in no band, so what was learnt on red serves on radar."""
    lines, workbench = plan(
        data, "red_green_blue", protocols=("fine_tune",), train_bands=[RGB], test_bands=[["B8A", "B11", "VV"], ["VV"]]
    )
    same, other, one = (execute(job, workbench) for job in jobs(lines))
    scores = [{row.split: row.value for row in done.metrics if row.metric == "accuracy"} for done in (same, other, one)]
    assert [score["valid"] for score in scores] == [1.0, 1.0, 1.0]
    assert [score["test"] for score in scores] == [1.0, 1.0, 1.0]
    found = material(jobs(lines)[1], workbench)
    means = found.pixels("test", slice(None)).mean(axis=(2, 3))
    prepared = (means - found.preparation("test").mean.numpy()) / found.preparation("test").std.numpy()
    np.testing.assert_allclose(prepared, fed("test", ["B8A", "B11", "VV"]), atol=1e-4)


def test_no_pixel_or_label_of_test_can_move_what_is_fitted_and_chosen(data):
    """With the features and labels of test exchanged, valid is predicted by the same digits."""
    lines, workbench = plan(data, "five_bands", train_bands=[RGB], test_bands=[["B8A"], ["B11", "VV"]])
    protocol = find_protocol("linear_probe", LabelKind.SINGLE_LABEL)
    outcomes = [protocol.function(material(job, workbench), protocol.settings, 0) for job in jobs(lines)]
    for outcome in outcomes[1:]:
        np.testing.assert_array_equal(outcome.valid_scores, outcomes[0].valid_scores)
        assert outcome.ran_with == outcomes[0].ran_with
        assert not np.array_equal(outcome.test_scores, outcomes[0].test_scores)


def test_features_of_another_length_are_refused(data):
    """A backbone that is told of its bands but has a number for each of them."""
    nets = data.parent / "nets.py"
    added = "def grows(weights, seed):\n    return Means(None, frozenset({Fact.SENSOR}))\n"
    nets.write_text(f"{nets.read_text()}\n\n{added}")
    _, line = plan(data, "grows", train_bands=[RGB], test_bands=[["B8A"]])[0]
    assert line.state is State.SKIPPED
    assert "makes features of another length of B8A than of B2 B3 B4" in line.reason


def test_the_row_says_what_fed_test(data, tmp_path):
    run = (
        "run", "--backbone", f"{tmp_path / 'nets.py'}:red_green_blue", "--geobench-dir", data, "--cache-dir",
        tmp_path / "cache", "--protocols", "knn", "--train-bands", "B4,B3,B2", "--test-bands", "VV,B11",
    )  # fmt: skip
    done = harness(*run, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    query = "SELECT configuration, provenance FROM runs WHERE json_exists(configuration, '$.test_feed')"
    (row,) = json.loads(harness("sql", query, "--format", "json", cwd=tmp_path).stdout)
    stored, provenance = json.loads(row["configuration"]), json.loads(row["provenance"])
    assert stored["band_sets"] == {"train": ["B4", "B3", "B2"], "test": ["VV", "B11"]}
    assert stored["test_feed"]["band_sources"] == ["VV", "11 - SWIR", None]
    assert provenance["filled_at_test"] == {"blue": None}
    assert provenance["network_input_at_test"]["images"] == len(SPLITS["test"])
    run_id = json.loads(
        harness(
            "sql",
            "SELECT run_id FROM runs WHERE json_exists(configuration, '$.test_feed')",
            "--format",
            "json",
            cwd=tmp_path,
        ).stdout
    )[0]["run_id"]
    command = json.loads(harness("show", run_id, "--json", cwd=tmp_path).stdout)["command"]
    again = harness(*shlex.split(command)[3:], "--geobench-dir", data, "--cache-dir", tmp_path / "cache", cwd=tmp_path)
    assert "2 of 2 runs were in the leaderboard already" in again.stderr, again.stderr


def test_maps_of_test_are_of_the_bands_of_test(tmp_path):
    """Blue and red 8 x 8 px; statistics of the images: the finest level is the pixels themselves."""
    generator = np.random.default_rng(0)
    splits = {
        split: {
            "pixels": generator.normal(size=(n, 2, 8, 8)).astype(np.float32),
            "masks": generator.integers(0, 2, (n, 8, 8)).astype(np.uint8),
        }
        for split, n in (("train", 4), ("valid", 2), ("test", 3))
    }
    write_mask_dataset(tmp_path / "data", splits, [BLUE, RED], ["field", "wood"])
    (tmp_path / "nets.py").touch()
    lines, workbench = plan(tmp_path / "data", "x", backbones=["image_statistics"], drop_bands=["B4"])
    whole, lost = jobs(lines)
    protocol = find_protocol("linear_probe", LabelKind.SEGMENTATION)
    maps = {}
    for job in (whole, lost):
        found = build_material(job, workbench.partition(job.dataset, "default"), workbench, protocol)
        maps[job.run_id] = {split: np.stack([found.maps(split, i)[0] for i in range(2)]) for split in SPLITS}
    np.testing.assert_array_equal(maps[lost.run_id]["train"], maps[whole.run_id]["train"])
    np.testing.assert_array_equal(maps[lost.run_id]["valid"], maps[whole.run_id]["valid"])
    # Each extraction centres its channels by its own first images; the maps of both are in the units of train.
    np.testing.assert_allclose(maps[lost.run_id]["test"][..., 0], maps[whole.run_id]["test"][..., 0], atol=2e-3)
    nothing = maps[lost.run_id]["test"][..., 1]
    red = splits["train"]["pixels"][0, 1]
    standardised = maps[whole.run_id]["train"][0, ..., 1].astype(np.float64)
    slope, offset = np.polyfit(red.ravel(), standardised.ravel(), 1)
    every = np.concatenate([arrays["pixels"][:, 1] for arrays in splits.values()])
    np.testing.assert_allclose(nothing, slope * every.mean() + offset, atol=2e-3)
