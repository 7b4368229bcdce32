"""`features`: what a backbone makes of every image of a dataset."""

from typing import Any, NamedTuple, get_args

import numpy as np

from baselines.registry.held import holding
from harness.api.backbone import Backbone
from harness.api.dataset import Dataset
from harness.api.requests import make_requests
from harness.api.run import session_board
from harness.api.words import as_list, below_the_cell, kind_errors
from harness.campaign.feature_job import feature_job
from harness.campaign.plan import choose_datasets
from harness.campaign.request import RunRequest
from harness.execution.workbench import Workbench
from harness.records.job import Places
from harness.records.labels import Split
from harness.show.progress_bars import RichProgress
from harness.store.damage import DamagedError


class Embedded(NamedTuple):
    """N images as a backbone sees them. Of arrays that were given, in the order of their rows."""

    vectors: np.ndarray
    """(N, D) float32."""
    labels: np.ndarray
    """(N, ...) classes, numbers or masks, as docs/formats.md lays them out."""
    splits: np.ndarray
    """(N,) `train`, `valid` or `test`; empty where the partition `default` leaves a sample out."""
    names: tuple[str, ...]
    """Of the samples."""


def features(backbone: str | Backbone, dataset: str | Dataset, *, seed: int = 0, **options: Any) -> Embedded:
    """The features that `run` gives its protocols, from the cache that it uses.

    Args:
        seed: of weights that are drawn.
        options: as of `run`: `weights`, `geobench_dir`, `cache_dir`, `device`, `missing_bands`, `normalisation`,
            `input_size`.
    Raises:
        UserError: an unknown name, or a backbone that cannot embed this dataset.
    """
    (model,) = as_list([backbone], Backbone, "backbone: a name, or h.Backbone.wrap(model, bands=[...]), is wanted")
    (images,) = as_list([dataset], Dataset, "dataset: a name, or h.Dataset.from_arrays(X, y, bands=[...]), is wanted")
    held = [model.entry] if isinstance(model, Backbone) else []
    with kind_errors(), RichProgress(below_the_cell()) as progress, holding(held):
        (request,) = make_requests(
            [model],
            [images],
            progress,
            db=session_board(),
            protocols=("linear_probe",),
            partitions=("default",),
            seeds=(seed,),
            **{"device": "auto", "alone": True, **options},
        )
        places = Places(cache_dir=request.cache_dir, device=request.device, workers=request.workers)
        workbench = Workbench(places, progress)
        try:
            return _embed(request, workbench)
        except DamagedError as damage:
            workbench.open_anew(damage)
            return _embed(request, workbench)


def _embed(request: RunRequest, workbench: Workbench) -> Embedded:
    (ref,) = choose_datasets(request.blocks[0].datasets, request.geobench_dir, request.band_names)
    vectors = workbench.features(feature_job(request.backbones[0], ref, request, workbench))
    arrays, partition = workbench.arrays(ref), workbench.partition(ref, "default")
    splits = np.full(len(vectors), "", dtype="<U5")
    for split in get_args(Split):
        splits[arrays.rows(getattr(partition, split))] = split
    return Embedded(np.array(vectors), np.array(arrays.labels), splits, arrays.samples)
