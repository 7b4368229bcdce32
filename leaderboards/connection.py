"""One DuckDB file, many processes: connections that are short, wait for their turn and fail with one clear line."""

import random
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from leaderboards.errors import UserError

WAIT_SECONDS = 10.0
"""How long to wait while another process holds the file."""

_Config = dict[str, str | bool | int | float | list[str]]
_NO_EXTENSIONS: _Config = {"autoload_known_extensions": "false", "autoinstall_known_extensions": "false"}
# Without it DuckDB 2 writes files that no 1.x client can open; with it those from 1.3 on can.
_READ_WRITE: _Config = {**_NO_EXTENSIONS, "storage_compatibility_version": "v1.3.0"}
_READ_ONLY: _Config = {
    **_NO_EXTENSIONS,
    "enable_external_access": "false",  # other files, and this process's Python variables by name
    "allow_persistent_secrets": "false",
    "temp_directory": "",  # reading needs no writable folder
}

# DuckDB has no error class for this. The first two come from another process, on POSIX and on Windows; the third from
# another thread of this one.
_BUSY = re.compile(
    "Could not set lock on file|being used by another process|different configuration than existing connections"
)
_HOLDER = re.compile(r"held in (.+ \(PID \d+\))")
_FIRST_DELAY_SECONDS = 0.01
_LONGEST_DELAY_SECONDS = 0.2


@contextmanager
def connect(path: Path, *, read_only: bool, wait_seconds: float) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection for the duration of the context.

    Meanwhile other processes can read if it is read-only, and do nothing if it is not. A read-only connection reaches
    this file alone: no other file, no extension, no setting. Its time zone is UTC.

    Raises:
        UserError: the file cannot be opened, read or written, or others held it for all of `wait_seconds`.
    """
    # An absolute path is never one of DuckDB's special names (`:memory:`, `md:...`).
    path = path.resolve()
    require_usable_name(path)
    connection = _open_when_free(path, read_only, wait_seconds)
    try:
        if read_only:
            connection.execute("SET TimeZone = 'UTC'")
            connection.execute("SET lock_configuration = true")
        yield connection
    except (duckdb.IOException, duckdb.TransactionException) as error:  # the latter: COMMIT could not write
        raise UserError(f"{path}: {first_line(error)}. Check the disk (space, permissions) and try again.") from error
    finally:
        connection.close()


@contextmanager
def transaction(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """All or nothing: commits at the end of the context, rolls back if it is left by an exception."""
    connection.begin()
    try:
        yield
    except BaseException:
        connection.rollback()
        raise
    connection.commit()


def require_usable_name(path: Path) -> None:
    """Refuse a path on which DuckDB opens a database and then fails to commit."""
    if "?" in str(path):
        raise UserError(f"{path}: DuckDB cannot keep its log beside a path that has a '?'. Name another place.")


def first_line(error: duckdb.Error) -> str:
    """DuckDB's message without its excerpt of the query, suggestions and links."""
    return str(error).partition("\n")[0].strip().rstrip(".")


def _open_when_free(path: Path, read_only: bool, wait_seconds: float) -> duckdb.DuckDBPyConnection:
    config = _READ_ONLY if read_only else _READ_WRITE
    deadline = time.monotonic() + wait_seconds
    delay = _FIRST_DELAY_SECONDS
    while True:
        try:
            return duckdb.connect(path, read_only=read_only, config=config)
        except duckdb.Error as error:
            if not _BUSY.search(str(error)):
                raise UserError(_cannot_open(path, error)) from error
            if time.monotonic() >= deadline:
                raise UserError(_still_busy(path, wait_seconds, error)) from error
        # Jitter, or processes that met once would meet at every attempt. It changes no result.
        time.sleep(delay * random.uniform(0.5, 1.5))
        delay = min(2 * delay, _LONGEST_DELAY_SECONDS)


def _cannot_open(path: Path, error: duckdb.Error) -> str:
    return f"{path}: cannot be opened as a leaderboard ({first_line(error)}). Name another file, or move this one away."


def _still_busy(path: Path, wait_seconds: float, error: duckdb.Error) -> str:
    holder = _HOLDER.search(str(error))
    who = holder.group(1) if holder else "another program"
    return (
        f"{path}: {who} has the leaderboard open; gave up after waiting {wait_seconds:g} s. "
        "Close it there (a DuckDB shell locks the file for as long as it is open), then run the same command again."
    )
