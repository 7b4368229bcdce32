"""Finished runs that could not be stored yet: a small JSON file each, beside the leaderboard or where there is room."""

import hashlib
import json
import os
import secrets
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, fields
from datetime import datetime
from errno import EPERM
from pathlib import Path
from typing import Any

from leaderboards.errors import UserError
from leaderboards.file.rows import run_values
from leaderboards.formats.field_types import require_types
from leaderboards.formats.json_text import UnreadableError, read_json
from leaderboards.schema import TABLES, RunRecord, RunRow

_FORMAT = 1
_UNREADABLE = ".unreadable"


class NotARecordError(UserError):
    """A file in a spool that is not the record of a run."""


class Spool:
    """The pending records of one leaderboard, in a folder beside it and, when that fails, in one of the fallbacks."""

    def __init__(self, path: Path) -> None:
        path = path.resolve()
        key = f"{hashlib.sha256(os.fsencode(path)).hexdigest()[:16]}.spool"  # finds it again, whatever the path holds
        self.folders = (
            path.with_name(path.name + ".spool"),
            Path.home() / ".local" / "state" / "mp-mae-bench" / key,
            Path(tempfile.gettempdir()) / f"mp-mae-bench-{_user()}" / key,
        )

    def keep(self, record: RunRecord, why: str) -> Path:
        """Write a record; whole or not at all, and never over another record of the same run, which has its result.

        Returns:
            The file that has it.
        Raises:
            UserError: no folder can be written, so the run is lost.
        """
        refused = []
        for folder in self.folders:
            try:
                folder.mkdir(parents=True, exist_ok=True)
                if not self._trusts(folder):
                    raise PermissionError(EPERM, "is a link or belongs to another user")
                return _write(folder / f"{record.run.run_id}.json", record)
            except OSError as error:
                refused.append(f"{folder} ({error.strerror})")
        raise UserError(
            f"{why} Nor can its record be kept in {', '.join(refused)}: the run is lost. Make room and run it again."
        )

    def pending(self) -> list[Path]:
        """The files of all records that wait, by name."""
        return [path for folder in self.folders if self._trusts(folder) for path in sorted(folder.glob("*.json"))]

    def set_aside(self, path: Path) -> Path:
        """Rename a file that is no record, so that it is not tried again; never over another that was set aside.

        Raises:
            OSError: the folder cannot be written.
        """
        free, number = path.with_name(path.name + _UNREADABLE), 1
        while free.exists():
            number += 1
            free = path.with_name(f"{path.stem}-{number}{path.suffix}{_UNREADABLE}")
        return path.rename(free)

    def unreadable(self) -> list[Path]:
        """The files that were set aside and are still there, by name."""
        return [
            path for folder in self.folders if self._trusts(folder) for path in sorted(folder.glob(f"*{_UNREADABLE}"))
        ]

    def remove_if_empty(self) -> None:
        """Leave no empty folder behind."""
        for folder in self.folders:
            try:
                folder.rmdir()
            except OSError:  # not there, or not empty
                continue

    def _trusts(self, folder: Path) -> bool:
        """Beside the leaderboard, whoever shares it may have left a run; elsewhere only we may.

        No link: one that came with a stranger's leaderboard could name a folder whose files are no records.
        """
        try:
            if folder.is_symlink():
                return False
            return folder == self.folders[0] or (folder.is_dir() and folder.stat().st_uid == _user())
        except OSError:  # within a folder of somebody else
            return False


def read_pending(path: Path) -> RunRecord:
    """The record of a file that `keep` wrote.

    Raises:
        NotARecordError: not such a file, or written by a newer version.
        UserError: the file is gone, or cannot be read.
    """
    try:
        return _from_json(read_json(path, _ADVICE))
    except FileNotFoundError as error:
        raise UserError(f"{path}: is gone; another process stored it.") from error
    except UnreadableError:
        raise
    except UserError as error:
        raise NotARecordError(str(error)) from error
    except _DAMAGED as error:
        raise NotARecordError(
            f"{path}: not the record of a run ({type(error).__name__}: {error}). {_ADVICE}"
        ) from error


_DAMAGED = (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError)
"""Whatever a damaged or foreign file leads to."""
_ADVICE = (
    "If a newer version wrote it, upgrade: pip install --upgrade mp-mae-bench. Else move it away and run it again."
)


def _write(path: Path, record: RunRecord) -> Path:
    if path.exists():
        return path
    # Not by `tempfile`, whose files nobody else can read: who shares the leaderboard may take the run in.
    draft = path.with_name(f".{secrets.token_hex(8)}.draft")
    try:
        with draft.open("x", encoding="utf-8") as file:
            json.dump(_to_json(record), file, allow_nan=False)
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    return path


def _to_json(record: RunRecord) -> dict[str, Any]:
    run = {field.name: getattr(record.run, field.name) for field in fields(RunRow)}
    run["configuration"], run["provenance"] = dict(record.run.configuration), dict(record.run.provenance)
    run["finished_at"] = record.run.finished_at and record.run.finished_at.isoformat()
    rows = {table.attribute: [asdict(row) for row in getattr(record, table.attribute)] for table in TABLES}
    return {"format": _FORMAT, "run": run, **rows}


def _from_json(content: Mapping[str, Any]) -> RunRecord:
    if content["format"] != _FORMAT:
        raise ValueError(f"format {content['format']}")
    finished_at = content["run"]["finished_at"]
    run = RunRow(**{**content["run"], "finished_at": finished_at and datetime.fromisoformat(finished_at)})
    rows = {
        table.attribute: tuple(
            table.row_class(**{name: tuple(value) if isinstance(value, list) else value for name, value in row.items()})
            for row in content.get(table.attribute, ())  # a table that came after the file was written
        )
        for table in TABLES
    }
    record = RunRecord(run=run, **rows)
    for row in (run, *(row for table in TABLES for row in getattr(record, table.attribute))):
        require_types(row)
    run_values(record)  # raises what no leaderboard can hold
    return record


def _user() -> int:
    """As `stat` numbers owners: always 0 on Windows, where folders of this kind are private anyway."""
    return os.getuid() if hasattr(os, "getuid") else 0
