"""Older leaderboards: what a file of version N holds is copied into a new file, and the old one kept as its backup.

`migrations/from_N.sql` makes the view `older`: the runs of database `old` with the columns that this version has, but
for the derived ones. All other tables are copied as they are. A new SCHEMA_VERSION adds the file for the version it
leaves behind and adapts the others to its tables.
"""

import os
import tempfile
from importlib import resources
from pathlib import Path
from string import Template

import duckdb
from filelock import FileLock, Timeout

from leaderboards.connection import CANNOT_WRITE, attach, first_line, transaction
from leaderboards.derived import DERIVED, SELECT_DERIVED
from leaderboards.errors import UnavailableError, UserError
from leaderboards.schema import SCHEMA_VERSION, TABLES
from leaderboards.views import create_views


def read_version(connection: duckdb.DuckDBPyConnection, path: Path, database: str = "") -> int:
    """The schema version of an open leaderboard.

    Raises:
        UserError: not a leaderboard, or a newer one.
    """
    try:
        row = connection.execute(f"SELECT version FROM {database}schema_version").fetchone()
    except (duckdb.CatalogException, duckdb.BinderException) as error:  # no such table, or no such column
        raise UserError(f"{path}: a DuckDB database, but not a leaderboard. Name another file.") from error
    if row is None:
        raise UserError(f"{path}: a leaderboard without a schema version, so it is damaged. Name another file.")
    version = int(row[0])
    if version > SCHEMA_VERSION:
        raise UserError(
            f"{path}: has schema version {version}; this version of mp-mae-bench knows up to {SCHEMA_VERSION}. "
            "Upgrade it: pip install --upgrade mp-mae-bench. Or name another file."
        )
    return version


def is_older(connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether an open database is a leaderboard of an older version."""
    try:
        row = connection.execute("SELECT version FROM schema_version").fetchone()
    except (duckdb.CatalogException, duckdb.BinderException):  # not a leaderboard
        return False
    return row is not None and isinstance(row[0], int) and row[0] < SCHEMA_VERSION


def create_tables(connection: duckdb.DuckDBPyConnection) -> None:
    """The tables and views of this version, in the database in use, which is empty."""
    schema = Template(resources.files(__package__).joinpath("schema.sql").read_text(encoding="utf-8"))
    connection.execute(schema.substitute(DERIVED))
    connection.execute("INSERT INTO schema_version (version) VALUES (?)", [SCHEMA_VERSION])
    create_views(connection)


def copy_older(connection: duckdb.DuckDBPyConnection, version: int) -> None:
    """Fill database `new`, made by `create_tables`, from database `old` of an older version."""
    script = resources.files(__package__).joinpath(f"migrations/from_{version}.sql")
    connection.execute(script.read_text(encoding="utf-8"))
    connection.execute(_FILL_RUNS)
    connection.execute("DROP VIEW older")
    there = connection.execute("SELECT table_name FROM duckdb_tables() WHERE database_name = 'old'").fetchall()
    for table in TABLES:
        if (table.table,) in there:
            connection.execute(f"INSERT INTO new.{table.table} BY NAME FROM old.{table.table}")


# Where old runs of one seed share a point, something differs that version 1 of their identities does not tell. Then it
# may differ between the other seeds too, so none of that point are averaged: each is a point of its own.
_FILL_RUNS = f"""
    INSERT INTO new.runs BY NAME
    SELECT * EXCLUDE (in_point) REPLACE (
        if(samples IS NOT NULL AND max(in_point) OVER (PARTITION BY curve_id, partition, samples) > 1,
            left(run_id, 8), samples) AS samples
    )
    FROM (
        SELECT *, count(*) OVER (PARTITION BY curve_id, partition, samples, seed) AS in_point
        FROM (SELECT *, {SELECT_DERIVED} FROM older)
    )
"""


def upgrade(engine: duckdb.DuckDBPyConnection, path: Path, wait_seconds: float) -> None:
    """Bring the file at `path` to this version; `<name>.v<N>-backup` beside it is the file as it was.

    Nobody can write the file meanwhile. Whatever fails, the file stays as it was. If another process was faster, there
    is nothing to do.

    Raises:
        UnavailableError: the file is held by others, or its folder cannot be written.
    """
    lock = path.with_name(f".{path.name}.upgrade")
    try:
        with FileLock(lock, timeout=wait_seconds):
            attach(engine, path, "old", wait_seconds)
            try:
                version = read_version(engine, path, "old.")
                if version < SCHEMA_VERSION:
                    _replace(engine, path, version)
            finally:
                engine.execute("USE memory")
                engine.execute("DETACH old")
            lock.unlink(missing_ok=True)  # from now on nobody who gets this lock finds an old file behind it
    except Timeout as error:
        raise UnavailableError(f"{path}: another process is upgrading it. Run the same command again later.") from error
    except OSError as error:
        raise UnavailableError(
            f"{path}: has an older schema version, and its folder cannot be written to upgrade it ({error.strerror}). "
            "Copy it to a place you can write to."
        ) from error
    except CANNOT_WRITE as error:
        raise UnavailableError(f"{path}: cannot be upgraded ({first_line(error)}). Check the disk.") from error


def _replace(engine: duckdb.DuckDBPyConnection, path: Path, version: int) -> None:
    engine.execute("CHECKPOINT old")  # or its log would lie beside the new file
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}-") as folder:
        draft = Path(folder) / path.name
        attach(engine, draft, "new", 0)
        try:
            engine.execute("USE new")
            with transaction(engine):
                create_tables(engine)
                copy_older(engine, version)
        finally:
            engine.execute("USE memory")
            engine.execute("DETACH new")
        backup = _free_name(path.with_name(f"{path.name}.v{version}-backup"))
        try:
            os.link(path, backup)
        except OSError:  # a file system without hard links
            path.rename(backup)
        draft.replace(path)


def _free_name(path: Path) -> Path:
    candidate, number = path, 1
    while candidate.exists():
        number += 1
        candidate = path.with_name(f"{path.name}-{number}")
    return candidate
