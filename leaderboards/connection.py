"""One DuckDB file, many processes: access that is short, waits for its turn and fails with one clear line."""

import random
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

import duckdb

from leaderboards.errors import UnavailableError, UserError

WAIT_SECONDS = 10.0
"""How long to wait while another process holds the file."""

_Config = dict[str, str | bool | int | float | list[str]]
_NO_EXTENSIONS: _Config = {"autoload_known_extensions": "false", "autoinstall_known_extensions": "false"}
# Without it DuckDB 2 writes files that no 1.x client can open; with it those from 1.3 on can.
_READ_WRITE: _Config = {**_NO_EXTENSIONS, "storage_compatibility_version": "v1.3.0"}
_READ_ONLY: _Config = {
    **_NO_EXTENSIONS,
    "allow_persistent_secrets": "false",
    "temp_directory": "",  # reading needs no writable folder
}

# DuckDB has no error class for this. The first two come from another process, on POSIX and on Windows; the others from
# another connection or another thread of this one.
_BUSY = re.compile(
    "Could not set lock on file|being used by another process|different configuration than existing connections"
    "|Unique file handle conflict"
)
_HOLDER = re.compile(r"held in (.+ \(PID \d+\))")
_FIRST_DELAY_SECONDS = 0.02
_SHORTEST_DELAY_SECONDS = 0.002

CANNOT_WRITE = (duckdb.IOException, duckdb.TransactionException, duckdb.FatalException, duckdb.InternalException)
"""What DuckDB raises for a disk that is full or read-only, depending on which write met it."""

Value = TypeVar("Value")


@contextmanager
def connect_to_read(path: Path, wait_seconds: float) -> Iterator[duckdb.DuckDBPyConnection]:
    """A read-only connection for the duration of the context; meanwhile other processes can read and not write.

    It reaches this file alone: no other file, no extension, no setting. Its time zone is UTC.

    Raises:
        UserError: the file cannot be opened or read, or others held it for all of `wait_seconds`.
    """
    connection = duckdb.connect(":memory:", config=_READ_ONLY)
    try:
        connection.execute("SET enable_progress_bar = false")
        attach(connection, path, "board", wait_seconds, read_only=True)
        connection.execute("USE board")
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("SET enable_external_access = false")  # other files, and this process's Python variables
        connection.execute("SET lock_configuration = true")
        yield connection
    except duckdb.IOException as error:
        raise UserError(f"{path}: {first_line(error)}. Check the disk and try again.") from error
    finally:
        connection.close()


def start_engine() -> duckdb.DuckDBPyConnection:
    """DuckDB with no file open. Starting it takes longer than opening a file, so whoever writes often keeps it."""
    engine = duckdb.connect(":memory:", config=_READ_WRITE)
    engine.execute("SET enable_progress_bar = false")
    return engine


def attach(
    engine: duckdb.DuckDBPyConnection, path: Path, alias: str, wait_seconds: float, *, read_only: bool = False
) -> None:
    """Open a file as database `alias`. Until it is detached no other process can write it, nor read it unless this is
    read-only.

    Raises:
        UnavailableError: others held it for all of `wait_seconds`, or it cannot be written.
        UserError: not a DuckDB file.
    """
    path = usable_path(path)
    mode = "READ_ONLY" if read_only else "READ_WRITE"
    statement = f"ATTACH {quote(str(path))} AS {alias} (TYPE duckdb, {mode})"
    _when_free(path, wait_seconds, lambda: engine.execute(statement))


@contextmanager
def transaction(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """All or nothing: commits at the end of the context, rolls back if it is left by an exception."""
    connection.begin()
    try:
        yield
    except BaseException:
        with suppress(duckdb.Error):  # a disk that failed may fail this too; what was not committed is gone anyway
            connection.rollback()
        raise
    connection.commit()


def usable_path(path: Path) -> Path:
    """The path made absolute, which is never one of DuckDB's special names (`:memory:`, `md:...`).

    Raises:
        UserError: DuckDB would open a database there and then fail to commit.
    """
    path = path.resolve()
    if "?" in str(path):
        raise UserError(f"{path}: DuckDB cannot keep its log beside a path that has a '?'. Name another place.")
    return path


def quote(text: str) -> str:
    """A string literal, where SQL takes no parameter."""
    return "'" + text.replace("'", "''") + "'"


def first_line(error: duckdb.Error) -> str:
    """DuckDB's message without its excerpt of the query, suggestions and links."""
    return str(error).partition("\n")[0].strip().rstrip(".")


def _when_free(path: Path, wait_seconds: float, open_file: Callable[[], Value]) -> Value:
    started = time.monotonic()
    while True:
        try:
            return open_file()
        except duckdb.Error as error:
            if not _BUSY.search(str(error)):
                raise _cannot_open(path, error) from error
            waited = time.monotonic() - started
            if waited >= wait_seconds:
                raise UnavailableError(_still_busy(path, wait_seconds, error)) from error
        # Who has waited for long tries more often, so that it is served before those who just came, though nobody
        # keeps a queue. Jitter, or processes that met once would meet at every attempt; it changes no result.
        delay = max(_FIRST_DELAY_SECONDS / (1 + 2 * waited), _SHORTEST_DELAY_SECONDS)
        time.sleep(delay * random.uniform(0.5, 1.5))


def _cannot_open(path: Path, error: duckdb.Error) -> UserError:
    if re.search("Permission denied|Read-only file system|No space left", str(error)):
        return UnavailableError(f"{path}: cannot be written ({first_line(error)}). Name a place you can write to.")
    return UserError(
        f"{path}: cannot be opened as a leaderboard ({first_line(error)}). Name another file, or move this one away."
    )


def _still_busy(path: Path, wait_seconds: float, error: duckdb.Error) -> str:
    holder = _HOLDER.search(str(error))
    who = holder.group(1) if holder else "another program"
    return (
        f"{path}: {who} has the leaderboard open; gave up after waiting {wait_seconds:g} s. "
        "Close it there (a DuckDB shell locks the file for as long as it is open), then run the same command again."
    )
