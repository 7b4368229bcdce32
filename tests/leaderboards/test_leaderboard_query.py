"""A query can look at everything in the file and touch nothing anywhere."""

import json
from datetime import datetime
from pathlib import Path

import duckdb
import pytest
from leaderboard_records import make_record

from leaderboards.errors import UserError
from leaderboards.file import reader
from leaderboards.file.connection import attach
from leaderboards.query import Table, run_query, to_csv, to_json, to_markdown
from leaderboards.statistics.reading import fetch
from leaderboards.store import open_leaderboard


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A leaderboard with one run, beside files that nobody has to read through it."""
    folder = tmp_path_factory.mktemp("query")
    board = open_leaderboard(folder / "board.duckdb")
    board.commit(make_record())
    (folder / "secret.csv").write_text("word\nswordfish\n")
    (folder / "secret.json").write_text('[{"word": "swordfish"}]')
    with duckdb.connect(folder / "other.duckdb") as connection:
        connection.execute("CREATE TABLE secret AS SELECT 'swordfish' AS word")
        connection.execute(f"COPY secret TO '{folder / 'secret.parquet'}'")
    return board.path


ALLOWED = [
    "SELECT backbone FROM leaderboard",
    "select 1;",
    "-- a comment\nSELECT 1 -- another",
    "WITH best AS (SELECT max(value) FROM metrics) FROM best",
    "FROM runs SELECT run_id",
    "VALUES (1)",
    "TABLE runs",
    "SHOW TABLES",
    "SHOW ALL TABLES",
    "DESCRIBE runs",
    "SUMMARIZE metrics",
    "EXPLAIN SELECT * FROM leaderboard",
    "EXPLAIN ANALYZE SELECT * FROM leaderboard",
    "PIVOT (FROM leaderboard SELECT dataset, backbone, value) ON backbone USING max(value)",
]


@pytest.mark.parametrize("sql", ALLOWED)
def test_every_kind_of_query_is_allowed(path: Path, sql: str) -> None:
    assert run_query(path, sql).columns


ATTEMPTS = [
    "INSERT INTO runs SELECT * FROM runs",
    "UPDATE metrics SET value = 1",
    "DELETE FROM predictions",
    "TRUNCATE predictions",
    "MERGE INTO schema_version USING (SELECT 2 AS v) ON version = v WHEN NOT MATCHED THEN INSERT (version) VALUES (v)",
    "WITH gone AS (DELETE FROM predictions RETURNING *) SELECT * FROM gone",
    "EXPLAIN ANALYZE DELETE FROM predictions",
    "DROP TABLE predictions",
    "DROP VIEW leaderboard",
    "ALTER TABLE runs ADD COLUMN i INTEGER",
    "CREATE TABLE t (i INTEGER)",
    "CREATE TEMP TABLE t (i INTEGER)",
    "CREATE OR REPLACE VIEW leaderboard AS SELECT 1",
    "CREATE MACRO m() AS 1",
    "CREATE FUNCTION f(a) AS TABLE SELECT a",
    "COMMENT ON TABLE runs IS 'x'",
    "CREATE SECRET (TYPE s3)",
    "SELECT 1; DROP TABLE predictions",
    "SELECT 1; SELECT 2",
    "SELECT * FROM '{folder}/secret.csv'",
    'SELECT * FROM "{folder}/secret.csv"',
    "SELECT * FROM read_csv('{folder}/secret.csv')",
    "SELECT * FROM read_csv_auto(['{folder}/secret.csv'])",
    "SELECT * FROM sniff_csv('{folder}/secret.csv')",
    "SELECT * FROM read_json('{folder}/secret.json')",
    "SELECT * FROM read_parquet('{folder}/secret.parquet')",
    "SELECT * FROM parquet_schema('{folder}/secret.parquet')",
    "SELECT * FROM read_text('{folder}/secret.csv')",
    "SELECT * FROM read_blob('{folder}/secret.csv')",
    "SELECT * FROM read_ndjson_objects('{folder}/secret.json')",
    "SELECT * FROM parquet_file_metadata('{folder}/secret.parquet')",
    "SELECT * FROM read_csv('/proc/self/environ')",
    "SELECT getenv('HOME')",
    "CALL force_checkpoint()",
    "ATTACH IF NOT EXISTS '{folder}/other.duckdb' AS other (READ_ONLY)",
    "SELECT * FROM other.secret",
    "SET SESSION search_path = 'memory'",
    "CREATE TABLE memory.t (i INTEGER)",
    "SELECT * FROM glob('{folder}/*')",
    "SELECT * FROM query('FROM ''{folder}/secret.csv''')",
    "SELECT * FROM query_table('{folder}/secret.csv')",
    "SELECT * FROM '{folder}/other.duckdb'",
    "SELECT * FROM 'http://127.0.0.1:9/secret.csv'",
    "EXPLAIN ANALYZE SELECT * FROM '{folder}/secret.csv'",
    "SUMMARIZE '{folder}/secret.csv'",
    "DESCRIBE '{folder}/secret.csv'",
    "PIVOT '{folder}/secret.csv' ON word",
    "ATTACH '{folder}/other.duckdb'",
    "ATTACH '{folder}/board.duckdb' AS again",
    "ATTACH '{folder}/new.duckdb'",
    "ATTACH ':memory:' AS scratch",
    "DETACH board",
    "USE memory",
    "COPY runs TO '{folder}/new.csv'",
    "COPY (SELECT 1) TO '{folder}/new.parquet'",
    "COPY runs FROM '{folder}/secret.csv'",
    "COPY FROM DATABASE board TO memory",
    "EXPLAIN ANALYZE COPY runs TO '{folder}/new.csv'",
    "EXPORT DATABASE '{folder}/new'",
    "IMPORT DATABASE '{folder}'",
    "INSTALL httpfs",
    "INSTALL spatial FROM community",
    "LOAD json",
    "LOAD '{folder}/secret.csv'",
    "FORCE INSTALL httpfs",
    "UPDATE EXTENSIONS",
    "SET enable_external_access = true",
    "SET GLOBAL lock_configuration = false",
    "RESET enable_external_access",
    "SET VARIABLE v = 1",
    "SELECT * FROM enable_logging()",
    "PRAGMA database_list",
    "PRAGMA enable_profiling",
    "PRAGMA table_info('runs')",
    "CALL pragma_version()",
    "CALL enable_logging(storage = 'file', storage_path = '{folder}/new')",
    "CHECKPOINT",
    "VACUUM",
    "ANALYZE",
    "BEGIN",
    "PREPARE p AS SELECT 1",
    "EXECUTE p",
    "SELECT * FROM nowhere",
    "SELEC 1",
    "SELECT 'open",
    "",
    ";",
    "-- nothing",
]


@pytest.mark.parametrize("sql", ATTEMPTS)
def test_a_query_cannot_write_attach_load_or_read_other_files(path: Path, sql: str) -> None:
    files = sorted(path.parent.iterdir())
    content = path.read_bytes()
    with pytest.raises(UserError):
        run_query(path, sql.format(folder=path.parent))
    assert sorted(path.parent.iterdir()) == files
    assert path.read_bytes() == content


def test_duckdbs_message_comes_through_one_line_first(path: Path) -> None:
    with pytest.raises(UserError) as refused:
        run_query(path, "SELECT backbones FROM leaderboard")
    first = str(refused.value).splitlines()[0]
    assert first.startswith("Binder Error")
    assert '"backbones"' in first


def test_a_refusal_says_what_is_allowed(path: Path) -> None:
    with pytest.raises(UserError, match=r"DROP is not allowed.*Use SELECT"):
        run_query(path, "DROP TABLE runs")
    with pytest.raises(UserError, match="found 2"):
        run_query(path, "SELECT 1; SELECT 2")


def test_without_a_file_the_command_that_fills_it_is_named(tmp_path: Path) -> None:
    path = tmp_path / "board.duckdb"
    with pytest.raises(UserError, match=r"board\.duckdb: no leaderboard here\. .*python -m harness run"):
        run_query(path, "SELECT 1")
    assert not path.exists()


def test_a_time_with_a_zone_says_how_to_cast_it(path: Path) -> None:
    if pytest.importorskip("importlib.util").find_spec("pytz"):
        pytest.skip("with pytz installed DuckDB returns it")
    with pytest.raises(UserError, match=r"now\(\)::TIMESTAMP"):
        run_query(path, "SELECT now()")


def test_stored_times_compare_with_now_in_any_time_zone(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Pacific/Auckland")
    assert run_query(path, "SELECT current_setting('TimeZone')").rows == [("UTC",)]


MIXED = """SELECT 1 AS i, 0.25::DOUBLE AS d, 'nan'::DOUBLE AS n, NULL AS nothing, 1.50::DECIMAL(4, 2) AS c, true AS b,
    TIMESTAMP '2026-03-01 12:00:00' AS t, DATE '2026-03-01' AS day, [1, NULL] AS l, {'x': 'é "q"'} AS s,
    'a,"b"\nc' AS text, 2::HUGEINT ** 70 AS big, INTERVAL 1 DAY AS span, '\\xFF'::BLOB AS bytes, 9 AS i"""


def test_json_holds_every_type(path: Path) -> None:
    (row,) = json.loads(to_json(run_query(path, MIXED)))
    assert row == {
        "i": 1,
        "d": 0.25,
        "n": None,
        "nothing": None,
        "c": 1.5,
        "b": True,
        "t": "2026-03-01T12:00:00",
        "day": "2026-03-01",
        "l": [1, None],
        "s": {"x": 'é "q"'},
        "text": 'a,"b"\nc',
        "big": 2**70,
        "span": "1 day, 0:00:00",
        "bytes": "ff",
        "i_2": 9,
    }


def test_csv_quotes_what_needs_quotes_and_leaves_null_empty() -> None:
    rows = [("a,b", None, float("nan"), True, datetime(2026, 3, 1), [1, None]), ('say "é"', 0.1, 1, False, None, {})]
    assert to_csv(Table(("name", "x", "y", "flag", "when", "list"), rows)) == (
        'name,x,y,flag,when,list\n"a,b",,,true,2026-03-01T00:00:00,"[1, null]"\n"say ""é""",0.1,1,false,,{}\n'
    )


def test_no_rows_are_an_empty_list_and_a_header() -> None:
    table = Table(("a", "b"), [])
    assert json.loads(to_json(table)) == []
    assert to_csv(table) == "a,b\n"


def test_markdown_keeps_names_and_links_and_lets_no_text_end_its_cell() -> None:
    rows = [("imagenet_mae", 0.25, "https://a.org/b_c"), ("a|b\n# `c` <img> _d_", None, "[e](f)")]
    assert to_markdown(Table(("backbone", "value", "source"), rows)) == (
        "| backbone | value | source |\n"
        "| --- | ---: | --- |\n"
        "| imagenet_mae | 0.25 | https://a.org/b_c |\n"
        "| a\\|b # \\`c\\` &lt;img&gt; \\_d\\_ |  | \\[e\\](f) |\n"
    )


def test_one_look_opens_the_file_once_and_gives_it_back(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = []
    monkeypatch.setattr(reader, "attach", lambda *a, **kw: (opened.append(a[1]), attach(*a, **kw))[1])
    with reader.one_look(path, 0.0):
        assert [fetch(path, "SELECT count(*) FROM runs", {}) for _ in range(3)] == [[(1,)]] * 3
    assert opened == [path]
    assert fetch(path, "SELECT count(*) FROM runs", {}) == [(1,)]
    assert opened == [path, path]
