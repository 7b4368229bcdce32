"""The floors from files to rows. One that is fitted sees the train images of `default`, prepared as they enter, and no
others; all partitions and protocols share what came of it, and its runs say what it saw."""

import numpy as np
import pytest
import torch

from command_line import harness
from geobench_files import BLUE, RED, write_dataset, write_partition, write_sample
from harness.campaign.plan import State, build_plan
from harness.campaign.request import make_request
from harness.execution.workbench import Workbench
from harness.records.identity import configuration, hash_names
from harness.records.job import Places
from harness.records.progress import Silent

NAMES = [f"id_{i}" for i in range(36)]
VALID, TEST, TRAIN = NAMES[:6], NAMES[6:12], NAMES[12:]


def write(folder):
    directory = write_dataset(folder / "data", n_samples=len(NAMES))
    write_partition(directory, "default", train=TRAIN, valid=VALID, test=TEST)
    write_partition(directory, "0.25x_train", train=TRAIN[:6], valid=VALID, test=TEST)
    return directory


def plan(folder, backbone="random_features_zca", **changes):
    asked = {
        "backbones": [backbone],
        "weights": [],
        "geobench_dir": folder / "data",
        "datasets": (),
        "protocols": ("knn",),
        "partitions": ("default",),
        "seeds": (0,),
        "train_draw": "partition",
        "selection": "valid",
        "shots": (1,),
        "budgets": (10,),
        "missing_bands": "error",
        "db": folder / "x.duckdb",
        "cache_dir": folder / "cache",
        "device": "cpu",
    }
    request = make_request(**{**asked, **changes})
    workbench = Workbench(Places(cache_dir=request.cache_dir, device="cpu"), Silent())
    return build_plan(request, workbench, convert=True), workbench


def filters(folder, **changes):
    (line,), workbench = plan(folder, **changes)
    return workbench.backbone_of(line.job).filters


def overwrite(directory, names):
    for name in names:
        band = np.random.default_rng(len(name)).integers(0, 9000, (4, 4)).astype("uint16")
        write_sample(directory, name, [(BLUE, band, None), (RED, band.T, None)], label=0)


def test_pixels_of_valid_and_test_change_no_filter_and_those_of_train_do(tmp_path):
    write(tmp_path / "a")
    overwrite(write(tmp_path / "b"), [*VALID, *TEST])
    overwrite(write(tmp_path / "c"), TRAIN)
    first, others_scored, others_trained = (filters(tmp_path / folder) for folder in "abc")
    assert torch.equal(first, others_scored)
    assert not torch.allclose(first, others_trained)


def test_it_sees_train_as_it_enters(tmp_path):
    write(tmp_path)
    (line,), workbench = plan(tmp_path, input_size=8)
    images = workbench._train_images(line.job, workbench.backbone_of(line.job))
    assert len(images) == len(TRAIN)
    assert images[0].shape == (2, 8, 8)
    pixels = workbench.arrays(line.job.dataset)
    raw = pixels.read(pixels.rows(sorted(TRAIN))[[3]], [0, 1]).astype(np.float32)
    entered = []
    backbone = workbench.backbone_of(line.job)
    backbone.entrance.register_forward_pre_hook(lambda _, arguments: entered.append(arguments[0]))
    backbone(torch.from_numpy(raw), workbench.preparation(line.job))
    assert torch.equal(images[3], entered[0][0])


def test_all_partitions_share_the_network_that_saw_default(tmp_path):
    write(tmp_path)
    lines, workbench = plan(tmp_path, partitions=("default", "0.25x_train"))
    default, quarter = (line.job for line in lines)
    assert default.run.fitted_on == quarter.run.fitted_on == hash_names(TRAIN)
    assert workbench.features(default) is workbench.features(quarter)


def test_a_fold_that_tests_on_train_images_of_default_is_fitted_to_the_others(tmp_path):
    directory = write(tmp_path)
    test, valid = TRAIN[:4], TRAIN[4:6]
    write_partition(directory, "fold", train=TRAIN[6:] + TEST, valid=valid, test=test)
    (line,), workbench = plan(tmp_path, partitions=("fold",))
    before = workbench.backbone_of(line.job).filters
    assert line.job.run.fitted_on == hash_names(TRAIN[6:])
    overwrite(directory, [*test, *valid])
    assert torch.equal(filters(tmp_path, partitions=("fold",)), before)


def test_a_fold_that_tests_on_all_train_images_of_default_leaves_nothing_to_fit_to(tmp_path):
    write_partition(write(tmp_path), "fold", train=TEST, valid=VALID, test=TRAIN)
    (line,), _ = plan(tmp_path, partitions=("fold",))
    assert line.state is State.FAILED
    assert line.reason.startswith("toy: valid and test of fold are all of the train images of default")


def test_each_seed_is_another_network_of_the_same_recipe(tmp_path):
    write(tmp_path)
    lines, workbench = plan(tmp_path, seeds=(0, 1))
    first, second = (workbench.backbone_of(line.job).filters for line in lines)
    assert not torch.allclose(first, second)
    assert torch.equal(first, filters(tmp_path, seeds=(0,)))
    assert {line.job.run.weights_from_seed for line in lines} == {True}
    assert lines[0].job.run.backbone_settings == lines[1].job.run.backbone_settings


def test_other_train_images_are_other_features_and_another_run(tmp_path):
    directory = write(tmp_path)
    (whole,), bench = plan(tmp_path, partitions=("0.25x_train",))
    write_partition(directory, "default", train=TRAIN[:-1], valid=VALID, test=TEST)
    (less,), other = plan(tmp_path, partitions=("0.25x_train",))
    assert whole.job.run.fitted_on != less.job.run.fitted_on
    assert whole.job.run_id != less.job.run_id
    assert bench._feature_key(whole.job) != other._feature_key(less.job)


def test_a_run_of_a_network_that_is_not_fitted_says_nothing_of_it(tmp_path):
    write(tmp_path)
    (line,), _ = plan(tmp_path, backbone="random_features")
    assert "fitted_on" not in configuration(line.job.run)


def test_it_runs_from_files_to_rows(tmp_path):
    write(tmp_path)
    done = harness(
        "run", "--backbone", "random_features_zca", "--geobench-dir", tmp_path / "data", "--cache-dir",
        tmp_path / "cache", "--protocols", "knn", "--partitions", "all", "--seeds", "0-1", cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    asked = "SELECT count(*) AS n, count(DISTINCT configuration ->> '$.fitted_on') AS seen FROM runs"
    assert harness("sql", "--format", "csv", asked, cwd=tmp_path).stdout.split() == ["n,seen", "4,1"]


def test_hand_crafted_features_are_of_stored_values(tmp_path):
    write(tmp_path)
    (line,), workbench = plan(tmp_path, backbone="handcrafted_1")
    assert line.job.run.normalisation == "none"
    assert line.job.run.facts == {"common_name": ["blue", "red"], "name": ["B2", "B4"]}
    stored = workbench.arrays(line.job.dataset).pixels
    features = workbench.features(line.job)
    assert features.shape == (36, 9 * 2)
    np.testing.assert_array_equal(features[:, 2], stored[:][:, 0].min(axis=(1, 2)))


@pytest.mark.parametrize("backbone", ["handcrafted_1", "spectral_indices"])
def test_statistics_of_a_dataset_are_no_input_of_ratios(tmp_path, backbone):
    write(tmp_path)
    (line,), _ = plan(tmp_path, backbone=backbone, normalisation="dataset")
    assert line.state is State.SKIPPED


def test_indices_without_their_bands_do_not_apply_and_say_so_in_one_line(tmp_path):
    write(tmp_path)
    (line,), _ = plan(tmp_path, backbone="spectral_indices")
    assert (line.state, line.reason) == (State.SKIPPED, "spectral_indices reads none of the bands of toy: B2 B4")
