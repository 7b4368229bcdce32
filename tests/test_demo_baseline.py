"""What the demo suite is for: pretraining shows, and the baseline that CI guards says by how much.

`.ci/run` compares the present curves with this baseline, so a claim about the baseline is one about the present code.
"""

from pathlib import Path

import numpy as np
import pytest

from leaderboards.checks.baseline import Baseline, read_baseline
from leaderboards.statistics.curves import Curve, aulc

BASELINE = Path(__file__).parent.parent / ".ci" / "demo-baseline.json"


@pytest.fixture(scope="module")
def baseline() -> Baseline:
    return read_baseline(BASELINE)


def area(baseline: Baseline, dataset: str, backbone: str) -> float:
    (points,) = (p for name, p in baseline.curves.items() if (name.dataset, name.backbone) == (dataset, backbone))
    n_labels = np.array([point.n_labels for point in points.values()])
    return aulc(Curve(n_labels, np.array([point.mean() for point in points.values()])))


def test_the_baseline_has_whole_curves_of_all_four_tasks(baseline):
    assert {name.dataset for name in baseline.curves} == {
        "demo-landcover", "demo-multilabel", "demo-climate", "demo-crops"
    }  # fmt: skip
    assert all(name.suite == "demo" for name in baseline.curves)
    assert all(len(points) == 7 for points in baseline.curves.values())
    assert all(len(point.scores) >= 3 for points in baseline.curves.values() for point in points.values())


@pytest.mark.parametrize(("dataset", "margin"), [("demo-climate", 0.05), ("demo-landcover", 0.02)])
def test_image_statistics_alone_stay_clearly_below_pretrained_features(baseline, dataset, margin):
    assert area(baseline, dataset, "mp_mae") > area(baseline, dataset, "image_statistics") + margin


def test_on_crops_they_do_not(baseline):
    """What docs/findings.md says of the shipped weights; once better ones win there, change both."""
    assert area(baseline, "demo-crops", "mp_mae") < area(baseline, "demo-crops", "image_statistics")


def test_no_backbone_is_at_the_ceiling(baseline):
    assert max(point.mean() for points in baseline.curves.values() for point in points.values()) < 0.85
