"""What a leaderboard file defines: made here for a new one, and checked before anything is read from another.

A DuckDB file is more than data. Reading a view or a generated column runs whatever its author wrote, and a macro
changes what `avg` or even `+` means in the database that is in use. So what is read are base tables of plain columns,
through views of this package in a database of its own; and what is written to has nothing that could take part in it.
"""

from collections.abc import Collection, Mapping, Sequence
from functools import cache
from importlib import resources
from pathlib import Path
from string import Template
from typing import NamedTuple

import duckdb

from leaderboards.errors import UserError
from leaderboards.file.connection import first_line
from leaderboards.file.derived import DERIVED
from leaderboards.schema import SCHEMA_VERSION, TABLES
from leaderboards.views import VIEWS, create_views

RUN_TABLES = ("runs", *(table.table for table in TABLES))
"""Those whose rows belong to a run, by `run_id`."""
TABLE_NAMES = (*RUN_TABLES, "multimodal", "failures")
_ALL_TABLES = ("schema_version", *TABLE_NAMES)
_ABSENT_FROM = {"mask_counts": 1, "value_predictions": 5, "error_sums": 5, "multimodal": 7, "failures": 8}
"""Table -> the last version that did not have it."""
_Column = tuple[str, str, str | None]
"""Name, type, and the expression of its default or of a generated column."""
_MACROS_OF_OLD = ("weights_of", "setup_of")
"""Of versions 3 and 4; a migration calls neither."""


def create_tables(connection: duckdb.DuckDBPyConnection) -> None:
    """The tables and views of this version, in the database in use, which is empty."""
    _create_tables_alone(connection)
    create_views(connection)


def _create_tables_alone(connection: duckdb.DuckDBPyConnection) -> None:
    schema = Template(resources.files("leaderboards").joinpath("schema.sql").read_text(encoding="utf-8"))
    connection.execute(schema.substitute(DERIVED))
    connection.execute("INSERT INTO schema_version (version) VALUES (?)", [SCHEMA_VERSION])


def read_version(connection: duckdb.DuckDBPyConnection, database: str, path: Path) -> int:
    """The schema version of an open leaderboard, after a look at its tables: they may be read, if it is not in use.

    Args:
        database: the name it is attached by.
        path: its file, for messages.
    Raises:
        UserError: not a leaderboard, a newer or a damaged one, or one that defines what no leaderboard does.
    """
    try:
        return _checked_version(connection, database, path)
    except duckdb.Error as error:
        raise UserError(f"{path}: cannot be read as a leaderboard ({first_line(error)}). Name another file.") from error


def require_nothing_else(connection: duckdb.DuckDBPyConnection, database: str, path: Path) -> None:
    """Refuse to use a database that defines more than tables and views, or a table by the name of a view of ours.

    Raises:
        UserError: it does; says what.
    """
    for name in _names(connection, "table_name", "duckdb_tables()", database) & set(VIEWS):
        raise UserError(f"{path}: {name} is a table where a leaderboard has a view. Drop it, or name another file.")
    found = connection.execute(
        """
        SELECT 'macro', function_name FROM duckdb_functions()
            WHERE database_name = $database AND NOT internal AND NOT list_contains($macros, function_name)
        UNION ALL SELECT 'type', type_name FROM duckdb_types() WHERE database_name = $database AND NOT internal
        UNION ALL SELECT 'sequence', sequence_name FROM duckdb_sequences() WHERE database_name = $database
        UNION ALL SELECT 'index', index_name FROM duckdb_indexes() WHERE database_name = $database
        UNION ALL SELECT 'trigger', trigger_name FROM duckdb_triggers() WHERE database_name = $database
        UNION ALL SELECT 'schema', schema_name FROM duckdb_schemas() WHERE database_name = $database AND NOT internal
        LIMIT 1
        """,
        {"database": database, "macros": list(_MACROS_OF_OLD)},
    ).fetchone()
    if found is not None:
        kind, name = found
        raise UserError(
            f"{path}: defines the {kind} {name}; a leaderboard has tables and views alone, as anything else could "
            "change what its queries mean. Drop it, or name another file."
        )


def use_own_views(connection: duckdb.DuckDBPyConnection, database: str) -> None:
    """Make the tables of an open leaderboard and the views of this package what queries find, and nothing else.

    A view that the file has may be of another version, or be anybody's; with all else it is at `database.name`.
    """
    connection.execute("ATTACH ':memory:' AS leaderboard")
    connection.execute("USE leaderboard")
    for table in _ALL_TABLES:
        connection.execute(f"CREATE VIEW {table} AS FROM {database}.main.{table}")
    create_views(connection)


class _Tables(NamedTuple):
    columns: Mapping[str, Sequence[_Column]]
    """By table."""
    constraints: Collection[str]
    """Of the table `runs`."""


@cache
def _tables_of_this_version() -> _Tables:
    """What DuckDB says of tables that were made just now; views would take ten times as long to make."""
    with duckdb.connect() as connection:
        _create_tables_alone(connection)
        columns = {table: _columns(connection, "memory", table) for table in _ALL_TABLES}
        return _Tables(columns, _constraints(connection, "memory"))


def _checked_version(connection: duckdb.DuckDBPyConnection, database: str, path: Path) -> int:
    tables = _names(connection, "table_name", "duckdb_tables()", database)
    views = _names(connection, "view_name", "duckdb_views()", database)
    for table in _ALL_TABLES:
        if table in views:
            raise UserError(f"{path}: {table} is a view where a leaderboard has a table. Name another file.")
    columns = _columns(connection, database, "schema_version") if "schema_version" in tables else []
    if "version" not in {column[0] for column in columns}:
        raise UserError(f"{path}: a DuckDB database, but not a leaderboard. Name another file.")
    _require_plain(columns, "schema_version", path)
    version = _version(connection, database, path)
    for table in _ALL_TABLES:
        if version <= _ABSENT_FROM.get(table, 0):
            continue
        if table not in tables:
            raise UserError(f"{path}: lacks the table {table}, so it is damaged. Name another file.")
        columns = _columns(connection, database, table)
        _require_plain(columns, table, path)
        if version == SCHEMA_VERSION:
            _require_columns(columns, table, path)
    if version == SCHEMA_VERSION and _constraints(connection, database) != _tables_of_this_version().constraints:
        _require_points(connection, database, path)
    return version


def _constraints(connection: duckdb.DuckDBPyConnection, database: str) -> Collection[str]:
    """The constraints of the table `runs`, as DuckDB writes them."""
    rows = connection.execute(
        "SELECT constraint_text FROM duckdb_constraints() "
        "WHERE database_name = ? AND schema_name = 'main' AND lower(table_name) = 'runs'",
        [database],
    ).fetchall()
    return {text for (text,) in rows}


def _require_points(connection: duckdb.DuckDBPyConnection, database: str, path: Path) -> None:
    """What the constraints would have held: runs that are averaged belong together, and no seed counts twice."""
    differs = " OR ".join(f"{name} IS DISTINCT FROM ({DERIVED[name]})" for name in DERIVED if name != "samples")
    samples = f"samples IS DISTINCT FROM ({DERIVED['samples']})"
    found = connection.execute(
        f"""
        SELECT run_id FROM {database}.main.runs
            WHERE {differs} OR ({samples} AND (identity_version = 1 AND samples = left(run_id, 8)) IS NOT TRUE)
        UNION ALL
        SELECT max(run_id) FROM {database}.main.runs WHERE samples IS NOT NULL AND seed IS NOT NULL
            GROUP BY curve_id, partition, samples, seed HAVING count(*) > 1
        LIMIT 1
        """
    ).fetchone()
    if found is not None:
        raise UserError(
            f"{path}: run {found[0]} is not in the point of its curve that its configuration says, or a second run of "
            "its seed there, and the file lacks the rules that forbid it. Name another file, or export it again."
        )


def _version(connection: duckdb.DuckDBPyConnection, database: str, path: Path) -> int:
    rows = connection.execute(f"SELECT version FROM {database}.main.schema_version LIMIT 2").fetchall()
    version = rows[0][0] if len(rows) == 1 else None
    if not isinstance(version, int) or version < 1:
        raise UserError(f"{path}: a leaderboard without a schema version, so it is damaged. Name another file.")
    if version > SCHEMA_VERSION:
        raise UserError(
            f"{path}: has schema version {version}; this version of mp-mae-bench knows up to {SCHEMA_VERSION}. "
            "Upgrade it: pip install --upgrade mp-mae-bench. Or name another file."
        )
    return version


def _require_columns(columns: Sequence[_Column], table: str, path: Path) -> None:
    odd = {column[:2] for column in columns} ^ {column[:2] for column in _tables_of_this_version().columns[table]}
    if odd:
        named = ", ".join(f"{name} {kind}" for name, kind in sorted(odd))
        raise UserError(
            f"{path}: the columns of {table} are not those of version {SCHEMA_VERSION}; missing or unknown: {named}. "
            "Name another file."
        )


def _require_plain(columns: Sequence[_Column], table: str, path: Path) -> None:
    """No default and no generated column, which look alike here: both run what somebody wrote."""
    for name, _, default in columns:
        if default is not None and (table, name) != ("schema_version", "only_row"):
            raise UserError(f"{path}: {table}.{name} is computed, where a leaderboard has values. Name another file.")


def _names(connection: duckdb.DuckDBPyConnection, column: str, source: str, database: str) -> set[str]:
    """Names in lower case, as DuckDB compares names."""
    rows = connection.execute(f"SELECT lower({column}) FROM {source} WHERE database_name = ?", [database]).fetchall()
    return {name for (name,) in rows}


def _columns(connection: duckdb.DuckDBPyConnection, database: str, table: str) -> list[_Column]:
    rows = connection.execute(f"PRAGMA table_info('{database}.main.{table}')").fetchall()
    return [(name.lower(), kind, default) for _, name, kind, _, default, _ in rows]
