"""How long the rest of a campaign takes, told from what it did so far.

Runs are of classes of cost: a protocol on one partition of a dataset takes about as long whatever backbone and seed,
and a probe of masks a hundred times as long as one of images. The first run of a backbone on a dataset waits until the
images are embedded: it stands for such waits and for nothing else. One mean of all runs would jump with every change.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Sequence
from time import perf_counter
from typing import NamedTuple

from harness.protocols import trains_backbone
from harness.records.job import DatasetRef, Job


class _Cost(NamedTuple):
    """What takes about as long."""

    protocol: str
    dataset: DatasetRef
    partition: str


class Left(NamedTuple):
    """What is still to be done."""

    seconds: float
    """Of what is like something that ended."""
    unknown: int
    """Runs that are like none."""


class TimeLeft:
    """Told of every run that ends; intervals between them hold whatever happens side by side."""

    def __init__(self, jobs: Sequence[Job], clock: Callable[[], float] = perf_counter) -> None:
        self._clock = clock
        self._before = clock()
        self._runs = Counter(map(_cost, jobs))
        self._waits = Counter({_embedding(job): job.backbone for job in jobs if _embedding(job)}.values())
        self._embedded: set[Hashable] = set()
        self._seconds: defaultdict[_Cost, list[float]] = defaultdict(list)
        self._seconds_waited: defaultdict[str, list[float]] = defaultdict(list)

    def ended(self, job: Job) -> None:
        """Once for each job, as soon as it ended."""
        now = self._clock()
        taken, self._before = now - self._before, now
        self._runs[_cost(job)] -= 1
        embedding = _embedding(job)
        if embedding is None or embedding in self._embedded:
            self._seconds[_cost(job)].append(taken)
        else:
            self._embedded.add(embedding)
            self._waits[job.backbone] -= 1
            self._seconds_waited[job.backbone].append(taken)

    def left_out(self, job: Job) -> None:
        """Instead: it took nobody's time here."""
        self._before = self._clock()
        self._runs[_cost(job)] -= 1
        embedding = _embedding(job)
        if embedding is not None and embedding not in self._embedded:
            self._embedded.add(embedding)
            self._waits[job.backbone] -= 1

    @property
    def left(self) -> Left:
        """What the runs take that have not ended."""
        of_runs = {cost: self._typical(cost) for cost, n in self._runs.items() if n}
        waited = [seconds for of_backbone in self._seconds_waited.values() for seconds in of_backbone]
        waits = sum(n * _mean(self._seconds_waited.get(name) or waited or [0.0]) for name, n in self._waits.items())
        return Left(
            seconds=waits + sum(self._runs[cost] * seconds for cost, seconds in of_runs.items() if seconds is not None),
            unknown=sum(self._runs[cost] for cost, seconds in of_runs.items() if seconds is None),
        )

    def _typical(self, cost: _Cost) -> float | None:
        """Seconds of its class; where none of it ended, of the other partitions of that dataset."""
        alike = self._seconds.get(cost) or [
            seconds for other, taken in self._seconds.items() if other[:2] == cost[:2] for seconds in taken
        ]
        return _mean(alike) if alike else None


def _cost(job: Job) -> _Cost:
    return _Cost(job.run.protocol, job.dataset, job.run.partition)


def _embedding(job: Job) -> Hashable | None:
    """What has to be embedded before the job; None: it trains the backbone and takes the images."""
    if trains_backbone(job.run.protocol):
        return None
    return job.backbone, job.run.weights_sha256, job.dataset, job.run.band_sources


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
