"""Fine-tuning as runs of the harness: what is planned, what is stored, and under which identity."""

from dataclasses import asdict, replace

import numpy as np
import pytest

from geobench_files import BLUE, RED, read_dataset, write_dataset, write_mask_dataset, write_number_dataset
from harness.campaign.plan import State, build_plan
from harness.campaign.request import make_request
from harness.data.suites import discover
from harness.execution.execute import execute
from harness.execution.materials import build_material
from harness.execution.workbench import Workbench
from harness.protocols import PROTOCOLS
from harness.records.identity import identity
from harness.records.job import Places
from harness.records.progress import Silent
from harness.records.run import Selection

QUICK = {"epochs": 1, "min_updates": 2, "batch_size": 4, "evaluations": 2}


@pytest.fixture
def root(tmp_path):
    write_dataset(tmp_path / "data", n_samples=12)
    rng = np.random.default_rng(0)
    splits = {
        split: {
            "pixels": rng.integers(0, 10_000, (n, 2, 8, 8)).astype(np.uint16),
            "masks": rng.integers(0, 3, (n, 8, 8)).astype(np.uint8),
        }
        for split, n in (("train", 4), ("valid", 2), ("test", 2))
    }
    write_mask_dataset(tmp_path / "data", splits, [BLUE, RED], ["a", "b", "c"])
    numbers = {
        split: {"pixels": arrays["pixels"], "numbers": 300 + rng.random((len(arrays["pixels"]), 2))}
        for split, arrays in splits.items()
    }
    write_number_dataset(tmp_path / "data", numbers, [BLUE, RED], ["a", "b"])
    return tmp_path


def open_bench(root):
    return Workbench(Places(cache_dir=root / "cache", device="cpu"), Silent())


def planned(root, bench, **changes):
    asked = {
        "backbones": ["random_init"], "weights": [], "geobench_dir": root / "data", "datasets": (),
        "protocols": ["fine_tune"], "partitions": ("default",), "seeds": [0], "train_draw": "partition",
        "selection": "valid", "trials": 0, "shots": [], "budgets": [], "missing_bands": "nearest",
        "db": root / "board.duckdb", "cache_dir": root / "cache", "device": "cpu",
    }  # fmt: skip
    return build_plan(make_request(**{**asked, **changes}), bench, convert=True)


def quick(line, **settings):
    """The job of a line with settings that need no patience."""
    run = replace(line.job.run, protocol_settings={**line.job.run.protocol_settings, **QUICK, **settings})
    return replace(line.job, run=run, run_id=identity(run))


def values(record):
    return {(row.split, row.metric): row.value for row in record.metrics}


@pytest.mark.parametrize("dataset", ["toy", "fields", "yields"])
def test_a_run_trains_with_its_own_settings_and_repeats_itself(root, dataset):
    bench = open_bench(root)
    (line,) = planned(root, bench, datasets=(dataset,))
    record, again = execute(quick(line), bench), execute(quick(line), bench)
    assert values(record) == values(again)
    ran_with = record.run.provenance["ran_with"]
    assert ran_with["updates"] == 2
    assert len(ran_with["valid_curve"]) == 2
    assert record.run.configuration["protocol_settings"]["min_updates"] == 2
    assert (record.run.n_labels_fit, record.run.n_labels_select) == (record.run.n_train, record.run.n_valid)
    assert "study" not in ran_with


def test_training_leaves_the_shared_backbone_as_it_was(root):
    bench = open_bench(root)
    (line,) = planned(root, bench, datasets=("toy",))
    before = {k: v.clone() for k, v in bench.backbone("random_init", None, 0).state_dict().items()}
    execute(quick(line, rate=0.1), bench)
    after = bench.backbone("random_init", None, 0).state_dict()
    assert before.keys() == after.keys()
    assert all((after[name] == before[name]).all() for name in before)


def test_trials_are_part_of_the_identity_and_the_study_is_stored(root):
    bench = open_bench(root)
    (plain,) = planned(root, bench, datasets=("toy",))
    (line,) = planned(root, bench, datasets=("toy",), trials=2)
    assert line.job.run_id != plain.job.run_id
    assert line.job.run.protocol_settings["trials"] == 2
    job = quick(line)
    record = execute(job, bench)
    ran_with = record.run.provenance["ran_with"]
    assert [entry["number"] for entry in ran_with["study"]] == [0, 1]
    assert set(ran_with["chosen"]) == set(PROTOCOLS["fine_tune"].search.space)
    assert (root / "cache" / "studies" / f"{job.run_id}.journal").exists()
    assert values(execute(job, bench)) == values(record)


def test_trials_do_not_touch_protocols_that_have_nothing_to_tune(root):
    bench = open_bench(root)
    plain, tuned = (
        planned(root, bench, protocols=["knn", "fine_tune_published"], datasets=("toy",), trials=n) for n in (0, 16)
    )
    assert [line.job.run_id for line in plain] == [line.job.run_id for line in tuned]


def test_labels_of_test_change_nothing_but_the_score(root):
    """Two datasets that differ in the labels of test alone: the same choices, the same predictions."""
    bench = open_bench(root)
    dataset = read_dataset(root / "data")
    job = quick(planned(root, bench, datasets=("toy",), trials=2)[0])
    record = execute(job, bench)
    (ref,) = [ref for ref in discover(root / "data") if ref.name == "toy"]
    changed = open_bench(root)
    arrays = changed.arrays(ref)
    labels = arrays.labels.copy()
    rows = arrays.rows(dataset.partition("default").test)
    labels[rows] = (labels[rows] + 1) % 3
    changed._arrays[ref] = replace(arrays, labels=labels)
    other = execute(replace(job, run_id="another" * 9), changed)
    assert other.run.provenance["ran_with"] == record.run.provenance["ran_with"]
    assert [p.predicted for p in other.predictions] == [p.predicted for p in record.predictions]
    assert [p.target for p in other.predictions] != [p.target for p in record.predictions]


def reason(lines):
    (line,) = lines
    assert line.state is State.SKIPPED
    return line.reason


def test_what_cannot_be_fine_tuned_is_left_out_with_the_reason(root):
    bench = open_bench(root)
    statistics = planned(root, bench, backbones=["image_statistics"], datasets=("toy",))
    assert reason(statistics) == "image_statistics has no weights that fine_tune could train"
    unjudged = planned(root, bench, datasets=("toy",), trials=4, selection="none")
    assert reason(unjudged) == "--trials of fine_tune are judged on valid: pass --select valid"


def test_without_a_choice_the_last_network_is_what_is_stored(root):
    bench = open_bench(root)
    (line,) = planned(root, bench, datasets=("toy",), selection="none")
    assert line.job.run.selection is Selection.NONE
    record = execute(quick(line), bench)
    assert record.run.provenance["ran_with"]["chosen_after"] == 2
    assert record.run.n_labels_select == 0


def test_published_recipes_keep_the_last_network_whatever_is_asked(root):
    bench = open_bench(root)
    lines = planned(root, bench, protocols=["fine_tune_published"], datasets=("toy", "fields"))
    assert [line.job.run.selection for line in lines] == [Selection.NONE, Selection.NONE]
    settings = {line.job.run.dataset: line.job.run.protocol_settings for line in lines}
    assert settings["toy"] == asdict(PROTOCOLS["fine_tune_published"].settings)
    assert (settings["fields"]["epochs"], settings["fields"]["head_first"]) == (200, 0.25)


def test_bands_no_dataset_has_are_fed_as_zeros_where_that_was_asked(root):
    bench = open_bench(root)
    (line,) = planned(root, bench, datasets=("toy",), missing_bands="zero")
    partition = bench.partition(line.job.dataset, "default")
    material = build_material(line.job, partition, bench, PROTOCOLS["fine_tune"])
    pixels = material.pixels("train", np.array([2, 0]))
    arrays = bench.arrays(line.job.dataset)
    rows = arrays.rows(partition.train)[[2, 0]]
    bands = line.job.run.bands
    assert np.array_equal(pixels[:, bands.index("B2")], arrays.pixels[rows][:, arrays.bands.index("02 - Blue")])
    assert np.array_equal(pixels[:, bands.index("B4")], arrays.pixels[rows][:, arrays.bands.index("04 - Red")])
    others = [i for i, band in enumerate(bands) if band not in ("B2", "B4")]
    assert not pixels[:, others].any()


def test_numbers_are_kept_in_their_own_units(root):
    bench = open_bench(root)
    (line,) = planned(root, bench, datasets=("yields",))
    record = execute(quick(line), bench)
    assert record.run.metric == "r2"
    assert {row.class_name for row in record.classes} == {"a", "b"}
    predicted = np.array([row.predicted for row in record.values])
    assert predicted.shape == (2, 2)
    assert (np.abs(predicted - 300.5) < 1).all()  # after two updates hardly more than train's mean
