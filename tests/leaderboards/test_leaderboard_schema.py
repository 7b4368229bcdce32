"""A bad row is impossible: every rule of schema.sql refuses the row that breaks it."""

import math
from dataclasses import fields, replace
from datetime import datetime
from typing import Any

import duckdb
import pytest
from leaderboard_records import (
    class_metric,
    make_error_sums,
    make_mask,
    make_record,
    make_run,
    make_value,
    metric,
    prediction,
    published_run,
    run_id,
)

from leaderboards.file.derived import DERIVED
from leaderboards.file.rows import SCORE_COLUMNS
from leaderboards.query import run_query
from leaderboards.schema import (
    TABLES,
    ClassRow,
    ErrorSumsRow,
    MaskRow,
    MetricRow,
    MultimodalRow,
    PredictionRow,
    RunRecord,
    RunRow,
    ValueRow,
)
from leaderboards.store import Leaderboard, open_leaderboard


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Leaderboard:
    """One for the whole file: what is refused leaves nothing behind, and what is not has a name of its own."""
    return open_leaderboard(tmp_path_factory.mktemp("schema") / "board.duckdb")


UNKNOWN_TO_PAPERS = [
    "weights_sha256",
    "dataset_fingerprint",
    "protocol_version",
    "train_draw",
    "selection",
    "seed",
    "n_train",
    "n_valid",
    "n_test",
    "n_labels_fit",
    "n_labels_select",
    "device",
    "seconds",
    "finished_at",
]

BAD_RUNS: list[dict[str, Any]] = [
    {"run_id": "abc"},
    {"run_id": "G" * 64},
    {"run_id": "a" * 65},
    {"suite": ""},
    {"dataset": ""},
    {"backbone": None},
    {"weights_sha256": "not a hash"},
    {"protocol": ""},
    {"protocol_version": 0},
    {"partition": ""},
    {"seed": -1},
    {"train_draw": "random"},
    {"selection": "test"},
    {"parameters": -1},
    {"flops_per_image": -1},
    {"images_per_second": 0.0},
    {"images_per_second": math.inf},
    {"peak_memory_bytes": -1},
    {"n_train": 0},
    {"n_valid": -1},
    {"n_test": 0},
    {"n_labels_fit": -1},
    {"n_labels_fit": 250, "n_labels_select": 51},  # of 300 labels there are
    {"source": "guessed"},
    {"higher_is_better": None},
    {"device": ""},
    {"seconds": -1.0},
    {"seconds": math.inf},
]


@pytest.mark.parametrize("changes", BAD_RUNS, ids=repr)
def test_a_bad_run_is_refused(board: Leaderboard, changes: dict[str, Any]) -> None:
    with pytest.raises(duckdb.ConstraintException):
        board.commit(make_record(**changes))


@pytest.mark.parametrize("column", UNKNOWN_TO_PAPERS)
def test_only_a_published_run_may_leave_something_unknown(board: Leaderboard, column: str) -> None:
    with pytest.raises(duckdb.ConstraintException, match="'published'"):
        board.commit(make_record("measured", **{column: None}))
    board.commit(make_record(f"published without {column}", **{"source": "published", column: None}))


def test_a_published_run_needs_only_what_a_table_in_a_paper_has(board: Leaderboard) -> None:
    board.commit(RunRecord(run=published_run(), metrics=[metric(ci=None)]))
    sql = f"SELECT source, seed, n_train, value FROM leaderboard WHERE run_id = '{run_id('published')}'"
    assert run_query(board.path, sql).rows == [("published", None, None, 0.5)]


BAD_METRICS = [
    metric(split="train"),
    metric(metric="", value=0.1),
    metric(math.nan, None, metric="other"),
    metric(math.inf, None, metric="other"),
    metric(0.5, (math.nan, 0.6), metric="other"),
    metric(0.5, (0.6, 0.4), metric="other"),
    metric(0.5, None, metric="other", ci_low=0.4),
    metric(None, (0.4, 0.6), metric="other"),
    metric(),  # the same metric of the same split again
]


@pytest.mark.parametrize("row", BAD_METRICS, ids=repr)
def test_a_bad_metric_is_refused(board: Leaderboard, row: MetricRow) -> None:
    with pytest.raises(duckdb.ConstraintException):
        board.commit(RunRecord(run=make_run(), metrics=[metric(), row]))


def test_a_metric_need_not_lie_between_0_and_1(board: Leaderboard) -> None:
    board.commit(RunRecord(run=make_run("below 0"), metrics=[metric(-3.5, (-4.0, 12.0))]))
    sql = f"SELECT value, ci_high FROM metrics WHERE run_id = '{run_id('below 0')}'"
    assert run_query(board.path, sql).rows == [(-3.5, 12.0)]


@pytest.mark.parametrize(
    "row",
    [class_metric(split="train"), class_metric(class_name=""), class_metric(value=math.nan), class_metric()],
    ids=repr,
)
def test_a_bad_class_metric_is_refused(board: Leaderboard, row: ClassRow) -> None:
    with pytest.raises(duckdb.ConstraintException):
        board.commit(RunRecord(run=make_run(), metrics=[metric()], classes=[class_metric(), row]))


@pytest.mark.parametrize(
    "row", [prediction("s", target=(-1,)), prediction("s", predicted=(0, None)), prediction("")], ids=repr
)
def test_a_bad_prediction_is_refused(board: Leaderboard, row: PredictionRow) -> None:
    with pytest.raises(duckdb.ConstraintException):
        board.commit(RunRecord(run=make_run(), metrics=[metric()], predictions=[prediction(), row]))


@pytest.mark.parametrize(
    "row",
    [
        make_mask("s", target=(-1, 0, 1)),
        make_mask("s", predicted=(0, None, 1)),
        make_mask("s", n_pixels=(5, 0, 3)),
        make_mask("s", n_pixels=(5, 1)),
        make_mask("s", target=(0,)),
        make_mask(""),
    ],
    ids=repr,
)
def test_a_bad_mask_count_is_refused(board: Leaderboard, row: MaskRow) -> None:
    with pytest.raises(duckdb.ConstraintException):
        board.commit(RunRecord(run=make_run(), metrics=[metric()], mask_counts=[make_mask(), row]))


def test_mask_counts_keep_their_order_within_each_split(board: Leaderboard) -> None:
    counts = [make_mask("z"), make_mask("y", split="valid"), make_mask("a", target=(), predicted=(), n_pixels=())]
    board.commit(RunRecord(run=make_run("masks"), metrics=[metric()], mask_counts=counts))
    sql = f"FROM mask_counts SELECT * EXCLUDE (run_id) WHERE run_id = '{run_id('masks')}' ORDER BY split, position"
    assert run_query(board.path, sql).rows == [
        ("test", 0, "z", [0, 0, 1], [0, 1, 1], [5, 1, 3]),
        ("test", 1, "a", [], [], []),
        ("valid", 0, "y", [0, 0, 1], [0, 1, 1], [5, 1, 3]),
    ]


@pytest.mark.parametrize(
    "row",
    [
        make_value("s", target=(), predicted=()),
        make_value("s", target=(1.0,)),
        make_value("s", target=(1.0, None)),
        make_value("s", target=(1.0, math.nan)),
        make_value("s", predicted=(-math.inf, 1.0)),
        make_value("s", predicted=(math.inf, 1.0)),
        make_value(""),
    ],
    ids=repr,
)
def test_a_bad_real_number_is_refused(board: Leaderboard, row: ValueRow) -> None:
    with pytest.raises(duckdb.ConstraintException):
        board.commit(RunRecord(run=make_run(), metrics=[metric()], values=[make_value(), row]))


@pytest.mark.parametrize(
    "row",
    [
        make_error_sums("s", n_pixels=-1),
        make_error_sums("s", n_pixels=0),
        make_error_sums("s", sum_target=math.inf),
        make_error_sums("s", sum_error=math.nan),
        make_error_sums("s", sum_squared_target=-1.0),
        make_error_sums("s", sum_squared_error=-1.0),
        make_error_sums("s", sum_absolute_error=-1.0),
        make_error_sums(""),
    ],
    ids=repr,
)
def test_bad_sums_of_errors_are_refused(board: Leaderboard, row: ErrorSumsRow) -> None:
    with pytest.raises(duckdb.ConstraintException):
        board.commit(RunRecord(run=make_run(), metrics=[metric()], error_sums=[make_error_sums(), row]))


def test_real_numbers_come_back_to_the_last_bit_and_in_order(board: Leaderboard) -> None:
    numbers = (0.1 + 0.2, -1e308, 5e-324)
    values = [make_value("z", target=numbers, predicted=(1.0, 2.0, 3.0)), make_value("a", split="valid")]
    sums = [make_error_sums("z", n_pixels=2**40), make_error_sums("a", **dict.fromkeys(EMPTY, 0.0), n_pixels=0)]
    board.commit(
        RunRecord(run=make_run("reals", higher_is_better=False), metrics=[metric()], values=values, error_sums=sums)
    )
    columns, run = "SELECT * EXCLUDE (run_id)", f"WHERE run_id = '{run_id('reals')}'"
    assert run_query(board.path, f"FROM value_predictions {columns} {run} ORDER BY split, position").rows == [
        ("test", 0, "z", list(numbers), [1.0, 2.0, 3.0]),
        ("valid", 0, "a", [1.5, -2.0], [1.0, 1e-300]),
    ]
    assert run_query(board.path, f"FROM error_sums {columns} {run} ORDER BY position").rows == [
        ("test", 0, "z", 2**40, 4.0, 10.0, -0.5, 1.25, 1.5),
        ("test", 1, "a", 0, 0.0, 0.0, 0.0, 0.0, 0.0),
    ]
    assert run_query(board.path, f"SELECT higher_is_better FROM runs {run}").rows == [(False,)]


EMPTY = ("sum_target", "sum_squared_target", "sum_error", "sum_squared_error", "sum_absolute_error")


@pytest.mark.parametrize(
    "insert",
    [
        f"INSERT INTO metrics VALUES ('{run_id('nobody')}', 'test', 'accuracy', 0.5, NULL, NULL)",
        f"INSERT INTO class_metrics VALUES ('{run_id('nobody')}', 'test', 'f1', 'Forest', 0.5)",
        f"INSERT INTO predictions VALUES ('{run_id('nobody')}', 'test', 0, 'id_0000', [1], [1])",
        f"INSERT INTO predictions VALUES ('{run_id('in SQL')}', 'test', 0, 'id_0009', [1], [1])",
        f"UPDATE runs SET configuration = '[1]' WHERE run_id = '{run_id('in SQL')}'",
        "INSERT INTO schema_version (version) VALUES (2)",
        f"DELETE FROM runs WHERE run_id = '{run_id('in SQL')}'",
    ],
)
def test_plain_sql_cannot_write_a_bad_row_either(board: Leaderboard, insert: str) -> None:
    if not board.known([run_id("in SQL")]):
        board.commit(make_record("in SQL"))
    with duckdb.connect(board.path) as connection, pytest.raises(duckdb.ConstraintException):
        connection.execute(insert)


def test_a_record_without_its_headline_on_test_is_refused() -> None:
    with pytest.raises(ValueError, match="'accuracy' on test"):
        RunRecord(run=make_run(), metrics=[metric(split="valid"), metric(metric="f1_macro")])


def test_a_sample_is_predicted_once_per_split() -> None:
    twice = [prediction("a"), prediction("a", split="valid")]
    RunRecord(run=make_run(), metrics=[metric()], predictions=twice)
    with pytest.raises(ValueError, match="twice"):
        RunRecord(run=make_run(), metrics=[metric()], predictions=[*twice, prediction("a")])
    for rows in ({"values": [make_value("a")] * 2}, {"error_sums": [make_error_sums("a")] * 2}):
        with pytest.raises(ValueError, match="twice"):
            RunRecord(run=make_run(), metrics=[metric()], **rows)


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        make_run(finished_at=datetime(2026, 3, 1))


def test_rows_and_tables_have_the_same_columns(board: Leaderboard) -> None:
    added_by_the_store = {
        RunRow: [*DERIVED, *SCORE_COLUMNS],
        MetricRow: ["run_id"],
        ClassRow: ["run_id"],
        PredictionRow: ["run_id", "position"],
        MaskRow: ["run_id", "position"],
        ValueRow: ["run_id", "position"],
        ErrorSumsRow: ["run_id", "position"],
    }
    tables = {RunRow: "runs", **{table.row_class: table.table for table in TABLES}}
    for row_class, table in tables.items():
        columns = [name for (name, *_) in run_query(board.path, f"DESCRIBE {table}").rows]
        assert sorted(columns) == sorted([field.name for field in fields(row_class)] + added_by_the_store[row_class])
    columns = [name for (name, *_) in run_query(board.path, "DESCRIBE multimodal").rows]
    assert sorted(columns) == sorted(field.name for field in fields(MultimodalRow))


def test_the_base_record_of_these_tests_is_good(board: Leaderboard) -> None:
    board.commit(make_record("good"))
    board.commit(replace(make_record("short"), classes=[], predictions=[]))
    assert board.known([run_id("good"), run_id("short")]) == {run_id("good"), run_id("short")}
