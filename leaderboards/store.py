"""Writing a leaderboard: one short transaction per run, so that a run is there with all its rows or not at all."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import duckdb

from leaderboards.agreement import Difference
from leaderboards.errors import UnavailableError, UserError
from leaderboards.failures import read_failures, record_failure
from leaderboards.file.connection import WAIT_SECONDS, usable_path
from leaderboards.file.creating import create, naming_the_place, nearest_folder, put, require_writable
from leaderboards.file.drafts import draft_of
from leaderboards.file.reader import connect_to_read
from leaderboards.file.rows import insert_record, same_seed
from leaderboards.file.writer import Writer
from leaderboards.schema import FailureRow, RunRecord
from leaderboards.spool import NotARecordError, Spool, read_pending
from leaderboards.views import create_views

LINGER_SECONDS = 0.05
"""How long a session keeps the file after a commit, in case the next one comes soon."""


@dataclass(frozen=True, kw_only=True)
class Replayed:
    """What became of the records that had to wait in the spool."""

    stored: int
    """Records that are in the leaderboard now and no longer in the spool, some of them because they were before."""
    problems: tuple[str, ...]
    """One line per file that stays in the spool: it contradicts the leaderboard, is no record and was set aside, or
    cannot be read or deleted."""
    largest: Difference | None = None
    """Of the differences that `agreement.TOLERANCE` allows between a record and the same run in the leaderboard, which
    stands; None: there was none."""


class LookedUp(NamedTuple):
    """What became of runs."""

    made: Mapping[str, str]
    """Those that are in the leaderboard, each with its backbone's name."""
    finished: Mapping[str, datetime]
    """When they were made; without those of which nobody knows."""
    waiting: Collection[str]
    """Those that were made and wait in the spool."""
    failed: Mapping[str, FailureRow]
    """Those that failed."""


class Session:
    """Commits of one campaign, see `Leaderboard.session`."""

    def __init__(self, path: Path, writer: Writer) -> None:
        self._path = path
        self._writer = writer
        self._spool = Spool(path)

    def commit(self, record: RunRecord) -> None:
        """Add a run with all its rows, or, whatever happens, nothing. When this returns, it is on disk.

        Raises:
            UserError: the run is there already, or the file is not a leaderboard.
            UnavailableError: the file is gone, locked, read-only, or the disk is full.
            duckdb.ConstraintException: a row breaks a rule of `schema.sql`.
        """
        with self._naming_the_holder(record), self._writer.transaction() as connection:
            insert_record(connection, record)

    @contextmanager
    def _naming_the_holder(self, record: RunRecord) -> Iterator[None]:
        """Name the run that has the seed already, once a rule is broken: asking takes as long as storing a run."""
        try:
            yield
        except duckdb.ConstraintException as error:
            self._refuse_second(record, error)
            raise

    def _refuse_second(self, record: RunRecord, error: duckdb.ConstraintException) -> None:
        with self._writer.transaction() as connection:
            holder = same_seed(connection, record)
        run = record.run
        name = f"{self._path}: run {run.run_id} ({run.backbone}, {run.dataset}, {run.protocol})"
        if holder == run.run_id:
            raise UserError(f"{name} is there already; nothing was written. Its first result stands.") from error
        if holder is not None:
            raise UserError(
                f"{name} is another result of seed {run.seed} in the point of run {holder}, which stands; nothing was "
                "written. To keep both, give this one a leaderboard of its own by --db."
            ) from error

    def commit_or_keep(self, record: RunRecord) -> str | None:
        """Commit; if the file cannot be written now, keep the run in the spool. Runs that wait there go in as well.

        Returns:
            None if the run is in the leaderboard; else one line that says why not, where it is kept and what to do.
        """
        try:
            self.commit(record)
        except UnavailableError as error:
            kept = self._spool.keep(record, str(error))
            return f"finished, but not in the leaderboard yet: {error} Its record is kept as {kept}; {HOW_TO_REPLAY}"
        if self._spool.pending():
            self.replay()
        return None

    def record_failure(self, row: FailureRow) -> None:
        """Remember that a run failed. Raises as `commit`."""
        with self._writer.transaction() as connection:
            record_failure(connection, row)

    def look_up(self, run_ids: Collection[str]) -> LookedUp:
        """What became of these runs so far, by whichever process. Raises as `commit`."""
        with self._writer.transaction() as connection:
            return look_up(connection, self._spool, run_ids)

    def replay(self) -> Replayed:
        """Commit what waits in the spool. What is in now, or was already with values that agree, leaves the spool.

        A file that is no record of a run is set aside: it keeps no other from going in, now or later.

        Raises:
            UnavailableError: the file still cannot be written; the spool is as it was but for what went in.
        """
        stored, problems, differences = 0, [], []
        for path in self._spool.pending():
            try:
                differences += self._store_once(read_pending(path))
                _delete(path)
            except _NO_RECORD:
                problems += self._set_aside(path)
            except duckdb.ConstraintException as error:
                problems.append(f"{path}: breaks a rule of the leaderboard ({error}). Delete it and run it again.")
            except UnavailableError:
                raise
            except UserError as error:
                problems.append(str(error))
            else:
                stored += 1
        problems += [
            f"{path}: set aside, as it is no record of a run. {HOW_TO_SEE}" for path in self._spool.unreadable()
        ]
        self._spool.remove_if_empty()
        largest = max(differences, key=lambda found: found.size, default=None)
        return Replayed(stored=stored, problems=tuple(problems), largest=largest)

    def _set_aside(self, path: Path) -> list[str]:
        """Returns the problem with it, if there is one."""
        try:
            self._spool.set_aside(path)
        except OSError as error:
            return [f"{path}: is no record of a run, and cannot be set aside ({error.strerror}). {HOW_TO_SEE}"]
        return []

    def _store_once(self, record: RunRecord) -> list[Difference]:
        """Returns in what it differs from the run of ours that stands, within the tolerance."""
        run_id = record.run.run_id
        with self._naming_the_holder(record), self._writer.transaction() as connection:
            rows = connection.execute("SELECT split, metric, value FROM metrics WHERE run_id = ?", [run_id]).fetchall()
            if not rows:
                insert_record(connection, record)
        ours, differences = {(split, metric): value for split, metric, value in rows}, []
        for row in record.metrics:
            here = ours.get((row.split, row.metric), row.value)
            found = Difference(run_id=run_id, what=f"{row.split} {row.metric}", ours=here, theirs=row.value)
            if not rows or here == row.value:
                continue
            if not found.agrees:
                raise UserError(
                    f"{self._path}: has run {run_id} with another value than the spool ({found.what}: {here} and "
                    f"{row.value}); the first result stands. Compare them: python -m harness show {run_id[:12]}, then "
                    "delete the record in the spool."
                )
            differences.append(found)
        return differences


def _delete(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise UserError(
            f"{path}: is in the leaderboard now, and cannot be deleted ({error.strerror}). Its owner can."
        ) from error


_NO_RECORD = (NotARecordError, duckdb.DataError, duckdb.InvalidInputException, TypeError, ValueError)
"""What a file in the spool leads to, on reading or on storing, that can be the record of no run."""
HOW_TO_SEE = "If a newer version wrote it, upgrade and take the ending off its name; else delete it."
HOW_TO_REPLAY = "it goes in with the next run, or by: python -m harness replay"


class Timing(NamedTuple):
    """How long runs of one kind took, in the median."""

    protocol: str
    backbone: str
    dataset: str
    n_train: int
    seconds: float


@dataclass(frozen=True)
class Leaderboard:
    """A leaderboard file. Holds nothing open between calls, so that processes take turns."""

    path: Path
    wait_seconds: float = WAIT_SECONDS
    """How long each call waits while another process holds the file."""

    @contextmanager
    def session(self) -> Iterator[Session]:
        """For many commits: quick ones in a row keep the file open, and it is given back in the pauses between.

        Within the session, no other connection of this process to the file: DuckDB would refuse it at times.
        """
        with Writer(self.path, self.wait_seconds, LINGER_SECONDS) as writer:
            yield Session(self.path, writer)

    def commit(self, record: RunRecord) -> None:
        """`Session.commit`, and the file is free again when this returns."""
        with Writer(self.path, self.wait_seconds, 0) as writer:
            Session(self.path, writer).commit(record)

    def replay(self) -> Replayed:
        """`Session.replay`, and the file is free again when this returns."""
        with Writer(self.path, self.wait_seconds, 0) as writer:
            return Session(self.path, writer).replay()

    @contextmanager
    def transaction(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """All or nothing of whatever SQL; the file is free again when it ends. Raises as `Session.commit`."""
        with Writer(self.path, self.wait_seconds, 0) as writer, writer.transaction() as connection:
            yield connection

    def known(self, run_ids: Collection[str]) -> set[str]:
        """Which of these runs are there already. Raises as `look_up`."""
        return set(self.look_up(run_ids).made)

    def look_up(self, run_ids: Collection[str]) -> LookedUp:
        """What became of these runs; nothing if there is no file yet.

        Raises:
            UserError: the file is locked or not a leaderboard.
        """
        if not run_ids or not self.path.exists():
            return LookedUp(made={}, finished={}, waiting=(), failed={})
        with connect_to_read(self.path, self.wait_seconds) as connection:
            return look_up(connection, Spool(self.path), run_ids)

    def timings(self, device: str) -> list[Timing]:
        """How long runs took on a device: the median of each protocol, backbone, dataset and size; none without a file.

        Raises:
            UserError: the file is locked or not a leaderboard.
        """
        if not self.path.exists():
            return []
        with connect_to_read(self.path, self.wait_seconds) as connection:
            found = connection.execute(
                "SELECT protocol, backbone, dataset, n_train, median(seconds) FROM runs "
                "WHERE source = 'measured' AND device = $device GROUP BY ALL",
                {"device": device},
            )
            return [Timing(*row) for row in found.fetchall()]


def look_up(connection: duckdb.DuckDBPyConnection, spool: Spool, run_ids: Collection[str]) -> LookedUp:
    """What became of these runs, by an open connection."""
    found = connection.execute(
        "SELECT run_id, backbone, finished_at FROM runs WHERE run_id IN (SELECT unnest($run_ids))",
        {"run_ids": list(run_ids)},
    ).fetchall()
    return LookedUp(
        made={run_id: backbone for run_id, backbone, _ in found},
        finished={run_id: at.replace(tzinfo=UTC) for run_id, _, at in found if at is not None},
        waiting={path.stem for path in spool.pending()}.intersection(run_ids),
        failed=read_failures(connection, run_ids),
    )


def open_leaderboard(path: Path, wait_seconds: float = WAIT_SECONDS) -> Leaderboard:
    """The leaderboard at `path`, created with its folder if there is none, with this package's tables and views.

    A file of an older version is upgraded, with a backup beside it; runs that wait in its spool go in.

    Raises:
        UserError: the place is not writable, or the file is locked, not a leaderboard or of a newer version.
    """
    usable_path(path)
    with naming_the_place(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            create(path)
    with Writer(path, wait_seconds, 0) as writer:
        with writer.transaction() as connection:
            create_views(connection)
        if Spool(path).pending():
            Session(path, writer).replay()
    return Leaderboard(path, wait_seconds)


def open_if_there(path: Path) -> Leaderboard:
    """`open_leaderboard` where there is one, or what waits for one; else nothing is made yet, but refused already.

    Raises:
        UserError: as `open_leaderboard`.
    """
    usable_path(path)
    with naming_the_place(path):
        if path.exists() or Spool(path).pending():
            return open_leaderboard(path)
        require_writable(nearest_folder(path))
    return Leaderboard(path)


@contextmanager
def filled_leaderboard(path: Path) -> Iterator[Leaderboard]:
    """`open_leaderboard`, but a new one gets its place only if the context ends well: what fails leaves nothing.

    Raises:
        UserError: as `open_leaderboard`.
        UnavailableError: another process has put one there meanwhile.
    """
    found = open_if_there(path)
    if path.exists():
        yield found
        return
    with draft_of(nearest_folder(path) / path.name) as draft:
        yield open_leaderboard(draft)
        with naming_the_place(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            is_ours = put(draft, path)
    if not is_ours:
        raise UnavailableError(f"{path}: another process made it meanwhile; nothing was written. Run it again.")
