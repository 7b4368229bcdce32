"""`run --band-names`: what a network is fed of files that name their bands wrongly, and where that can be read."""

import json

import pytest

from command_line import harness
from errata_files import DESCRIBED, PUBLISHED, TRUE, write_thirteen_bands
from mp_mae.config import MMEARTH_S2_BANDS


@pytest.fixture
def root(tmp_path):
    """m-eurosat as published, far smaller; the mean of its i-th channel is 1000 + i."""
    directory = write_thirteen_bands(tmp_path / "data", "m-eurosat")
    text = (directory / "default_partition.json").read_text()
    for partition in ("0.01x", "0.05x", "0.50x", "1.00x"):
        (directory / f"{partition}_train_partition.json").write_text(text)
    return tmp_path / "data"


def rows(cwd):
    query = "SELECT run_id, configuration, provenance FROM runs ORDER BY finished_at"
    found = json.loads(harness("sql", query, "--format", "json", cwd=cwd).stdout)
    return [(row["run_id"], json.loads(row["configuration"]), json.loads(row["provenance"])) for row in found]


def run(root, cwd, *more):
    done = harness(
        "run", "--backbone", "random_init_demo", "--geobench-dir", root, "--cache-dir", cwd / "cache",
        "--normalisation", "none", "--protocols", "linear_probe", "--workers", 1, *more, cwd=cwd,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done


def test_the_network_is_fed_what_was_corrected_unless_stored_names_are_asked_for(root, tmp_path):
    run(root, tmp_path)
    run(root, tmp_path, "--band-names", "stored")
    (_, corrected, entered), (_, stored, entered_stored) = rows(tmp_path)  # two runs, not one
    for configuration, provenance, names, channels in (
        (corrected, entered, "corrected", TRUE["m-eurosat"]),
        (stored, entered_stored, "stored", PUBLISHED),
    ):
        assert configuration["band_names"] == names
        assert tuple(configuration["bands"]) == MMEARTH_S2_BANDS
        where = [channels.index(band) for band in MMEARTH_S2_BANDS]
        assert configuration["band_sources"] == [DESCRIBED[PUBLISHED[channel]][0] for channel in where]
        assert provenance["network_input"]["mean"] == pytest.approx([1000 + channel for channel in where])
    assert corrected["band_sources"] != stored["band_sources"]


def test_show_tells_which_names_were_used_and_how_to_use_them_again(root, tmp_path):
    run(root, tmp_path)
    ((run_id, _, _),) = rows(tmp_path)
    shown = harness("show", run_id[:12], cwd=tmp_path).stdout
    assert "band_names: corrected" in shown
    assert 'B8A from "12 - SWIR"' in shown
    assert "--band-names corrected" in shown


def test_a_row_tells_that_most_of_its_bands_are_filled(tmp_path):
    write_thirteen_bands(tmp_path / "data", "toy", ["B2", "B4"])
    done = run(tmp_path / "data", tmp_path, "--missing-bands", "zero")
    assert (
        "note: toy, random_init_demo: 10 of 12 bands are not in the dataset and are filled: B1 by zeros" in done.stderr
    )
    ((run_id, _, provenance),) = rows(tmp_path)
    assert set(provenance["filled_bands"]) == set(MMEARTH_S2_BANDS) - {"B2", "B4"}
    assert set(provenance["filled_bands"].values()) == {None}
    assert "filled_bands: {" in harness("show", run_id[:12], cwd=tmp_path).stdout


def test_a_preset_uses_the_stored_names_as_published(root, tmp_path):
    done = harness(
        "run", "--preset", "mmearth-table", "--backbone", "random_init_demo", "--datasets", "m-eurosat",
        "--geobench-dir", root, "--cache-dir", tmp_path / "cache", "--workers", 1, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert {configuration["band_names"] for _, configuration, _ in rows(tmp_path)} == {"stored"}


def test_datasets_says_which_one_has_an_erratum(root, tmp_path):
    write_thirteen_bands(root, "toy")
    listed = harness("datasets", "--geobench-dir", root, "--format", "json", cwd=tmp_path)
    assert listed.returncode == 0
    assert {row["dataset"]: row["erratum"] for row in json.loads(listed.stdout)} == {
        "m-eurosat": "https://github.com/ServiceNow/geo-bench/issues/28",
        "toy": None,
    }
    assert "m-eurosat: its files name 5 of 13 bands wrongly: B8A is B9, B9 is B10" in listed.stderr
    assert "toy" not in listed.stderr


def test_names_without_an_erratum_are_the_stored_ones_whatever_was_asked(tmp_path):
    """So that a published recipe and the default make one run of a dataset whose names are right."""
    write_thirteen_bands(tmp_path / "data", "toy")
    for names in ("corrected", "stored"):
        run(tmp_path / "data", tmp_path, "--band-names", names)
    ((_, configuration, _),) = rows(tmp_path)
    assert configuration["band_names"] == "stored"
