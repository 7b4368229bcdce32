"""`run`: backbones on datasets, into a leaderboard."""

from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from baselines.registry.held import holding
from harness.api.backbone import Backbone
from harness.api.dataset import Dataset
from harness.api.requests import make_requests
from harness.api.results import Results
from harness.api.words import as_list, below_the_cell, kind_errors
from harness.campaign.carry_out import run_campaign
from harness.errors import UserError
from harness.show.campaign.watch import CampaignWatch
from harness.show.progress_bars import RichProgress


def run(
    backbones: str | Backbone | Iterable[str | Backbone],
    datasets: str | Dataset | Iterable[str | Dataset] | None = None,
    protocols: str | Iterable[str] | None = None,
    seeds: Iterable[int] | None = None,
    *,
    partitions: str | Iterable[str] | None = None,
    weights: Mapping[str, str | Path] | None = None,
    db: str | Path | None = None,
    geobench_dir: str | Path | None = None,
    cache_dir: str | Path | None = None,
    device: str = "auto",
    workers: int | None = None,
    **options: Any,
) -> Results:
    """Evaluate backbones and keep every result, as `python -m harness run` does: what is there is not run again.

    Args:
        backbones: names (`python -m harness backbones`), or models that `Backbone.wrap` made backbones.
        datasets: names, or arrays that `Dataset.from_arrays` made datasets. Default: all of GEO-Bench that is here,
            else the simulated demo suite.
        protocols: `linear_probe`, `knn`, `few_shot`, `fine_tune` and others (docs/protocols.md).
        seeds: for example range(3).
        partitions: of train, or `all`.
        weights: by the backbone's name.
        db: the leaderboard. None: one that all runs of this Python share, and that goes with it.
        geobench_dir: holds GEO-Bench. None: $GEO_BENCH_DIR, else ~/dataset/geobench.
        options: others of `harness run`, with underscores, as `missing_bands="nearest"`, `cache_limit="100GB"`,
            `shard="3/16"` or `executor="ray"`.
    Raises:
        UserError: an unknown name, with the nearest known one; or nothing that could be run. One run that fails is no
            error: `Results.not_run` says why.
    """
    models = as_list(backbones, Backbone, "backbones: names, or h.Backbone.wrap(model, bands=[...]), are wanted")
    images = as_list(datasets, Dataset, "datasets: names, or h.Dataset.from_arrays(X, y, bands=[...]), are wanted")
    if isinstance(seeds, int):
        raise UserError(f"seeds: numbers in a list are wanted, such as range({seeds}); found {seeds}")
    board = session_board() if db is None else Path(db).expanduser()
    held = [model.entry for model in models if isinstance(model, Backbone)]
    console = below_the_cell()
    with kind_errors(), holding(held), RichProgress(console) as progress:
        requests = make_requests(
            models,
            images,
            progress,
            db=board,
            geobench_dir=geobench_dir,
            cache_dir=cache_dir,
            weights=weights,
            workers=workers,
            device=device,
            protocols=as_list(protocols, str, "protocols: names are wanted") or None,
            partitions=as_list(partitions, str, "partitions: names are wanted") or None,
            seeds=seeds,
            **options,
        )
        lines = [
            line for request in requests for line in run_campaign(request, progress, CampaignWatch(console, progress))
        ]
        results = Results(board, lines)
        reasons = list(results.not_run["reason"].unique())
        if lines and not results.run_ids:  # a share of a small grid may be empty
            raise UserError(f"nothing could be run: {'; '.join(reasons[:3])}")
        if reasons:
            progress.notice(f"not run: {'; '.join(reasons[:3])}. See `.not_run`")
    return results


def session_board() -> Path:
    """A leaderboard that is removed when this process ends."""
    return Path(_session_folder().name) / "leaderboard.duckdb"


@cache
def _session_folder() -> TemporaryDirectory[str]:
    return TemporaryDirectory(prefix="harness-")
