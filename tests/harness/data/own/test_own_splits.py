"""Splits are drawn by a seed with each class's share, and keep groups and neighbours together."""

from collections import Counter

import numpy as np
import pytest

from harness.data.own.listing import Row
from harness.data.own.settings import ImageSettings
from harness.data.own.splits import blocks_of, count_near, draw_splits, folds, merged_groups, partitions_of
from harness.data.own.understand import groups_of, torn_groups
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


def test_an_image_of_which_no_split_or_fold_is_said_is_not_dropped_in_silence():
    with pytest.raises(UserError, match=r"^199\.png: has nothing in column split, as others have\. Say train,"):
        draw_splits(rows(split=["train"] * 150 + ["test"] * 49 + [""]), None, None, 0)
    with pytest.raises(UserError, match=r"^199\.png: has nothing in column fold"):
        folds(rows(fold=["a", "b", "c", "d"] * 49 + ["a", "b", "c", ""]))
    assert folds(rows(fold=[""] * N)) == {}


def test_two_folds_cannot_test_choose_and_train():
    with pytest.raises(UserError, match=r"column fold: at least three are wanted.*found a, b"):
        folds(rows(fold=["a", "b"] * 100))


def test_too_few_groups_are_told_by_their_number():
    with pytest.raises(
        UserError, match=r"200 images in 2 groups, each of which stays in one split.*smaller --block-km"
    ):
        draw_splits(rows(), None, ["a", "b"] * 100, 0)


def test_who_shares_either_group_is_together():
    # 0 and 1 share a farm, 1 and 2 a block, and nobody anything with 3.
    found = merged_groups(["farm a", "farm a", "farm b", "farm c"], [(0, 0), (0, 1), (0, 1), 3])
    assert found[0] == found[1] == found[2] != found[3]
    places = [(i * 1.0, 0.0) for i in range(N)]
    groups, how = groups_of(
        rows(farm=[str(i // 2) for i in range(N)]), places, ImageSettings(group_by="farm", block_km=1)
    )
    assert len(set(groups)) == N // 2
    assert how.endswith("in groups of one farm and blocks of 1 km")


def test_a_column_that_is_not_there_is_told_with_those_that_are():
    with pytest.raises(UserError, match="--group-by farm: no such column; there are label, owner"):
        groups_of(rows(label=["a"] * N, owner=["b"] * N), [None] * N, ImageSettings(group_by="farm"))


def test_groups_that_given_splits_tear_apart_are_counted_and_stay_together_where_train_is_divided():
    farms, split = [str(i // 10) for i in range(N)], ["train"] * 155 + ["test"] * 45  # farm 15 is in both
    table = rows(farm=farms, split=split)
    groups, _ = groups_of(table, [None] * N, ImageSettings(group_by="farm"))
    splits = draw_splits(table, None, groups, 0)
    assert not {farms[i] for i in splits["train"]} & {farms[i] for i in splits["valid"]}
    (note,) = torn_groups(splits, groups)
    assert note.startswith("1 of 20 groups lie in more than one split, as these are given")
    assert torn_groups(draw_splits(rows(), None, farms, 0), farms) == []
