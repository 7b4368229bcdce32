"""A file of any older version opens, is brought to this one, and is kept as it was beside it."""

import multiprocessing
import os
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
from leaderboard_records import make_record, make_result, make_run, metric, published_run, run_id
from old_boards import read_views, records, views_of_version_5, write_old

import leaderboards.file.migrate
from leaderboards.errors import UnavailableError, UserError
from leaderboards.multimodal import store_results
from leaderboards.query import run_query
from leaderboards.schema import SCHEMA_VERSION, RunRecord
from leaderboards.store import Leaderboard, open_leaderboard

SPAWN = multiprocessing.get_context("spawn")
HERE = Path(__file__).parent

NAME = 'it\'s a "name" 🛰\n<b>'


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A file as version 1 made it, with the tables of version 1."""
    path = tmp_path / "board.duckdb"
    with duckdb.connect(path) as connection:
        connection.execute((HERE / "schema_v1.sql").read_text(encoding="utf-8"))
        connection.execute("INSERT INTO schema_version (version) VALUES (1)")
        connection.execute("CREATE VIEW leaderboard AS SELECT run_id AS backbone FROM runs")
        for run in (make_record("probe", n_labels_select=100, dataset=NAME).run, make_record("knn").run):
            _insert_run(connection, run)
        _insert_run(connection, published_run())
        for name in ("probe", "knn", "published"):
            metric = [run_id(name), "test", "accuracy", 0.1 + 0.2, None, None]
            connection.execute("INSERT INTO metrics VALUES (?, ?, ?, ?, ?, ?)", metric)
        connection.execute("INSERT INTO class_metrics VALUES (?, 'test', 'f1', ?, NULL)", [run_id("probe"), NAME])
        connection.execute("INSERT INTO predictions VALUES (?, 'test', 7, ?, [1, 2], [])", [run_id("probe"), NAME])
    return path


def _insert_run(connection: duckdb.DuckDBPyConnection, run: object) -> None:
    columns = [name for (name, *_) in connection.execute("DESCRIBE runs").fetchall()]
    added_by_the_store = ("weights", "setup", "score", "score_low", "score_high")
    own = [name for name in columns if name not in added_by_the_store]
    values = {name: getattr(run, name) for name in own} | {"configuration": '{"k": 5}', "provenance": "{}"}
    values["finished_at"] = values["finished_at"] and datetime(2026, 3, 1, 12)
    derived = ", weights_of(weights_sha256, provenance) AS weights" if "setup" in columns else ""
    derived += ", setup_of(dataset_fingerprint, protocol_version, configuration) AS setup" if "setup" in columns else ""
    derived += ", 0.5 AS score, 0.4 AS score_low, 0.6 AS score_high" if "score" in columns else ""
    marks = ", ".join(f"${name} AS {name}" for name in own)
    connection.execute(f"INSERT INTO runs BY NAME SELECT *{derived} FROM (SELECT {marks})", values)


def contents(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table."""
    with duckdb.connect(path, read_only=True) as connection:
        tables = [name for (name,) in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()]
        return {name: connection.execute(f"FROM {name} ORDER BY ALL").fetchall() for name in sorted(tables)}


def test_every_older_version_has_its_migration() -> None:
    scripts = {path.name for path in (Path(leaderboards.file.migrate.__file__).parent / "migrations").iterdir()}
    assert scripts == {f"from_{version}.sql" for version in range(1, SCHEMA_VERSION)}


@pytest.mark.parametrize("version", [2, 3, 4])
def test_later_versions_get_the_columns_that_follow_from_the_others(tmp_path: Path, version: int) -> None:
    path = tmp_path / "board.duckdb"
    record = make_record("probe", n_predictions=3)
    with duckdb.connect(path) as connection:
        connection.execute((HERE / f"schema_v{version}.sql").read_text(encoding="utf-8"))
        connection.execute(f"INSERT INTO schema_version (version) VALUES ({version})")
        _insert_run(connection, record.run)
        for row in record.metrics:
            connection.execute("INSERT INTO metrics VALUES (?, ?, ?, ?, ?, ?)", [run_id("probe"), *vars(row).values()])
        connection.execute("INSERT INTO mask_counts VALUES (?, 'test', 0, 'a', [1], [2], [9])", [run_id("probe")])
    before = contents(path)
    new = open_leaderboard(tmp_path / "new.duckdb")
    new.commit(replace(record, run=replace(record.run, configuration={"k": 5}, provenance={})))
    open_leaderboard(path)
    assert contents(path)["mask_counts"] == before["mask_counts"]
    runs = "SELECT * EXCLUDE (finished_at) FROM runs"
    assert run_query(path, runs).rows == run_query(new.path, runs).rows


@pytest.mark.parametrize("version", range(1, SCHEMA_VERSION))
def test_views_say_the_same_of_an_old_file(tmp_path: Path, version: int) -> None:
    now = read_views(open_leaderboard(write_old(tmp_path / "board.duckdb", version)).path)
    before = views_of_version_5()
    assert set(before) <= set(now)
    for view, rows in before.items():
        assert [{column: _plain(row[column]) for column in rows[0]} for row in now[view]] == [
            {column: _plain(value) for column, value in row.items()} for row in rows
        ], view


def _plain(value: Any) -> Any:
    """A value as JSON has it; sums of floats may end in another digit when a table has another order."""
    return round(value, 9) if isinstance(value, float) else str(value) if isinstance(value, datetime) else value


def test_version_6_keeps_everything_and_its_costs_stay_unknown(tmp_path: Path) -> None:
    path = write_old(tmp_path / "board.duckdb", 6)
    before = contents(path)
    open_leaderboard(path)
    kept = "SELECT * EXCLUDE (images_per_second, peak_memory_bytes, other_bands) FROM runs ORDER BY ALL"
    assert run_query(path, kept).rows == before["runs"]
    assert contents(path)["metrics"] == before["metrics"]
    unknown = "SELECT DISTINCT images_per_second, peak_memory_bytes, other_bands FROM runs"
    assert run_query(path, unknown).rows == [(None, None, False)]


def test_version_7_keeps_everything_and_has_no_number_of_modalities(tmp_path: Path) -> None:
    path = write_old(tmp_path / "board.duckdb", 7)
    before = contents(path)
    open_leaderboard(path)
    assert contents(path) == {**before, "schema_version": [(True, SCHEMA_VERSION)], "multimodal": [], "failures": []}


def test_version_8_keeps_everything_and_has_no_failure(tmp_path: Path) -> None:
    path = write_old(tmp_path / "board.duckdb", 8)
    new = open_leaderboard(tmp_path / "new.duckdb")
    store_results(new, [make_result()])
    with duckdb.connect(path) as connection:
        connection.execute(f"ATTACH '{new.path}' AS new (READ_ONLY)")
        connection.execute("INSERT INTO multimodal BY NAME FROM new.multimodal")
    before = contents(path)
    open_leaderboard(path)
    assert contents(path) == {**before, "schema_version": [(True, SCHEMA_VERSION)], "failures": []}
    assert len(before["multimodal"]) == 1


def test_version_5_keeps_what_it_stored_of_identities_and_points(tmp_path: Path) -> None:
    kept = "SELECT run_id, identity_version, weights, setup, curve_id, samples FROM runs ORDER BY run_id"
    path = write_old(tmp_path / "board.duckdb", 5)
    alone = next(records()).run.run_id
    with duckdb.connect(path) as connection:
        connection.execute("DELETE FROM metrics")
    with duckdb.connect(path) as connection:
        connection.execute("UPDATE runs SET samples = left(run_id, 8) WHERE run_id = ?", [alone])
        before = connection.execute(kept).fetchall()
    assert run_query(open_leaderboard(path).path, kept).rows == before


@pytest.mark.parametrize("version", range(1, 6))  # version 6 stored it
def test_the_direction_of_an_old_run_follows_from_its_metric(tmp_path: Path, version: int) -> None:
    names = ("accuracy", "calibration_error", "mae", "r2", "rmse")
    runs = [RunRecord(run=make_run(name, metric=name), metrics=[metric(metric=name)]) for name in names]
    path = write_old(tmp_path / "board.duckdb", version, runs)
    open_leaderboard(path)
    found = run_query(path, "SELECT metric, higher_is_better FROM runs ORDER BY metric").rows
    assert found == list(zip(names, (True, False, False, True, False), strict=True))


def test_opening_an_old_file_brings_every_row_over(old: Path) -> None:
    before = contents(old)
    open_leaderboard(old)
    after = contents(old)
    assert after["schema_version"] == [(True, SCHEMA_VERSION)]
    for table in ("metrics", "class_metrics", "predictions"):
        assert after[table] == before[table]
    with duckdb.connect(old, read_only=True) as connection:
        costs = "parameters, flops_per_image, images_per_second, peak_memory_bytes"
        added = f"train_draw, selection, higher_is_better, {costs}"
        derived = "score, score_low, score_high, weights, setup, identity_version, curve_id, samples, other_bands"
        kept = connection.execute(f"SELECT * EXCLUDE ({added}, {derived}) FROM runs ORDER BY ALL").fetchall()
        assert kept == before["runs"]
        assert connection.execute(f"SELECT run_id, {added} FROM runs ORDER BY n_labels_select").fetchall() == [
            (run_id("knn"), "partition", "none", True, None, None, None, None),
            (run_id("probe"), "partition", "valid", True, None, None, None, None),
            (run_id("published"), None, None, True, None, None, None, None),
        ]
        headlines = connection.execute("SELECT DISTINCT score, score_low, score_high FROM runs").fetchall()
        assert headlines == [(0.1 + 0.2, None, None)]


def test_a_table_in_capital_letters_is_brought_over(old: Path) -> None:
    with duckdb.connect(old) as connection:
        for table in ("class_metrics", "predictions"):
            connection.execute(f"ALTER TABLE {table} RENAME TO moved; ALTER TABLE moved RENAME TO {table.upper()}")
    open_leaderboard(old)
    counts = "SELECT (SELECT count(*) FROM class_metrics), (SELECT count(*) FROM predictions)"
    assert run_query(old, counts).rows == [(1, 1)]


def test_the_file_as_it_was_is_kept_beside_it(old: Path) -> None:
    before = contents(old)
    open_leaderboard(old)
    assert sorted(os.listdir(old.parent)) == ["board.duckdb", "board.duckdb.v1-backup"]
    assert contents(old.with_name("board.duckdb.v1-backup")) == before


def test_a_backup_never_replaces_another(old: Path) -> None:
    taken = old.with_name("board.duckdb.v1-backup")
    taken.write_text("precious")
    open_leaderboard(old)
    assert taken.read_text() == "precious"
    assert old.with_name("board.duckdb.v1-backup-2").is_file()


def test_a_commit_to_an_old_file_upgrades_it(old: Path) -> None:
    Leaderboard(old).commit(make_record("new", parameters=7))
    assert run_query(old, "SELECT count(*), max(parameters) FROM runs").rows == [(4, 7)]


def test_reading_an_old_file_upgrades_it(old: Path) -> None:
    assert "value" in run_query(old, "FROM leaderboard").columns


def test_an_upgraded_file_obeys_the_constraints_of_a_new_one(old: Path, tmp_path: Path) -> None:
    open_leaderboard(old)
    new = open_leaderboard(tmp_path / "new.duckdb")
    sql = "SELECT table_name, constraint_text FROM duckdb_constraints() ORDER BY ALL"
    assert run_query(old, sql) == run_query(new.path, sql)


def test_a_log_that_a_killed_writer_left_is_brought_over(old: Path) -> None:
    with duckdb.connect(old) as connection:
        connection.execute("PRAGMA disable_checkpoint_on_shutdown")
        connection.execute("UPDATE metrics SET value = 0.75 WHERE run_id = ?", [run_id("knn")])
    assert old.with_name("board.duckdb.wal").exists()
    open_leaderboard(old)
    rows = run_query(old, f"SELECT value FROM metrics WHERE run_id = '{run_id('knn')}'").rows
    assert rows == [(0.75,)]
    assert not old.with_name("board.duckdb.wal").exists()


def test_a_failing_upgrade_leaves_the_file_as_it_was(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(connection: duckdb.DuckDBPyConnection, version: int) -> None:
        raise duckdb.IOException("No space left on device")

    before = contents(old)
    monkeypatch.setattr(leaderboards.file.migrate, "copy_older", fail)
    with pytest.raises(UnavailableError, match=r"board\.duckdb: cannot be upgraded \(No space left"):
        open_leaderboard(old)
    assert contents(old) == before
    assert [name for name in os.listdir(old.parent) if not name.startswith(".")] == ["board.duckdb"]


def test_a_file_that_somebody_reads_is_upgraded_afterwards(old: Path) -> None:
    with duckdb.connect(old, read_only=True), pytest.raises(UnavailableError, match="has the leaderboard open"):
        open_leaderboard(old, wait_seconds=0.1)
    open_leaderboard(old)


def _open_and_commit(path: Path, number: int) -> None:
    open_leaderboard(path, 60).commit(make_record(number))


def test_processes_that_meet_an_old_file_upgrade_it_once(old: Path) -> None:
    processes = [SPAWN.Process(target=_open_and_commit, args=(old, number)) for number in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    assert [process.exitcode for process in processes] == [0] * 4
    assert run_query(old, "SELECT count(*) FROM runs").rows == [(7,)]
    assert sorted(os.listdir(old.parent)) == ["board.duckdb", "board.duckdb.v1-backup"]


def test_a_newer_file_is_refused_and_kept(old: Path) -> None:
    with duckdb.connect(old) as connection:
        connection.execute(f"UPDATE schema_version SET version = {SCHEMA_VERSION + 1}")
    before = contents(old)
    with pytest.raises(UserError, match=f"schema version {SCHEMA_VERSION + 1}.*knows up to {SCHEMA_VERSION}.*pip"):
        open_leaderboard(old)
    assert contents(old) == before
