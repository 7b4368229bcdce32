"""Older leaderboards: what a file of version N holds is copied into a new file, and the old one kept as its backup.

`migrations/from_N.sql` makes the view `older`: the runs of database `old` with the columns that this version has, but
before DERIVED_SINCE without the derived ones. All other tables are copied as they are. A new SCHEMA_VERSION adds the
file for the version it leaves behind and adapts the others to its tables.
"""

import os
from importlib import resources
from pathlib import Path

import duckdb
from filelock import FileLock, Timeout

from leaderboards.errors import UnavailableError, UserError
from leaderboards.file.connection import (
    CANNOT_WRITE,
    attach,
    attach_new,
    confine,
    first_line,
    start_engine,
    transaction,
)
from leaderboards.file.definitions import create_tables, read_version
from leaderboards.file.derived import DERIVED, SELECT_DERIVED
from leaderboards.file.drafts import draft_of
from leaderboards.schema import SCHEMA_VERSION, TABLES

DERIVED_SINCE = 5
"""The first version that stored the columns of `derived.py` as they are now. What it stored stands: a run's point must
not depend on which others are in the file when it is upgraded."""

MULTIMODAL_SINCE = 8


def copy_older(connection: duckdb.DuckDBPyConnection, version: int) -> None:
    """Fill database `new`, made by `create_tables`, from database `old` of an older version."""
    script = resources.files(__package__).joinpath(f"migrations/from_{version}.sql")
    connection.execute(script.read_text(encoding="utf-8"))
    connection.execute(_COPY_RUNS if version >= DERIVED_SINCE else _DERIVE_RUNS)
    connection.execute("DROP VIEW older")
    there = connection.execute(  # in lower case, as DuckDB compares names
        "SELECT lower(table_name) FROM duckdb_tables() WHERE database_name = 'old' AND schema_name = 'main'"
    ).fetchall()
    for table in TABLES:
        if (table.table,) in there:
            connection.execute(f"INSERT INTO new.{table.table} BY NAME FROM old.{table.table}")
    if version >= MULTIMODAL_SINCE:
        connection.execute("INSERT INTO new.multimodal BY NAME FROM old.multimodal")


# Before version 7 no run chose its bands; the expression says the same of any row.
_COPY_RUNS = f"INSERT INTO new.runs BY NAME SELECT *, {DERIVED['other_bands']} AS other_bands FROM older"
# Where old runs of one seed share a point, something differs that version 1 of their identities does not tell. Then it
# may differ between the other seeds too, so none of that point are averaged: each is a point of its own.
_DERIVE_RUNS = f"""
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


def upgrade(path: Path, wait_seconds: float) -> None:
    """Bring the file at `path` to this version; `<name>.v<N>-backup` beside it is the file as it was.

    Nobody can write the file meanwhile. Whatever fails, the file stays as it was. If another process was faster, there
    is nothing to do.

    Raises:
        UserError: it is not a leaderboard, a newer or a damaged one.
        UnavailableError: the file is held by others, or its folder cannot be written.
    """
    lock = path.with_name(f".{path.name}.upgrade")
    try:
        with FileLock(lock, timeout=wait_seconds):
            with draft_of(path) as draft:
                _upgrade(path, draft, wait_seconds)
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
    except duckdb.Error as error:  # rows that no version of the harness writes
        raise UserError(
            f"{path}: cannot be upgraded, as it is damaged ({first_line(error)}). Name another file."
        ) from error


def _upgrade(path: Path, draft: Path, wait_seconds: float) -> None:
    engine = start_engine()
    try:
        confine(engine, path, draft)
        attach(engine, path, "old", wait_seconds)
        version = read_version(engine, "old", path)
        if version == SCHEMA_VERSION:
            return
        engine.execute("CHECKPOINT old")  # or its log would lie beside the new file
        attach_new(engine, draft, "new")
        engine.execute("USE new")
        with transaction(engine):
            create_tables(engine)
            copy_older(engine, version)
        engine.execute("USE memory")
        engine.execute("DETACH new")
        _replace(path, draft, version)
    finally:
        engine.close()


def _replace(path: Path, draft: Path, version: int) -> None:
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
