"""From names on the command line to what can be drawn: images, what is known of them, and where backbones put them."""

from dataclasses import dataclass

import numpy as np

from harness.campaign.feature_job import feature_job
from harness.campaign.plan import choose_datasets
from harness.campaign.request import RunRequest
from harness.errors import UserError
from harness.execution.workbench import Workbench
from harness.records.job import DatasetRef, Places
from harness.records.labels import Split
from harness.records.progress import Progress
from harness.show.embeddings.agreement import Agreement, measure_agreement
from harness.show.embeddings.colourings import Colouring, choose_colourings, read_colourings
from harness.show.embeddings.space import FEWEST_IMAGES, Space, build_space
from harness.show.embeddings.thumbnails import Sheet, draw_sheet
from harness.store.damage import DamagedError
from leaderboards.simulated import SIMULATED

MOST_IMAGES = 5_000
"""Of one picture: trustworthiness compares all pairs, and more points would hide each other."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Look:
    """All that a picture of embedding spaces shows."""

    dataset: str
    split: Split
    simulated: bool
    n_of_split: int
    seed: int
    names: tuple[str, ...]
    """Of the n images that are drawn."""
    colourings: tuple[Colouring, ...]
    chosen: tuple[Colouring, ...]
    """Those of `colourings` that were asked for."""
    sheet: Sheet
    spaces: tuple[Space, ...]
    """One a backbone."""

    def agreements(self, colouring: Colouring, space: Space) -> list[tuple[str, Agreement]]:
        """How far neighbours agree in the full space, and in each picture of it."""
        where = [("the full space", space.neighbours), *((each.name, each.neighbours) for each in space.pictures)]
        return [(name, measure_agreement(colouring, neighbours, self.seed)) for name, neighbours in where]


def look_at(request: RunRequest, split: Split, limit: int, colour_by: str, progress: Progress) -> Look:
    """Embed a dataset with each backbone, or take its features from the cache, and project images of a split.

    Args:
        request: names the dataset and the backbones; its first seed draws images, weights that are drawn, and t-SNE.
        limit: images at most; of a larger split so many are drawn.
        colour_by: `label`, `place`, or the name of a class or a number.
    Raises:
        UserError: an unknown name, too few images, or a backbone that cannot embed this dataset.
    """
    if not FEWEST_IMAGES <= limit <= MOST_IMAGES:
        raise UserError(f"--limit: a number from {FEWEST_IMAGES} to {MOST_IMAGES} is wanted, {limit} found")
    (ref,) = choose_datasets(request.blocks[0].datasets, request.geobench_dir, request.band_names)
    places = Places(cache_dir=request.cache_dir, device=request.device, workers=request.workers)
    workbench = Workbench(places, progress, verify_data=request.verify_data)
    try:
        return _look(request, ref, split, limit, colour_by, workbench)
    except DamagedError as damage:
        workbench.open_anew(damage)
        return _look(request, ref, split, limit, colour_by, workbench)


def _look(request: RunRequest, ref: DatasetRef, split: Split, limit: int, colour_by: str, workbench: Workbench) -> Look:
    seed, dataset = request.seeds[0], workbench.dataset(ref)
    names = draw_names(getattr(workbench.partition(ref, "default"), split), limit, seed)
    if len(names) < FEWEST_IMAGES:
        raise UserError(f"{ref.name}: {split} has {len(names)} images; at least {FEWEST_IMAGES} make a picture")
    arrays = workbench.arrays(ref)
    rows = arrays.rows(names)
    colourings = read_colourings(dataset.spec, arrays, rows)
    chosen = choose_colourings(colourings, colour_by, ref.name)
    spaces = []
    for backbone in request.backbones:
        features = workbench.features(feature_job(backbone, ref, request, workbench))[rows]
        spaces.append(build_space(backbone, features, seed, workbench.progress))
    return Look(
        dataset=ref.name,
        split=split,
        simulated=ref.suite in SIMULATED,
        n_of_split=len(getattr(workbench.partition(ref, "default"), split)),
        seed=seed,
        names=tuple(names),
        colourings=tuple(colourings),
        chosen=tuple(chosen),
        sheet=draw_sheet(arrays, dataset.bands, rows, workbench.progress),
        spaces=tuple(spaces),
    )


def draw_names(names: tuple[str, ...], limit: int, seed: int) -> list[str]:
    """Sorted names of at most so many samples, drawn by the seed."""
    ordered = sorted(names)
    if len(ordered) <= limit:
        return ordered
    drawn = np.random.default_rng(seed).choice(len(ordered), limit, replace=False)
    return [ordered[index] for index in np.sort(drawn)]
