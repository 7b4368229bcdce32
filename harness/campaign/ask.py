"""A request made whole: what nobody said follows from the data, or from the preset."""

from collections.abc import Iterable
from typing import Any, Literal

from harness.campaign.defaults import default_workers, preset_defaults, suite_defaults, with_companions
from harness.campaign.request import RunRequest, make_request
from harness.data.band_matching import MissingBands
from harness.records.run import BandNames, Selection, TrainDraw


def ask(
    *,
    backbones: Iterable[str],
    demo: bool,
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
        demo: whether it is of the demo suite.
        alone: whether one backbone runs without companions there.
        rest: as of `make_request`.
    Raises:
        UserError: as `make_request`.
    """
    names = tuple(backbones)
    default = preset_defaults(preset) if preset else suite_defaults(names, demo=demo)
    return make_request(
        preset=preset,
        backbones=with_companions(names) if demo and not alone else names,
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
