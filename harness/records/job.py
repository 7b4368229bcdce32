"""Runs on their way through a campaign: where their input lies, what becomes of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

from harness.errors import as_user_error
from harness.records.run import BandNames, Run
from leaderboards.schema import RunRecord


@dataclass(frozen=True, kw_only=True)
class DatasetRef:
    """A dataset found on disk, not opened."""

    name: str
    suite: str
    directory: Path
    band_names: BandNames = BandNames.CORRECTED
    """How it is to be opened."""
    source: str = "geobench"
    """Key of `harness.data.sources.SOURCES`: who opens it."""

    @property
    def qualified_name(self) -> str:
        """Folder of the suite and name, which no other dataset of the root has."""
        return f"{self.directory.parent.name}/{self.name}"

    @property
    def names(self) -> tuple[str, ...]:
        """What it may be asked for by: the first of several datasets, the second of it alone, the third if the suite
        has one of that name."""
        return self.name, self.qualified_name, f"{self.suite}/{self.name}"


@dataclass(frozen=True, kw_only=True)
class Places:
    """Where work happens. None of it can change a result, so none of it is in a run's identity."""

    cache_dir: Path
    device: str
    """A torch device, for example `cpu` or `cuda:0`."""
    workers: int = 1
    """Processes that may execute runs side by side."""
    cache_limit: int | None = None
    """Bytes that the cache may take; None: what the disk has."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """A run together with what finds its input on this machine. Picklable, so that any executor can ship it."""

    run: Run
    run_id: str
    backbone: str
    """The name it was chosen by."""
    dataset: DatasetRef
    arrays_sha256: str
    """Of all that the dataset's arrays held when the run was planned. Nothing else may be filed under its identity."""
    weights: Path | None
    filled_bands: Mapping[str, str | None]
    """Bands that the dataset lacks, each with the band that feeds it instead; None: zeros."""
    filled_at_test: Mapping[str, str | None] = field(default_factory=dict)
    """The same of bands that are not there at test."""
    changes: Mapping[str, Any] = field(default_factory=dict)
    """Settings of the protocol that somebody set; the run has their values among all the others."""
    test_alone: bool = False
    """Whether features are wanted of the test split alone, instead of the whole dataset."""

    @property
    def at_test(self) -> "Job":
        """What gives the features of test: the test split as it is fed, or the same job where all is fed alike."""
        return replace(self, run=self.run.as_tested(), test_alone=True) if self.run.test_feed else self


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A run that did not finish, and why."""

    message: str
    traceback: str | None
    """None if the cause is the user's to fix."""

    @classmethod
    def of(cls, error: Exception) -> "Failure":
        """What is told of an error at the border between runs."""
        told = as_user_error(error)
        return cls(message=str(told) or "nobody said why", traceback=told.traceback)


@dataclass(frozen=True, kw_only=True)
class Unstored:
    """A run that finished, and whose record waits until the leaderboard can be written."""

    message: str
    """Why, where it is kept and what to do."""


class Result(NamedTuple):
    """What became of a job."""

    job: Job
    outcome: RunRecord | Failure
