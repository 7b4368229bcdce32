"""`run --preset`: the published table's grid is complete, fed and trained as published."""

import csv
import json
from collections import Counter
from importlib import resources

import pytest

from baselines.table import BACKBONES
from command_line import harness
from geobench_files import write_dataset
from harness.campaign.presets import PRESETS
from harness.data.sources.geobench2.table import DATASETS
from harness.data.sources.mmearth_bench.dataset import ELSEWHERE, TASKS_OF_TILES
from harness.protocols import PROTOCOL_NAMES
from leaderboards.published import published_records

CLASSIFICATION = ("m-bigearthnet", "m-so2sat", "m-eurosat")
TABLE = PRESETS["mmearth-table"]


def cells():
    """(dataset, protocol, partition) of the preset's grid."""
    return {
        (d, q, p) for block in TABLE.blocks for d in block.datasets for q in block.protocols for p in block.partitions
    }


def published():
    """The same of every number that MMEarth published."""
    runs = [record.run for record in published_records() if record.run.provenance["file"] == "mmearth_eccv2024.csv"]
    return {(run.dataset, run.protocol, run.partition) for run in runs}


def test_the_grid_is_that_of_the_published_numbers():
    assert cells() == published()
    text = resources.files("leaderboards").joinpath("published", "mmearth_eccv2024.csv").read_text(encoding="utf-8")
    lines = list(csv.DictReader(text.splitlines()))
    assert len(lines) == 3 * len(cells()) == 48, "three backbones each"


def test_each_of_its_backbones_is_compared_with_a_published_row():
    runs = [record.run for record in published_records() if record.run.provenance["file"] == "mmearth_eccv2024.csv"]
    comparable = {run.backbone: run.configuration["comparable_backbones"] for run in runs}
    assert [sum(name in names for names in comparable.values()) for name in TABLE.backbones] == [1, 1, 1]
    assert "imagenet_mae_published" in comparable["imagenet_mae"]


@pytest.mark.parametrize("preset", PRESETS.values(), ids=list(PRESETS))
def test_its_protocols_and_backbones_exist(preset):
    assert {protocol for block in preset.blocks for protocol in block.protocols} <= set(PROTOCOL_NAMES)
    assert set(preset.backbones) <= set(BACKBONES)


def test_the_presets_of_benchmarks_have_all_that_is_read_of_them():
    (geobench2,), (tiles,) = PRESETS["geobench2"].blocks, PRESETS["mmearth-bench"].blocks
    assert set(geobench2.datasets) == set(DATASETS)
    assert set(tiles.datasets) == {task + test for task in TASKS_OF_TILES for test in ("", ELSEWHERE)}


@pytest.fixture
def root(tmp_path):
    """Three datasets by the names of the table, far smaller; each with the partitions that it is run on."""
    for name in CLASSIFICATION:
        directory = write_dataset(tmp_path / "data", name, n_samples=40)
        for partition in ("0.01x", "0.05x", "0.50x", "1.00x"):
            text = (directory / "default_partition.json").read_text()
            (directory / f"{partition}_train_partition.json").write_text(text)
    return tmp_path / "data"


def test_the_plan_has_every_cell_of_the_datasets_that_are_named(root, tmp_path):
    done = harness(
        "run", "--preset", "mmearth-table", "--backbone", "random_init_demo", "--datasets", ",".join(CLASSIFICATION),
        "--geobench-dir", root, "--cache-dir", tmp_path / "cache", "--dry-run", "--verbose", cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    rows = [line for line in done.stdout.splitlines() if line.lstrip().startswith("m-")]
    counts = Counter(row.split()[2] for row in rows)
    assert counts == {
        "fine_tune_published": 2, "linear_probe_sgd_32": 6, "linear_probe_sgd_8": 4, "linear_probe_sgd": 2
    }  # fmt: skip


def test_a_block_of_the_table_runs_as_published(root, tmp_path):
    done = harness(
        "run", "--preset", "mmearth-table", "--backbone", "random_init_demo", "--datasets", "m-eurosat",
        "--geobench-dir", root, "--cache-dir", tmp_path / "cache", "--missing-bands", "zero", cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    query = "SELECT partition, protocol, selection, configuration FROM runs ORDER BY ALL"
    rows = json.loads(harness("sql", query, "--format", "json", cwd=tmp_path).stdout)
    assert [row["partition"] for row in rows] == ["0.01x_train", "0.05x_train", "0.50x_train", "1.00x_train"]
    for row in rows:
        configuration = json.loads(row["configuration"])
        assert (row["protocol"], row["selection"]) == ("linear_probe_sgd_8", "none")
        assert (configuration["normalisation"], configuration["input_size"]) == ("dataset", None)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--preset", "mmearth"], "Did you mean mmearth-table?"),
        (["--preset", "mmearth-table", "--protocols", "knn"], "leave out --protocols and --partitions"),
        (["--preset", "mmearth-table", "--datasets", "m-forestnet"], "unknown dataset of --preset mmearth-table"),
        (["--preset", "mmearth-table"], "unknown dataset 'm-cashew-plant'"),
        ([], "--backbone NAME"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_line(root, tmp_path, arguments, said):
    done = harness("run", *arguments, "--geobench-dir", root, cwd=tmp_path)
    assert done.returncode == 2
    assert said in done.stderr


# Other bands at test


def test_the_sets_of_bands_are_those_that_geocrossbench_lists():
    images, masks = (
        list(map(str, PRESETS[f"geocross-{kind}"].blocks[0].bands)) for kind in ("classification", "segmentation")
    )
    assert images == [
        "B4 B3 B2", "B4 B3 B2 -> B4 B3 B5", "B4 B3 B2 -> B4 B5 B6", "B4 B3 B2 -> B8A B11 B12", "B4 B3 B2 -> VV VH",
        "B4 B3 B2 -> S2",
        "B4 B3 B2 S2", "B4 B3 B2 S2 -> B4 B3 B2", "B4 B3 B2 S2 -> B4 B3 B5", "B4 B3 B2 S2 -> B4 B5 B6",
        "B4 B3 B2 S2 -> B8A B11 B12", "B4 B3 B2 S2 -> VV VH",
    ]  # fmt: skip
    assert masks[:5] == [
        "B2 B3 B4", "B2 B3 B4 -> B5 B3 B4", "B2 B3 B4 -> B6 B5 B4", "B2 B3 B4 -> B8A B11 B12", "B2 B3 B4 -> VH VV",
    ]  # fmt: skip
    assert PRESETS["geocross-segmentation"].blocks[0].protocols == ("linear_probe", "fine_tune")
