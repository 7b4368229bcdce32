"""Aggregates and rankings: by hand, on real seeded results, and error rates by simulation."""

import csv
import dataclasses
import io
import itertools
from collections import defaultdict
from collections.abc import Mapping
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from leaderboard_records import metric
from rich.console import Console
from scipy import stats
from scored_runs import board_with, predicted_record, run_of

from harness.errors import UserError as HarnessError
from harness.show.comparison import comparison_tables
from harness.show.ranking import choose, ranking_tables
from leaderboards.errors import UserError
from leaderboards.query import run_query
from leaderboards.schema import RunRecord
from leaderboards.statistics.aggregate import Grid, aggregate, complete_grid, interquartile_mean, normalise
from leaderboards.statistics.comparison import compare
from leaderboards.statistics.difference import difference
from leaderboards.statistics.influences import SharedTestSet
from leaderboards.statistics.ranking import (
    Cell,
    Entry,
    Standing,
    count_wins,
    pair_differences,
    read_standings,
    tie_letters,
    told_apart,
)
from leaderboards.statistics.reading import Point
from leaderboards.statistics.student import two_sided_p
from leaderboards.store import open_leaderboard

NOTHING_STORED = SharedTestSet({}, {})


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


def test_real_runs_score_as_geobench_reports_them(segmentation: Grid) -> None:
    """More layers are better, and U-Net is better than DeepLabV3 on each of them."""
    values = aggregate(normalise(segmentation), generator())
    for depth in ("18", "50", "101"):
        assert (values[f"ResNet{depth}-U-Net-timm"].value or 0) > (values[f"ResNet{depth} DeepLabV3-timm"].value or 0)
    assert max(values, key=lambda name: values[name].value or 0) == "ResNet101-U-Net-timm"


def test_a_dataset_with_more_seeds_weighs_no_more() -> None:
    few = complete_grid({("a", "d"): [0.2], ("a", "e"): [0.8]})
    many = complete_grid({("a", "d"): [0.2] * 9, ("a", "e"): [0.8]})
    assert aggregate(few, generator())["a"].value == pytest.approx(aggregate(many, generator())["a"].value)


def test_an_incomplete_grid_is_refused_and_says_what_is_missing() -> None:
    scores = {("a", "d"): [0.5], ("b", "d"): [0.4], ("a", "e"): [0.6], ("b", "e"): []}
    with pytest.raises(UserError, match="1 cells have no score: b on e"):
        complete_grid(scores)


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


def standings(path: Path) -> list[Standing]:
    (found,) = read_standings(path).values()
    return found


def seeded(centres: Mapping[str, float], noise: float, seed: int = 0) -> dict[tuple[str, str, str], list[float | None]]:
    """Four datasets, four seeds."""
    draws = np.random.default_rng(seed)
    return {
        (b, d, "default"): (c + noise * draws.standard_normal(4)).tolist() for b, c in centres.items() for d in "defg"
    }


def test_who_cannot_be_told_apart_shares_a_letter_and_places(tmp_path: Path) -> None:
    scores = seeded({"good": 0.8, "fair": 0.601, "same": 0.6, "poor": 0.3}, 0.01)
    found = {row.entry.backbone: row for row in standings(board_with(tmp_path / "b.duckdb", scores).path)}
    assert {b: row.ties for b, row in found.items()} == {"good": "a", "fair": "b", "same": "b", "poor": "c"}
    assert [(row.place_low, row.place_high) for b, row in sorted(found.items())] == [(2, 3), (1, 1), (4, 4), (2, 3)]


def test_ranks_are_those_of_the_view(tmp_path: Path) -> None:
    path = board_with(tmp_path / "b.duckdb", seeded({"a": 0.8, "b": 0.6, "c": 0.6}, 0.05)).path
    rows = run_query(path, "SELECT backbone, mean_rank FROM ranking ORDER BY mean_rank, backbone").rows
    assert [(row.entry.backbone, row.mean_rank) for row in standings(path)] == rows


def test_noise_makes_ties(tmp_path: Path) -> None:
    path = board_with(tmp_path / "b.duckdb", seeded({"a": 0.62, "b": 0.6}, 0.1, seed=1)).path
    assert {row.ties for row in standings(path)} == {"a"}
    assert {(row.place_low, row.place_high) for row in standings(path)} == {(1, 2)}


def test_single_seeds_without_predictions_tell_nothing(tmp_path: Path) -> None:
    scores = {("a", "d", "default"): [0.9], ("b", "d", "default"): [0.1]}
    assert {row.ties for row in standings(board_with(tmp_path / "b.duckdb", scores).path)} == {None}


def test_test_samples_count_where_predictions_are_stored(tmp_path: Path) -> None:
    """Seeds hardly vary, but on 40 test samples 0.55 and 0.60 are the same."""
    for n, ties in ((40, {"a"}), (40_00, {"a", "b"})):
        board = open_leaderboard(tmp_path / f"{n}.duckdb")
        with board.session() as session:
            for backbone, accuracy, offset in (("a", 0.6, 0), ("b", 0.55, n // 3)):
                for seed in range(2):
                    wrong = np.roll(np.arange(n) >= accuracy * n + seed, offset).astype(int)
                    session.commit(predicted_record(backbone, "d", "default", seed, np.zeros(n, dtype=int), wrong))
        assert {row.ties for row in standings(board.path)} == ties


def test_one_run_whose_predictions_contradict_its_score_does_not_stop_the_ranking(tmp_path: Path) -> None:
    """Its dataset is ranked as without predictions, and the table says so."""
    board, right = open_leaderboard(tmp_path / "b.duckdb"), np.zeros(20, dtype=int)
    for backbone, stored in (("a", 0.5), ("b", 1.0)):
        record = predicted_record(backbone, "d", "default", 0, right, right)
        board.commit(dataclasses.replace(record, metrics=[metric(stored, None)]))
    (found,) = read_standings(board.path).values()
    (wrong,) = {row.contradicted for row in found}
    assert [(row.entry.backbone, row.ties) for row in found] == [("b", None), ("a", None)]
    assert run_query(board.path, f"SELECT backbone FROM runs WHERE run_id = '{wrong[0]}'").rows == [("a",)]
    console = Console(width=80, file=io.StringIO(), record=True)
    console.print(ranking_tables(read_standings(board.path)))
    assert f"do not give the score of run {wrong[0][:12]}: one" in console.export_text()


@pytest.mark.parametrize(("names", "said"), [(("stored", "corrected"), True), (("stored", "stored"), False)])
def test_other_names_of_bands_are_said_where_backbones_are_compared(
    tmp_path: Path, names: tuple[str, str], said: bool
) -> None:
    board = open_leaderboard(tmp_path / "b.duckdb")
    for backbone, name in zip("ab", names, strict=True):
        run = run_of(backbone, "d", "default", 0, configuration={"k": 5, "band_names": name})
        board.commit(RunRecord(run=run, metrics=[metric(0.5, None)]))
    console = Console(width=80, file=io.StringIO(), record=True)
    console.print(ranking_tables(read_standings(board.path)))
    console.print(comparison_tables(compare(board.path, "a", "b"), []))
    assert (
        " ".join(console.export_text().split()).count("the same rules: the version of the run's identity") == 2 * said
    )


def test_a_leaderboard_without_rankings_does_not_ask_for_a_partition() -> None:
    with pytest.raises(HarnessError, match="nothing is ranked: no backbone has a score on every dataset") as error:
        choose({}, None)
    assert "None" not in str(error.value)


def test_letters_of_a_chain_overlap() -> None:
    a, b, c = (Entry(name, None) for name in "abc")
    assert tie_letters([a, b, c], {(a, c)}) == {a: "a", b: "ab", c: "b"}
    assert tie_letters([a, b, c], set()) == {a: "a", b: "a", c: "a"}
    assert tie_letters([a, b, c], {(a, b), (a, c), (b, c)}) == {a: "a", b: "b", c: "c"}


def test_two_share_a_letter_exactly_if_they_are_not_told_apart() -> None:
    draws = generator()
    for _ in range(50):
        order = [Entry(str(i), None) for i in range(8)]
        apart = {pair for pair in itertools.combinations(order, 2) if draws.random() < 0.4}
        letters = tie_letters(order, apart)
        for pair in itertools.combinations(order, 2):
            assert bool(set(letters[pair[0]]) & set(letters[pair[1]])) == (pair not in apart)


def test_the_place_of_everybody_lies_in_its_own_interval() -> None:
    """Near ties: intervals by drawing the noise of the seeds a second time left out the estimate in 4.8 %."""
    draws = generator()
    for study in range(100):
        cells, mean_ranks = simulated(draws, 6, 0.0 if study % 2 else 0.02)
        better = apart(cells, mean_ranks)
        assert better is not None
        for entry, rank in mean_ranks.items():
            place = 1 + sum(other < rank for other in mean_ranks.values())
            low, high = 1 + sum(w == entry for _, w in better), len(mean_ranks) - sum(b == entry for b, _ in better)
            assert low <= place <= high


@pytest.mark.parametrize("n_backbones", [2, 6])
def test_equals_are_told_apart_in_at_most_5_percent_of_rankings(n_backbones: int) -> None:
    draws = generator()
    wrong = sum(bool(apart(*simulated(draws, n_backbones, 0.0))) for _ in range(300))
    assert wrong / 300 <= 0.05 + 3 * (0.05 * 0.95 / 300) ** 0.5


def test_what_differs_in_mean_but_not_in_rank_is_not_told_apart() -> None:
    """Far ahead on one dataset, a little behind on three: which of the two is better is a matter of taste."""
    a, b = Entry("a", None), Entry("b", None)
    cells = [
        Cell({a: point(0.5 + gain + 0.001 * np.arange(4) ** 2), b: point(np.full(4, 0.5))}, NOTHING_STORED)
        for gain in (0.4, -0.02, -0.02, -0.02)
    ]
    parts = difference(cells[0].points[a], cells[0].points[b], cells[0].samples, draws_shared=True)
    assert two_sided_p(parts.value, parts.parts) < 0.001
    assert apart(cells, {a: 1.75, b: 1.25}) == set()
    assert apart(cells, {a: 1.25, b: 1.75}) == {(a, b)}


@pytest.mark.parametrize("higher_is_better", [True, False])
def test_wins_are_counted_only_where_two_are_told_apart_on_that_dataset(higher_is_better: bool) -> None:
    """a is better on the first dataset, worse on the second, and within noise ahead on the third."""
    a, b = Entry("a", None), Entry("b", None)
    sign = 1 if higher_is_better else -1
    noise = np.array([-0.01, 0.0, 0.02, 0.01])
    cells = [
        Cell({a: point(0.5 + sign * gain + noise), b: point(np.full(4, 0.5))}, NOTHING_STORED, higher_is_better)
        for gain in (0.1, -0.2, 0.005)
    ]
    wins, losses = count_wins(cells, pair_differences({a: 1.3, b: 1.7}, cells, draws_shared=True))
    assert (wins[a], losses[a], wins[b], losses[b]) == (1, 1, 1, 1)


def apart(cells: list[Cell], mean_ranks: dict[Entry, float]) -> set[tuple[Entry, Entry]] | None:
    return told_apart(mean_ranks, cells, pair_differences(mean_ranks, cells, draws_shared=True))


def point(scores: np.ndarray) -> Point:
    return Point("default", "", 100, 1_000, dict(enumerate(scores.tolist())), dict.fromkeys(range(len(scores)), ""))


def simulated(draws: np.random.Generator, n_backbones: int, step: float) -> tuple[list[Cell], dict[Entry, float]]:
    """Four datasets, four seeds; every backbone is better than the next by `step`."""
    entries = [Entry(str(i), None) for i in range(n_backbones)]
    values = 0.5 - step * np.arange(n_backbones)[None, :, None] + 0.02 * draws.standard_normal((4, n_backbones, 4))
    cells = [Cell({e: point(v) for e, v in zip(entries, of, strict=True)}, NOTHING_STORED) for of in values]
    ranks = stats.rankdata(-values.mean(axis=2), axis=1).mean(axis=0)
    return cells, dict(zip(entries, ranks.tolist(), strict=True))
