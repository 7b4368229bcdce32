"""The manifest of an entry: what it is, its arrays with their checksums, and facts about it."""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from harness.store.arrays import Layout
from harness.store.damage import DamagedError
from harness.store.kinds import Place

FILE = "manifest.json"
STAMP = "used"
"""A file in every entry: who uses it holds a shared lock on it, and its time says when it was last opened."""
CLAIM = "claim"
"""A file in the folder of an entry in the making, where caches have a limit: the bytes that the entry may take."""
NEW = ".new"
"""How the name ends that a manifest has while it is written. Of a process that is killed it stays, and `cache prune`
removes it."""


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What is written down of one entry."""

    kind: str
    version: int
    key: str
    title: str
    arrays: Mapping[str, Layout]
    """By file name."""
    facts: Mapping[str, Any]
    """JSON: what the kind wants to know beside its arrays."""


def read_manifest(directory: Path) -> Manifest:
    """The manifest in a folder.

    Raises:
        DamagedError: there is none, or it is not what was written.
        OSError: the disk refuses.
    """
    try:
        whole = json.loads((directory / FILE).read_bytes())
        fields = whole["manifest"]
        if whole["sha256"] != _digest(fields):
            raise ValueError("its checksum differs")
        arrays = {name: Layout.from_json(layout) for name, layout in fields.pop("arrays").items()}
        return Manifest(arrays=arrays, **fields)
    except (FileNotFoundError, IsADirectoryError) as error:
        raise DamagedError(f"{FILE}: {error.strerror}") from error
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise DamagedError(f"{FILE} is not what was written ({error})") from error


def write_manifest(directory: Path, place: Place, arrays: Mapping[str, Layout], facts: Mapping[str, Any]) -> None:
    """Write it under a temporary name and rename it, so that it is there whole or as it was. OSError as usual."""
    fields = {
        "kind": place.kind.folder,
        "version": place.kind.version,
        "key": place.key,
        "title": place.title,
        "arrays": {name: layout.to_json() for name, layout in arrays.items()},
        "facts": dict(facts),
    }
    temporary = directory / f"{FILE}.{os.getpid()}-{uuid4().hex}{NEW}"  # several processes may write one at a time
    try:
        with temporary.open("wb") as file:
            file.write(json.dumps({"sha256": _digest(fields), "manifest": fields}).encode())
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(directory / FILE)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _digest(fields: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(fields).encode()).hexdigest()
