"""One cell of the grid becomes a run: everything that decides its result, read from the files themselves."""

from dataclasses import asdict, dataclass
from pathlib import Path

from baselines.contract import Backbone
from baselines.inputs import EXTRACTION_VERSION
from baselines.registry import find_backbone
from harness.campaign.request import RunRequest
from harness.data.bands import plan_bands
from harness.data.draws import is_few
from harness.data.suites import DEMO_SUITE, headline_metric
from harness.errors import DoesNotApplyError
from harness.features.normalisation import (
    check_statistics,
    choose_normalisation,
    effective_size,
    identifying_statistics,
)
from harness.metrics import METRICS_VERSION
from harness.protocols import find_protocol
from harness.protocols.entry import Need, ProtocolEntry
from harness.records.identity import hash_names, identity
from harness.records.job import DatasetRef, Job
from harness.records.labels import LabelKind
from harness.records.run import Run, Selection, TrainDraw
from harness.run.workbench import Workbench
from harness.tasks import AREAS, TASKS


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One cell of the grid, as asked for."""

    backbone: str
    seed: int
    dataset: DatasetRef
    partition: str
    protocol: str


def resolve(cell: Cell, request: RunRequest, workbench: Workbench, *, convert: bool) -> Job | None:
    """The job of a cell; None if only a conversion can tell it, and `convert` forbids that.

    Raises:
        DoesNotApplyError: the run makes no sense.
        UserError: bad input.
    """
    entry, weights = find_backbone(cell.backbone), find_weights(cell.backbone, cell.dataset, request)
    if weights is None and entry.weights == "required":
        raise DoesNotApplyError(f"no --weights {cell.backbone}=PATH was given")
    dataset = workbench.dataset(cell.dataset)
    kind = dataset.spec.label_kind
    protocol, selection = _choose_protocol(cell, kind, request)
    few = is_few(cell.partition)
    workbench.partition(cell.dataset, "default" if few else cell.partition)  # refuse a bad file as early as statistics
    backbone = workbench.backbone(cell.backbone, weights, cell.seed)
    _check_feeds(cell, protocol, kind, backbone)
    bands = plan_bands(
        backbone.inputs.bands or tuple(band.name for band in dataset.bands),
        dataset.bands,
        request.missing_bands,
        cell.backbone,
    )
    # Refuse statistics that cannot normalise before anything is converted.
    check_statistics(request.normalisation, dataset, bands.sources, cell.backbone, backbone.inputs.pretraining)
    if not convert and not workbench.is_converted(cell.dataset):
        return None
    train_draw = TrainDraw.SEED if few else request.train_draw
    partition = workbench.drawn_partition(cell.dataset, cell.partition, train_draw, cell.seed)
    arrays, pretraining = workbench.arrays(cell.dataset), backbone.inputs.pretraining
    chosen = choose_normalisation(
        request.normalisation, dataset, bands.sources, arrays.pixels.dtype, cell.backbone, pretraining
    )
    settings = protocol.with_trials(request.trials)
    run = Run(
        suite=dataset.suite,
        dataset=dataset.name,
        dataset_fingerprint=workbench.fingerprint(cell.dataset, cell.partition),
        partition=partition.name,
        partition_sha256=partition.sha256,
        valid_sha256=hash_names(partition.valid),
        test_sha256=hash_names(partition.test),
        train_draw=train_draw,
        backbone_settings=entry.describe(backbone),
        weights_sha256=backbone.origin.weights_sha256,
        weights_from_seed=entry.seeded,
        bands=bands.requested,
        band_sources=bands.sources,
        band_names=dataset.band_names,
        normalisation=request.normalisation,
        normalisation_statistics=identifying_statistics(chosen),
        input_size=effective_size(request.input_size, workbench.native_size(cell.dataset)),
        extraction_version=EXTRACTION_VERSION,
        metric=AREAS.headline if protocol.needs is Need.AREAS else headline_metric(dataset.name, kind),
        metrics_version=METRICS_VERSION,
        protocol=cell.protocol,
        protocol_version=settings.version,
        protocol_settings=asdict(settings),
        selection=selection,
        # Where the seed decides nothing, several of them would store one result several times.
        seed=cell.seed if train_draw is TrainDraw.SEED or protocol.uses_seed or entry.seeded else 0,
    )
    return Job(
        run=run,
        run_id=identity(run),
        backbone=cell.backbone,
        dataset=cell.dataset,
        arrays_sha256=arrays.content_sha256,
        weights=weights,
        filled_bands=bands.filled,
    )


def find_weights(backbone: str, dataset: DatasetRef, request: RunRequest) -> Path | None:
    """Weights that were given; on the demo suite else those that are shipped."""
    shipped = find_backbone(backbone).demo_weights if dataset.suite == DEMO_SUITE else None
    return request.weights.get(backbone) or shipped


def _choose_protocol(cell: Cell, kind: LabelKind, request: RunRequest) -> tuple[ProtocolEntry, Selection]:
    """What the cell's protocol does with such labels, and what chooses its hyper-parameters."""
    protocol = find_protocol(cell.protocol, kind)
    if protocol is None:
        raise DoesNotApplyError(f"{cell.protocol} does not take {kind} labels")
    selection = protocol.selection(request.selection)
    if selection is None:
        ways, kinds = " or ".join(sorted(protocol.selections)), " or ".join(sorted(protocol.label_kinds))
        raise DoesNotApplyError(f"{cell.protocol} of {kinds} labels chooses by {ways}, not by {request.selection}")
    if request.trials and protocol.search and selection is not Selection.VALID:
        raise DoesNotApplyError(f"--trials of {cell.protocol} are judged on valid: pass --select valid")
    return protocol, selection


def _check_feeds(cell: Cell, protocol: ProtocolEntry, kind: LabelKind, backbone: Backbone) -> None:
    """Whether the backbone has what the protocol works on."""
    of_pixels = protocol.needs is Need.PIXEL_FEATURES or (protocol.trains_backbone and TASKS[kind].per_pixel)
    if of_pixels and not backbone.pyramid:
        raise DoesNotApplyError(f"{cell.backbone} has no features of pixels, only of images")
    if protocol.trains_backbone and not any(True for _ in backbone.parameters()):
        raise DoesNotApplyError(f"{cell.backbone} has no weights that {cell.protocol} could train")
