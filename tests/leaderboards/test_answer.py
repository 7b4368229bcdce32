"""What more labels would bring is read from the end of a curve, and said with its range."""

import math

import pytest
from leaderboard_records import metric
from scored_runs import run_of

from leaderboards.schema import RunRecord
from leaderboards.statistics.reading import CurveKey, Point
from leaderboards.store import open_leaderboard
from leaderboards.words.answer import answer, more_labels

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
        (points(0.003), "More labels bring next to nothing: between 100 and 400 the curve is nearly flat."),
        (points(0.1, end=0.96), "No labels can bring +0.05 any more"),
    ],
)
def test_what_cannot_be_counted_is_said(curve, said):
    assert said in more_labels(curve, CURVE)[0]


def test_one_point_tells_nothing():
    assert more_labels(points(0.1)[:1], CURVE) == []


def commit(board, dataset, ends, **setup):
    """Two points of three seeds of each backbone, which rise to its score. Returns the ids of the runs."""
    run_ids = set()
    for backbone, end in ends.items():
        for partition, below in (("0.10x_train", 0.1), ("default", 0.0)):
            for seed in range(3):
                run = run_of(
                    backbone, dataset, partition, seed, suite="user:fields", configuration={"k": 5} | setup,
                )  # fmt: skip
                board.commit(RunRecord(run=run, metrics=[metric(end - below + 0.001 * seed * len(backbone), None)]))
                run_ids.add(run.run_id)
    return run_ids


def test_the_answer_is_of_the_runs_asked_for_whatever_else_is_stored(tmp_path):
    board = open_leaderboard(tmp_path / "board.duckdb")
    for splits in ("one by one", "by blocks"):  # another dataset with two kinds of result
        commit(board, "others", {"a": 0.9, "image_statistics": 0.8}, splits=splits)
    commit(board, "fields", {"a": 0.5, "image_statistics": 0.95}, splits="one by one")
    run_ids = commit(board, "fields", {"a": 0.7, "image_statistics": 0.6}, splits="by blocks")
    winner, *others = answer(tmp_path / "board.duckdb", "user:fields", "fields", run_ids, "image_statistics")
    assert winner.startswith("Use a on fields: accuracy 0.701 ")
    assert "It is better than all others." in winner
    assert others[0].startswith("Against image_statistics: ")
    assert others[-1].startswith("It took 6 s of computing for 12 runs")


def test_one_backbone_is_told_what_more_labels_bring(tmp_path):
    board = open_leaderboard(tmp_path / "board.duckdb")
    run_ids = commit(board, "fields", {"a": 0.7})
    more, cost = answer(tmp_path / "board.duckdb", "user:fields", "fields", run_ids, "image_statistics")
    # 0.1 from 200 to 2000 labels, so half of it from 2000 to 2000 * sqrt(10)
    assert (
        more
        == "About 4,300 more labels for +0.05 (95 %: 4,300 to 4,300), if the curve goes on as between 200 and 2000."
    )
    assert cost.startswith("It took 3 s of computing for 6 runs")
