"""The grid a request spans, line by line: what would run, what is already there, what cannot run and why."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import chain
from pathlib import Path

from baselines.registry import find_backbone, stored_name
from baselines.table import BACKBONES
from harness.campaign.dividing.alike import ENOUGH
from harness.campaign.dividing.shards import share
from harness.campaign.feeds import NotReadError
from harness.campaign.presets import Block
from harness.campaign.reading_cost import bytes_read
from harness.campaign.request import WHOLE_TRAIN, RunRequest, known_name
from harness.campaign.resolve import Resolver
from harness.data.band_matching import canonical_name
from harness.data.draws import budget, shot
from harness.data.suites import discover, tell_apart
from harness.errors import DoesNotApplyError, UserError
from harness.execution.workbench import Workbench
from harness.protocols import runs_on_few_labels
from harness.records.band_sets import EACH, BandSets
from harness.records.cell import Cell
from harness.records.job import DatasetRef, Failure, Job
from harness.records.run import BandNames
from leaderboards.schema import FailureRow
from leaderboards.simulated import SIMULATED

EVERY = "*"
"""Stands for all partitions of a dataset that cannot even be opened."""

WORTH_TELLING = 10
"""Gigabytes that a run reads: a minute or so of a fast disk."""


class State(StrEnum):
    """What becomes of a line of the plan."""

    NEW = "new"
    DONE = "done"
    """In the leaderboard already."""
    SAME = "same"
    """The same run as a line before: they differ in a seed or a backbone's name alone, and that decides nothing."""
    UNKNOWN = "to convert"
    """Known only once the dataset has been converted to arrays, which a dry run does not do."""
    SKIPPED = "skipped"
    """Makes no sense here, for the reason given."""
    WAITING = "waiting"
    """Finished, and not in the leaderboard yet, for the reason given."""
    FAILED = "failed"
    """Should have worked: bad input, named in the reason."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """What becomes of a cell."""

    cell: Cell
    state: State
    reason: str = ""
    """Why it is not run; or what is odd about it."""
    job: Job | None = None
    """Of a line that is NEW, or was before it was DONE, WAITING or FAILED."""
    traceback: str | None = None
    """Of a failure that is not the user's to mend."""


def choose_datasets(
    names: Sequence[str], root: Path, band_names: BandNames, *, where_there: bool = False
) -> list[DatasetRef]:
    """The datasets asked for, by name, which may be that of several suites, or by suite or folder and name; all of the
    root if none was named.

    Args:
        where_there: whether names that are not there are left out, as long as one is.
    Raises:
        UserError: a name that is not there.
    """
    refs = [replace(ref, band_names=band_names) for ref in discover(root)]
    if not names:
        return refs
    called: dict[str, list[DatasetRef]] = {}
    for ref in refs:
        for name in ref.names:
            called.setdefault(name, []).append(ref)
    chosen = [name for name in names if name in called or not where_there] or names
    for name in chosen:
        if name not in called:
            known_name("dataset", name, tell_apart(refs).values())
    return list(dict.fromkeys(ref for name in chosen for ref in called[name]))


def build_plan(request: RunRequest, workbench: Workbench, *, convert: bool) -> list[Line]:
    """Expand a request backbone by backbone, so that each is built once; a bad cell leaves the others alone.

    Args:
        convert: whether datasets may be converted to arrays, which a run's identity needs; False for a dry run.
    """
    refs = [
        choose_datasets(block.datasets, request.geobench_dir, request.band_names, where_there=block.where_there)
        for block in request.blocks
    ]
    if not request.asked_for_all:
        _check_weights(request, chain(*refs))
    work = [
        (ref, protocol, partition, bands, asked.dropped == EACH)
        for block, of_block in zip(request.blocks, refs, strict=True)
        for ref in of_block
        for protocol in block.protocols
        for partition in _partitions(ref, protocol, block, request, workbench)
        for asked in block.bands
        for bands in _band_sets(asked, ref, workbench)
    ]
    cells = [
        Cell(
            backbone=backbone, seed=seed, dataset=ref, partition=partition, protocol=protocol, bands=bands, swept=swept
        )
        for backbone in request.backbones
        for seed in request.seeds_of(backbone)
        for ref, protocol, partition, bands, swept in work
        if not request.asked_for_all or belongs(backbone, ref)
    ]
    if request.shard is not None:
        cells = share(cells, request.shard)
    resolver = Resolver(request, workbench, convert=convert)
    resolved = (_resolve(cell, resolver, workbench) for cell in cells)
    return _once_each([line for line in resolved if line is not None])


_DEMO_TWINS = {entry.demo_twin for entry in BACKBONES.values() if entry.demo_twin}


def belongs(backbone: str, ref: DatasetRef) -> bool:
    """Whether one of `all` backbones is run on a dataset: of twins, the one of the size of the weights there."""
    return not (find_backbone(backbone).demo_twin if ref.suite in SIMULATED else backbone in _DEMO_TWINS)


def mark_done(lines: Sequence[Line], known: Mapping[str, str]) -> list[Line]:
    """Mark the lines whose run the leaderboard holds.

    Args:
        known: run_id -> the name under which its backbone was chosen when it was stored.
    """

    def mark(line: Line) -> Line:
        stored = known.get(line.job.run_id) if line.job else None
        if stored is None:
            return line
        reason = "" if stored == stored_name(line.cell.backbone) else f"the same network, stored as {stored}"
        return replace(line, state=State.DONE, reason=reason)

    return [mark(line) for line in lines]


def mark_given_up(lines: Sequence[Line], failed: Mapping[str, FailureRow]) -> list[Line]:
    """Mark the lines whose run failed so often alike that it is not tried again.

    Args:
        failed: run_id -> how it failed before.
    """

    def mark(line: Line) -> Line:
        before = failed.get(line.job.run_id) if line.job and line.state is State.NEW else None
        if before is None or before.times < ENOUGH:
            return line
        reason = f"failed {before.times} times alike, so it is not tried again without --retry-failed: {before.message}"
        return replace(line, state=State.FAILED, reason=reason)

    return [mark(line) for line in lines]


def _resolve(cell: Cell, resolver: Resolver, workbench: Workbench) -> Line | None:
    """What becomes of one cell; None: it has no place in a sweep. Whatever goes wrong with it is its failure alone."""
    try:
        job = resolver.resolve(cell)
        notes = "; ".join(_notes(cell, job, workbench)) if job else ""
    except DoesNotApplyError as error:
        if cell.swept and isinstance(error, NotReadError):
            return None
        return Line(cell=cell, state=State.SKIPPED, reason=str(error))
    except Exception as error:  # the border between runs: a bug or a plug-in must not cost the others
        failure = Failure.of(error)
        return Line(cell=cell, state=State.FAILED, reason=failure.message, traceback=failure.traceback)
    if job is None:
        return Line(cell=cell, state=State.UNKNOWN)
    return Line(cell=replace(cell, seed=job.run.seed), state=State.NEW, job=job, reason=notes)


def _once_each(lines: Sequence[Line]) -> list[Line]:
    """The lines, of which the first of one run is run; the others say so."""
    first: dict[str, Line] = {}

    def mark(line: Line) -> Line:
        before = first.setdefault(line.job.run_id, line) if line.job else line
        if before is line:
            return line
        return replace(line, state=State.SAME, job=None, reason=_why_same(line, before))

    return [mark(line) for line in lines]


def _why_same(line: Line, before: Line) -> str:
    if before.cell.backbone != line.cell.backbone:
        return f"the same network as {stored_name(before.cell.backbone)}, run under that name"
    if before.cell.bands != line.cell.bands:
        return f"{line.cell.bands} feeds it as {before.cell.bands} does"
    return line.reason


def _notes(cell: Cell, job: Job, workbench: Workbench) -> Iterator[str]:
    """What is odd about a run that can be made."""
    if cell.seed != job.run.seed:
        yield f"{cell.protocol} does not depend on the seed here; it runs once, as seed {job.run.seed}"
    if 2 * len(job.filled_bands) > len(job.run.bands) and not job.run.band_sets:
        yield (
            f"{len(job.filled_bands)} of {len(job.run.bands)} bands are not in the dataset and are filled: "
            + ", ".join(f"{band} by {source or 'zeros'}" for band, source in job.filled_bands.items())
        )
    gigabytes = bytes_read(job, workbench) / 1e9
    if gigabytes >= WORTH_TELLING:
        yield f"{cell.protocol} reads about {gigabytes:,.0f} GB of stored features: put --cache-dir on a fast disk"


def _band_sets(asked: BandSets, ref: DatasetRef, workbench: Workbench) -> Sequence[BandSets]:
    """What was asked for; of EACH one set for every band of the dataset."""
    if asked.dropped != EACH:
        return (asked,)
    try:
        bands = workbench.dataset(ref).bands
    except (UserError, OSError):  # reported when the cell is resolved that drops none
        return ()
    return [replace(asked, dropped=canonical_name(band) or band.name) for band in bands]


def _check_weights(request: RunRequest, refs: Iterable[DatasetRef]) -> None:
    """Refuse a backbone that was named but has no weights for any dataset. Of `all`, it is left out."""
    simulated = any(ref.suite in SIMULATED for ref in refs)
    for name in request.backbones:
        entry = find_backbone(name)
        served = simulated and entry.demo_weights
        if entry.weights == "required" and name not in request.weights and not served:
            shipped = " The weights that are shipped with it learnt from simulated images." * entry.has_demo_weights
            raise UserError(
                f"--backbone {name} evaluates a pretrained checkpoint: pass it by --weights FILE.{shipped} For the "
                "same architecture with untrained weights choose --backbone random_init"
            )


def _partitions(
    ref: DatasetRef, protocol: str, block: Block, request: RunRequest, workbench: Workbench
) -> Sequence[str]:
    few = runs_on_few_labels(protocol)
    if not few and block.partitions != ("all",):
        return block.partitions
    try:
        return _draws_of_few(ref, request, workbench) if few else workbench.dataset(ref).partitions()
    except (UserError, OSError):  # said once more, and reported, when the cell is resolved
        return (EVERY,)


def _draws_of_few(ref: DatasetRef, request: RunRequest, workbench: Workbench) -> list[str]:
    sizes = [len(workbench.partition(ref, "default").train) if n == WHOLE_TRAIN else n for n in request.budgets]
    return [*map(shot, request.shots), *map(budget, sizes)]
