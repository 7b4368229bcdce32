"""This process's hold on a leaderboard file: taken for a transaction, kept through a burst of them, then given back."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType

import duckdb

from leaderboards.errors import UnavailableError
from leaderboards.file.connection import (
    CANNOT_WRITE,
    attach,
    confine,
    first_line,
    start_engine,
    transaction,
    usable_path,
)
from leaderboards.file.definitions import read_version, require_nothing_else
from leaderboards.file.migrate import upgrade
from leaderboards.schema import SCHEMA_VERSION

_OF_STATEMENTS = (duckdb.IntegrityError, duckdb.DataError, duckdb.ProgrammingError, duckdb.PermissionException)
"""What DuckDB raises for what it is asked to do, whatever the file."""
LONGEST_HOLD_SECONDS = 0.2
"""A burst of transactions is interrupted after so long, that other processes get a turn."""
TURN_SECONDS = 0.05
"""How long it is interrupted: somebody who waits tries at least once in that time."""


class Writer:
    """Write access to one file, as a context.

    Opening the file and closing it, which writes DuckDB's log back into it, take longer than storing a run. So the file
    stays open for `linger_seconds` after a transaction, in case the next one comes soon, and a timer gives it back
    otherwise. What is committed is durable at once, whenever the file is given back.
    """

    def __init__(
        self, path: Path, wait_seconds: float, linger_seconds: float, engine: duckdb.DuckDBPyConnection | None = None
    ) -> None:
        """`engine` may have other databases open, which transactions can read, and be confined to them and
        `path`; it is closed with the writer."""
        self.path = path
        self._wait_seconds = wait_seconds
        self._linger_seconds = linger_seconds
        self._guard = threading.RLock()
        self._engine = engine
        self._timer: threading.Timer | None = None
        self._held_file: tuple[int, int] | None = None
        self._trusted_file: tuple[int, int] | None = None
        self._held_since = 0.0

    def __enter__(self) -> "Writer":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._guard:
            self._release()
            self._stop_engine()

    @contextmanager
    def transaction(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """All or nothing, on a file with the tables of this version.

        Raises:
            UnavailableError: the file is gone, damaged, read-only, held by others for too long, or the disk is full.
            UserError: it is not a leaderboard, or a newer one.
            duckdb.Error: one of the statements of the context is wrong, or what it writes breaks a rule.
        """
        with self._guard:
            try:
                engine = self._take()
                with transaction(engine):
                    yield engine
            except CANNOT_WRITE as error:
                self._stop_engine()
                raise UnavailableError(
                    f"{self.path}: cannot be written ({first_line(error)}). Check the disk."
                ) from error
            except _OF_STATEMENTS:
                self._stop_engine()
                raise
            except duckdb.Error as error:  # a damaged block has no class of its own
                self._stop_engine()
                raise UnavailableError(
                    f"{self.path}: damaged or cannot be read ({first_line(error)}). Check the disk, or put a copy of "
                    "the file that is whole in its place."
                ) from error
            except BaseException:
                self._stop_engine()  # whatever state it is in, the next transaction starts afresh
                raise
            self._linger()

    def _take(self) -> duckdb.DuckDBPyConnection:
        self._stop_timer()
        if self._held_file is not None and _file_id(self.path) != self._held_file:
            self._release()  # replaced by another file, which is the leaderboard now
        if self._engine is None:
            self._engine = start_engine()
            confine(self._engine, self.path)
        if self._held_file is None:
            self._attach(self._engine)
        return self._engine

    def _attach(self, engine: duckdb.DuckDBPyConnection) -> None:
        if not self.path.exists():
            raise UnavailableError(
                f"{self.path}: the leaderboard is gone; nothing was written. Run the same command again."
            )
        try:
            if self._open(engine) < SCHEMA_VERSION:
                self._close(engine)
                upgrade(usable_path(self.path), self._wait_seconds)
                self._open(engine)
            if self._trusted_file != _file_id(self.path):  # a look that takes longer than storing a run
                require_nothing_else(engine, "board", self.path)
                self._trusted_file = _file_id(self.path)
            engine.execute("USE board")
        except BaseException:
            self._stop_engine()
            raise
        self._held_file = _file_id(self.path)
        self._held_since = time.monotonic()

    def _open(self, engine: duckdb.DuckDBPyConnection) -> int:
        """Returns the version of its tables."""
        attach(engine, self.path, "board", self._wait_seconds)
        return read_version(engine, "board", self.path)

    def _close(self, engine: duckdb.DuckDBPyConnection) -> None:
        engine.execute("USE memory")
        engine.execute("DETACH board")

    def _linger(self) -> None:
        held = time.monotonic() - self._held_since
        if self._linger_seconds == 0 or held > LONGEST_HOLD_SECONDS:
            self._release()
            if self._linger_seconds > 0:
                time.sleep(TURN_SECONDS)
            return
        self._timer = threading.Timer(self._linger_seconds, self._release_in_pause)
        self._timer.daemon = True
        self._timer.start()

    def _release_in_pause(self) -> None:
        timer = threading.current_thread()
        with self._guard:
            if self._timer is timer:  # else a transaction was quicker
                self._release()

    def _release(self) -> None:
        """Give the file back. A disk that fails now costs nothing: the log has the runs, and whoever opens reads it."""
        self._stop_timer()
        if self._held_file is None or self._engine is None:
            return
        try:
            self._close(self._engine)
        except duckdb.Error:
            self._stop_engine()
        self._held_file = None

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _stop_engine(self) -> None:
        engine, self._engine, self._held_file = self._engine, None, None
        if engine is not None:
            with suppress(duckdb.Error):
                engine.close()


def _file_id(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino
