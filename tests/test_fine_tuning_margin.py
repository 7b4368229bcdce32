"""Fine-tuning pays where labels are many: it beats the linear probe on the demo suite, and both beat chance."""

import json

import pytest

from command_line import harness
from harness.data.demo.build import ensure_demo_suite
from harness.data.demo.tasks import TASKS
from harness.progress import Silent

KNOWING_NOTHING = 0.056
"""Mean IoU of saying "no crop" everywhere: half of the pixels right, one class of nine."""


@pytest.fixture(scope="module")
def miou(tmp_path_factory):
    """By backbone and protocol: all 300 labels, seed 0, the shipped weights, documented defaults, one command.

    Half an hour on one core.
    """
    folder = tmp_path_factory.mktemp("run")
    root = ensure_demo_suite(folder / "data", 0, Silent(), tasks=[TASKS["demo-crops"]], processes=1)
    backbones = ("--backbone", "mp_mae", "--backbone", "random_init_demo", "--backbone", "image_statistics")
    finished = harness(
        "run", *backbones, "--geobench-dir", root, "--protocols", "linear_probe,fine_tune",
        "--partitions", "1.00x_train", "--cache-dir", folder / "cache", "--device", "cpu", cwd=folder,
    )  # fmt: skip
    assert "image_statistics" in finished.stderr, "it has no weights to tune, which is said"
    rows = harness("sql", "SELECT backbone, protocol, value FROM leaderboard", "--format", "json", cwd=folder)
    return {(row["backbone"], row["protocol"]): row["value"] for row in json.loads(rows.stdout)}


@pytest.mark.slow
def test_fine_tuning_beats_the_probe_and_the_probe_beats_chance(miou):
    probed, tuned = miou["mp_mae", "linear_probe"], miou["mp_mae", "fine_tune"]
    assert probed > KNOWING_NOTHING + 0.07
    assert tuned > probed + 0.05


@pytest.mark.slow
def test_on_crops_image_statistics_alone_stay_below_pretrained_features_that_are_tuned(miou):
    """Frozen ones they beat (docs/findings.md); and tuning alone, without pretraining, does not get there."""
    tuned = miou["mp_mae", "fine_tune"]
    assert tuned > miou["image_statistics", "linear_probe"] + 0.02
    assert tuned > miou["random_init_demo", "fine_tune"] + 0.02
