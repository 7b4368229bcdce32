"""Published results: every line once, nothing invented, nothing ranked with what it cannot be compared to."""

import csv
from importlib import resources
from pathlib import Path

import pytest
from leaderboard_records import metric
from scored_runs import run_of

from leaderboards.published import TABLES, import_published, published_records
from leaderboards.query import run_query
from leaderboards.schema import RunRecord
from leaderboards.store import Leaderboard, open_leaderboard

SHARED = Path(__file__).parents[3] / "shared" / "published"


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Leaderboard:
    board = open_leaderboard(tmp_path_factory.mktemp("published") / "board.duckdb")
    for train_draw, names, value in (
        ("partition", "stored", 0.75),
        ("seed", "stored", 0.5),
        ("partition", "corrected", 0.9),
    ):
        run = run_of(
            "mp_mae_published", "m-eurosat", "default", 0, protocol="linear_probe_sgd_8",
            suite="geobench-classification-v1.0", train_draw=train_draw, configuration={"band_names": names},
        )  # fmt: skip
        board.commit(RunRecord(run=run, metrics=[metric(value, (value - 0.03, value + 0.03))]))
    assert import_published(board) > 0
    return board


def test_importing_again_adds_nothing(board: Leaderboard) -> None:
    assert import_published(board) == 0


def test_every_distinct_line_is_one_published_run(board: Leaderboard) -> None:
    lines = set()
    for table in TABLES:
        text = resources.files("leaderboards").joinpath("published", table.file).read_text()
        lines |= {(table.file, *row.values()) for row in csv.DictReader(text.splitlines())}
    assert run_query(board.path, "SELECT count(*) FROM runs WHERE source = 'published'").rows == [(len(lines),)]


def test_the_numbers_are_those_of_the_files(board: Leaderboard) -> None:
    sql = """SELECT suite, value FROM leaderboard WHERE backbone = 'mp_mae' AND dataset = 'm-so2sat'
             AND protocol = 'fine_tune_published'"""
    assert run_query(board.path, sql).rows == [("geobench-classification-v1.0", 0.54)]
    sql = """SELECT score, score_low, score_high FROM runs
             WHERE backbone = 'tgeo_croma_large' AND dataset = 'm-eurosat'
             AND protocol = 'torchgeo_linear' AND configuration->>'bands' = 'all'
             AND configuration->>'normalisation' = 'bandspec_zscore'"""
    assert run_query(board.path, sql).rows == [(0.915, 0.898, 0.93303)]


def test_the_earlier_segmentation_suite_is_never_ranked_with_v1(board: Leaderboard) -> None:
    suites = run_query(board.path, "SELECT DISTINCT suite FROM ranking WHERE backbone LIKE 'ResNet%'").rows
    assert suites == [("geobench-segmentation-v0.4",)]


def test_what_a_table_does_not_tell_is_null(board: Leaderboard) -> None:
    sql = (
        "SELECT DISTINCT weights_sha256, n_valid, n_labels_fit, selection, seconds FROM runs WHERE source = 'published'"
    )
    assert run_query(board.path, sql).rows == [(None, None, None, None, None)]


def test_each_number_says_where_it_was_read(board: Leaderboard) -> None:
    sql = """SELECT count(*) FROM runs WHERE source = 'published'
             AND (provenance->>'source' IS NULL OR provenance->>'file' IS NULL)"""
    assert run_query(board.path, sql).rows == [(0,)]


def test_the_gap_is_to_the_same_backbone_fed_as_published(board: Leaderboard) -> None:
    """Our default partition is their 1.00x_train, and their probe is our linear_probe_sgd_8; not a draw by seed,
    and the bands by the names in the files, as theirs were."""
    table = run_query(board.path, "FROM published_gap")
    (row,) = (dict(zip(table.columns, values, strict=True)) for values in table.rows)
    assert (row["backbone"], row["published_backbone"], row["published_value"]) == ("mp_mae_published", "mp_mae", 0.737)
    assert row["gap"] == pytest.approx(0.013)
    assert (row["ci_low"], row["ci_high"]) == (pytest.approx(0.72 - 0.737), pytest.approx(0.78 - 0.737))
    assert row["published_uncertainty"] == 0.002


def test_records_are_complete_and_deterministic() -> None:
    first, second = list(published_records()), list(published_records())
    assert first == second
    assert len(first) == 48 + 1332 + 3000


@pytest.mark.skipif(not SHARED.is_dir(), reason=f"no original tables in {SHARED}")
def test_the_packaged_tables_are_the_originals() -> None:
    for table in TABLES:
        packaged = resources.files("leaderboards").joinpath("published", table.file).read_bytes()
        assert packaged == (SHARED / table.file).read_bytes(), table.file


def test_a_seed_counts_once_in_a_published_point_too(board: Leaderboard) -> None:
    sql = "SELECT 1 FROM runs WHERE source = 'published' GROUP BY curve_id, partition, seed HAVING count(*) > 1"
    assert run_query(board.path, sql).rows == []


def test_two_results_with_one_seed_are_two_points_with_their_own_intervals(board: Leaderboard) -> None:
    sql = """SELECT value, ci_low <= value AND value <= ci_high, n_seeds FROM label_efficiency
             WHERE backbone = 'tgeo_resnet50_s2rgb_seco' AND dataset = 'm-brick-kiln' AND protocol = 'torchgeo_linear'
             AND source = 'published' ORDER BY value"""
    found = run_query(board.path, sql).rows
    assert (0.87287, True, 1) in found
    assert (0.92192, True, 1) in found
    assert not any(value == pytest.approx((0.92192 + 0.87287) / 2) for value, _, _ in found)
    outside = "SELECT 1 FROM label_efficiency WHERE source = 'published' AND NOT value BETWEEN ci_low AND ci_high"
    assert run_query(board.path, outside).rows == []
