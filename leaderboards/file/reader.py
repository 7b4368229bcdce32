"""This process's look into a leaderboard file: short, read-only, and through the views of this package."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

import duckdb

from leaderboards.file.connection import attach, blamed_on, confine, start_reader, usable_path
from leaderboards.file.definitions import read_version, use_own_views
from leaderboards.file.migrate import upgrade
from leaderboards.schema import SCHEMA_VERSION

_held: ContextVar[dict[Path, duckdb.DuckDBPyConnection]] = ContextVar("_held", default={})  # noqa: B039 - never changed


@contextmanager
def one_look(path: Path, wait_seconds: float) -> Iterator[None]:
    """Whatever reads this file within the context shares one connection: to open it takes longer than most queries.

    Nobody can write meanwhile, so this is for some seconds. Where there is no file, whoever reads it says so best.

    Raises:
        UserError: as `connect_to_read`.
    """
    if not path.is_file():
        yield
        return
    with connect_to_read(path, wait_seconds) as connection:
        before = _held.set({**_held.get(), path: connection})
        try:
            yield
        finally:
            _held.reset(before)


@contextmanager
def connect_to_read(
    path: Path, wait_seconds: float, memory_limit: str | None = None
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A read-only connection for the duration of the context; meanwhile other processes can read and not write.

    It reaches this file alone: no other file, no extension, no setting. Its time zone is UTC. A file of an older
    version is upgraded first, with a backup beside it.

    Args:
        memory_limit: for queries, as DuckDB takes it; None: most of the machine's.
    Raises:
        UserError: not a leaderboard, or it cannot be opened or read, or others held it for all of `wait_seconds`.
    """
    held = _held.get().get(path)
    if held is not None and memory_limit is None:
        with blamed_on(path):
            yield held
        return
    connection = start_reader(memory_limit)
    try:
        with blamed_on(path):
            confine(connection, path)
            attach(connection, path, "board", wait_seconds, read_only=True)
            if read_version(connection, "board", path) < SCHEMA_VERSION:
                connection.execute("DETACH board")
                upgrade(usable_path(path), wait_seconds)
                attach(connection, path, "board", wait_seconds, read_only=True)
                read_version(connection, "board", path)
            use_own_views(connection, "board")
            yield connection
    finally:
        connection.close()
