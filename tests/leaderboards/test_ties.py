"""Who is tied on one dataset with the same labels: letters by hand-made scores, and the best only where told apart."""

from pathlib import Path

import numpy as np
from scored_runs import board_with

from leaderboards.differences import Place, Tied, read_ties
from leaderboards.query import run_query

POINTS = {
    ("far", "d", "default"): [0.90, 0.91, 0.92],
    ("one", "d", "default"): [0.50, 0.52, 0.51],
    ("two", "d", "default"): [0.51, 0.50, 0.53],
    ("low", "d", "default"): [0.10, 0.13, 0.11],
    ("one", "alone", "default"): [0.5, 0.6, 0.7],
    ("one", "single", "default"): [0.5],
    ("two", "single", "default"): [0.9],
    ("one", "equal", "default"): [0.5, 0.6, 0.7],
    ("two", "equal", "default"): [0.7, 0.5, 0.6],
}


def places(path: Path) -> dict[Place, tuple[str, str]]:
    """Of every point of the board, backbone and dataset."""
    table = run_query(path, "SELECT curve_id, partition, samples, backbone, dataset FROM label_efficiency")
    return {(curve, partition, samples or ""): (who, where) for curve, partition, samples, who, where in table.rows}


def test_letters_are_shared_within_noise_and_the_best_is_told_apart(tmp_path: Path) -> None:
    path = board_with(tmp_path / "board.duckdb", POINTS).path
    points = places(path)
    ties = {points[place]: tied for place, tied in read_ties(path, points).items()}
    assert ties == {
        ("far", "d"): Tied("a", best=True),
        ("two", "d"): Tied("b", best=False),
        ("one", "d"): Tied("b", best=False),
        ("low", "d"): Tied("c", best=False),
        ("one", "equal"): Tied("a", best=False),
        ("two", "equal"): Tied("a", best=False),
    }  # alone: nobody to tie with; one seed each and no predictions: the noise is not known


def test_pairs_that_are_not_shown_cost_no_correction(tmp_path: Path) -> None:
    """Twenty equal backbones beside two: Holm over 231 pairs hides what the one pair alone shows."""
    draws = np.random.default_rng(0)
    crowd = {(f"b{i:02}", "d", "default"): [0.5, *(0.5 + 0.02 * draws.standard_normal(2))] for i in range(20)}
    pair = {("high", "d", "default"): [0.56, 0.55, 0.58], ("less", "d", "default"): [0.52, 0.51, 0.53]}
    path = board_with(tmp_path / "board.duckdb", crowd | pair).path
    points = places(path)
    of_pair = [place for place, (who, _) in points.items() if who in ("high", "less")]
    together, alone = read_ties(path, points), read_ties(path, of_pair)
    assert [alone[place].best for place in of_pair] == [points[place][0] == "high" for place in of_pair]
    assert not any(together[place].best for place in of_pair)
