"""A leaderboard from a stranger: it reads no file of ours, changes no meaning of ours, and is refused in one line."""

import os
import resource
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import duckdb
import pytest
from leaderboard_records import make_record, run_id

from leaderboards.errors import UserError
from leaderboards.file.reader import connect_to_read
from leaderboards.merge import merge
from leaderboards.query import run_query
from leaderboards.report.contents import read_contents
from leaderboards.schema import SCHEMA_VERSION, TABLES
from leaderboards.statistics.reading import fetch
from leaderboards.store import Leaderboard, open_leaderboard
from leaderboards.transfer import ExportFormat, export

HERE = Path(__file__).parent
SECRET = "swordfish"


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "secret.txt"
    path.write_text(SECRET)
    return path


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "board.duckdb"
    open_leaderboard(path).commit(make_record("theirs"))
    open_leaderboard(path.with_name("empty.duckdb"))
    return path


@pytest.fixture
def foreign(tmp_path: Path, template: Path) -> Path:
    shutil.copy(template.with_name("empty.duckdb"), tmp_path / "ours.duckdb")
    return Path(shutil.copy(template, tmp_path / "foreign.duckdb"))


def rewrite(path: Path, *statements: str) -> None:
    with duckdb.connect(path) as connection:
        for statement in statements:
            connection.execute(statement)


def imported(path: Path) -> object:
    ours = Leaderboard(path.with_name("ours.duckdb"))
    merge(ours, path)
    return run_query(ours.path, "SELECT backbone, value, n_seeds FROM label_efficiency").rows


ROUTES: dict[str, Callable[[Path], object]] = {
    "import": imported,
    "sql": lambda path: run_query(path, "FROM runs").rows,
    "open": open_leaderboard,
    "known": lambda path: Leaderboard(path).known([run_id("theirs")]),
    "commit": lambda path: Leaderboard(path).commit(make_record("ours", seed=7)),
    "export": lambda path: export(Leaderboard(path), path.with_name("out"), ExportFormat.PARQUET),
}
OF_RUNS = tuple(table.table for table in TABLES)
DROP_TABLES = [f"DROP TABLE {name}" for name in (*OF_RUNS, "runs")]


def view_of_runs(name: str, secret: Path) -> list[str]:
    """Statements that put a view in the place of the table `runs`, with a file of ours as the backbone."""
    stolen = f"SELECT * REPLACE ((SELECT content FROM read_text('{secret}')) AS backbone) FROM kept_runs"
    return [
        *(f"CREATE TABLE kept_{table} AS FROM {table}" for table in (*OF_RUNS, "runs")),
        *DROP_TABLES,
        *(f"CREATE TABLE {table} AS FROM kept_{table}" for table in OF_RUNS),
        f"CREATE VIEW {name} AS {stolen}",
    ]


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("name", ["runs", '"RUNS"', '"Runs"'])
@pytest.mark.parametrize("version", [3, SCHEMA_VERSION])
def test_a_view_in_the_place_of_a_table_reads_no_file_of_ours(
    foreign: Path, secret: Path, name: str, version: int, route: str
) -> None:
    rewrite(foreign, *view_of_runs(name, secret), f"UPDATE schema_version SET version = {version}")
    with pytest.raises(UserError, match=r"foreign\.duckdb: runs is a view where a leaderboard has a table"):
        ROUTES[route](foreign)


WHAT_TAKES_PART = {
    "macro avg": "CREATE MACRO avg(x) AS 0.99",
    "macro +": 'CREATE MACRO "+"(a, b) AS 0.99',
    "macro read_text": "CREATE MACRO range(x) AS TABLE SELECT 1",
    "type mood": "CREATE TYPE mood AS ENUM ('good')",
    "sequence numbers": "CREATE SEQUENCE numbers",
    "index places": "CREATE INDEX places ON runs ((seed + 1))",
    "schema board": "CREATE SCHEMA board",
}


@pytest.mark.parametrize("route", ["open", "commit"])
@pytest.mark.parametrize("statement", WHAT_TAKES_PART.values(), ids=list(WHAT_TAKES_PART))
def test_nothing_is_written_to_a_file_that_could_change_its_meaning(foreign: Path, statement: str, route: str) -> None:
    rewrite(foreign, statement)
    with pytest.raises(UserError, match=r"foreign\.duckdb: defines the \w+ .*tables and views alone"):
        ROUTES[route](foreign)


@pytest.mark.parametrize("statement", WHAT_TAKES_PART.values(), ids=list(WHAT_TAKES_PART))
def test_what_a_file_defines_changes_nothing_that_is_read_from_it(foreign: Path, statement: str) -> None:
    rewrite(foreign, statement)
    assert run_query(foreign, "SELECT avg(value), 1 + 1, n_seeds + 1 FROM label_efficiency GROUP BY ALL").rows == [
        (0.5, 2, 2)
    ]
    assert imported(foreign) == [("mp_mae", 0.5, 1)]


DAMAGED = {
    "generated": (["ALTER TABLE mask_counts RENAME TO old", "CREATE TABLE mask_counts AS FROM old",
                   "ALTER TABLE mask_counts DROP COLUMN sample",
                   "CREATE TABLE new (sample VARCHAR GENERATED ALWAYS AS (current_setting('home_directory')), "
                   "run_id VARCHAR)", "DROP TABLE mask_counts", "ALTER TABLE new RENAME TO mask_counts"],
                  r"mask_counts\.sample is computed"),
    "default": (["ALTER TABLE mask_counts ALTER sample SET DEFAULT 'x'"], r"mask_counts\.sample is computed"),
    "no metrics": (["DROP TABLE metrics"], "lacks the table metrics"),
    "renamed": (["ALTER TABLE mask_counts RENAME n_pixels TO pixels"], r"mask_counts .*unknown: n_pixels INTEGER\[\]"),
    "type": (["DROP TABLE mask_counts", "CREATE TABLE mask_counts (run_id VARCHAR, split INTEGER)"],
             r"unknown: n_pixels INTEGER\[\], .*split INTEGER, split VARCHAR"),
    "no version": (["DELETE FROM schema_version"], "without a schema version"),
    "text version": (["DROP TABLE schema_version", "CREATE TABLE schema_version AS SELECT 'x' AS version"],
                     "without a schema version"),
    "null version": (["DROP TABLE schema_version", "CREATE TABLE schema_version (version INTEGER)",
                      "INSERT INTO schema_version VALUES (NULL)"], "without a schema version"),
    "negative version": (["DROP TABLE schema_version", "CREATE TABLE schema_version AS SELECT -5 AS version"],
                         "without a schema version"),
    "newer": (["UPDATE schema_version SET version = 99"], "knows up to"),
    "older than its columns": (["UPDATE schema_version SET version = 4"], "damaged|that can be imported"),
}  # fmt: skip


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("damage", DAMAGED)
def test_a_malformed_leaderboard_is_refused_in_one_line_and_kept(foreign: Path, damage: str, route: str) -> None:
    statements, message = DAMAGED[damage]
    rewrite(foreign, *statements)
    before = foreign.read_bytes()
    with pytest.raises(UserError, match=message) as refused:
        ROUTES[route](foreign)
    assert "\n" not in str(refused.value)
    assert str(foreign) in str(refused.value)
    assert foreign.read_bytes() == before
    assert not list(foreign.parent.glob("*backup*"))


WITHOUT_RULES = [
    "CREATE TABLE kept AS FROM runs",
    *DROP_TABLES[:-1],
    "DROP TABLE runs",
    "ALTER TABLE kept RENAME TO runs",
]
OUT_OF_PLACE = {
    "a seed twice": "INSERT INTO runs SELECT * REPLACE (md5('a') || md5('b') AS run_id, 0.9 AS score) FROM runs",
    "setup": "UPDATE runs SET setup = '0123456789ab'", "curve": "UPDATE runs SET curve_id = '0123456789abcdef'",
    "samples": "UPDATE runs SET samples = '01234567'",
}  # fmt: skip


@pytest.mark.parametrize("change", OUT_OF_PLACE)
def test_runs_that_do_not_belong_together_are_not_averaged_where_no_rule_forbids_them(
    foreign: Path, change: str
) -> None:
    kept = [f"CREATE TABLE kept_{name} AS FROM {name}" for name in OF_RUNS]
    back = [f"ALTER TABLE kept_{name} RENAME TO {name}" for name in OF_RUNS]
    rewrite(foreign, *kept, *WITHOUT_RULES, *back)
    assert run_query(foreign, "SELECT value, n_seeds FROM label_efficiency").rows == [(0.5, 1)]
    rewrite(foreign, OUT_OF_PLACE[change])
    with pytest.raises(UserError, match="not in the point of its curve"):
        run_query(foreign, "FROM label_efficiency")


def damage_of(path: Path, table: str) -> Path:
    """Flip a bit of the file so that it opens, and the table's rows are not what was written."""
    whole = path.read_bytes()
    for start in range(3 * 4096, len(whole), 2**18):  # behind the headers, block by block
        spoiled = bytearray(whole)
        spoiled[start + 100] ^= 1
        path.write_bytes(spoiled)
        with suppress(duckdb.Error), duckdb.connect() as connection:
            connection.execute(f"ATTACH '{path}' AS spoiled (READ_ONLY)")
            try:
                connection.execute(f"SELECT bit_xor(hash(COLUMNS(*))) FROM spoiled.{table}").fetchall()
            except duckdb.Error:
                return path
    raise AssertionError("no bit of the file is of that table alone")


@pytest.fixture(scope="module")
def damaged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("damaged") / "damaged.duckdb"
    with open_leaderboard(path).session() as session:
        for number in range(8):
            identity = {"bands": [f"{number}-{band}" for band in range(500)], "partition_sha256": "ab" * 32}
            session.commit(make_record(number, n_predictions=500, configuration=identity))
    return damage_of(path, "runs")


def rewritten(path: Path) -> None:
    with Leaderboard(path).transaction() as connection:
        connection.execute("UPDATE runs SET backbone = backbone || 'x', configuration = configuration")


ON_DAMAGED: dict[str, Callable[[Path], object]] = {
    "import": lambda path: merge(open_leaderboard(path.with_name("ours.duckdb")), path),
    "sql": lambda path: run_query(path, "FROM runs"),
    "read": lambda path: fetch(path, "FROM runs", {}),
    "report": read_contents,
    "export": lambda path: export(Leaderboard(path), path.with_name("out"), ExportFormat.PARQUET),
    "write": rewritten,
}


@pytest.mark.parametrize("route", ON_DAMAGED)
def test_a_damaged_block_is_one_line_that_names_its_file(damaged: Path, tmp_path: Path, route: str) -> None:
    path = Path(shutil.copy(damaged, tmp_path))
    with pytest.raises(UserError) as refused:
        ON_DAMAGED[route](path)
    if route != "sql":  # where it was typed
        assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value).strip()
    assert not (tmp_path / "out").exists()


def test_damage_of_ours_is_not_blamed_on_what_is_imported(foreign: Path, damaged: Path, tmp_path: Path) -> None:
    ours = Path(shutil.copy(damaged, tmp_path))
    with pytest.raises(UserError) as refused:
        merge(Leaderboard(ours), foreign)
    assert str(refused.value).startswith(f"{ours}: ")


@pytest.mark.parametrize("name", ["coverage", "Ranking"])
def test_a_table_in_the_place_of_a_view_is_refused_where_views_are_made(foreign: Path, name: str) -> None:
    rewrite(foreign, f"DROP VIEW {name}", f"CREATE TABLE {name} (a INTEGER)")
    with pytest.raises(UserError, match=f"{name.lower()} is a table where a leaderboard has a view"):
        open_leaderboard(foreign)


def test_what_is_read_are_our_views_whatever_the_file_has_under_their_names(foreign: Path, secret: Path) -> None:
    rewrite(
        foreign,
        f"CREATE OR REPLACE VIEW leaderboard AS SELECT content AS backbone FROM read_text('{secret}')",
        "CREATE OR REPLACE VIEW scores AS SELECT 'mp_mae' AS backbone, 0.99 AS value",
        "DROP VIEW ranking",
        "CREATE TABLE ranking (mean_rank INTEGER)",
    )
    for name in ("leaderboard", "scores", "label_efficiency", "LABEL_EFFICIENCY"):
        assert run_query(foreign, f"SELECT backbone, value FROM {name}").rows == [("mp_mae", 0.5)]
    assert run_query(foreign, "SELECT mean_rank FROM ranking").rows == [(1.0,)]


def test_a_good_file_lists_each_of_its_views_once(foreign: Path) -> None:
    names = [name for (name,) in run_query(foreign, "SHOW TABLES").rows]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    "statement", ["FROM read_text('{}')", "COPY runs TO '{}'", "ATTACH '{}' AS other", "LOAD '{}'"]
)
def test_no_connection_of_ours_reaches_another_file(foreign: Path, secret: Path, statement: str) -> None:
    disabled = pytest.raises(duckdb.Error, match=r"disabled|locked")
    with connect_to_read(foreign, 0) as connection, disabled:
        connection.execute(statement.format(secret))
    with disabled, open_leaderboard(foreign).transaction() as connection:
        connection.execute(statement.format(secret))
    assert secret.read_text() == SECRET


def test_parquet_with_a_renamed_column_is_refused_by_name(foreign: Path, tmp_path: Path) -> None:
    folder = tmp_path / "parquet"
    export(Leaderboard(foreign), folder, ExportFormat.PARQUET)
    file = folder / "metrics.parquet"
    duckdb.execute(f"COPY (SELECT * RENAME (value AS worth) FROM '{file}') TO '{folder}/new.parquet'")
    os.replace(folder / "new.parquet", file)
    with pytest.raises(UserError, match=r"parquet: the columns of metrics .*unknown: value DOUBLE, worth DOUBLE"):
        merge(open_leaderboard(tmp_path / "ours.duckdb"), folder)


@pytest.mark.parametrize("name", ["f.duckdb", "f.csv", "f.json"])
def test_a_pipe_is_no_leaderboard(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / name)
    with pytest.raises(UserError, match="no such leaderboard"):
        merge(open_leaderboard(tmp_path / "ours.duckdb"), tmp_path / name)


LINKS = [("foreign.duckdb", suffix) for suffix in (".wal", ".wal.checkpoint", ".wal.recovery")]


@pytest.mark.parametrize(("name", "suffix"), [*LINKS, ("new.duckdb", ".wal")])
def test_nothing_is_written_through_a_link_beside_a_leaderboard(
    foreign: Path, secret: Path, name: str, suffix: str
) -> None:
    """An archive can bring links along; DuckDB would write its log through them."""
    log = foreign.with_name(name + suffix)
    log.symlink_to(secret)
    for route in ("open", "commit", "import", "sql"):
        with pytest.raises(UserError) as refused:
            ROUTES[route](foreign.with_name(name))
        assert "\n" not in str(refused.value)
    assert secret.read_text() == SECRET
    assert log.is_symlink()


@contextmanager
def full_disk(n_bytes: int) -> Iterator[None]:
    """No file of this process can grow beyond `n_bytes`: writing raises, as on a full disk (Python ignores SIGXFSZ)."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("n_bytes", [0, 1_000, 12_288, 200_000, 400_000])
def test_a_disk_that_is_full_when_a_leaderboard_is_created_is_one_line_and_leaves_nothing(
    tmp_path: Path, n_bytes: int
) -> None:
    path = tmp_path / "board.duckdb"
    with full_disk(n_bytes), pytest.raises(UserError, match=r"board\.duckdb: cannot be (created|written)"):
        open_leaderboard(path)
    assert os.listdir(tmp_path) == []
    open_leaderboard(path).commit(make_record())
