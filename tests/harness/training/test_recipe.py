"""What follows from the settings of fine-tuning alone."""

from dataclasses import replace

import pytest

from harness.training.recipe import (
    MASK_DEFAULTS,
    PUBLISHED,
    PUBLISHED_MASKS,
    FineTuneSettings,
    cosine_rate,
    count_updates,
    effective_batch,
    evaluated_after,
    learning_rates,
)

PLAIN = FineTuneSettings(rate=1.0, final_rate=0.0, warmup=0.2)


def test_rate_rises_to_the_peak_then_falls_along_half_a_cosine():
    rates = learning_rates(10, PLAIN)
    assert rates[:3] == [0.5, 1.0, 1.0]
    assert rates[6] == pytest.approx(0.5)  # four of eight updates after the warm-up
    assert rates[2:] == sorted(rates[2:], reverse=True)
    assert rates[-1] > 0


def test_a_rate_counts_updates_or_epochs_as_it_is_told():
    assert cosine_rate(0.0, 3, peak=2.0, final=1.0) == 2.0
    assert cosine_rate(1.5, 3, peak=2.0, final=1.0) == pytest.approx(1.5)
    assert cosine_rate(3.0, 3, peak=2.0, final=1.0) == 1.0
    assert [cosine_rate(i, 6, peak=2.0, final=1.0, n_warmup=4) for i in range(6)] == [0.5, 1.0, 1.5, 2.0, 2.0, 1.5]


def test_published_updates_of_m_bigearthnet():
    """20,000 images in batches of 64 and accumulations of 16 made 19 updates in each of 100 epochs."""
    assert count_updates(20_000, PUBLISHED) == 1_900
    assert PUBLISHED.rate == pytest.approx(2e-4 * 1024 / 256)


def test_published_rate_and_first_stage_of_masks():
    assert PUBLISHED_MASKS.rate == pytest.approx(1e-2 * 32 / 256)
    assert PUBLISHED_MASKS.head_first * PUBLISHED_MASKS.epochs == 50
    assert learning_rates(4, PUBLISHED_MASKS)[1] / PUBLISHED_MASKS.rate == pytest.approx(0.85, abs=0.01)


def test_a_small_train_split_is_one_batch_and_still_gets_its_updates():
    assert effective_batch(20, FineTuneSettings()) == 20
    assert count_updates(20, FineTuneSettings()) == 300
    assert count_updates(1, FineTuneSettings()) == 300
    assert count_updates(6_400, FineTuneSettings()) == 5_000


@pytest.mark.parametrize(("n", "expected"), [(100, [25, 50, 75, 100]), (3, [1, 2, 3]), (1, [1])])
def test_evaluations_are_spread_evenly_and_end_with_the_last_update(n, expected):
    assert evaluated_after(n, replace(MASK_DEFAULTS, evaluations=4)) == expected
