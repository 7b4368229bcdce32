"""A request made whole: what nobody said follows from the data, or from the preset."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

from harness.campaign.defaults import default_workers, preset_defaults, suite_defaults, with_companions
from harness.campaign.request import RunRequest, known_name, make_request
from harness.data.band_matching import MissingBands
from harness.data.sources import OWN_IMAGES, open_dataset
from harness.data.suites import find_named
from harness.demo.stratify import FRACTIONS
from harness.demo.tasks import TASKS
from harness.errors import UserError
from harness.records.job import DatasetRef
from harness.records.run import BandNames, Selection, TrainDraw
from leaderboards.simulated import DEMO_SUITE


def ask(
    *,
    backbones: Iterable[str],
    geobench_dir: Path,
    datasets: Iterable[str],
    demo: bool,
    unread: bool = False,
    alone: bool = False,
    preset: str | None = None,
    protocols: Iterable[str] | None = None,
    partitions: Iterable[str] | None = None,
    seeds: Iterable[int] | None = None,
    train_draw: TrainDraw | None = None,
    selection: Selection | None = None,
    shots: Iterable[int] | None = None,
    budgets: Iterable[int | Literal["all"]] | None = None,
    missing_bands: MissingBands | None = None,
    band_names: BandNames | None = None,
    workers: int | None = None,
    **rest: Any,
) -> RunRequest:
    """The request with defaults for all that is None.

    Args:
        geobench_dir: the root of the data. Only its names are read, so that wrong words cost nothing.
        demo: whether the demo suite is to be built there; else the suite is that of the datasets asked for.
        unread: whether the root holds somebody's own images that nobody has looked at yet: all words are checked but
            names of datasets and partitions.
        alone: whether one backbone runs without companions on the demo suite.
        rest: as of `make_request`.
    Raises:
        UserError: as `make_request`, or a partition that none of the datasets has.
    """
    names, wanted = tuple(backbones), tuple(datasets)
    refs = [] if preset or unread else find_named(geobench_dir, wanted)
    demo = demo or {ref.suite for ref in refs} == {DEMO_SUITE}
    own = unread or {ref.source for ref in refs} == {OWN_IMAGES.name}
    default = preset_defaults(preset) if preset else suite_defaults(names, demo=demo, own=own)
    if demo and not refs:  # not built yet, or none of its names
        for name in wanted:
            known_name("dataset", name.removeprefix(f"{DEMO_SUITE}/"), TASKS)
    partitions = None if partitions is None else tuple(partitions)
    if partitions and (demo or refs):
        _check_partitions(partitions, refs)
    return make_request(
        preset=preset,
        usual=default.backbones,
        backbones=with_companions(names) if demo and not alone else names,
        geobench_dir=geobench_dir,
        datasets=wanted,
        protocols=default.protocols if protocols is None else protocols,
        partitions=default.partitions if partitions is None else partitions,
        seeds=default.seeds if seeds is None else seeds,
        drawn_seeds=default.drawn_seeds if seeds is None else (),
        train_draw=train_draw or default.train_draw,
        selection=selection or default.select,
        shots=default.shots if shots is None else shots,
        budgets=default.budgets if budgets is None else budgets,
        missing_bands=missing_bands or default.missing_bands,
        band_names=band_names or default.band_names,
        workers=workers or default_workers(),
        **rest,
    )


def _check_partitions(names: Sequence[str], refs: Sequence[DatasetRef]) -> None:
    """Refuse a partition that none of the datasets has; where there are none yet, those of the demo suite are meant."""
    there = list(dict.fromkeys(_partitions(refs))) if refs else ["default", *FRACTIONS]
    for name in names:
        if there and name != "all":
            known_name("partition", name, there)


def _partitions(refs: Iterable[DatasetRef]) -> Iterator[str]:
    for ref in refs:
        try:
            yield from open_dataset(ref).partitions()
        except (UserError, OSError):  # said, as its own runs' failure, when they are planned
            continue
