"""docs/make_contrastive.py: a curve may end at the score with all labels, and nothing is made up before it."""

import runpy
from pathlib import Path

import pytest

MAKE = runpy.run_path(str(Path(__file__).parent.parent / "docs" / "make_contrastive.py"))
KEY = ("boreal", "cover", "image_statistics")
BY_SEED = {250: {0: 0.8, 1: 0.8}, 1000: {0: 1.0, 1: 1.0}}


@pytest.mark.parametrize(
    ("score", "cell"),
    [
        # 0.95 is three quarters of the way, in logarithms, from 250 to 1,000: 250 * 4 ** 0.75 = 707.
        (1.0, "707 [707, 707] (1.00)"),
        # 1.14 lies between the last point and the end, where no point says how the curve runs.
        (1.2, "> 1,000 [> 1,000, > 1,000] (1.20)"),
    ],
)
def test_labels_that_reach_95_per_cent_of_the_score_with_all(score, cell):
    ended = MAKE["ended_by_all_labels"]({KEY: {**BY_SEED, 4000: {0: score}}})
    assert MAKE["labels_cell"](ended[KEY])[0] == cell


def test_a_curve_without_all_labels_is_left_out_and_all_labels_without_a_curve_are_a_score():
    ended = MAKE["ended_by_all_labels"]({KEY: BY_SEED, ("boreal", "cover", "clip"): {4000: {0: 0.5}}})
    assert list(ended) == [("boreal", "cover", "clip")]
    assert MAKE["labels_cell"](ended["boreal", "cover", "clip"]) == ("(0.50)", None)
