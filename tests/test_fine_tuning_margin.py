"""Fine-tuning pays where labels are many: it beats the linear probe on the demo suite, and both beat chance."""

import json

import pytest

from command_line import harness
from harness.data.demo.build import ensure_demo_suite
from harness.data.demo.tasks import TASKS
from harness.progress import Silent

MIOU_OF_NOTHING = 0.056
"""Of saying "no crop" everywhere: half of the pixels right, one class of nine."""
ACCURACY_OF_NOTHING = 0.12
"""Of saying the most frequent class everywhere."""
F1_OF_NOTHING = 0.30
"""Of the labels that are frequent enough to be said of every image."""


def scores_of(task, backbones, folder):
    """By backbone and protocol: all labels, seed 0, the shipped weights, documented defaults, one command."""
    root = ensure_demo_suite(folder / "data", 0, Silent(), tasks=[TASKS[task]], processes=1)
    named = [word for backbone in backbones for word in ("--backbone", backbone)]
    harness(
        "run", *named, "--geobench-dir", root, "--protocols", "linear_probe,fine_tune", "--partitions", "1.00x_train",
        "--cache-dir", folder / "cache", "--device", "cpu", cwd=folder,
    )  # fmt: skip
    rows = harness("sql", "SELECT backbone, protocol, value FROM leaderboard", "--format", "json", cwd=folder)
    return {(row["backbone"], row["protocol"]): row["value"] for row in json.loads(rows.stdout)}


@pytest.mark.slow
def test_of_several_labels(tmp_path):
    """40 minutes on one core."""
    f1 = scores_of("demo-multilabel", ["mp_mae"], tmp_path)
    assert f1["mp_mae", "linear_probe"] > F1_OF_NOTHING + 0.2
    assert f1["mp_mae", "fine_tune"] > f1["mp_mae", "linear_probe"] + 0.02


@pytest.mark.slow
@pytest.mark.parametrize(
    "task",
    [
        pytest.param("demo-climate", marks=pytest.mark.xfail(strict=True, reason="ahead by 0.018 +- 0.039 only")),
        "demo-landcover",
    ],
)
def test_of_single_labels(task, tmp_path):
    """40 minutes on one core, each. The margin was set before either was run; demo-climate misses it."""
    accuracy = scores_of(task, ["mp_mae"], tmp_path)
    assert accuracy["mp_mae", "linear_probe"] > ACCURACY_OF_NOTHING + 0.2
    assert accuracy["mp_mae", "fine_tune"] > accuracy["mp_mae", "linear_probe"] + 0.02


@pytest.mark.slow
def test_of_masks_where_pretrained_features_must_be_tuned_to_beat_image_statistics(tmp_path):
    """Frozen ones do not (docs/findings.md), and tuning without pretraining does not either. Half an hour on one core.

    Image statistics have no weights to tune: their fine-tuning is skipped.
    """
    miou = scores_of("demo-crops", ["mp_mae", "random_init_demo", "image_statistics"], tmp_path)
    tuned = miou["mp_mae", "fine_tune"]
    assert miou["mp_mae", "linear_probe"] > MIOU_OF_NOTHING + 0.07
    assert tuned > miou["mp_mae", "linear_probe"] + 0.05
    assert tuned > miou["image_statistics", "linear_probe"] + 0.02
    assert tuned > miou["random_init_demo", "fine_tune"] + 0.02
