"""Finding the data, and saying how to get them or which folder was meant."""

import csv
import json
from importlib.resources import files

import pytest

from baselines.bands import Unit
from geobench_files import SUITE, read_dataset, write_dataset, write_partition
from harness.data.sources import SOURCES
from harness.data.sources.geobench.published import ENTRIES, Entry
from harness.data.sources.source import OWN, SIMULATED_FILE
from harness.data.suites import discover, find_root
from harness.errors import UserError


def test_the_option_wins_over_the_environment_and_that_over_the_default(tmp_path, monkeypatch):
    option, variable, home = tmp_path / "option", tmp_path / "variable", tmp_path / "home"
    for directory in (option, variable, home / "dataset" / "geobench"):
        directory.mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("GEO_BENCH_DIR", str(variable))
    assert find_root(option) == option
    assert find_root(None) == variable
    monkeypatch.delenv("GEO_BENCH_DIR")
    assert find_root(None) == home / "dataset" / "geobench"


@pytest.mark.parametrize(
    ("option", "variable", "origin"),
    [
        ("absent", "other", "given as --geobench-dir"),
        (None, "absent", r"given by \$GEO_BENCH_DIR"),
        (None, "", r"the default, as neither --geobench-dir nor \$GEO_BENCH_DIR is set"),
    ],
)
def test_a_missing_root_says_which_was_tried_and_how_to_get_the_data(tmp_path, monkeypatch, option, variable, origin):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GEO_BENCH_DIR", variable and str(tmp_path / variable))
    with pytest.raises(UserError, match=rf"{origin}.*python -m harness data download m-eurosat"):
        find_root(option and tmp_path / option)


def test_datasets_are_found_by_suite_and_name(any_patches):
    suite = f"user:{any_patches.name}"
    assert [(ref.suite, ref.name) for ref in discover(any_patches)] in (
        [(suite, "scenes"), (suite, "covers")],
        [(suite, "benv2-mini"), (suite, "pastis-mini")],
    )


def suites(root):
    return {ref.name: ref.suite for ref in discover(root)}


def test_a_suite_is_what_the_files_prove(tmp_path):
    sizes = {"train": 2000, "valid": 1000, "test": 1000}
    whole = {split: [f"{split}{i}" for i in range(n)] for split, n in sizes.items()}
    for name in ("m-eurosat", "mine"):
        write_partition(write_dataset(tmp_path, name), "default", **whole)
    own = f"user:{tmp_path.name}"
    assert suites(tmp_path) == {"m-eurosat": "geobench-classification-v1.0", "mine": own}
    default = tmp_path / SUITE / "m-eurosat" / "default_partition.json"
    for less in ({**whole, "test": whole["test"][1:]}, {**whole, "valid": 3}, []):
        default.write_text(json.dumps(less))
        assert suites(tmp_path) == {"m-eurosat": own, "mine": own}


def test_what_lies_in_the_folder_of_a_simulated_suite_is_not_simulated_for_that(tmp_path):
    (tmp_path / "demo").mkdir()
    directory = write_dataset(tmp_path, "mine").rename(tmp_path / "demo" / "mine")
    assert suites(tmp_path) == {"mine": f"user:{tmp_path.name}"}
    (directory / SIMULATED_FILE).write_text("{}")
    assert suites(tmp_path) == {"mine": "demo"}


def test_published_sizes_are_those_that_others_evaluated_on():
    with (files("leaderboards") / "published" / "torchgeo_bench_frozen.csv").open() as file:
        rows = list(csv.DictReader(file))
    counted = {row["dataset"]: (int(row["n_train"]), int(row["n_test"])) for row in rows if row["dataset"] in ENTRIES}
    assert len(counted) == 6
    assert counted == {name: ENTRIES[name].sizes[::2] for name in counted}


def test_any_directory_with_a_specification_is_a_dataset_and_no_other(tmp_path):
    for name in ("mine", "_work", ".hidden"):
        write_dataset(tmp_path, name)
    (tmp_path / SUITE / "empty").mkdir()
    assert [ref.name for ref in discover(tmp_path)] == ["mine"]


@pytest.mark.parametrize("inside", [SUITE, f"{SUITE}/toy"])
def test_a_folder_too_deep_is_answered_with_the_folder_to_pass(tmp_path, inside):
    write_dataset(tmp_path)
    with pytest.raises(UserError, match=rf"pass the directory .*: {tmp_path}$"):
        discover(tmp_path / inside)


def test_zip_files_that_were_not_unzipped_are_mentioned(tmp_path):
    (tmp_path / SUITE).mkdir()
    with pytest.raises(UserError, match="zip files may still be to unzip"):
        discover(tmp_path)


def test_a_folder_without_suites_says_which_are_wanted(tmp_path):
    with pytest.raises(
        UserError, match=r"classification_v1\.0 or segmentation_v1\.0 or geobench2 or mmearth-bench is wanted in it"
    ):
        discover(tmp_path)


def test_published_metrics_are_known_and_others_follow_the_label(tmp_path, monkeypatch):
    assert len(ENTRIES) == 12
    wanted = {"m-bigearthnet": "f1_micro", "m-eurosat": "accuracy", "m-NeonTree": "miou"}
    assert {name: ENTRIES[name].metric for name in wanted} == wanted
    write_dataset(tmp_path)
    assert read_dataset(tmp_path).spec.metric == "accuracy"
    monkeypatch.setitem(ENTRIES, "toy", Entry(metric="f1_macro"))
    assert read_dataset(tmp_path).spec.metric == "f1_macro"


def test_units_are_declared_where_they_are_known_and_never_guessed(tmp_path):
    for name, unit in (("m-eurosat", Unit.DN_10000), ("m-so2sat", Unit.REFLECTANCE), ("mine", None)):
        write_dataset(tmp_path, name)
        assert {band.unit for band in read_dataset(tmp_path, name).bands} == {unit}


def test_each_suite_has_one_folder_and_one_source():
    folders = [folder for source in SOURCES.values() for folder in source.suites]
    suites = [suite for source in SOURCES.values() for suite in source.suites.values()]
    published = [suite for suite in suites if suite != OWN]  # what is somebody's own comes in two ways
    assert len(set(folders)) == len(folders)
    assert len(set(published)) == len(published)
