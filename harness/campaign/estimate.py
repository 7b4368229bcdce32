"""How long the new runs of a plan may take, and what they will put into the cache: told before anything starts.

Time is what earlier runs took: the median over those of the same protocol and backbone, on the same kind of device,
whose number of train samples is nearest and no more than twice or half as large; on the same dataset if there are any,
else on others. Disk is what features take that are not in the cache yet. Whatever nobody can know yet is None.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from baselines.registry import stored_name
from harness.campaign.plan import Line, State
from harness.errors import UserError
from harness.execution.workbench import Workbench
from harness.protocols import find_protocol
from harness.protocols.entry import Need
from harness.records.job import DatasetRef, Job
from harness.store.kinds import FEATURES, PIXEL_FEATURES, Kind
from leaderboards.store import Timing

WITHIN = 2
"""Times as many or as few train samples as a run has: those of which it may be told how long it takes."""

_STORES: dict[Need, Kind] = {
    Need.IMAGE_FEATURES: FEATURES,
    Need.AREAS: FEATURES,
    Need.PIXEL_FEATURES: PIXEL_FEATURES,
}
"""What a protocol has stored before it begins; one that trains the backbone stores nothing."""


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """What one line of a plan will take."""

    seconds: float | None
    """In one process; None: no earlier run is like it."""
    n_bytes: int | None
    """Of features, counted with the first line that needs them; None: known once its dataset is converted."""


NOTHING = Estimate(seconds=0.0, n_bytes=0)
UNKNOWN = Estimate(seconds=None, n_bytes=None)


def estimate_plan(lines: Sequence[Line], workbench: Workbench, timings: Iterable[Timing]) -> list[Estimate]:
    """One estimate for each line, in their order: of those that will not run it is NOTHING."""
    seconds_of, bytes_of = _TimeTeller(timings), _DiskTeller(workbench)
    return [_estimate(line, workbench, seconds_of, bytes_of) for line in lines]


def estimate_seconds(jobs: Sequence[Job], workbench: Workbench, timings: Iterable[Timing]) -> float | None:
    """What all of them will take in one process; None: some job is like no earlier run."""
    seconds_of = _TimeTeller(timings)
    of_jobs = [seconds_of(job, _n_train(job, workbench)) for job in jobs]
    known = [seconds for seconds in of_jobs if seconds is not None]
    return sum(known) if len(known) == len(jobs) else None


def _n_train(job: Job, workbench: Workbench) -> int:
    run = job.run
    return len(workbench.drawn_partition(job.dataset, run.partition, run.train_draw, run.seed).train)


def _estimate(
    line: Line,
    workbench: Workbench,
    seconds_of: Callable[[Job, int], float | None],
    bytes_of: Callable[[Job], int | None],
) -> Estimate:
    if line.state is State.UNKNOWN:
        return UNKNOWN
    if line.state is not State.NEW or line.job is None:
        return NOTHING
    return Estimate(seconds=seconds_of(line.job, _n_train(line.job, workbench)), n_bytes=bytes_of(line.job))


class _TimeTeller:
    """Tells from earlier runs how long a new one takes."""

    def __init__(self, timings: Iterable[Timing]) -> None:
        self._earlier: dict[tuple[str, str], list[Timing]] = {}
        for timing in timings:
            self._earlier.setdefault((timing.protocol, timing.backbone), []).append(timing)

    def __call__(self, job: Job, n_train: int) -> float | None:
        """Seconds; None if no earlier run is like it."""
        stored_as = stored_name(job.backbone)
        alike = [
            timing
            for timing in self._earlier.get((job.run.protocol, stored_as), ())
            if timing.n_train <= WITHIN * n_train and n_train <= WITHIN * timing.n_train
        ]
        here = [timing for timing in alike if timing.dataset == job.run.dataset]
        nearest = min(here or alike, key=lambda timing: abs(math.log(timing.n_train / n_train)), default=None)
        return nearest.seconds if nearest else None


class _DiskTeller:
    """Tells what a run has stored that no run before it needed."""

    def __init__(self, workbench: Workbench) -> None:
        self._workbench = workbench
        self._met: set[tuple[Kind, str, str, DatasetRef, tuple[str | None, ...], bool]] = set()
        self._counted: set[Path] = set()

    def __call__(self, job: Job) -> int | None:
        """Bytes; None if the backbone cannot tell them, which the run itself will report."""
        protocol = find_protocol(job.run.protocol, self._workbench.dataset(job.dataset).spec.label_kind)
        kind = _STORES.get(protocol.needs) if protocol else None
        if kind is None:
            return 0
        sizes = [self._bytes(fed, kind) for fed in (job, job.at_test)]
        return None if None in sizes else sum(size for size in sizes if size is not None)

    def _bytes(self, job: Job, kind: Kind) -> int | None:
        features = (kind, job.backbone, job.run.weights_sha256, job.dataset, job.run.band_sources, job.test_alone)
        if features in self._met:  # spares most lines of a plan the hash that names a folder
            return 0
        self._met.add(features)
        folder = self._workbench.feature_folder(job, kind)
        if folder in self._counted or folder.is_dir():
            return 0
        self._counted.add(folder)
        try:
            return self._workbench.feature_bytes(job, kind)
        except UserError:
            return None
