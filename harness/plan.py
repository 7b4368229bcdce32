"""The grid a request spans, line by line: what would run, what is already there, what cannot run and why."""

from collections.abc import Sequence, Set
from dataclasses import asdict, dataclass, replace
from enum import StrEnum

from baselines.table import BACKBONES
from harness.data.bands import plan_bands
from harness.data.dataset import normalisation
from harness.data.suites import discover, headline_metric
from harness.errors import UserError
from harness.identity import identity
from harness.metrics import METRICS_VERSION
from harness.protocols import PROTOCOLS
from harness.records import DatasetRef, Job, Run
from harness.settings import RunRequest, known_name
from harness.workbench import Workbench

EVERY = "*"
"""Stands for all partitions of a dataset that cannot even be opened."""


class State(StrEnum):
    """What becomes of a line of the plan."""

    NEW = "new"
    DONE = "done"
    """In the leaderboard already."""
    UNKNOWN = "to convert"
    """Known only once the dataset has been converted to arrays, which a dry run does not do."""
    SKIPPED = "skipped"
    """Makes no sense here, for the reason given."""
    FAILED = "failed"
    """Should have worked: bad input, named in the reason."""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One cell of the grid, as asked for."""

    backbone: str
    seed: int
    dataset: DatasetRef
    partition: str
    protocol: str


@dataclass(frozen=True, kw_only=True)
class Line:
    """What becomes of a cell."""

    cell: Cell
    state: State
    reason: str = ""
    job: Job | None = None


def choose_datasets(request: RunRequest) -> list[DatasetRef]:
    """The datasets asked for, all of the root if none was named. UserError for a name that is not there."""
    found = {ref.name: ref for ref in discover(request.geobench_dir)}
    names = [known_name("dataset", name, found) for name in request.datasets]
    return [found[name] for name in dict.fromkeys(names or found)]


def build_plan(request: RunRequest, workbench: Workbench, *, convert: bool) -> list[Line]:
    """Expand a request backbone by backbone, so that each is built once; a bad cell leaves the others alone.

    Args:
        convert: whether datasets may be converted to arrays, which a run's identity needs; False for a dry run.
    """
    refs = choose_datasets(request)
    cells = [
        Cell(backbone=backbone, seed=seed, dataset=ref, partition=partition, protocol=protocol)
        for backbone in request.backbones
        for seed in request.seeds
        for ref in refs
        for partition in _partitions(ref, request, workbench)
        for protocol in request.protocols
    ]
    lines = []
    for cell in cells:
        try:
            lines.append(_resolve(cell, request, workbench, convert=convert))
        except UserError as error:
            lines.append(Line(cell=cell, state=State.FAILED, reason=str(error)))
    return lines


def mark_done(lines: Sequence[Line], known: Set[str]) -> list[Line]:
    """Mark the lines whose run the leaderboard holds."""
    return [replace(line, state=State.DONE) if line.job and line.job.run_id in known else line for line in lines]


def _partitions(ref: DatasetRef, request: RunRequest, workbench: Workbench) -> Sequence[str]:
    if request.partitions != ("all",):
        return request.partitions
    try:
        return workbench.dataset(ref).partitions()
    except UserError:  # said once more, and reported, when the cell is resolved
        return (EVERY,)


def _resolve(cell: Cell, request: RunRequest, workbench: Workbench, *, convert: bool) -> Line:
    """The job of a cell with everything that decides its result, read from the files themselves."""
    weights = request.weights.get(cell.backbone)
    if weights is None and BACKBONES[cell.backbone].weights == "required" and request.asked_for_all:
        return Line(cell=cell, state=State.SKIPPED, reason=f"no --weights {cell.backbone}=PATH was given")
    dataset = workbench.dataset(cell.dataset)
    protocol = PROTOCOLS[cell.protocol]
    if dataset.spec.label_kind not in protocol.label_kinds:
        reason = f"{cell.protocol} does not take {dataset.spec.label_kind} labels"
        return Line(cell=cell, state=State.SKIPPED, reason=reason)
    partition = workbench.partition(cell.dataset, cell.partition)
    backbone = workbench.backbone(cell.backbone, weights, cell.seed)
    bands = plan_bands(
        backbone.inputs.bands or tuple(band.name for band in dataset.bands),
        dataset.bands,
        request.missing_bands,
        f"{dataset.name}, {cell.backbone}",
    )
    normalisation(dataset, bands.sources)  # refuse statistics that cannot normalise before anything is converted
    if not convert and not workbench.is_converted(cell.dataset):
        return Line(cell=cell, state=State.UNKNOWN)
    run = Run(
        suite=dataset.suite,
        dataset=dataset.name,
        dataset_fingerprint=workbench.arrays(cell.dataset).fingerprint,
        partition=partition.name,
        partition_sha256=partition.sha256,
        backbone=cell.backbone,
        backbone_settings={"version": backbone.version, **backbone.origin.settings},
        weights_sha256=backbone.origin.weights_sha256,
        bands=bands.requested,
        band_sources=bands.sources,
        normalisation="dataset",
        input_size=None,
        metric=headline_metric(dataset.name, dataset.spec.label_kind),
        metrics_version=METRICS_VERSION,
        protocol=cell.protocol,
        protocol_version=protocol.settings.version,
        protocol_settings=asdict(protocol.settings),
        seed=cell.seed,
    )
    job = Job(run=run, run_id=identity(run), dataset=cell.dataset, weights=weights)
    return Line(cell=cell, state=State.NEW, job=job)
