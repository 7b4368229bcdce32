"""One DuckDB file, many processes: access that is short, waits for its turn and fails with one clear line."""

import re
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

import duckdb

from leaderboards.errors import UnavailableError, UserError
from leaderboards.file.line import Line

WAIT_SECONDS = 10.0
"""How long to wait while another process holds the file."""

_Config = dict[str, str | bool | int | float | list[str]]
_CONFIG: _Config = {
    "autoload_known_extensions": "false",
    "autoinstall_known_extensions": "false",
    "allow_persistent_secrets": "false",
    "temp_directory": "",  # nothing spills: reading needs no writable folder, and writing leaves none behind
}
# Without it DuckDB 2 writes files that no 1.x client can open; with it those from 1.3 on can.
_READ_WRITE: _Config = {**_CONFIG, "storage_compatibility_version": "v1.3.0"}
_BESIDE = ("", ".wal", ".wal.checkpoint", ".wal.recovery")
"""What DuckDB opens of a database file: itself and the logs beside it."""

# DuckDB has no error class for this. The first two come from another process, on POSIX and on Windows; the others from
# another connection or another thread of this one.
_BUSY = re.compile(
    "Could not set lock on file|being used by another process|different configuration than existing connections"
    "|Unique file handle conflict"
)
_HOLDER = re.compile(r"held in (.+ \(PID \d+\))")

CANNOT_WRITE = (duckdb.IOException, duckdb.TransactionException, duckdb.FatalException, duckdb.InternalException)
"""What DuckDB raises for a disk that is full or read-only, depending on which write met it."""

Value = TypeVar("Value")


def start_engine(config: _Config = _READ_WRITE) -> duckdb.DuckDBPyConnection:
    """DuckDB with no file open. Starting it takes longer than opening a file, so whoever writes often keeps it."""
    engine = duckdb.connect(":memory:", config=config)
    engine.execute("SET enable_progress_bar = false")
    return engine


def start_reader(memory_limit: str | None = None) -> duckdb.DuckDBPyConnection:
    """DuckDB for queries of others: its time zone is UTC.

    Args:
        memory_limit: as DuckDB takes it, `2GB`; None: most of the machine's.
    """
    engine = start_engine(_CONFIG if memory_limit is None else {**_CONFIG, "memory_limit": memory_limit})
    engine.execute("SET TimeZone = 'UTC'")
    return engine


def confine(engine: duckdb.DuckDBPyConnection, *files: Path, folder: Path | None = None) -> None:
    """From now on, for good, `engine` opens these database files and nothing else of this machine or any other.

    In `folder` it may read and write whatever it likes.

    To be called before it opens a file that somebody else may have made: a view, a generated column, a macro, a default
    or a constraint in it could read any file into what we store or print.
    """
    paths = ", ".join(quote(f"{usable_path(file)}{suffix}") for file in files for suffix in _BESIDE)
    engine.execute(f"SET allowed_paths = [{paths}]")
    if folder is not None:
        engine.execute(f"SET allowed_directories = [{quote(f'{usable_path(folder)}/')}]")
    engine.execute("SET enable_external_access = false")  # this process's Python variables too
    engine.execute("SET lock_configuration = true")


def attach(
    engine: duckdb.DuckDBPyConnection, path: Path, alias: str, wait_seconds: float, *, read_only: bool = False
) -> None:
    """Open a file as database `alias`. Until it is detached no other process can write it, nor read it unless this is
    read-only.

    Raises:
        UnavailableError: others held it for all of `wait_seconds`, or it cannot be written.
        UserError: not a DuckDB file, or what lies in the place of one of its logs is no regular file.
    """
    path = usable_path(path)
    _require_own_logs(path)
    mode = "READ_ONLY" if read_only else "READ_WRITE"
    _when_free(path, wait_seconds, lambda: _attach(engine, path, alias, mode))


def attach_new(engine: duckdb.DuckDBPyConnection, path: Path, alias: str) -> None:
    """Create a file as database `alias`. Raises what is in CANNOT_WRITE, and UserError as `attach`."""
    path = usable_path(path)
    _require_own_logs(path)
    _attach(engine, path, alias, "READ_WRITE")


@contextmanager
def blamed_on(path: Path, *, but: tuple[type[duckdb.Error], ...] = ()) -> Iterator[None]:
    """What DuckDB raises within the context as one line about the file at `path`, which it reads there.

    DuckDB has no class of its own for a damaged block, so it is every class `but` those that the caller looks after.

    Raises:
        UserError: instead.
    """
    try:
        yield
    except but:
        raise
    except duckdb.Error as error:
        raise UserError(
            f"{path}: damaged or cannot be read ({first_line(error)}). Check the disk, or take a copy of the file that "
            "is whole."
        ) from error


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
        UserError: DuckDB cannot open a database there, or would and then fail to commit.
    """
    path = path.resolve()
    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        raise UserError(f"{str(path)!a}: DuckDB opens no file whose path is not UTF-8. Name another place.") from error
    if "?" in str(path):
        raise UserError(f"{path}: DuckDB cannot keep its log beside a path that has a '?'. Name another place.")
    return path


def quote(text: str) -> str:
    """A string literal, where SQL takes no parameter."""
    return "'" + text.replace("'", "''") + "'"


def first_line(error: duckdb.Error) -> str:
    """DuckDB's message without its excerpt of the query, suggestions and links."""
    return str(error).partition("\n")[0].strip().rstrip(".")


def _require_own_logs(path: Path) -> None:
    """DuckDB writes over a log beside its database, and through a link: a stranger's could name any file of ours."""
    for suffix in _BESIDE[1:]:
        log = Path(f"{path}{suffix}")
        with suppress(FileNotFoundError):
            if not stat.S_ISREG(log.lstat().st_mode):
                raise UserError(
                    f"{path}: its log {log.name} is a link or no regular file, which DuckDB would write through. "
                    "Delete that, or name another file."
                )


def _attach(engine: duckdb.DuckDBPyConnection, path: Path, alias: str, mode: str) -> None:
    engine.execute(f"ATTACH {quote(str(path))} AS {alias} (TYPE duckdb, {mode})")


def _when_free(path: Path, wait_seconds: float, open_file: Callable[[], Value]) -> Value:
    give_up = time.monotonic() + wait_seconds
    with Line(path) as line:
        while True:
            try:
                return open_file()
            except duckdb.Error as error:
                if not _BUSY.search(str(error)):
                    raise _cannot_open(path, error) from error
                left = give_up - time.monotonic()
                if left <= 0:
                    raise UnavailableError(_still_busy(path, wait_seconds, error)) from error
            line.wait(left)


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
