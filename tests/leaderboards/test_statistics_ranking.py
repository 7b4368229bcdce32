"""Aggregates and rankings: by hand, against the textbook, and on thousands of real seeded results."""

import csv
from collections import defaultdict
from importlib import resources

import numpy as np
import pytest
from scipy import stats

from leaderboards.errors import UserError
from leaderboards.statistics.aggregate import Grid, aggregate, complete_grid, interquartile_mean, normalise
from leaderboards.statistics.ranking import bradley_terry, rank, win_counts


def generator() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture(scope="module")
def segmentation() -> Grid:
    """The runs of GEO-Bench's authors with a tenth of the labels: 6 models, 6 datasets, 12 seeds."""
    text = resources.files("leaderboards").joinpath("published/geobench_segmentation_baselines.csv").read_text()
    scores = defaultdict(list)
    for row in csv.DictReader(text.splitlines()):
        if row["partition"] == "0.10x_train":
            scores[row["model"], row["dataset"]].append(float(row["test_value"]))
    return complete_grid(scores)


def test_interquartile_mean_of_a_textbook_sample() -> None:
    assert interquartile_mean(np.array([5, 8, 4, 38, 8, 6, 9, 7, 7, 3, 1, 6.0])) == pytest.approx(6.5)
    assert interquartile_mean(np.array([1, 3, 5, 7, 9, 11, 13, 15, 17.0])) == pytest.approx(9)  # not a multiple of 4


def test_interquartile_mean_with_weights_counts_a_value_as_often() -> None:
    repeated = interquartile_mean(np.array([1, 1, 1, 5, 5, 9.0]))
    assert interquartile_mean(np.array([9.0, 1, 5]), np.array([1, 3, 2.0])) == pytest.approx(repeated)


def test_normalisation_maps_the_worst_run_to_0_and_the_best_to_1() -> None:
    grid = complete_grid({("a", "d"): [0.2, 0.4], ("b", "d"): [0.6, 0.3], ("a", "e"): [0.5], ("b", "e"): [0.5]})
    scaled = normalise(grid).scores
    assert scaled["a", "d"] == pytest.approx([0, 0.5])
    assert scaled["b", "d"] == pytest.approx([1, 0.25])
    assert scaled["a", "e"] == pytest.approx([0.5])  # a dataset that tells nobody apart


def test_aggregate_on_real_runs_equals_the_trimmed_mean(segmentation: Grid) -> None:
    normal = normalise(segmentation)
    for backbone, estimate in aggregate(normal, generator()).items():
        pooled = np.concatenate([normal.scores[backbone, dataset] for dataset in normal.datasets])
        assert estimate.value == pytest.approx(stats.trim_mean(pooled, 0.25))
        assert estimate.ci_low is not None
        assert estimate.ci_high is not None
        assert estimate.ci_low < estimate.value < estimate.ci_high


def test_real_runs_rank_as_geobench_reports_them(segmentation: Grid) -> None:
    """More layers are better, and U-Net is better than DeepLabV3 on each of them."""
    order = [standing.backbone for standing in rank(segmentation, generator())]
    values = aggregate(normalise(segmentation), generator())
    for depth in ("18", "50", "101"):
        assert order.index(f"ResNet{depth}-U-Net-timm") < order.index(f"ResNet{depth} DeepLabV3-timm")
        assert (values[f"ResNet{depth}-U-Net-timm"].value or 0) > (values[f"ResNet{depth} DeepLabV3-timm"].value or 0)
    assert order[0] == "ResNet101-U-Net-timm"


def test_a_dataset_with_more_seeds_weighs_no_more() -> None:
    few = complete_grid({("a", "d"): [0.2], ("a", "e"): [0.8]})
    many = complete_grid({("a", "d"): [0.2] * 9, ("a", "e"): [0.8]})
    assert aggregate(few, generator())["a"].value == pytest.approx(aggregate(many, generator())["a"].value)


def test_an_incomplete_grid_is_refused_and_says_what_is_missing() -> None:
    scores = {("a", "d"): [0.5], ("b", "d"): [0.4], ("a", "e"): [0.6], ("b", "e"): []}
    with pytest.raises(UserError, match="1 cells have no score: b on e"):
        complete_grid(scores)
    grid = complete_grid(scores, drop_datasets=True)
    assert (grid.datasets, grid.left_out) == (("d",), ("e",))


def test_a_grid_without_a_common_dataset_is_refused_even_when_asked() -> None:
    with pytest.raises(UserError, match="no dataset has a score of every backbone"):
        complete_grid({("a", "d"): [0.5], ("b", "e"): [0.4]}, drop_datasets=True)


def test_bradley_terry_on_the_textbook_example() -> None:
    """Four players, strengths with geometric mean 1 (Wikipedia, Bradley-Terry model, worked example)."""
    wins = np.array([[0, 2, 0, 1], [3, 0, 5, 0], [0, 3, 0, 1], [4, 0, 3, 0]], dtype=float)
    assert np.exp(bradley_terry(wins)) == pytest.approx([0.640, 1.043, 0.660, 2.270], abs=1e-3)


def test_bradley_terry_of_two_is_the_log_odds() -> None:
    strengths = bradley_terry(np.array([[0, 3.0], [1, 0]]))
    assert strengths[0] - strengths[1] == pytest.approx(np.log(3))


def test_wins_count_ties_half() -> None:
    assert win_counts(np.array([[0.5, 0.6], [0.5, 0.4]])).tolist() == [[0, 1.5], [0.5, 0]]


def test_standings_by_hand() -> None:
    cells = {
        ("a", "d"): [0.9],
        ("b", "d"): [0.5],
        ("c", "d"): [0.5],
        ("a", "e"): [0.2],
        ("b", "e"): [0.3],
        ("c", "e"): [0.1],
    }
    standings = {standing.backbone: standing for standing in rank(complete_grid(cells), generator())}
    assert [standings[b].mean_rank.value for b in "abc"] == pytest.approx([1.5, 1.75, 2.75])
    assert [standings[b].win_rate.value for b in "abc"] == pytest.approx([0.75, 0.625, 0.125])
    assert np.mean([standing.elo.value for standing in standings.values()]) == pytest.approx(1_000)


def test_a_ranking_needs_two() -> None:
    with pytest.raises(UserError, match="two"):
        rank(complete_grid({("a", "d"): [0.9]}), generator())


def test_who_wins_everywhere_is_still_finitely_strong() -> None:
    cells = {("a", d): [0.9] for d in "defg"} | {("b", d): [0.1] for d in "defg"}
    (first, _) = rank(complete_grid(cells), generator())
    assert first.backbone == "a"
    assert first.elo.value is not None
    assert np.isfinite(first.elo.value)


@pytest.mark.parametrize("n_seeds", [3, 12])
def test_the_interval_of_the_aggregate_covers_the_truth(n_seeds: int) -> None:
    """1,000 simulated studies of one backbone on 6 datasets; the truth by a study of very many seeds."""
    draws = generator()
    centres = np.array([0.1, 0.3, 0.4, 0.6, 0.7, 0.9])
    truth = float(interquartile_mean((centres[:, None] + 0.05 * draws.standard_normal((6, 100_000))).ravel()))
    covered = 0
    for _ in range(1_000):
        runs = centres[:, None] + 0.05 * draws.standard_normal((6, n_seeds))
        grid = complete_grid({("a", f"d{i}"): row.tolist() for i, row in enumerate(runs)})
        estimate = aggregate(grid, draws, 400)["a"]
        assert estimate.ci_low is not None
        assert estimate.ci_high is not None
        covered += estimate.ci_low <= truth <= estimate.ci_high
    assert 0.93 <= covered / 1_000 <= 0.97


def test_one_seed_everywhere_has_no_interval() -> None:
    estimate = aggregate(complete_grid({("a", "d"): [0.2], ("a", "e"): [0.4]}), generator())["a"]
    assert (estimate.ci_low, estimate.ci_high) == (None, None)
