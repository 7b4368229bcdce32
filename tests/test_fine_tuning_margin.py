"""Fine-tuning pays where labels are many: it beats the linear probe on the demo suite, and both beat chance."""

import json

import pytest

from command_line import harness
from harness.data.demo.build import ensure_demo_suite
from harness.data.demo.tasks import TASKS
from harness.progress import Silent

CHANCE = 0.056
"""Mean IoU of saying "no crop" everywhere: half of the pixels right, one class of nine."""


@pytest.mark.slow
def test_at_full_labels_of_crops_fine_tuning_beats_the_probe_and_the_probe_beats_chance(tmp_path):
    """All 300 labels, the shipped weights, documented defaults, one command; a quarter of an hour on one core."""
    root = ensure_demo_suite(tmp_path / "data", 0, Silent(), tasks=[TASKS["demo-crops"]], processes=1)
    finished = harness(
        "run", "--backbone", "mp_mae", "--geobench-dir", root, "--protocols", "linear_probe,fine_tune",
        "--partitions", "1.00x_train", "--cache-dir", tmp_path / "cache", "--device", "cpu", cwd=tmp_path,
    )  # fmt: skip
    assert finished.returncode == 0, finished.stderr
    rows = harness("sql", "SELECT protocol, value FROM leaderboard", "--format", "json", cwd=tmp_path)
    miou = {row["protocol"]: row["value"] for row in json.loads(rows.stdout)}
    assert miou["linear_probe"] > CHANCE + 0.07
    assert miou["fine_tune"] > miou["linear_probe"] + 0.05
