"""What is averaged: runs that differ in nothing but the seed, each seed once."""

from dataclasses import fields
from pathlib import Path
from typing import Any

import duckdb
import pytest
from leaderboard_records import make_run, metric, run_id

from leaderboards.errors import UserError
from leaderboards.file.derived import SELECT_DERIVED
from leaderboards.query import run_query
from leaderboards.schema import RunRecord
from leaderboards.store import Leaderboard, open_leaderboard

HERE = Path(__file__).parent
IDENTITY = {
    "identity_version": 2,
    "weights_from_seed": False,
    "partition_sha256": "a" * 64,
    "valid_sha256": "b" * 64,
    "test_sha256": "c" * 64,
    "bands": ["B2"],
}


@pytest.fixture
def board(tmp_path: Path) -> Leaderboard:
    return open_leaderboard(tmp_path / "board.duckdb")


def commit(board: Leaderboard, name: str, value: float = 0.5, *, identity: Any = {}, **changes: Any) -> None:  # noqa: B006
    run = make_run(name, **({"configuration": IDENTITY | identity, "train_draw": "seed"} | changes))
    board.commit(RunRecord(run=run, metrics=[metric(value, None)]))


def points(board: Leaderboard) -> list[tuple[Any, ...]]:
    return run_query(board.path, "SELECT n_seeds, value FROM label_efficiency ORDER BY ALL").rows


def test_seeds_of_one_point_are_averaged(board: Leaderboard) -> None:
    commit(board, "a", 0.4, seed=0)
    commit(board, "b", 0.6, seed=1, identity={"partition_sha256": "d" * 64, "seed": 1})  # another draw of train
    assert points(board) == [(2, 0.5)]


OTHERS: dict[str, dict[str, Any]] = {
    "weights": {"weights_sha256": "9" * 64},
    "valid": {"identity": {"valid_sha256": "e" * 64}},
    "test": {"identity": {"test_sha256": "e" * 64}},
    "what nobody thought of yet": {"identity": {"key of the future": 1}},
    "version of the identity": {"identity": {"identity_version": 3}},
    "alias": {"backbone": "optical_mae"},
    "selection": {"selection": "cv"},
    "fingerprint": {"dataset_fingerprint": "other"},
}


@pytest.mark.parametrize("other", OTHERS)
def test_three_runs_of_seed_0_that_differ_are_three_points(board: Leaderboard, other: str) -> None:
    """They became one with n_seeds = 3 and an interval of [-0.49, 1.49], whatever differed and no column told."""
    commit(board, "a", 0.1)
    commit(board, "b", 0.9, **OTHERS[other])
    assert points(board) == [(1, 0.1), (1, 0.9)]


def test_another_list_of_train_samples_is_another_point_where_seeds_share_it(board: Leaderboard) -> None:
    commit(board, "a", 0.1, train_draw="partition")
    commit(board, "b", 0.3, train_draw="partition", seed=1)
    commit(board, "c", 0.9, train_draw="partition", identity={"partition_sha256": "d" * 64})
    assert points(board) == [(1, 0.9), (2, pytest.approx(0.2))]
    curves = run_query(board.path, "SELECT count(DISTINCT curve_id), count(DISTINCT samples) FROM scores").rows
    assert curves == [(1, 2)]


def test_a_second_run_of_a_seed_in_one_point_is_refused_and_both_are_named(board: Leaderboard) -> None:
    commit(board, "first", 0.1)
    with pytest.raises(UserError, match=rf"{run_id('second')}.*seed 0.*{run_id('first')}"):
        commit(board, "second", 0.9, identity={"partition_sha256": "d" * 64})
    assert points(board) == [(1, 0.1)]


def test_plain_sql_cannot_add_a_second_run_of_a_seed_either(board: Leaderboard) -> None:
    commit(board, "first")
    with duckdb.connect(board.path) as connection, pytest.raises(duckdb.ConstraintException, match="Duplicate key"):
        connection.execute(f"INSERT INTO runs SELECT * REPLACE ('{run_id('second')}' AS run_id) FROM runs")


@pytest.mark.parametrize("column", ["weights", "setup", "curve_id", "samples", "identity_version"])
def test_what_follows_from_a_run_cannot_be_something_else(board: Leaderboard, column: str) -> None:
    commit(board, "first")
    with duckdb.connect(board.path) as connection, pytest.raises(duckdb.ConstraintException, match="CHECK"):
        connection.execute(
            f"INSERT INTO runs SELECT * REPLACE ('{run_id('second')}' AS run_id, 1 AS seed, '7' AS {column}) FROM runs"
        )


def test_the_order_of_a_configurations_keys_says_nothing(board: Leaderboard) -> None:
    commit(board, "a", 0.4, configuration=IDENTITY)
    commit(board, "b", 0.6, configuration=dict(reversed(IDENTITY.items())), seed=1)
    assert points(board) == [(2, 0.5)]


def test_only_weights_that_are_drawn_from_the_seed_have_none_to_name(board: Leaderboard) -> None:
    drawn = {"weights_from_seed": True}
    commit(board, "a", 0.4, backbone="drawn", identity=drawn, weights_sha256="1" * 64)
    commit(board, "b", 0.6, backbone="drawn", identity=drawn, weights_sha256="2" * 64, seed=1)
    commit(board, "c", backbone="built_in", weights_sha256="3" * 64)
    rows = run_query(board.path, "SELECT backbone, weights, n_seeds FROM label_efficiency ORDER BY ALL").rows
    assert rows == [("built_in", "33333333", 1), ("drawn", None, 2)]


def test_runs_of_identity_1_say_so_and_are_never_averaged_with_later_ones(board: Leaderboard) -> None:
    old = {key: value for key, value in IDENTITY.items() if key != "identity_version"}
    commit(board, "old", 0.1, configuration=old)
    commit(board, "new", 0.9)
    rows = run_query(board.path, "SELECT identity_version, n_seeds, value FROM label_efficiency ORDER BY ALL").rows
    assert rows == [(1, 1, 0.1), (2, 1, 0.9)]


def test_every_field_that_decides_a_result_is_a_column_of_the_curve_or_in_its_setup(board: Leaderboard) -> None:
    from harness.records.run import Run

    along_a_curve = {"partition", "partition_sha256", "valid_sha256", "seed", "weights_sha256", "backbone"}
    columns = {"suite", "dataset", "protocol", "metric", "selection", "train_draw"}
    base = {"source": "measured", "dataset_fingerprint": "f", "protocol_version": 1}
    unknown = dict.fromkeys(("weights_sha256", "n_train", "n_valid", "n_test", *columns, "backbone", "partition"), "x")
    with duckdb.connect() as connection:
        for field in fields(Run):
            setups = {
                connection.execute(
                    f"SELECT setup FROM (SELECT *, {SELECT_DERIVED} FROM (SELECT "
                    + ", ".join(f"${name} AS {name}" for name in (unknown | base))
                    + ", $configuration::JSON AS configuration))",
                    unknown | base | {"configuration": f'{{"{field.name}": {value}}}'},
                ).fetchone()
                for value in (1, 2)
            }
            assert len(setups) == (1 if field.name in columns | along_a_curve else 2), field.name


def test_old_runs_of_one_seed_in_one_point_become_points_of_their_own(tmp_path: Path) -> None:
    """Version 4 averaged them; nobody knows which of the other seeds they belong with."""
    path = tmp_path / "board.duckdb"
    with duckdb.connect(path) as connection:
        connection.execute((HERE / "schema_v4.sql").read_text(encoding="utf-8"))
        connection.execute("INSERT INTO schema_version (version) VALUES (4)")
        for name, seed, partition in (("a", 0, "default"), ("b", 0, "default"), ("c", 1, "default"), ("d", 0, "k=5")):
            connection.execute(
                """INSERT INTO runs BY NAME SELECT *, left(weights_sha256, 8) AS weights,
                setup_of(dataset_fingerprint, protocol_version, configuration) AS setup FROM (SELECT
                $run AS run_id, 's' AS suite, 'd' AS dataset, 'b' AS backbone, repeat('1', 64) AS weights_sha256,
                'f' AS dataset_fingerprint, 'p' AS protocol, 1 AS protocol_version, $partition AS partition,
                'seed' AS train_draw, 'cv' AS selection, $seed AS seed, 'accuracy' AS metric, 9 AS n_train,
                9 AS n_valid, 9 AS n_test, 9 AS n_labels_fit, 0 AS n_labels_select, 'measured' AS source,
                '{"k": 5}' AS configuration, '{}' AS provenance, 'cpu' AS device, 1 AS seconds,
                TIMESTAMP '2026-01-01' AS finished_at, 0.5 AS score)""",
                {"run": run_id(name), "partition": partition, "seed": seed},
            )
            connection.execute("INSERT INTO metrics VALUES (?, 'test', 'accuracy', 0.5, NULL, NULL)", [run_id(name)])
    open_leaderboard(path)
    assert points(Leaderboard(path)) == [(1, 0.5)] * 4
    samples = dict(run_query(path, "SELECT run_id, samples FROM scores WHERE partition = 'default'").rows)
    assert samples == {run_id(name): run_id(name)[:8] for name in "abc"}
