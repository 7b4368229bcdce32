"""Finding the data, and saying how to get them or which folder was meant."""

import pytest

from geobench_files import SUITE, write_dataset
from harness.data.suites import ENTRIES, SUITES, discover, find_root, headline_metric
from harness.errors import UserError
from harness.records.labels import LabelKind


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
    with pytest.raises(UserError, match=rf"{origin}.*hf download recursix/geo-bench-1\.0 --repo-type dataset"):
        find_root(option and tmp_path / option)


def test_datasets_are_found_by_suite_and_name(any_patches):
    assert [(ref.suite, ref.name) for ref in discover(any_patches)] in (
        [("geobench-classification-v1.0", "scenes"), ("geobench-segmentation-v1.0", "covers")],
        [("geobench-classification-v1.0", "benv2-mini"), ("geobench-segmentation-v1.0", "pastis-mini")],
    )


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
    with pytest.raises(UserError, match=r"classification_v1\.0 or segmentation_v1\.0 is wanted in it"):
        discover(tmp_path)


def test_published_metrics_are_known_and_others_follow_the_label():
    assert len(ENTRIES) == 12
    assert headline_metric("m-bigearthnet", LabelKind.MULTI_LABEL) == "f1_micro"
    assert headline_metric("m-eurosat", LabelKind.SINGLE_LABEL) == "accuracy"
    assert headline_metric("m-NeonTree", LabelKind.SEGMENTATION) == "miou"
    kinds = {kind: headline_metric("mine", kind) for kind in LabelKind}
    assert kinds == {
        "single_label": "accuracy", "multi_label": "f1_micro", "segmentation": "miou",
        "regression": "r2", "pixel_regression": "r2",
    }  # fmt: skip


def test_each_suite_has_one_directory():
    assert len(set(SUITES.values())) == len(SUITES)
