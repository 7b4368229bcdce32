"""Leaderboards merge by identity: what is new goes in whole, what contradicts is reported, nothing is overwritten."""

from dataclasses import replace
from pathlib import Path

import duckdb
import pytest
from leaderboard_records import make_error_sums, make_mask, make_record, make_value, metric, run_id

from leaderboards.agreement import TOLERANCE, Difference
from leaderboards.errors import UserError
from leaderboards.file.definitions import RUN_TABLES
from leaderboards.merge import Alias, Conflict, merge
from leaderboards.query import run_query
from leaderboards.store import Leaderboard, open_leaderboard
from leaderboards.transfer import ExportFormat, export

HERE = Path(__file__).parent
ODD_FOLDER = "it's [x] *.duckdb"


@pytest.fixture
def ours(tmp_path: Path) -> Leaderboard:
    board = open_leaderboard(tmp_path / "ours.duckdb")
    board.commit(make_record("shared"))
    return board


@pytest.fixture
def theirs(tmp_path: Path) -> Leaderboard:
    board = open_leaderboard(tmp_path / ODD_FOLDER / "theirs.duckdb")
    board.commit(make_record("shared", device="another", seconds=9.0))
    new = make_record("new", backbone="it's <b>", higher_is_better=False)
    board.commit(replace(new, mask_counts=[make_mask()], values=[make_value()], error_sums=[make_error_sums()]))
    return board


def rows(board: Leaderboard, name: str) -> list[list[tuple[object, ...]]]:
    return [
        run_query(board.path, f"FROM {table} WHERE run_id = '{run_id(name)}' ORDER BY ALL").rows for table in RUN_TABLES
    ]


def source_of(theirs: Leaderboard, kind: str) -> Path:
    if kind == "duckdb":
        return theirs.path
    target = theirs.path.parent / "a=1" / ("parquet" if kind == "parquet" else f"table.{kind}")
    export(theirs, target, ExportFormat(kind))
    return target


@pytest.mark.parametrize("kind", ["duckdb", "parquet"])
def test_a_new_run_comes_with_all_its_rows(ours: Leaderboard, theirs: Leaderboard, kind: str) -> None:
    merged = merge(ours, source_of(theirs, kind))
    assert (merged.added, merged.present, merged.conflicts) == (1, 1, ())
    assert rows(ours, "new") == rows(theirs, "new")
    assert all(rows(ours, "new"))


@pytest.mark.parametrize("kind", ["csv", "json"])
def test_a_table_brings_each_run_with_its_headline(ours: Leaderboard, theirs: Leaderboard, kind: str) -> None:
    merged = merge(ours, source_of(theirs, kind))
    assert (merged.added, merged.present, merged.conflicts) == (1, 1, ())
    assert rows(ours, "new")[0] == rows(theirs, "new")[0]
    sql = f"FROM leaderboard WHERE run_id = '{run_id('new')}'"
    assert run_query(ours.path, sql) == run_query(theirs.path, sql)


def test_merging_again_changes_nothing(ours: Leaderboard, theirs: Leaderboard) -> None:
    merge(ours, theirs.path)
    merged = merge(ours, theirs.path)
    assert (merged.added, merged.present, merged.conflicts) == (0, 2, ())
    assert run_query(ours.path, "SELECT count(*) FROM metrics").rows == [(6,)]


def test_what_we_have_stays_as_it_is(ours: Leaderboard, theirs: Leaderboard) -> None:
    before = rows(ours, "shared")
    merge(ours, theirs.path)
    assert rows(ours, "shared") == before  # another device and duration are no contradiction


def test_other_values_are_reported_and_not_taken(ours: Leaderboard, tmp_path: Path) -> None:
    other = open_leaderboard(tmp_path / "other.duckdb")
    changed = [metric(0.9), metric(split="valid"), metric(None, None, metric="f1_macro")]
    other.commit(replace(make_record("shared", dataset="m-forestnet"), metrics=changed))
    other.commit(make_record("new"))
    merged = merge(ours, other.path)
    assert merged.added == 1
    assert merged.conflicts == (
        Conflict(run_id=run_id("shared"), what="dataset", ours="m-eurosat", theirs="m-forestnet"),
        Conflict(run_id=run_id("shared"), what="test accuracy", ours="0.5", theirs="0.9"),
    )
    sql = f"SELECT dataset, value FROM leaderboard WHERE run_id = '{run_id('shared')}'"
    assert run_query(ours.path, sql).rows == [("m-eurosat", 0.5)]


def test_last_digits_of_another_device_are_no_contradiction(ours: Leaderboard, tmp_path: Path) -> None:
    """A CPU and a GPU disagree about a few samples; the first result stands, and the largest difference is told."""
    other = open_leaderboard(tmp_path / "other.duckdb")
    values = [metric(0.5 + TOLERANCE / 2), metric(0.509, split="valid"), metric(None, None, metric="f1_macro")]
    other.commit(replace(make_record("shared", device="cuda"), metrics=values))
    merged = merge(ours, other.path)
    assert merged.conflicts == ()
    assert merged.largest is not None
    assert (merged.largest.what, merged.largest.size) == ("valid accuracy", pytest.approx(0.009))
    assert run_query(ours.path, "SELECT DISTINCT value FROM metrics ORDER BY ALL").rows == [(0.5,), (None,)]


@pytest.mark.parametrize(("mine", "other", "agrees"), [
    (0.5, 0.5099, True), (0.5, 0.5101, False), (0.5, None, False), (250.0, 252.0, True), (250.0, 253.0, False),
    (-0.5, -0.505, True), (0.0, 0.0, True),
])  # fmt: skip
def test_the_tolerance_is_a_point_of_a_fraction_and_a_hundredth_of_what_is_larger(
    mine: float, other: float | None, agrees: bool
) -> None:
    assert Difference(run_id="", what="", ours=mine, theirs=other).agrees == agrees


def test_one_checkpoint_under_two_names_is_no_contradiction(ours: Leaderboard, tmp_path: Path) -> None:
    identity = {"identity_version": 2, "partition_sha256": "a" * 64}
    other = open_leaderboard(tmp_path / "other.duckdb")
    ours.commit(make_record("one", configuration=identity))
    other.commit(make_record("one", configuration=identity, backbone="optical_mae"))
    other.commit(make_record("shared", backbone="optical_mae"))  # of identity 1, which the name is part of
    merged = merge(ours, other.path)
    assert merged.aliases == (Alias(ours="mp_mae", theirs="optical_mae", n_runs=1),)
    assert [conflict.what for conflict in merged.conflicts] == ["backbone"]
    assert run_query(ours.path, "SELECT DISTINCT backbone FROM runs").rows == [("mp_mae",)]


def test_a_second_run_of_a_seed_is_a_conflict_that_names_both_and_the_rest_goes_in(
    ours: Leaderboard, tmp_path: Path
) -> None:
    identity = {"identity_version": 2, "partition_sha256": "a" * 64}
    other = open_leaderboard(tmp_path / "other.duckdb")
    ours.commit(make_record("first", configuration=identity))
    other.commit(make_record("second", configuration=identity))
    other.commit(make_record("third", configuration=identity, seed=1))
    merged = merge(ours, other.path)
    assert (merged.added, merged.present) == (1, 0)
    assert merged.conflicts == (
        Conflict(run_id=run_id("second"), what="second run of seed 0 in one point", ours=run_id("first"),
                 theirs=run_id("second")),
    )  # fmt: skip
    assert ours.known([run_id("third"), run_id("second")]) == {run_id("third")}


def test_undefined_here_and_a_value_there_is_a_contradiction(ours: Leaderboard, tmp_path: Path) -> None:
    other = open_leaderboard(tmp_path / "other.duckdb")
    other.commit(replace(make_record("shared"), metrics=[metric(), metric(0.3, None, metric="f1_macro")]))
    (conflict,) = merge(ours, other.path).conflicts
    assert (conflict.what, conflict.ours, conflict.theirs) == ("test f1_macro", "undefined", "0.3")


def test_the_other_file_is_only_read(ours: Leaderboard, theirs: Leaderboard) -> None:
    before = theirs.path.read_bytes()
    theirs.path.chmod(0o444)
    merge(ours, theirs.path)
    assert theirs.path.read_bytes() == before
    assert [path.name for path in theirs.path.parent.iterdir()] == ["theirs.duckdb"]


@pytest.fixture
def first_version(tmp_path: Path, theirs: Leaderboard) -> Path:
    path = tmp_path / "v1.duckdb"
    with duckdb.connect(path) as connection:
        connection.execute((HERE / "schema_v1.sql").read_text(encoding="utf-8"))
        connection.execute("INSERT INTO schema_version (version) VALUES (1)")
        quoted = str(theirs.path).replace("'", "''")
        connection.execute(f"ATTACH '{quoted}' AS other (READ_ONLY)")
        for table in ("runs", "metrics", "class_metrics", "predictions"):
            columns = ", ".join(name for (name, *_) in connection.execute(f"DESCRIBE {table}").fetchall())
            connection.execute(f"INSERT INTO {table} BY NAME SELECT {columns} FROM other.{table}")
    return path


@pytest.mark.parametrize("kind", ["duckdb", "parquet"])
def test_an_older_version_is_merged_without_upgrading_its_file(
    ours: Leaderboard, first_version: Path, tmp_path: Path, kind: str
) -> None:
    source = first_version
    if kind == "parquet":
        source = tmp_path / "v1"
        with duckdb.connect(first_version, read_only=True) as connection:
            source.mkdir()
            for table in ("schema_version", "runs", "metrics", "class_metrics", "predictions"):
                connection.execute(f"COPY {table} TO '{source / table}.parquet'")
    merged = merge(ours, source)
    assert (merged.added, merged.present, merged.conflicts) == (1, 1, ())
    sql = f"SELECT train_draw, selection, parameters FROM runs WHERE run_id = '{run_id('new')}'"
    assert run_query(ours.path, sql).rows == [("partition", "none", None)]
    with duckdb.connect(first_version, read_only=True) as connection:
        assert connection.execute("SELECT version FROM schema_version").fetchone() == (1,)


def test_a_view_in_the_place_of_a_table_cannot_read_our_files(ours: Leaderboard, tmp_path: Path) -> None:
    secret, trap = tmp_path / "secret.txt", tmp_path / "trap.duckdb"
    secret.write_text("swordfish")
    open_leaderboard(trap)
    with duckdb.connect(trap) as connection:
        connection.execute("DROP TABLE class_metrics")
        connection.execute(
            f"CREATE VIEW class_metrics AS SELECT '{run_id('x')}' AS run_id, 'test' AS split, 'f1' AS metric, "
            f"content AS class_name, 0.5 AS value FROM read_text('{secret}')"
        )
    with pytest.raises(UserError, match="class_metrics is a view"):
        merge(ours, trap)


def test_rows_that_break_a_rule_bring_nothing(ours: Leaderboard, theirs: Leaderboard) -> None:
    source = source_of(theirs, "csv")
    source.write_text(source.read_text().replace("it's <b>", "").replace(",0.5,0.4,0.6", ",0.5,0.9,0.6"))
    with pytest.raises(UserError, match=r"table\.csv: .*[Cc]onstraint"):
        merge(ours, source)
    assert run_query(ours.path, "SELECT count(*) FROM runs").rows == [(1,)]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", "", "missing or unknown: backbone"),
        ("a.csv", "run_id,value\nx,1\n", "missing or unknown: .*backbone"),
        ("a.csv", "run_id,value\nx\n", "row 1 has more or fewer cells"),
        ("a.csv", "\xff\xfe", "missing or unknown"),
        ("a.json", "{", "is not JSON"),
        ("a.json", "[" * 100_000, "nested too deeply"),
        ("a.json", "[" + "1" * 5_000 + "]", "is not JSON .*digits"),
        ("a.json", '[{"a": NaN}]', "NaN is no number"),
        ("a.json", '[{"a": [1]}]', "a list or an object within a run"),
        ("a.json", '{"a": 1}', "a list of objects"),
        ("a.json", '[{"a": 1}, {"b": 2}]', "same keys"),
        ("a.duckdb", "hello", "cannot be opened as a leaderboard"),
        ("absent.duckdb", None, "no such leaderboard"),
    ],
)
def test_what_is_no_leaderboard_is_refused(
    ours: Leaderboard, tmp_path: Path, name: str, content: str | None, message: str
) -> None:
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(UserError, match=message):
        merge(ours, tmp_path / name)


def test_an_empty_folder_is_refused(ours: Leaderboard, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"empty: schema_version\.parquet is missing"):
        merge(ours, tmp_path / "empty")


def test_a_leaderboard_is_not_merged_into_itself(ours: Leaderboard) -> None:
    with pytest.raises(UserError, match="is the leaderboard itself"):
        merge(ours, ours.path)


def test_a_run_without_its_headline_is_refused(ours: Leaderboard, theirs: Leaderboard) -> None:
    with duckdb.connect(theirs.path) as connection:
        connection.execute("DELETE FROM metrics WHERE split = 'test' AND metric = 'accuracy'")
    with pytest.raises(UserError, match="no row for its headline metric"):
        merge(ours, theirs.path)


def test_a_run_whose_metrics_tell_another_headline_is_refused(ours: Leaderboard, theirs: Leaderboard) -> None:
    with duckdb.connect(theirs.path) as connection:
        connection.execute("UPDATE metrics SET value = 0.99, ci_low = NULL, ci_high = NULL")
    before = run_query(ours.path, "SELECT count(*) FROM runs").rows
    with pytest.raises(UserError, match="headline metric on test, or one of another value"):
        merge(ours, theirs.path)
    assert run_query(ours.path, "SELECT count(*) FROM runs").rows == before
