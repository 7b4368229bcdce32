"""Splits are drawn by a seed with each class's share, and keep groups and neighbours together."""

from collections import Counter

import numpy as np
import pytest

from harness.data.own.listing import Row
from harness.data.own.splits import blocks_of, count_near, draw_splits, folds, partitions_of
from harness.errors import UserError

N = 200


def rows(**columns):
    return [Row(f"{i:03}.png", {name: of[i] for name, of in columns.items()}) for i in range(N)]


def test_each_split_has_each_class_by_its_share_and_the_seed_decides_who():
    strata = np.array([0] * 150 + [1] * 50)
    splits = draw_splits(rows(), strata, None, 0)
    assert {split: Counter(strata[of].tolist()) for split, of in splits.items()} == {
        "train": {0: 105, 1: 35}, "valid": {0: 15, 1: 5}, "test": {0: 30, 1: 10},
    }  # fmt: skip
    assert sorted(i for of in splits.values() for i in of) == list(range(N))
    assert draw_splits(rows(), strata, None, 0) == splits
    assert draw_splits(rows(), strata, None, 1) != splits


def test_smaller_trains_are_beginnings_that_keep_the_shares():
    strata = np.array([0] * 150 + [1] * 50)
    partitions = partitions_of(draw_splits(rows(), strata, None, 0), 2)
    assert {name: len(of["train"]) for name, of in partitions.items()} == {
        "0.10x_train": 14, "0.20x_train": 28, "0.50x_train": 70, "default": 140,
    }  # fmt: skip
    assert set(partitions["0.10x_train"]["train"]) < set(partitions["0.20x_train"]["train"])
    assert abs(strata[partitions["0.20x_train"]["train"]].mean() - 0.25) < 0.02


def test_given_splits_are_kept_and_train_gives_some_to_choose_by():
    given = ["train"] * 160 + ["Test"] * 40
    splits = draw_splits(rows(split=given), None, None, 0)
    assert sorted(splits["test"]) == list(range(160, 200))
    assert (len(splits["train"]), len(splits["valid"])) == (140, 20)
    with pytest.raises(UserError, match="'dev' is no split; train,"):
        draw_splits(rows(split=["dev"] * N), None, None, 0)


def test_a_group_is_in_one_split():
    groups = [str(i // 7) for i in range(N)]
    splits = draw_splits(rows(), None, groups, 0)
    found = [{groups[i] for i in of} for of in splits.values()]
    assert sum(map(len, found)) == len(set().union(*found)) == len(set(groups))
    assert len(splits["train"]) > len(splits["test"]) > len(splits["valid"]) > 0


def test_each_fold_tests_once():
    words = [str(i % 4) for i in range(N)]
    found = folds(rows(fold=words))
    assert sorted(found) == ["fold-0", "fold-1", "fold-2", "fold-3"]
    assert sorted(i for of in found.values() for i in of["test"]) == list(range(N))
    assert {words[i] for i in found["fold-3"]["valid"]} == {"0"}


def test_blocks_are_as_wide_as_they_are_said_to_be_at_any_latitude():
    for latitude in (0.1, 47.3, -69.8):
        east = [(k / 1000 * 360 / (40_030 / 1000 * np.cos(np.radians(latitude))), latitude) for k in range(100)]
        sizes = Counter(blocks_of(east, 10.0)).values()  # a point each kilometre
        assert 9 <= np.median(list(sizes)) <= 11


def test_neighbours_in_two_splits_are_counted():
    places = [(9.0, 47.0), (9.001, 47.0), (10.0, 47.0), None]
    assert count_near({"train": [0], "valid": [2], "test": [1, 3]}, places) == 1
    assert count_near({"train": [2], "valid": [3], "test": [0, 1]}, places) == 0
