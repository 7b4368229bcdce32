"""Train samples drawn by a seed: stratified, nested, and decided by names, labels and seed alone."""

from itertools import pairwise

import numpy as np
import pytest

from harness.data.draws import (
    TooFewSamplesError,
    budget,
    build_pool,
    draw_few,
    draw_partition,
    is_few,
    shot,
    stratified_order,
)
from harness.data.partitions import Partition, hash_splits
from harness.errors import UserError
from harness.records.labels import LabelKind

NAMES = tuple(f"id_{i}" for i in range(200))
LABELS = np.repeat([0, 1, 2, 3], [120, 60, 19, 1])
CLASS_OF = dict(zip(NAMES, LABELS.tolist(), strict=True))


def pool(seed=0, names=NAMES, labels=LABELS, kind=LabelKind.SINGLE_LABEL):
    return build_pool(names, labels, kind, seed)


def partition(n_train, name="0.10x_train", valid=("v",), test=("t",)):
    train = tuple(f"file_{i}" for i in range(n_train))
    return Partition(name, train, valid, test, hash_splits(train, valid, test))


def counts(names):
    return np.bincount([CLASS_OF[name] for name in names], minlength=4)


def multi_label_pool(seed=0):
    labels = np.stack([np.arange(200) % 2, np.arange(200) % 5 == 0, np.arange(200) >= 198], axis=1).astype(np.uint8)
    return pool(seed, labels=labels, kind=LabelKind.MULTI_LABEL), dict(zip(NAMES, labels, strict=True))


@pytest.mark.parametrize("size", [4, 10, 20, 37, 100, 199, 200])
def test_every_class_has_its_share_of_a_stratified_draw(size):
    drawn = counts(draw_partition(partition(size), pool()).train)
    assert drawn.sum() == size
    assert drawn.min() >= 1  # also the class with one sample in two hundred
    assert np.abs(drawn - np.maximum(size * np.array([120, 60, 19, 1]) / 200, 1)).max() <= 2


def test_a_draw_too_small_for_every_class_has_the_most_frequent_ones():
    assert counts(draw_partition(partition(2), pool()).train).tolist() == [1, 1, 0, 0]


def test_shares_follow_websters_rule_by_hand():
    """Dues of the second and later samples: class 0 at 1.5/5, 2.5/5, 3.5/5, 4.5/5; class 1 at 1.5/3, 2.5/3."""
    labels = np.array([0, 0, 0, 0, 0, 1, 1, 1])
    assert labels[stratified_order(labels)].tolist() == [0, 1, 0, 0, 1, 0, 1, 0]


def test_a_smaller_draw_is_the_beginning_of_a_larger_one():
    sizes = [1, 3, 10, 50, 200]
    for draws in (
        [draw_partition(partition(size), pool()).train for size in sizes],
        [draw_few(budget(size), partition(5), pool()).train for size in sizes],
        [draw_few(shot(k), partition(5), pool()).train for k in (1, 2, 5, 20)],
        [draw_few(shot(k), partition(5), multi_label_pool()[0]).train for k in (1, 2, 5, 20)],
    ):
        for smaller, larger in pairwise(draws):
            assert larger[: len(smaller)] == smaller
            assert len(set(larger)) == len(larger)


def test_seeds_draw_different_samples_and_one_seed_the_same():
    draws = [draw_partition(partition(20), pool(seed)) for seed in (0, 0, 1)]
    assert draws[0] == draws[1]
    assert set(draws[0].train) != set(draws[2].train)
    assert draws[0].sha256 != draws[2].sha256


def test_where_samples_are_stored_changes_no_draw():
    turned = pool(names=NAMES[::-1], labels=LABELS[::-1])
    for draw in (
        lambda p: draw_partition(partition(20), p),
        lambda p: draw_few(shot(5), partition(1), p),
        lambda p: draw_few(budget(50), partition(1), p),
    ):
        assert draw(turned) == draw(pool())


def test_valid_and_test_stay_and_are_never_drawn():
    split = partition(190, valid=NAMES[:5], test=NAMES[5:10])
    drawn = draw_partition(split, pool())
    assert (drawn.valid, drawn.test, len(drawn.train)) == (split.valid, split.test, 190)
    assert not set(drawn.train) & set(NAMES[:10])
    with pytest.raises(TooFewSamplesError, match="wants 200 train samples; default has 190"):
        draw_partition(partition(200, valid=NAMES[:5], test=NAMES[5:10]), pool())


def test_the_hash_is_of_the_drawn_names():
    drawn = draw_partition(partition(20), pool())
    assert drawn.sha256 == hash_splits(drawn.train, drawn.valid, drawn.test) != partition(20).sha256


def test_shots_are_per_class_and_a_small_class_gives_all_it_has():
    assert counts(draw_few(shot(5), partition(1), pool()).train).tolist() == [5, 5, 5, 1]
    with pytest.raises(TooFewSamplesError, match=r"k=121 of the most frequent class wants 121 .* has 120"):
        draw_few(shot(121), partition(1), pool())


def test_shots_of_multi_label_samples_count_for_each_label_they_have():
    source, labels = multi_label_pool()
    drawn = draw_few(shot(3), partition(1), source).train
    assert np.all(np.sum([labels[name] for name in drawn], axis=0) >= [3, 3, 2])
    assert len(drawn) <= 3 + 3 + 2
    for label, wanted in ((0, 3), (1, 3), (2, 2)):
        first = [name for name in source.names if labels[name][label]][:wanted]
        assert set(first) <= set(drawn)


def test_a_budget_is_drawn_at_random_whatever_the_labels():
    drawn = draw_few(budget(100), partition(1), pool())
    assert drawn.name == "n=100"
    assert drawn.train == pool().names[:100]
    other = pool(labels=LABELS[::-1])
    assert draw_few(budget(100), partition(1), other).train == drawn.train
    with pytest.raises(TooFewSamplesError, match="n=500 wants 500 train samples; default has 200"):
        draw_few(budget(500), partition(1), pool())


def test_multi_label_samples_and_masks_are_drawn_at_random():
    masks = pool(labels=None, kind=LabelKind.SEGMENTATION)
    assert draw_partition(partition(20), masks).train == masks.names[:20]
    assert draw_partition(partition(20), multi_label_pool()[0]).train == masks.names[:20]
    with pytest.raises(UserError, match="Use --budgets"):
        draw_few(shot(1), partition(1), masks)


def test_every_sample_is_drawn_equally_often():
    hits = sum(np.isin(NAMES[:120], draw_partition(partition(20), pool(seed)).train) for seed in range(200))
    assert hits.sum() == 200 * 11  # the rarest class has one place, more than its share
    assert np.abs(hits - hits.mean()).max() < 4.5 * np.sqrt(hits.mean())


@pytest.mark.parametrize(
    ("name", "few"), [("k=5", True), ("n=100", True), ("default", False), ("k=0", False), ("k=05", False)]
)
def test_names_of_few_labels(name, few):
    assert is_few(name) is few


def test_a_draw_is_frozen():
    """If this changes, stored runs were drawn otherwise: they would no longer repeat."""
    assert draw_partition(partition(4), pool()).train == ("id_24", "id_152", "id_192", "id_199")
