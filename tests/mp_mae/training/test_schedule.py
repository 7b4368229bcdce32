"""The learning rate at the steps where it is known by hand."""

import pytest

from mp_mae.training.schedule import learning_rate, scaled_rate

PUBLISHED = {"peak": 2.4e-3, "warmup_steps": 40, "total_steps": 200}


@pytest.mark.parametrize(
    ("step", "share"),
    [(0, 0.0), (1, 1 / 40), (20, 0.5), (40, 1.0), (80, (1 + 0.5**0.5) / 2), (120, 0.5), (200, 0.0)],
)
def test_rate_rises_in_a_line_and_falls_along_half_a_cosine(step, share):
    assert learning_rate(step, **PUBLISHED) == pytest.approx(2.4e-3 * share, abs=1e-12)


def test_published_batch_gives_the_published_rate():
    assert scaled_rate(1.5e-4, 4096) == pytest.approx(2.4e-3)


def test_without_warm_up_the_first_step_has_the_peak_rate():
    assert learning_rate(0, peak=1.0, warmup_steps=0, total_steps=10) == 1.0


def test_a_training_that_is_all_warm_up_has_a_rate_at_every_step():
    rates = [learning_rate(step, peak=1.0, warmup_steps=4, total_steps=4) for step in range(4)]
    assert rates == [0.0, 0.25, 0.5, 0.75]
