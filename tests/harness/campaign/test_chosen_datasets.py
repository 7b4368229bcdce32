"""Which datasets a command runs: all it was asked for, also two of one name in two suites."""

import json

import numpy as np
import pytest

from command_line import harness
from geobench_files import BLUE, RED, write_dataset, write_mask_dataset
from harness.campaign.plan import choose_datasets
from harness.cli.terminal import DEFAULT_DB
from harness.errors import UserError
from harness.records.run import BandNames
from harness.show.reproduce import reproducing_command
from leaderboards.query import run_query


@pytest.fixture
def data(tmp_path):
    """`twin` in both suites, and `other` in one."""
    generator = np.random.default_rng(0)
    write_dataset(tmp_path / "data", "twin", n_samples=9)
    write_dataset(tmp_path / "data", "other", n_samples=9)
    splits = {
        split: {
            "pixels": generator.integers(0, 3_000, (n, 2, 8, 8)).astype("uint16"),
            "masks": generator.integers(0, 2, (n, 8, 8)).astype("uint8"),
        }
        for split, n in (("train", 6), ("valid", 3), ("test", 3))
    }
    write_mask_dataset(tmp_path / "data", splits, [BLUE, RED], ["a", "b"], name="twin")
    return tmp_path / "data"


def choose(data, *names):
    return [ref.qualified_name for ref in choose_datasets(names, data, BandNames.CORRECTED)]


def test_without_names_both_of_a_name_are_chosen(data):
    assert choose(data) == ["classification_v1.0/other", "classification_v1.0/twin", "segmentation_v1.0/twin"]


def test_a_name_that_two_suites_have_is_both(data):
    assert choose(data, "twin", "other") == [
        "classification_v1.0/twin",
        "segmentation_v1.0/twin",
        "classification_v1.0/other",
    ]


def test_suite_and_name_tell_them_apart(data):
    assert choose(data, "segmentation_v1.0/twin", "other") == ["segmentation_v1.0/twin", "classification_v1.0/other"]
    assert choose(data, f"user:{data.name}:segmentation_v1.0/twin") == ["segmentation_v1.0/twin"]
    assert choose(data, f"user:{data.name}/other") == ["classification_v1.0/other"]
    assert choose(data, "other", "classification_v1.0/other") == ["classification_v1.0/other"]


def test_a_name_that_is_not_there_is_refused_with_the_nearest(data):
    with pytest.raises(UserError) as caught:
        choose(data, "twin", "othr")
    assert str(caught.value) == (
        "unknown dataset 'othr'. Did you mean other? There are: other, classification_v1.0/twin, segmentation_v1.0/twin"
    )


def test_they_are_listed_apart(data, tmp_path):
    listed = harness("datasets", "--geobench-dir", data, "--format", "json", cwd=tmp_path)
    assert [row["dataset"] for row in json.loads(listed.stdout)] == [
        "other",
        "classification_v1.0/twin",
        "segmentation_v1.0/twin",
    ]


def test_both_are_run_and_told_apart(data, tmp_path):
    run = (
        "run", "--backbone", "image_statistics", "--geobench-dir", data, "--cache-dir", tmp_path / "cache",
        "--protocols", "linear_probe", "--workers", 1,
    )  # fmt: skip
    planned = harness(*run, "--dry-run", cwd=tmp_path)
    for name in ("classification_v1.0/twin", "segmentation_v1.0/twin", " other"):
        assert name in planned.stdout
    finished = harness(*run, cwd=tmp_path)
    assert finished.returncode == 0, finished.stderr
    stored = harness("sql", "SELECT suite, dataset FROM runs ORDER BY ALL", "--format", "csv", cwd=tmp_path)
    assert stored.stdout.split()[1:] == [
        f"user:{data.name},other",
        f"user:{data.name}:classification_v1.0,twin",
        f"user:{data.name}:segmentation_v1.0,twin",
    ]
    assert f"user:{data.name}:segmentation_v1.0/twin" in finished.stdout, "where two have the name"
    assert f"user:{data.name}/other" not in finished.stdout
    ((text,),) = run_query(tmp_path / DEFAULT_DB, "SELECT configuration FROM runs WHERE metric = 'miou'").rows
    command = reproducing_command("image_statistics", json.loads(text), {})
    assert f"--datasets user:{data.name}:segmentation_v1.0/twin " in command, "which makes that run alone"
    again = harness(*run, "--datasets", "twin", "--dry-run", cwd=tmp_path)
    assert "classification_v1.0/twin" in again.stdout
    assert "segmentation_v1.0/twin" in again.stdout
    one = harness(*run, "--datasets", "segmentation_v1.0/twin", "--dry-run", cwd=tmp_path)
    assert "twin" in one.stdout
    assert "/twin" not in one.stdout, "there is but one here"
