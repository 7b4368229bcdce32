"""The grid a request spans, line by line: what would run, what is already there, what cannot run and why."""

from collections.abc import Iterable, Sequence, Set
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from itertools import chain
from pathlib import Path

from baselines.contract import Backbone
from baselines.table import BACKBONES
from harness.data.bands import plan_bands
from harness.data.draws import NoSuchDrawError, budget, is_few, shot
from harness.data.suites import DEMO_SUITE, discover, headline_metric
from harness.errors import UserError
from harness.identity import identity
from harness.input_policy import (
    UnfitStatisticsError,
    check_statistics,
    choose_normalisation,
    effective_size,
    identifying_settings,
)
from harness.metrics import METRICS_VERSION
from harness.metrics.regression import AREA_HEADLINE
from harness.presets import Block
from harness.protocols import ProtocolEntry, find_protocol, runs_on_few_labels
from harness.records import BandNames, DatasetRef, Job, LabelKind, Run, Selection, TrainDraw
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


def choose_datasets(names: Sequence[str], root: Path, band_names: BandNames) -> list[DatasetRef]:
    """The datasets asked for, all of the root if none was named. UserError for a name that is not there."""
    found = {ref.name: replace(ref, band_names=band_names) for ref in discover(root)}
    return [found[known_name("dataset", name, found)] for name in dict.fromkeys(names or found)]


def build_plan(request: RunRequest, workbench: Workbench, *, convert: bool) -> list[Line]:
    """Expand a request backbone by backbone, so that each is built once; a bad cell leaves the others alone.

    Args:
        convert: whether datasets may be converted to arrays, which a run's identity needs; False for a dry run.
    """
    refs = [choose_datasets(block.datasets, request.geobench_dir, request.band_names) for block in request.blocks]
    if not request.asked_for_all:
        _check_weights(request, chain(*refs))
    cells = [
        Cell(backbone=backbone, seed=seed, dataset=ref, partition=partition, protocol=protocol)
        for backbone in request.backbones
        for seed in request.seeds
        for block, of_block in zip(request.blocks, refs, strict=True)
        for ref in of_block
        for protocol in block.protocols
        for partition in _partitions(ref, protocol, block, request, workbench)
    ]
    lines = []
    for cell in cells:
        try:
            lines.append(_resolve(cell, request, workbench, convert=convert))
        except (NoSuchDrawError, UnfitStatisticsError) as error:
            lines.append(Line(cell=cell, state=State.SKIPPED, reason=str(error)))
        except UserError as error:
            lines.append(Line(cell=cell, state=State.FAILED, reason=str(error)))
    return lines


def _check_weights(request: RunRequest, refs: Iterable[DatasetRef]) -> None:
    """Refuse a backbone that was named but has no weights for any dataset. Of `all`, it is left out."""
    simulated = any(ref.suite == DEMO_SUITE for ref in refs)
    for name in request.backbones:
        entry = BACKBONES[name]
        served = simulated and entry.demo_weights
        if entry.weights == "required" and name not in request.weights and not served:
            shipped = " The weights that are shipped with it learnt from simulated images." * entry.has_demo_weights
            raise UserError(
                f"--backbone {name} evaluates a pretrained checkpoint: pass it by --weights FILE.{shipped} For the "
                "same architecture with untrained weights choose --backbone random_init"
            )


def _weights(cell: Cell, request: RunRequest) -> Path | None:
    """Weights that were given; on the demo suite else those that are shipped."""
    given = request.weights.get(cell.backbone)
    return given or (BACKBONES[cell.backbone].demo_weights if cell.dataset.suite == DEMO_SUITE else None)


def mark_done(lines: Sequence[Line], known: Set[str]) -> list[Line]:
    """Mark the lines whose run the leaderboard holds."""
    return [replace(line, state=State.DONE) if line.job and line.job.run_id in known else line for line in lines]


def _partitions(
    ref: DatasetRef, protocol: str, block: Block, request: RunRequest, workbench: Workbench
) -> Sequence[str]:
    if runs_on_few_labels(protocol):
        return [*map(shot, request.shots), *map(budget, request.budgets)]
    if block.partitions != ("all",):
        return block.partitions
    try:
        return workbench.dataset(ref).partitions()
    except UserError:  # said once more, and reported, when the cell is resolved
        return (EVERY,)


def _resolve(cell: Cell, request: RunRequest, workbench: Workbench, *, convert: bool) -> Line:
    """The job of a cell with everything that decides its result, read from the files themselves."""
    weights = _weights(cell, request)
    if weights is None and BACKBONES[cell.backbone].weights == "required":
        return Line(cell=cell, state=State.SKIPPED, reason=f"no --weights {cell.backbone}=PATH was given")
    dataset = workbench.dataset(cell.dataset)
    protocol = find_protocol(cell.protocol, dataset.spec.label_kind)
    if protocol is None:
        reason = f"{cell.protocol} does not take {dataset.spec.label_kind} labels"
        return Line(cell=cell, state=State.SKIPPED, reason=reason)
    selection = protocol.selection(request.selection)
    reason = _cannot_choose(cell, protocol, selection, request)
    if selection is None or reason:
        return Line(cell=cell, state=State.SKIPPED, reason=reason)
    few = is_few(cell.partition)
    workbench.partition(cell.dataset, "default" if few else cell.partition)  # refuse a bad file as early as statistics
    backbone = workbench.backbone(cell.backbone, weights, cell.seed)
    reason = _cannot_feed(cell, protocol, dataset.spec.label_kind, backbone)
    if reason:
        return Line(cell=cell, state=State.SKIPPED, reason=reason)
    bands = plan_bands(
        backbone.inputs.bands or tuple(band.name for band in dataset.bands),
        dataset.bands,
        request.missing_bands,
        f"{dataset.name}, {cell.backbone}",
    )
    # Refuse statistics that cannot normalise before anything is converted.
    check_statistics(request.normalisation, dataset, bands.sources, cell.backbone, backbone.inputs.pretraining)
    if not convert and not workbench.is_converted(cell.dataset):
        return Line(cell=cell, state=State.UNKNOWN)
    train_draw = TrainDraw.SEED if few else request.train_draw
    settings = protocol.with_trials(request.trials)
    partition = workbench.drawn_partition(cell.dataset, cell.partition, train_draw, cell.seed)
    arrays, pretraining = workbench.arrays(cell.dataset), backbone.inputs.pretraining
    chosen = choose_normalisation(
        request.normalisation, dataset, bands.sources, arrays.pixels.dtype, cell.backbone, pretraining
    )
    run = Run(
        suite=dataset.suite,
        dataset=dataset.name,
        dataset_fingerprint=arrays.fingerprint,
        partition=partition.name,
        partition_sha256=partition.sha256,
        train_draw=train_draw,
        backbone=cell.backbone,
        backbone_settings={
            "version": backbone.version,
            **backbone.origin.settings,
            **identifying_settings(request.normalisation, chosen),
        },
        weights_sha256=backbone.origin.weights_sha256,
        bands=bands.requested,
        band_sources=bands.sources,
        band_names=dataset.band_names,
        normalisation=request.normalisation,
        input_size=effective_size(request.input_size, workbench.native_size(cell.dataset)),
        metric=AREA_HEADLINE if protocol.predicts_areas else headline_metric(dataset.name, dataset.spec.label_kind),
        metrics_version=METRICS_VERSION,
        protocol=cell.protocol,
        protocol_version=settings.version,
        protocol_settings=asdict(settings),
        selection=selection,
        seed=cell.seed,
    )
    job = Job(run=run, run_id=identity(run), dataset=cell.dataset, weights=weights)
    return Line(cell=cell, state=State.NEW, job=job)


def _cannot_choose(cell: Cell, protocol: ProtocolEntry, selection: Selection | None, request: RunRequest) -> str:
    """Why a protocol cannot choose in the way asked; empty if it can."""
    if selection is None:
        ways = " or ".join(sorted(protocol.selections))
        kinds = " or ".join(sorted(protocol.label_kinds))
        return f"{cell.protocol} of {kinds} labels chooses by {ways}, not by {request.selection}"
    if request.trials and protocol.search and selection is not Selection.VALID:
        return f"--trials of {cell.protocol} are judged on valid: pass --select valid"
    return ""


def _cannot_feed(cell: Cell, protocol: ProtocolEntry, label_kind: LabelKind, backbone: Backbone) -> str:
    """Why a backbone has not what a protocol works on; empty if it has."""
    if label_kind is LabelKind.SEGMENTATION and not protocol.predicts_areas and not backbone.pyramid:
        return f"{cell.backbone} has no features of pixels, only of images"
    if protocol.trains_backbone and not any(True for _ in backbone.parameters()):
        return f"{cell.backbone} has no weights that {cell.protocol} could train"
    return ""
