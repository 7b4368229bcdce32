"""How fast a backbone embeds: of what, and how many times."""

import time

import pytest
import torch
from torch import nn

from baselines.bands import BandInfo
from baselines.contract import Backbone, Features, InputSpec, Origin
from harness.execution import speed
from harness.execution.speed import measure_speed

BANDS = [BandInfo(name=name) for name in ("B2", "B3")]


class Sleeper(Backbone):
    """Takes 5 ms an image, and remembers what it was fed."""

    def __init__(self) -> None:
        super().__init__(
            inputs=InputSpec(bands=("B2", "B3")), origin=Origin(weights_sha256="0" * 64, description="toy"), pyramid=()
        )
        self.weight = nn.Parameter(torch.ones(1))
        self.shapes: list[tuple[int, ...]] = []

    def embed(self, x: torch.Tensor, facts) -> Features:
        assert not self.training
        self.shapes.append(tuple(x.shape))
        time.sleep(0.005 * len(x))
        return Features(vector=x.mean((2, 3)), maps=())


def test_images_per_second_are_those_of_a_batch_as_extraction_feeds_it():
    backbone = Sleeper().train()
    found = measure_speed(backbone, BANDS, (64, 32), 16, "cpu")
    assert set(backbone.shapes) == {(16, 2, 64, 32)}
    assert len(backbone.shapes) == 2
    assert found.images_per_second == pytest.approx(200, rel=0.2)
    assert (found.images, found.bands, found.size_px, found.device) == (16, 2, (64, 32), "cpu")
    assert found.threads == torch.get_num_threads()
    assert backbone.training


def test_short_passes_are_repeated_and_the_fastest_counts(monkeypatch):
    ticks = iter([0.0, 0.03, 1.0, 1.01, 2.0, 2.02])  # passes of 30, 10 and 20 ms
    monkeypatch.setattr(speed, "perf_counter", lambda: next(ticks))
    backbone = Sleeper()
    found = measure_speed(backbone, BANDS, (181, 181), 1, "cpu")
    assert len(backbone.shapes) == 3
    assert found.images_per_second == pytest.approx(1 / 0.01)
