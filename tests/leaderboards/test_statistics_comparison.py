"""Comparing two backbones: numbers from rows and predictions, refusals, and error rates with known truth."""

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from leaderboard_records import metric
from scipy import stats
from scored_runs import board_with, predicted_record, run_of

from leaderboards.errors import UserError
from leaderboards.schema import MaskRow, RunRecord
from leaderboards.statistics.comparison import adjust_together, compare
from leaderboards.statistics.difference import difference
from leaderboards.statistics.influences import SharedTestSet
from leaderboards.statistics.paired import holm, influences
from leaderboards.statistics.predictions import read_terms
from leaderboards.statistics.reading import Point
from leaderboards.statistics.student import Part, margin, two_sided_p
from leaderboards.store import Leaderboard, open_leaderboard

NOTHING_STORED = SharedTestSet({}, {})
PARTITIONS = ("0.01x_train", "0.10x_train", "1.00x_train")


def predictions(generator: np.random.Generator, target: np.ndarray, accuracy: float) -> np.ndarray:
    return np.where(generator.random(len(target)) < accuracy, target, (target + 1) % 5)


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Leaderboard:
    """`good` is 15 points better than `poor` everywhere: four seeds, three partitions, 400 test samples."""
    board = open_leaderboard(tmp_path_factory.mktemp("compare") / "board.duckdb")
    generator = np.random.default_rng(0)
    target = generator.integers(0, 5, 400)
    with board.session() as session:
        for backbone, base in (("good", 0.55), ("poor", 0.40)):
            for step, partition in enumerate(PARTITIONS):
                for seed in range(4):
                    guessed = predictions(generator, target, base + 0.15 * step)
                    session.commit(predicted_record(backbone, "m-eurosat", partition, seed, target, guessed))
    return board


def test_compare_finds_a_large_difference_at_the_largest_partition(board: Leaderboard) -> None:
    (row,) = compare(board.path, "good", "poor")
    assert (row.partition, row.n_labels, row.noise) == ("1.00x_train", 2000, "seeds and test samples")
    assert row.difference.value == pytest.approx(0.15, abs=0.05)
    assert row.difference.ci_low is not None
    assert row.difference.ci_low > 0
    assert row.p_adjusted is not None
    assert row.p_adjusted < 0.01
    assert row.saving is not None
    assert row.saving.saving.value == pytest.approx(0.9, abs=0.05)  # one decade of labels
    assert not row.saving.at_most


def test_compare_the_other_way_round_is_the_mirror_image(board: Leaderboard) -> None:
    (forth,), (back,) = compare(board.path, "good", "poor"), compare(board.path, "poor", "good")
    assert back.difference.value == pytest.approx(-(forth.difference.value or 0))
    assert back.difference.ci_low == pytest.approx(-(forth.difference.ci_high or 0), abs=0.01)
    assert back.saving is not None
    assert forth.saving is not None
    assert back.saving.labels_needed is None  # never reached
    assert [1 - number for number in back.saving.saving] == pytest.approx(
        [1 / (1 - number) for number in (forth.saving.saving[i] for i in (0, 2, 1))]
    )


def test_a_budget_of_labels_is_compared_with_as_many_as_it_allows(board: Leaderboard) -> None:
    (row,) = compare(board.path, "good", "poor", most_labels=300)
    assert (row.partition, row.n_labels) == ("0.10x_train", 200)
    with pytest.raises(UserError, match="with 19 labels or fewer by both; the fewest are 20"):
        compare(board.path, "good", "poor", most_labels=19)


def test_a_comparison_as_rows_says_what_the_leaderboard_says_of_both(board: Leaderboard) -> None:
    from harness.show.comparison import comparison_rows
    from leaderboards.query import run_query

    table = comparison_rows(compare(board.path, "good", "poor"))
    (row,) = (dict(zip(table.columns, values, strict=True)) for values in table.rows)
    sql = "SELECT value, ci_low, ci_high FROM label_efficiency WHERE partition = '1.00x_train' ORDER BY backbone"
    points = [tuple(row[f"{side}_{name}"] for name in ("value", "low", "high")) for side in "ab"]
    assert points == run_query(board.path, sql).rows
    assert (row["a"], row["b"], row["sure"], row["one_seed"]) == ("good", "poor", True, False)


def test_compare_gives_the_same_numbers_again(board: Leaderboard) -> None:
    assert compare(board.path, "good", "poor") == compare(board.path, "good", "poor")


def test_counts_of_stored_predictions_give_the_stored_scores_again(board: Leaderboard) -> None:
    from leaderboards.query import run_query
    from leaderboards.statistics.paired import score_terms

    rows = run_query(board.path, "SELECT run_id, value FROM leaderboard").rows
    for name in ("accuracy", "f1_macro"):
        counts = read_terms(board.path, [run_id for run_id, _ in rows], name)
        assert len(counts) == len(rows)
        assert counts[rows[0][0]].shape == (400, 1 if name == "accuracy" else 5, 3)
    counts = read_terms(board.path, [run_id for run_id, _ in rows], "accuracy")
    assert all(score_terms("accuracy", counts[run_id]) == pytest.approx(value) for run_id, value in rows)


def test_masks_are_compared_by_their_confusion_counts(tmp_path: Path) -> None:
    board = open_leaderboard(tmp_path / "board.duckdb")
    images = [
        MaskRow(split="test", sample="one", target=(0, 0, 1), predicted=(0, 1, 1), n_pixels=(60, 10, 30)),
        MaskRow(split="test", sample="two", target=(1,), predicted=(0,), n_pixels=(100,)),
    ]
    run = run_of("good", "m-cashew-plant", "default", 0, metric="miou")
    board.commit(RunRecord(run=run, metrics=[metric(0.3, None, metric="miou")], mask_counts=images))
    counts = read_terms(board.path, [run.run_id], "miou")[run.run_id]
    assert counts.tolist() == [[[60, 70, 60], [30, 30, 40]], [[0, 0, 100], [0, 100, 0]]]  # both, target, predicted


def test_a_single_accuracy_each_is_tested_by_mcnemar(tmp_path: Path) -> None:
    board = open_leaderboard(tmp_path / "board.duckdb")
    target = np.zeros(20, dtype=int)
    a, b = target.copy(), target.copy()
    b[:6] = 1
    for backbone, guessed in (("a", a), ("b", b)):
        board.commit(predicted_record(backbone, "m-eurosat", "default", 0, target, guessed))
    (row,) = compare(board.path, "a", "b")
    assert row.p_value == pytest.approx(2 / 2**6)
    assert row.noise == "test samples"
    assert row.saving is None


def test_without_predictions_seeds_alone_make_the_interval(tmp_path: Path) -> None:
    scores = {("a", "d", "default"): [0.5, 0.6, 0.7], ("b", "d", "default"): [0.4, 0.5, 0.601]}
    (row,) = compare(board_with(tmp_path / "b.duckdb", scores).path, "a", "b")
    assert (row.noise, row.n_paired) == ("seeds", 3)
    # Both vary with the seed in nearly the same way: the difference hardly varies.
    assert row.difference.ci_low == pytest.approx(0.1, abs=2e-3)
    assert row.difference.ci_high == pytest.approx(0.1, abs=2e-3)
    assert row.a.ci_low is not None
    assert row.a.ci_low < 0.5


def test_one_seed_without_predictions_has_no_interval_and_no_p(tmp_path: Path) -> None:
    scores = {("a", "d", "default"): [0.5], ("b", "d", "default"): [0.4]}
    (row,) = compare(board_with(tmp_path / "b.duckdb", scores).path, "a", "b")
    assert (row.p_value, row.p_adjusted, row.difference.ci_low, row.noise) == (None, None, None, "none")
    assert row.difference.value == pytest.approx(0.1)


def test_p_values_are_adjusted_over_all_datasets(tmp_path: Path) -> None:
    scores = {
        (backbone, dataset, "default"): (np.array([0.50, 0.52, 0.49, 0.51]) + shift).tolist()
        for dataset, noise in (("d", 0.01), ("e", 0.02))
        for backbone, shift in (("a", np.array([noise, 0, 0, 0])), ("b", np.array([-0.01, 0, -0.02, 0.0])))
    }
    rows = compare(board_with(tmp_path / "b.duckdb", scores).path, "a", "b")
    smaller, larger = sorted((row.p_value or 0, row.p_adjusted or 0) for row in rows)
    assert smaller[1] == pytest.approx(2 * smaller[0])
    assert larger[1] >= smaller[1]


def test_predictions_that_do_not_give_the_stored_score_are_refused(tmp_path: Path) -> None:
    board = open_leaderboard(tmp_path / "board.duckdb")
    target = np.zeros(20, dtype=int)
    for backbone, value in (("a", 0.5), ("b", 1.0)):
        record = predicted_record(backbone, "m-eurosat", "default", 0, target, target)
        board.commit(dataclasses.replace(record, metrics=[metric(value, None)]))
    with pytest.raises(UserError, match=r"give accuracy 1\.0+, its row says 0\.50+"):
        compare(board.path, "a", "b")


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        ("good", "unknown", "no measured run of backbone 'unknown'. There are: good, poor"),
        ("good", "good", "are the same results"),
        ("good@ffff", "poor", "no weights or setup that begin with ffff"),
    ],
)
def test_compare_says_what_is_wrong(board: Leaderboard, a: str, b: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        compare(board.path, a, b)


def test_two_checkpoints_under_one_name_are_told_apart_by_their_weights(tmp_path: Path) -> None:
    board = open_leaderboard(tmp_path / "board.duckdb")
    for digit, value in (("1", 0.6), ("2", 0.5)):
        run = run_of("mp_mae", "d", "default", 0, weights_sha256=digit * 64, provenance={"weights_file": "x.pth"})
        board.commit(RunRecord(run=run, metrics=[metric(value, None)]))
    with pytest.raises(UserError, match="Choose one: mp_mae@11111111, mp_mae@22222222"):
        compare(board.path, "mp_mae", "mp_mae")
    (row,) = compare(board.path, "mp_mae@1111", "mp_mae@2222")
    assert row.difference.value == pytest.approx(0.1)


def test_backbones_without_a_common_dataset_are_refused(tmp_path: Path) -> None:
    board = board_with(tmp_path / "b.duckdb", {("a", "d", "default"): [0.5], ("b", "e", "default"): [0.4]})
    with pytest.raises(UserError, match="no dataset and protocol in common"):
        compare(board.path, "a", "b")


def test_a_seed_that_both_sides_drew_alike_is_compared_pair_by_pair(tmp_path: Path) -> None:
    """10 seeds against 2 of them: Student's t of the two pairs. They were tested with 9 degrees of freedom."""
    draws = np.random.default_rng(0).normal(0.5, 0.05, 10)
    scores = {("a", "d", "default"): draws.tolist(), ("b", "d", "default"): [draws[0] - 0.01, draws[1] - 0.02]}
    (row,) = compare(board_with(tmp_path / "b.duckdb", scores).path, "a", "b")
    assert (row.n_paired, row.noise) == (2, "seeds")
    assert row.difference.value == pytest.approx(0.015)
    assert row.a.value == pytest.approx(draws.mean())  # of all its seeds, as everywhere
    assert row.difference.ci_high == pytest.approx(0.015 + stats.t.ppf(0.975, 1) * 0.005)


def test_seeds_that_share_no_draw_are_not_paired(tmp_path: Path) -> None:
    scores = {("a", "d", "default"): [0.5, 0.6, 0.7], ("b", "d", "default"): [0.4, 0.5, 0.6]}
    (row,) = compare(board_with(tmp_path / "b.duckdb", scores, train_draw="partition").path, "a", "b")
    part = 0.1**2 / 3
    assert row.n_paired is None
    assert row.difference.ci_high == pytest.approx(0.1 + margin([Part(part, 2), Part(part, 2)]))


def test_without_a_common_seed_each_side_has_its_own(tmp_path: Path) -> None:
    board = board_with(tmp_path / "b.duckdb", {("a", "d", "default"): [0.5, 0.6, 0.7]})
    for seed, value in ((7, 0.4), (8, 0.5)):
        board.commit(RunRecord(run=run_of("b", "d", "default", seed), metrics=[metric(value, None)]))
    (row,) = compare(board.path, "a", "b")
    assert row.n_paired is None
    assert row.difference.ci_high == pytest.approx(0.15 + margin([Part(0.01 / 3, 2), Part(0.005 / 2, 1)]))


def test_the_noise_of_one_side_alone_says_nothing_of_a_difference(tmp_path: Path) -> None:
    scores = {("a", "d", "default"): [0.5, 0.6, 0.7], ("b", "d", "default"): [0.4]}
    (row,) = compare(board_with(tmp_path / "b.duckdb", scores).path, "a", "b")
    assert (row.noise, row.p_value, row.difference.ci_low) == ("none", None, None)


def test_seeds_that_all_agree_say_nothing_of_noise(tmp_path: Path) -> None:
    scores = {("a", "d", "default"): [0.5] * 3, ("b", "d", "default"): [0.4] * 3}
    (row,) = compare(board_with(tmp_path / "b.duckdb", scores).path, "a", "b")
    assert (row.noise, row.p_value, row.difference.ci_low) == ("none", None, None)


def test_p_values_shown_together_are_adjusted_together(tmp_path: Path) -> None:
    """Two rivals in one table: as many tests as it has rows."""
    generator = np.random.default_rng(0)
    scores = {(b, d, "default"): generator.normal(0.5, 0.05, 4).tolist() for b in "abc" for d in "de"}
    path = board_with(tmp_path / "b.duckdb", scores).path
    rows = compare(path, "a", "b", "c")
    assert rows == adjust_together([*compare(path, "a", "b"), *compare(path, "a", "c")])
    assert [row.p_adjusted for row in rows] == pytest.approx(holm([row.p_value or 0 for row in rows]))
    assert min(row.p_adjusted or 0 for row in rows) == pytest.approx(min(1, 4 * min(row.p_value or 0 for row in rows)))


def test_runs_on_other_samples_are_not_compared(tmp_path: Path) -> None:
    board = open_leaderboard(tmp_path / "b.duckdb")
    for backbone, lists in (("a", "1" * 64), ("b", "2" * 64)):
        run = run_of(backbone, "d", "default", 0, configuration={"valid_sha256": lists, "test_sha256": lists})
        board.commit(RunRecord(run=run, metrics=[metric(0.5, None)]))
    assert compare(board.path, "a", "b") == []


def point(scores: Mapping[int, float]) -> Point:
    return Point("default", "", 100, 1_000, scores, dict.fromkeys(scores, ""))


def coverage_of(n_a: int, n_b: int, n_studies: int, *, shared: bool) -> float:
    """Of a true difference of 0, by seeds alone; B has the first seeds of A. Shared draws are half of the noise."""
    generator = np.random.default_rng([n_a, n_b])
    covered = 0
    for _ in range(n_studies):
        draws = generator.standard_normal(max(n_a, n_b)) if shared else np.zeros(max(n_a, n_b))
        a, b = (dict(enumerate((draws[:n] + generator.standard_normal(n)).tolist())) for n in (n_a, n_b))
        found = difference(point(a), point(b), NOTHING_STORED, draws_shared=shared)
        covered += abs(found.value) <= margin(found.parts)
    return covered / n_studies


@pytest.mark.parametrize(("n_a", "n_b"), [(3, 3), (10, 2), (10, 3)])
@pytest.mark.parametrize("shared", [True, False])
def test_differences_cover_and_false_positives_stay_at_their_level(n_a: int, n_b: int, shared: bool) -> None:
    """10 seeds against 2 had 14 % of false positives."""
    assert 0.92 <= coverage_of(n_a, n_b, 1_000, shared=shared) <= 0.98  # three deviations beyond 0.94 and 0.965


@pytest.mark.slow
@pytest.mark.parametrize("shared", [True, False])
def test_differences_cover_93_to_97_percent_whatever_the_numbers_of_seeds(shared: bool) -> None:
    """2 to 10 on either side, through the very choice of what is paired; at most 6 % of false positives."""
    n_studies = 2_000
    noise = 3 * (0.05 * 0.95 / n_studies) ** 0.5
    for n_a, n_b in itertools.combinations_with_replacement(range(2, 11), 2):
        coverage = coverage_of(n_b, n_a, n_studies, shared=shared)
        assert 0.94 - noise <= coverage <= 0.97 + noise, (n_a, n_b, coverage)


def study(generator: np.random.Generator, n_seeds: int, n_samples: int, accuracies: Sequence[float]) -> list[Any]:
    """Points and their predictions, one for each accuracy: seeds share draws, and all share the test samples."""
    difficulty, draws = generator.standard_normal(n_samples), 0.1 * generator.standard_normal(n_seeds)
    points, counts, moved = [], {}, {}
    for i, accuracy in enumerate(accuracies):
        ability = stats.norm.ppf(accuracy) * 2**0.5 + draws + 0.1 * generator.standard_normal(n_seeds)
        own = generator.standard_normal((n_seeds, n_samples))
        right = (ability[:, None] > 0.8 * difficulty + (2 - 0.64) ** 0.5 * own).astype(np.int64)
        runs = {seed: f"{i} {seed}" for seed in range(n_seeds)}
        for seed, run in runs.items():
            counts[run] = np.stack([right[seed], np.ones(n_samples, np.int64), np.ones(n_samples, np.int64)], -1)[
                :, None
            ]
            moved[run] = influences("accuracy", counts[run])
        scores = dict(enumerate(right.mean(axis=1).tolist()))
        points.append(Point("default", "", 100, n_samples, scores, runs))
    return [*points, SharedTestSet(counts, moved)]


@pytest.mark.parametrize("n_seeds", [2, 5])
def test_intervals_over_seeds_and_test_samples_cover_the_truth_and_p_holds_its_level(n_seeds: int) -> None:
    """600 studies: seeds with draws in common, 200 test samples, on which every seed errs in its own way too.

    The mean accuracy of A is truly 0.05 above B's; C equals B. Counting twice what a seed does to single samples, once
    among the seeds and once among the samples, covered 99 %.
    """
    generator = np.random.default_rng(4)
    covered = false = 0
    for _ in range(600):
        a, b, c, samples = study(generator, n_seeds, 200, (0.65, 0.6, 0.6))
        real, none = (difference(one, b, samples, draws_shared=True) for one in (a, c))
        covered += not real.parts or abs(real.value - 0.05) <= margin(real.parts)
        false += bool(none.parts) and two_sided_p(none.value, none.parts) < 0.05
    assert 0.92 <= covered / 600 <= 0.98  # three deviations beyond 0.945 and 0.965
    assert false / 600 <= 0.08
