"""Published results: every line once, nothing invented, nothing ranked with what it cannot be compared to."""

import csv
from collections import defaultdict
from importlib import resources
from pathlib import Path

import pytest
from leaderboard_records import metric, published_run
from scored_runs import run_of

from leaderboards.published import TABLES, import_published, published_records
from leaderboards.query import run_query
from leaderboards.schema import RunRecord
from leaderboards.store import Leaderboard, open_leaderboard

LATER = "torchgeo_bench_later.csv"
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
    sql = "SELECT DISTINCT weights_sha256, n_labels_fit, selection, seconds FROM runs WHERE source = 'published'"
    assert run_query(board.path, sql).rows == [(None, None, None, None)]


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
    assert len(first) == 48 + 1332 + 1359 + 3000


@pytest.mark.skipif(not SHARED.is_dir(), reason=f"no original tables in {SHARED}")
def test_the_packaged_tables_are_the_originals() -> None:
    for table in TABLES:
        if table.file != LATER:
            packaged = resources.files("leaderboards").joinpath("published", table.file).read_bytes()
            assert packaged == (SHARED / table.file).read_bytes(), table.file


def lines_of(table: str) -> list[dict[str, str]]:
    text = resources.files("leaderboards").joinpath("published", table).read_text()
    return list(csv.DictReader(text.splitlines()))


def settings_of(line: dict[str, str]) -> tuple[str, ...]:
    size = str(int(float(line["image_size"]))) if line["image_size"] else ""
    names = ("model", "dataset", "protocol", "metric", "bands", "normalization")
    return (*(line[name] for name in names), size)


@pytest.mark.skipif(not SHARED.is_dir(), reason=f"no original tables in {SHARED}")
def test_later_results_are_those_of_the_original_that_the_earlier_table_lacks() -> None:
    """Rounded to five digits, as the earlier one has them; what is in both tables comes once."""
    renamed = {"name": "model", "method": "protocol", "metric_name": "metric"}
    expected, found = defaultdict(list), defaultdict(list)
    with (SHARED / "torchgeo_bench_latest.csv").open() as file:
        for line in csv.DictReader(file):
            named = {renamed.get(name, name): value for name, value in line.items() if name != "model"}
            expected[settings_of(named)].append(float(line["metric_value"]))
    for line in lines_of("torchgeo_bench_frozen.csv") + lines_of(LATER):
        found[settings_of(line)].append(float(line["value"]))
    assert sum(map(len, expected.values())) == 2691
    assert found.keys() == expected.keys()
    for settings, values in expected.items():
        assert sorted(found[settings]) == pytest.approx(sorted(values), abs=1.1e-5)


def test_no_result_is_there_twice() -> None:
    earlier = {(settings_of(line), line["value"]) for line in lines_of("torchgeo_bench_frozen.csv")}
    snapshot = [line for line in lines_of(LATER) if line["source"].startswith("snapshot")]
    assert len(snapshot) == 1010
    assert not {(settings_of(line), line["value"]) for line in snapshot} & earlier


def test_datasets_of_geobench_2_have_a_suite_of_their_own(board: Leaderboard) -> None:
    sql = """SELECT suite, count(DISTINCT dataset) FROM runs
             WHERE source = 'published' AND protocol LIKE 'torchgeo%' GROUP BY suite ORDER BY suite"""
    assert run_query(board.path, sql).rows == [
        ("geobench-2", 12), ("geobench-classification-v1.0", 6), ("torchgeo-bench", 3),
    ]  # fmt: skip
    sql = """SELECT value, published_in, uncertainty FROM published
             WHERE backbone = 'handcrafted_level2' AND dataset = 'm-eurosat' AND protocol = 'torchgeo_linear'"""
    assert run_query(board.path, sql).rows == [
        (0.905, "torchgeo-bench, results/models/handcrafted_level2.csv @214b1be (rounded)", 0.0005)
    ]


def test_a_published_number_is_copied_until_it_is_rerun_here(board: Leaderboard) -> None:
    sql = "SELECT standing, count(*), max(n_reruns) FROM published GROUP BY standing ORDER BY standing"
    copied, rerun = run_query(board.path, sql).rows
    assert rerun == ("rerun", 1, 1)
    assert copied[0] == "copied"
    assert copied[1] > 5000
    sql = "SELECT backbone, protocol, rerun_value, round(gap, 9) FROM published WHERE standing = 'rerun'"
    assert run_query(board.path, sql).rows == [("mp_mae", "linear_probe_sgd_8", 0.75, 0.013)]


def test_our_names_meet_theirs_and_what_differs_is_told(tmp_path: Path) -> None:
    """DOFA by our k nearest neighbours on m-forestnet, where bands have no erratum, is theirs; it disagrees by 0.26."""
    board = open_leaderboard(tmp_path / "board.duckdb")
    run = run_of(
        "torchgeo:DOFABase16_Weights.DOFA_MAE", "m-forestnet", "default", 0, protocol="knn", selection="none",
        suite="geobench-classification-v1.0", train_draw="partition",
        configuration={"band_names": "stored", "normalisation": "pretraining", "bands": ["B2", "B3", "B4"]},
    )  # fmt: skip
    board.commit(RunRecord(run=run, metrics=[metric(0.1, None)]))
    import_published(board)
    sql = """SELECT published_backbone, published_protocol, published_value, differs FROM published_gap
             WHERE differs LIKE '%bandspec%'"""
    assert run_query(board.path, sql).rows == [
        ("tgeo_dofa_base", "torchgeo_knn5", 0.35851,
         "size: stored px, theirs 224 px; normalisation: pretraining, theirs bandspec_zscore; bands: 3, theirs rgb"),
    ]  # fmt: skip
    sql = "SELECT DISTINCT backbone, second_value, second_in FROM disagreement WHERE second_run_id IS NULL"
    assert run_query(board.path, sql).rows == [("torchgeo:DOFABase16_Weights.DOFA_MAE", 0.1, "measured here")]
    assert run_query(board.path, "SELECT min(abs(difference)) >= 0.0999 FROM disagreement").rows == [(True,)]


def test_what_the_published_tables_say_of_each_other(board: Leaderboard) -> None:
    """README.md of the tables has both numbers."""
    sql = "SELECT backbone, count(*), max(abs(difference)) > 0.4 FROM disagreement GROUP BY backbone"
    assert run_query(board.path, sql).rows == [("torchgeo:Panopticon_Weights.VIT_BASE14", 12, True)]
    sql = "SELECT count(*) FROM below_floor WHERE source = 'published'"
    assert run_query(board.path, sql).rows == [(593,)]


def test_two_sources_that_differ_by_a_tenth_disagree(tmp_path: Path) -> None:
    board = open_leaderboard(tmp_path / "board.duckdb")
    for name, backbone, source, value, settings in (
        ("a", "rcf", "paper", 0.7, {"bands": "rgb", "normalisation": "x"}),
        ("b", "random_features", "table", 0.6, {"normalisation": "y"}),
        ("near", "random_features", "third", 0.65, {"bands": "rgb"}),
        ("other bands", "rcf", "fourth", 0.1, {"bands": "all"}),
        ("same source", "rcf", "paper", 0.2, {"bands": "all", "normalisation": "z"}),
    ):
        run = published_run(name, backbone=backbone, configuration=settings, provenance={"source": source})
        board.commit(RunRecord(run=run, metrics=[metric(value, None)]))
    sql = "SELECT backbone, first_in, first_value, second_in, second_value, differs FROM disagreement ORDER BY ALL"
    assert run_query(board.path, sql).rows == [
        ("random_features", "fourth", 0.1, "paper", 0.2, ""),
        ("random_features", "fourth", 0.1, "table", 0.6, "name: rcf, random_features"),
        ("random_features", "paper", 0.2, "table", 0.6, "name: rcf, random_features; normalisation: z, y"),
        ("random_features", "paper", 0.7, "table", 0.6, "name: rcf, random_features; normalisation: x, y"),
    ]


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
