"""Recall, ranks, intervals and losses of retrieval: by hand, by a slow bootstrap, and at chance."""

import numpy as np
import pytest
from hand_made import CHANNELS, unit, vectors

from harness.metrics.bootstrap import N_RESAMPLES
from harness.multimodal.answers import image_weights
from harness.multimodal.retrieval import answer_retrieval, rank_values, retrieval_questions
from harness.multimodal.vectors import SharedVectors

ANGLES = np.radians([0, 20, 50, 90, 200, 300])
CIRCLE = np.stack([np.cos(ANGLES), np.sin(ANGLES)], axis=1)


def answers(shared, places=None, km=0.0):
    """By (queries, missing channel, gallery, metric, k)."""
    found = [one for group in answer_retrieval(shared, places, km, seed=0) for one in group]
    keys = [
        (a.asked.seen.modalities, a.asked.seen.missing_channel, a.asked.gallery, a.asked.metric, a.asked.k)
        for a in found
    ]
    assert len(set(keys)) == len(keys)
    assert [a.asked for a in found] == retrieval_questions(CHANNELS)
    return dict(zip(keys, found, strict=True))


def test_recall_and_median_rank_by_hand():
    """Queries are the gallery itself but for the first two, which are exchanged: each finds the other first."""
    shared = vectors(light=CIRCLE[[1, 0, 2, 3, 4, 5]], radar=CIRCLE)
    found = answers(shared)
    recall = found[("light",), None, "radar", "recall", 1]
    assert (recall.value, recall.n, recall.n_gallery, recall.loss) == (4 / 6, 6, 6, None)
    assert recall.chance == pytest.approx(1 / 6)
    assert found[("light",), None, "radar", "recall", 5].value == 1.0
    assert found[("light",), None, "radar", "recall", 10].chance == 1.0
    median = found[("light",), None, "radar", "median_rank", None]
    assert (median.value, median.chance, median.asked.higher_is_better) == (1.0, 3.5, False)
    back = found[("radar",), None, "light", "recall", 1]
    assert back.value == 4 / 6


def test_a_missing_channel_is_held_against_everything_query_by_query():
    shared = vectors(light=CIRCLE, radar=CIRCLE, red=CIRCLE[[1, 0, 2, 3, 4, 5]])
    found = answers(shared)
    lost = found[("light",), "red", "radar", "recall", 1]
    assert (lost.value, lost.loss) == (4 / 6, pytest.approx(2 / 6))
    assert lost.loss_low == pytest.approx(1 - lost.ci_high), "against a recall of 1 in every resample"
    kept = found[("light",), "green", "radar", "recall", 1]
    assert (kept.value, kept.loss, kept.loss_low, kept.loss_high) == (1.0, 0.0, 0.0, 0.0)
    assert found[("light",), "red", "radar", "median_rank", None].loss == 0.0


def test_the_interval_is_that_of_a_slow_bootstrap():
    ranks = np.array([1.0, 7.0, 2.0, 1.5, 30.0, 4.0, 1.0])
    weights = image_weights(None, len(ranks), seed=3)
    values = rank_values(ranks, weights)
    assert len(weights) == 1 + N_RESAMPLES
    drawn = [np.repeat(ranks, row.astype(int)) for row in weights]
    assert values["recall", 1] == pytest.approx([np.mean(one <= 1) for one in drawn])
    assert values["recall", 5] == pytest.approx([np.mean(one <= 5) for one in drawn])
    assert values["median_rank", None] == pytest.approx([np.median(one) for one in drawn])
    assert values["recall", 1][0] == pytest.approx(2 / 7)


def test_a_shuffled_gallery_gives_chance():
    generator = np.random.default_rng(0)
    light = unit(generator.normal(size=(400, 8)))
    found = answers(vectors(light=light, radar=light[generator.permutation(400)]))
    for k in (1, 5, 10):
        answer = found[("light",), None, "radar", "recall", k]
        assert answer.chance == pytest.approx(k / 400)
        assert answer.value <= answer.chance + 4 * (answer.chance / 400) ** 0.5
    median = found[("light",), None, "radar", "median_rank", None]
    assert median.chance == 200.5
    assert median.ci_low < median.chance < median.ci_high


def test_other_images_of_the_place_do_not_count():
    """The second image lies where the first does and looks like it: alone it would come first for it."""
    shared = vectors(light=CIRCLE[[1, 1, 2, 3, 4, 5]], radar=CIRCLE)
    places = np.array([[10.0, 45.0], [10.0, 45.0], [20.0, 0.0], [30.0, 0.0], [40.0, 0.0], [np.nan, np.nan]])
    apart = answers(shared)[("light",), None, "radar", "recall", 1]
    together = answers(shared, places, km=1.0)[("light",), None, "radar", "recall", 1]
    assert (apart.value, together.value) == (5 / 6, 1.0)
    assert together.chance == pytest.approx((2 / 5 + 4 / 6) / 6), "two queries have five candidates"


def test_images_of_one_place_are_drawn_together():
    places = np.array([[1.0, 2.0], [np.nan, 2.0], [1.0, 2.0], [1.0, 3.0], [np.nan, 2.0]])
    weights = image_weights(places, 5, seed=0)
    assert (weights[0] == 1).all()
    assert (weights[:, 0] == weights[:, 2]).all()
    assert set(weights[1:, [0, 1, 3, 4]].sum(axis=1)) == {4}, "four places are drawn"
    assert (weights[:, 1] != weights[:, 4]).any(), "where nobody knows the place, every image is one"


def test_two_modalities_together_find_more_than_either():
    """Each shows one of two numbers, the third both."""
    amounts = np.random.default_rng(1).uniform(-1, 1, (60, 2))
    light = unit(np.column_stack([amounts[:, 0], np.zeros(60), np.ones(60)]))
    radar = unit(np.column_stack([np.zeros(60), amounts[:, 1], np.ones(60)]))
    height = unit(np.column_stack([amounts, 2 * np.ones(60)]))
    channels = {"light": ("red",), "radar": ("VV",), "height": ("m",)}
    shared = SharedVectors(channels=channels, table=np.stack([light, radar, height], axis=1))
    found = {
        (a.asked.seen.modalities, a.asked.gallery): a
        for group in answer_retrieval(shared, None, 0.0, seed=0)
        for a in group
        if a.asked.k == 5
    }
    assert len(found) == 9
    both, alone = found[("light", "radar"), "height"], found[("light",), "height"]
    assert both.loss is None
    assert alone.loss == pytest.approx(both.value - alone.value)
    assert alone.loss_low > 0
