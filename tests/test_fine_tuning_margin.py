"""Fine-tuning pays where labels are many: it beats the linear probe on the demo suite, and both beat chance.

Three and a half hours on one core. With `MARGIN_RUNS=FOLDER` in the environment the runs are kept there and what was
interrupted goes on: a run that the leaderboard has is not made again.
"""

import json
import os
from pathlib import Path

import pytest

from command_line import harness
from harness.demo.build import ensure_demo_suite
from harness.demo.tasks import TASKS
from harness.records.progress import Silent
from leaderboards.statistics.comparison import compare
from leaderboards.statistics.mean_difference import mean_differences

pytestmark = pytest.mark.slow

NOTHING_KNOWN = {"demo-landcover": 0.12, "demo-climate": 0.12, "demo-multilabel": 0.30, "demo-crops": 0.056}
"""Of saying the most frequent class everywhere; the labels frequent enough to be said of every image; "no crop"
everywhere, which is right for half of the pixels and one class of nine."""

ABOVE_NOTHING = {"demo-landcover": 0.2, "demo-climate": 0.2, "demo-multilabel": 0.2, "demo-crops": 0.07}
"""By which both must beat it."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    kept = os.environ.get("MARGIN_RUNS")
    folder = Path(kept).absolute() if kept else tmp_path_factory.mktemp("runs")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def scores_of(task, folder, backbones=("mp_mae",)):
    """By backbone and protocol: all labels, seed 0, the shipped weights, documented defaults, one command."""
    root = ensure_demo_suite(folder / task, 0, Silent(), tasks=[TASKS[task]], processes=1)
    named = [word for backbone in backbones for word in ("--backbone", backbone)]
    done = harness(
        "run", *named, "--geobench-dir", root, "--protocols", "linear_probe,fine_tune", "--partitions", "1.00x_train",
        "--db", folder / "runs.duckdb", "--cache-dir", folder / "cache", "--device", "cpu", cwd=folder,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    query = f"SELECT backbone, protocol, value FROM leaderboard WHERE dataset = '{task}'"
    rows = harness("sql", query, "--db", folder / "runs.duckdb", "--format", "json", cwd=folder)
    return {(row["backbone"], row["protocol"]): row["value"] for row in json.loads(rows.stdout)}


AHEAD_BY_LESS = pytest.mark.xfail(strict=True, reason="0.018 +- 0.039 over the test samples")


@pytest.mark.parametrize(
    ("task", "backbone"),
    [
        ("demo-landcover", "mp_mae"),
        ("demo-multilabel", "mp_mae"),
        ("demo-climate", "optical_mae"),
        pytest.param("demo-climate", "mp_mae", marks=AHEAD_BY_LESS),
    ],
)
def test_of_each_task_of_images(task, backbone, folder):
    """The margin was set before any was run.

    `mp_mae` misses it on demo-climate: perhaps because it was pretrained to predict temperature and rain
    (docs/protocols.md).
    """
    score = scores_of(task, folder, [backbone])
    assert score[backbone, "linear_probe"] > NOTHING_KNOWN[task] + ABOVE_NOTHING[task]
    assert score[backbone, "fine_tune"] > score[backbone, "linear_probe"] + 0.02


def test_of_masks_where_pretrained_features_must_be_tuned_to_beat_image_statistics(folder):
    """Frozen ones do not (docs/findings.md), and tuning without pretraining does not either.

    Image statistics have no weights to tune: their fine-tuning is skipped.
    """
    miou = scores_of("demo-crops", folder, ["mp_mae", "random_init_demo", "image_statistics"])
    tuned = miou["mp_mae", "fine_tune"]
    assert miou["mp_mae", "linear_probe"] > NOTHING_KNOWN["demo-crops"] + ABOVE_NOTHING["demo-crops"]
    assert tuned > miou["mp_mae", "linear_probe"] + 0.05
    assert tuned > miou["image_statistics", "linear_probe"] + 0.02
    assert tuned > miou["random_init_demo", "fine_tune"] + 0.02


def test_of_the_suite_and_both_beat_chance_on_every_task(folder):
    """The mean over the four tasks beats the probe's by the margin, and so does the lower end of its interval."""
    for task, nothing in NOTHING_KNOWN.items():
        score = scores_of(task, folder)
        assert score["mp_mae", "linear_probe"] > nothing + ABOVE_NOTHING[task]
        assert score["mp_mae", "fine_tune"] > nothing + ABOVE_NOTHING[task]
    (mean,) = mean_differences(compare(folder / "runs.duckdb", "mp_mae:fine_tune", "mp_mae:linear_probe"))
    assert set(mean.datasets) == set(NOTHING_KNOWN)
    assert mean.difference.ci_low is not None
    assert mean.difference.ci_low > 0.02
