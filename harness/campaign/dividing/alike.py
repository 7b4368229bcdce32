"""Runs that are not worth a try: others like them failed alike."""

import threading
from collections.abc import Iterable
from typing import NamedTuple

from harness.records.job import DatasetRef, Job

ENOUGH = 3
"""Failures with one message from which more of their kind are not begun."""


class _Kind(NamedTuple):
    """What tells runs of one dataset apart."""

    backbone: str
    protocol: str
    partition: str
    seed: int


class Alike:
    """Told what became of runs, it knows which others would fail in the same way.

    Three failures of one dataset with the same message stop what they have in common: three seeds the other seeds of
    that backbone, protocol and partition; once there were three partitions, protocols or backbones among them, those of
    any. A run that is made shows that its kind can be.
    """

    def __init__(self) -> None:
        self._one = threading.Lock()
        self._failed: dict[DatasetRef, dict[str, set[_Kind]]] = {}
        self._made: dict[DatasetRef, set[_Kind]] = {}

    def failed(self, job: Job, message: str) -> None:
        with self._one:
            self._failed.setdefault(job.dataset, {}).setdefault(message, set()).add(_kind(job))

    def made(self, job: Job) -> None:
        with self._one:
            self._made.setdefault(job.dataset, set()).add(_kind(job))

    def reason(self, job: Job) -> str | None:
        """Why the job would fail; None if nothing speaks against a try. By any thread."""
        with self._one:
            return self._reason(job)

    def _reason(self, job: Job) -> str | None:
        for message, failed in self._failed.get(job.dataset, {}).items():
            if len(failed) >= ENOUGH and _covers(failed, _kind(job)):
                made = self._made.get(job.dataset, ())
                if not any(_covers(failed, kind) for kind in made):
                    return f"not begun, as others like it failed alike: {message}"
        return None


def _covers(failed: Iterable[_Kind], kind: _Kind) -> bool:
    """Whether each part of it is among theirs, or theirs are so many that it could be any."""
    return all(
        mine in theirs or len(theirs) >= ENOUGH
        for mine, theirs in zip(kind, map(set, zip(*failed, strict=True)), strict=True)
    )


def _kind(job: Job) -> _Kind:
    return _Kind(job.backbone, job.run.protocol, job.run.partition, job.run.seed)
