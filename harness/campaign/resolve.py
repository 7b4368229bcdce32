"""One cell of the grid becomes a run: everything that decides its result, read from the files themselves."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from baselines.contract import Backbone, FittedBackbone
from baselines.facts import OF_BANDS
from baselines.inputs import EXTRACTION_VERSION
from baselines.registry import find_backbone, stored_name
from harness.campaign.feeds import Feeds, plan_feeds
from harness.campaign.request import RunRequest
from harness.data.band_matching import BandPlan
from harness.data.draws import is_few
from harness.errors import DoesNotApplyError, NotHereError
from harness.execution.workbench import Workbench
from harness.extraction.known_bands import check_circumstances, describe_bands, identifying_facts
from harness.extraction.normalisation import (
    check_statistics,
    choose_normalisation,
    choose_size,
    default_policy,
    identifying_statistics,
)
from harness.metrics import METRICS_VERSION
from harness.protocols import find_protocol
from harness.protocols.entry import Need, ProtocolEntry
from harness.records.band_sets import BandSets
from harness.records.cell import Cell
from harness.records.identity import identity
from harness.records.job import DatasetRef, Job
from harness.records.labels import LabelKind
from harness.records.run import NormalisationPolicy, Run, Selection, TrainDraw
from harness.tasks import AREAS, TASKS
from leaderboards.simulated import SIMULATED


@dataclass(frozen=True, kw_only=True)
class Method:
    """What a protocol does with the labels of a dataset, as the request has it."""

    protocol: ProtocolEntry
    selection: Selection
    version: int
    settings: Mapping[str, Any]
    """`Run.protocol_settings`."""
    changes: Mapping[str, Any]
    """Those of them that are other than documented, because somebody said so."""


@dataclass(frozen=True, kw_only=True)
class Food:
    """What a backbone is fed from the bands of one plan: the same for every partition, protocol and seed."""

    bands: BandPlan
    normalisation_statistics: Mapping[str, Sequence[Any]]
    input_size: int | None
    facts: Mapping[str, Sequence[Any]]
    """`Run.facts`."""

    @property
    def fields(self) -> dict[str, Any]:
        """Fields of `Run`."""
        return {
            "bands": self.bands.requested,
            "band_sources": self.bands.sources,
            "normalisation_statistics": self.normalisation_statistics,
            "facts": self.facts,
        }


class Pairing(NamedTuple):
    """One network and one dataset, by which what they have in common is kept."""

    backbone: str
    weights: Path | None
    seed: int | None
    """None where the weights do not come from the seed."""
    dataset: DatasetRef
    bands: BandSets

    @property
    def called(self) -> str:
        """The backbone's name in rows, and in what is said of it."""
        return stored_name(self.backbone)


class Resolver:
    """Makes the jobs of a request's cells. What many cells share is worked out once and kept."""

    def __init__(self, request: RunRequest, workbench: Workbench, *, convert: bool) -> None:
        """
        Args:
            convert: whether datasets may be converted to arrays, which a run's identity needs; False for a dry run.
        """
        self._request, self._workbench, self._convert = request, workbench, convert
        self._methods: dict[tuple[str, LabelKind], Method] = {}
        self._feeds: dict[Pairing, Feeds] = {}
        self._food: dict[Pairing, list[Food]] = {}

    def resolve(self, cell: Cell) -> Job | None:
        """The job of a cell; None if only a conversion can tell it, and `convert` forbids that.

        The cheapest reason against a run comes first, and all that can be told without a pixel before a conversion.

        Raises:
            DoesNotApplyError: the run makes no sense.
            UserError: bad input.
        """
        workbench, ref = self._workbench, cell.dataset
        weights = self._weights(cell)
        method = self._method(cell)
        filed_as = "default" if is_few(cell.partition) else cell.partition
        workbench.partition(ref, filed_as)  # refuse a bad file as early as bad statistics
        backbone = self._build(cell, weights)
        _check_feeds(cell, method.protocol, workbench.dataset(ref).spec.label_kind, backbone)
        seed = cell.seed if find_backbone(cell.backbone).seeded else None
        pairing = Pairing(cell.backbone, weights, seed, ref, cell.bands)
        feeds = self._plan_feeds(pairing, backbone)
        if not self._convert and not workbench.is_converted(ref):
            return None
        run = self._run(cell, method, backbone, feeds, self._feed(pairing, backbone, feeds))
        job = Job(
            run=run,
            run_id=identity(run),
            backbone=cell.backbone,
            dataset=ref,
            arrays_sha256=workbench.arrays(ref).content_sha256,
            weights=weights,
            filled_bands=feeds.train.filled,
            filled_at_test=feeds.test.filled if feeds.test else {},
            changes=method.changes,
        )
        self._check_lengths(job)
        return job

    def _weights(self, cell: Cell) -> Path | None:
        weights = find_weights(cell.backbone, cell.dataset, self._request)
        if weights is None and find_backbone(cell.backbone).weights == "required":
            raise DoesNotApplyError("no weights were given: --weights NAME=PATH")
        return weights

    def _build(self, cell: Cell, weights: Path | None) -> Backbone:
        """The network. What is not on this machine is no failure of who asked for all there is."""
        try:
            return self._workbench.backbone(cell.backbone, weights, cell.seed)
        except NotHereError as error:
            if self._request.asked_for_all:
                raise DoesNotApplyError(str(error)) from error
            raise

    def _method(self, cell: Cell) -> Method:
        kind = self._workbench.dataset(cell.dataset).spec.label_kind
        key = (cell.protocol, kind)
        if key not in self._methods:
            self._methods[key] = choose_method(cell.protocol, kind, self._request)
        return self._methods[key]

    def _plan_feeds(self, pairing: Pairing, backbone: Backbone) -> Feeds:
        """Which bands feed the network. Statistics that cannot normalise are refused before anything is converted."""
        if pairing not in self._feeds:
            dataset, request = self._workbench.dataset(pairing.dataset), self._request
            feeds = plan_feeds(pairing.bands, dataset, backbone, request.missing_bands, pairing.called)
            for bands in feeds.plans:
                check_statistics(self._policy(backbone), dataset, bands.sources, pairing.called, backbone.inputs)
                self._facts(pairing, backbone, bands)  # refused as early
            if feeds.test and isinstance(backbone, FittedBackbone):
                raise DoesNotApplyError(f"{pairing.called} is fitted to the bands of training and takes no others")
            self._feeds[pairing] = feeds
        return self._feeds[pairing]

    def _policy(self, backbone: Backbone) -> NormalisationPolicy:
        return self._request.normalisation or default_policy(backbone.inputs)

    def _facts(self, pairing: Pairing, backbone: Backbone, bands: BandPlan) -> Mapping[str, Sequence[Any]]:
        """What the network is told of those bands. A fact that the dataset does not say is refused."""
        dataset = self._workbench.dataset(pairing.dataset)
        known = describe_bands(dataset, bands.requested, bands.sources)
        return identifying_facts(backbone.inputs.uses, known, dataset.name, pairing.called)

    def _feed(self, pairing: Pairing, backbone: Backbone, feeds: Feeds) -> list[Food]:
        """What is made of the bands of each plan before they enter. It needs the type of the pixels, hence the
        arrays."""
        if pairing not in self._food:
            ref, workbench = pairing.dataset, self._workbench
            name = workbench.dataset(ref).name
            check_circumstances(backbone.inputs.uses, workbench.arrays(ref), name, pairing.called)
            self._food[pairing] = [self._prepare(pairing, backbone, bands) for bands in feeds.plans]
        return self._food[pairing]

    def _prepare(self, pairing: Pairing, backbone: Backbone, bands: BandPlan) -> Food:
        ref, workbench = pairing.dataset, self._workbench
        chosen = choose_normalisation(
            self._policy(backbone),
            workbench.measured_dataset(ref),
            bands.sources,
            workbench.arrays(ref).pixels.dtype,
            pairing.called,
            backbone.inputs,
        )
        return Food(
            bands=bands,
            normalisation_statistics=identifying_statistics(chosen),
            input_size=choose_size(
                self._request.input_size, workbench.native_size(ref), pairing.called, backbone.inputs
            ),
            facts=self._facts(pairing, backbone, bands),
        )

    def _ignores_nodata(self, ref: DatasetRef) -> bool:
        """`Run.ignore_nodata`: where it was asked for, and can make a difference."""
        per_pixel = TASKS[self._workbench.dataset(ref).spec.label_kind].per_pixel
        return self._request.ignore_nodata and per_pixel and self._workbench.arrays(ref).may_have_blank_pixels

    def _check_lengths(self, job: Job) -> None:
        """Refuse features of test that have other lengths than those that the predictor is fitted on."""
        if len(job.at_test.run.bands) == len(job.run.bands) and job.at_test.run.facts == job.run.facts:
            return
        trained, tested = (self._workbench.costs(fed) for fed in (job, job.at_test))
        if (trained.vector_bytes, trained.pyramid_bytes) != (tested.vector_bytes, tested.pyramid_bytes):
            train, test = (" ".join(job.run.band_sets[split]) for split in ("train", "test"))
            raise DoesNotApplyError(
                f"{stored_name(job.backbone)} makes features of another length of {test} than of {train}, so nothing "
                "that was fitted on these could read them"
            )

    def _run(self, cell: Cell, method: Method, backbone: Backbone, feeds: Feeds, food: Sequence[Food]) -> Run:
        """All that decides the cell's result, read from the objects that will do the work."""
        trained_on, tested_on = food[0], food[1:]
        workbench, entry, ref = self._workbench, find_backbone(cell.backbone), cell.dataset
        dataset, protocol = workbench.dataset(ref), method.protocol
        train_draw = TrainDraw.SEED if is_few(cell.partition) else self._request.train_draw
        partition = workbench.drawn_partition(ref, cell.partition, train_draw, cell.seed)
        of_areas = protocol.needs is Need.AREAS
        return Run(
            suite=dataset.suite,
            dataset=dataset.name,
            dataset_fingerprint=workbench.fingerprint(ref, cell.partition),
            partition=partition.name,
            partition_sha256=partition.sha256,
            valid_sha256=partition.valid_sha256,
            test_sha256=partition.test_sha256,
            train_draw=train_draw,
            backbone_settings=entry.describe(backbone),
            weights_sha256=backbone.origin.weights_sha256,
            weights_from_seed=entry.seeded,
            **trained_on.fields,
            band_names=dataset.band_names,
            normalisation=self._policy(backbone),
            input_size=trained_on.input_size,
            extraction_version=EXTRACTION_VERSION,
            band_sets=feeds.sets,
            test_feed=tested_on[0].fields if tested_on else {},
            ignore_nodata=self._ignores_nodata(ref),
            fitted_on=workbench.fitted_on(ref, partition) if isinstance(backbone, FittedBackbone) else "",
            metric=AREAS.headline if of_areas else dataset.spec.metric,
            metrics_version=METRICS_VERSION,
            protocol=cell.protocol,
            protocol_version=method.version,
            protocol_settings=method.settings,
            selection=method.selection,
            # Where the seed decides nothing, several of them would store one result several times.
            seed=cell.seed if train_draw is TrainDraw.SEED or protocol.uses_seed or entry.seeded else 0,
        )


def find_weights(backbone: str, dataset: DatasetRef, request: RunRequest) -> Path | None:
    """Weights that were given; on simulated suites else those that are shipped."""
    shipped = find_backbone(backbone).demo_weights if dataset.suite in SIMULATED else None
    return request.weights.get(backbone) or shipped


def choose_method(name: str, kind: LabelKind, request: RunRequest) -> Method:
    """What a protocol does with such labels, and what chooses its hyper-parameters.

    Raises:
        DoesNotApplyError: it does not take them, or cannot choose in the way asked.
    """
    protocol = find_protocol(name, kind)
    if protocol is None:
        raise DoesNotApplyError(f"{name} does not take {kind} labels")
    selection = protocol.selection(request.selection)
    if selection is None:
        ways, kinds = " or ".join(sorted(protocol.selections)), " or ".join(sorted(protocol.label_kinds))
        raise DoesNotApplyError(f"{name} of {kinds} labels chooses by {ways}, not by {request.selection}")
    if request.trials and protocol.search and selection is not Selection.VALID:
        raise DoesNotApplyError(f"--trials of {name} are judged on valid: pass --select valid")
    changes = request.changes.get(name, {})
    settings = protocol.with_trials(request.trials)
    if foreign := changes.keys() - asdict(settings):
        raise DoesNotApplyError(f"{name} of {kind} labels has no setting {', '.join(sorted(foreign))}")
    settings = replace(settings, **changes)
    return Method(
        protocol=protocol, selection=selection, version=settings.version, settings=asdict(settings), changes=changes
    )


def _check_feeds(cell: Cell, protocol: ProtocolEntry, kind: LabelKind, backbone: Backbone) -> None:
    """Whether the backbone has what the protocol works on."""
    of_pixels = protocol.needs is Need.PIXEL_FEATURES or (protocol.trains_backbone and TASKS[kind].per_pixel)
    if of_pixels and not backbone.pyramid:
        raise DoesNotApplyError("no features of pixels, only of images")
    if protocol.trains_backbone and backbone.inputs.uses - OF_BANDS:
        raise DoesNotApplyError(
            f"{stored_name(cell.backbone)} uses when or where images were taken, which {cell.protocol} does not tell"
        )
    if protocol.trains_backbone and not any(True for _ in backbone.parameters()):
        raise DoesNotApplyError(f"{stored_name(cell.backbone)} has no weights that {cell.protocol} could train")
