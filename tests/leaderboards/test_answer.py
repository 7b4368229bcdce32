"""What more labels would bring is read from the end of a curve, and said with its range."""

import math

import pytest

from leaderboards.statistics.reading import CurveKey, Point
from leaderboards.words.answer import more_labels

CURVE = CurveKey("user:a", "a", "b", "", "knn", "", "seed", "partition", "", "accuracy", "")


def points(slope, end=0.7, spread=0.0):
    """Scores of three seeds that rise by `slope` from 100 to 200 to 400 labels; seeds differ in their slope."""

    def score(n, seed):
        return end + (slope + spread * (seed - 1)) * math.log(n / 400)

    return [
        Point(str(n), "", n, 100, {seed: score(n, seed) for seed in range(3)}, dict.fromkeys(range(3), ""))
        for n in (100, 200, 400)
    ]


def test_labels_are_counted_along_the_slope_of_the_end():
    (said,) = more_labels(points(0.05 / math.log(2)), CURVE)
    assert said == "About 400 more labels for +0.05 (95 %: 400 to 400), if the curve goes on as between 100 and 400."


def test_the_range_is_that_of_the_seeds():
    (said,) = more_labels(points(0.1, spread=0.01), CURVE)
    half = 4.3027 * 0.01 / math.sqrt(3)  # Student's t of two degrees of freedom
    least, most = (400 * math.expm1(0.05 / slope) for slope in (0.1 + half, 0.1 - half))
    assert f"(95 %: {float(f'{least:.2g}'):.0f} to {float(f'{most:.2g}'):.0f})" in said


@pytest.mark.parametrize(
    ("curve", "said"),
    [
        (points(0.1, spread=0.1), "to any number)"),
        (points(-0.01), "More labels bring nothing"),
        (points(0.1, end=0.96), "No labels can bring +0.05 any more"),
    ],
)
def test_what_cannot_be_counted_is_said(curve, said):
    assert said in more_labels(curve, CURVE)[0]


def test_one_point_tells_nothing():
    assert more_labels(points(0.1)[:1], CURVE) == []
