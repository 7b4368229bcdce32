"""Comparing two backbones: numbers from rows and predictions, refusals, and error rates with known truth."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from leaderboard_records import metric
from scored_runs import board_with, predicted_record, run_of

from leaderboards.errors import UserError
from leaderboards.schema import MaskRow, RunRecord
from leaderboards.statistics.comparison import compare
from leaderboards.statistics.paired import sample_weights
from leaderboards.statistics.reading import read_counts
from leaderboards.statistics.replicates import draw_seed_noise, interval, replicate_means, two_sided_p
from leaderboards.store import Leaderboard, open_leaderboard

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
    assert back.saving.saving.value is None  # never reached


def test_compare_gives_the_same_numbers_again(board: Leaderboard) -> None:
    assert compare(board.path, "good", "poor") == compare(board.path, "good", "poor")


def test_counts_of_stored_predictions_give_the_stored_scores_again(board: Leaderboard) -> None:
    from leaderboards.query import run_query
    from leaderboards.statistics.paired import score_counts

    rows = run_query(board.path, "SELECT run_id, value FROM leaderboard").rows
    for name in ("accuracy", "f1_macro"):
        counts = read_counts(board.path, [run_id for run_id, _ in rows], name)
        assert len(counts) == len(rows)
        assert counts[rows[0][0]].shape == (400, 1 if name == "accuracy" else 5, 3)
    counts = read_counts(board.path, [run_id for run_id, _ in rows], "accuracy")
    assert all(score_counts("accuracy", counts[run_id]) == pytest.approx(value) for run_id, value in rows)


def test_masks_are_compared_by_their_confusion_counts(tmp_path: Path) -> None:
    board = open_leaderboard(tmp_path / "board.duckdb")
    images = [
        MaskRow(split="test", sample="one", target=(0, 0, 1), predicted=(0, 1, 1), n_pixels=(60, 10, 30)),
        MaskRow(split="test", sample="two", target=(1,), predicted=(0,), n_pixels=(100,)),
    ]
    run = run_of("good", "m-cashew-plant", "default", 0, metric="miou")
    board.commit(RunRecord(run=run, metrics=[metric(0.3, None, metric="miou")], mask_counts=images))
    counts = read_counts(board.path, [run.run_id], "miou")[run.run_id]
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
    scores = {("a", "d", "default"): [0.5, 0.6, 0.7], ("b", "d", "default"): [0.4, 0.5, 0.6]}
    (row,) = compare(board_with(tmp_path / "b.duckdb", scores).path, "a", "b")
    assert row.noise == "seeds"
    # Both vary with the seed in the same way: the difference does not vary at all.
    assert row.difference.ci_low == pytest.approx(0.1)
    assert row.difference.ci_high == pytest.approx(0.1)
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


def test_intervals_of_compare_cover_the_truth_and_its_p_holds_its_level() -> None:
    """1,000 simulated studies: 5 seeds, whose noise A and B share in part, on 200 test samples that both share.

    The mean accuracy of A is truly 0.05 above B's; C equals B.
    """
    generator = np.random.default_rng(4)
    covered = false = 0
    for _ in range(1_000):
        weights = sample_weights(200, 400, generator) / np.float32(200)
        noise = draw_seed_noise(5, 400, generator)
        difficulty = generator.random(200)
        shift = 0.02 * generator.standard_normal(5)
        draws, means = {}, {}
        for name, accuracy in (("a", 0.65), ("b", 0.6), ("c", 0.6)):
            level = accuracy + shift + 0.02 * generator.standard_normal(5)
            right = (difficulty[None] < level[:, None]).astype(np.float32)  # (seeds, samples)
            scores = right.mean(axis=1)
            means[name] = scores.mean()
            moved = (weights @ right.T - scores).mean(axis=1)
            draws[name] = replicate_means(scores[None].astype(np.float64), noise)[:, 0] + moved
        low, high = interval(draws["a"] - draws["b"])
        assert low is not None
        assert high is not None
        covered += bool(low <= 0.05 <= high)
        false += two_sided_p(draws["c"] - draws["b"]) < 0.05
    assert 0.93 <= covered / 1_000 <= 0.97
    assert false / 1_000 <= 0.07
