"""A probe while a training goes on: how often the five nearest of other images have an image's class."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from mp_mae.data.files import METADATA, MMEarthFiles, find_files, open_mmearth
from mp_mae.data.h5 import RowReader, describe_columns
from mp_mae.errors import UserError
from mp_mae.files.json_file import read_json
from mp_mae.modalities import OPTICAL, choose_modalities
from mp_mae.objective import Objective
from mp_mae.training.plan import TrainingPlan, bands_without_values

NEIGHBOURS = 5
MEASURE = f"{NEIGHBOURS}-NN accuracy"
MOST_TILES = 2000
"""Tiles that are looked at: the same ones each time, evenly spread over the file."""
_FROM_CLASS_FOLDERS = "One is made of class folders of images: python -m mp_mae data import DIR --out NEW."


@dataclass(frozen=True, kw_only=True, eq=False)
class Probe:
    """Labelled tiles. They are standardised by the statistics of their own dataset."""

    files: MMEarthFiles
    rows: np.ndarray
    """(N,) int64 rows of the file."""
    classes: tuple[str, ...]
    labels: Tensor
    """(N,) int64 index into `classes`."""
    images: Tensor
    """(N,) int64 which image a tile was cut from: another tile of the same image is no neighbour."""

    @property
    def chance(self) -> float:
        """The accuracy of whoever always says the most frequent class."""
        return float(self.labels.bincount().max() / len(self.labels))


def open_probe(folder: str, plan: TrainingPlan, model: Objective) -> Probe:
    """The labelled tiles of a dataset whose `tile_info.json` has a `class` and a `file` for them, as `data import`
    writes it.

    Raises:
        UserError: no such dataset, fewer than two classes, tiles smaller than the training's crops, bands that they
            do not have, or an objective without a vector to probe.
    """
    _try(folder, plan, model)
    try:
        paths = find_files(folder)
    except UserError as error:
        raise UserError(f"probe={folder}: {error} {_FROM_CLASS_FOLDERS}") from error
    files = open_mmearth(folder, choose_modalities([OPTICAL]), plan.files.input.bands)
    if files.side < plan.crop:
        raise UserError(
            f"probe={folder}: its tiles are {files.side} px, the training's crops {plan.crop}. Import the images with "
            f"--side {plan.crop} or more."
        )
    if empty := bands_without_values(files):
        raise UserError(
            f"probe={folder}: has no values of {', '.join(empty)}, which the training reads. Probe by images that have "
            "them, or train on the bands that these have: --set bands=..."
        )
    info = read_json(paths.tile_info, _FROM_CLASS_FOLDERS)
    ids = RowReader(paths.h5, [describe_columns(paths.h5)[METADATA]]).read_rows(np.arange(files.n_tiles))[METADATA]
    told = [info.get(record[0].decode(errors="replace"), {}) for record in ids] if isinstance(info, dict) else []
    known = sorted(row for rows in files.splits.values() for row in rows.tolist() if told and told[row].get("class"))
    classes = sorted({str(told[row]["class"]) for row in known})
    if len(classes) < 2:
        raise UserError(
            f"probe={folder}: {paths.tile_info.name} names {len(classes)} classes; wanted two or more. "
            f"{_FROM_CLASS_FOLDERS}"
        )
    rows = np.array(known)
    if len(rows) > MOST_TILES:
        rows = rows[np.arange(MOST_TILES) * len(rows) // MOST_TILES]
    of_image: dict[str, int] = {}
    return Probe(
        files=files,
        rows=rows,
        classes=tuple(classes),
        labels=torch.tensor([classes.index(str(told[row]["class"])) for row in rows.tolist()]),
        images=torch.tensor([of_image.setdefault(str(told[row].get("file", row)), row) for row in rows.tolist()]),
    )


@torch.no_grad()
def _try(folder: str, plan: TrainingPlan, model: Objective) -> None:
    """Raises UserError now, and not at the first look, where the objective has no vectors."""
    device = next(model.parameters()).device
    try:
        model.eval().probed(torch.zeros(1, len(plan.files.input.bands), plan.crop, plan.crop, device=device))
    except UserError as error:
        raise UserError(f"probe={folder}: objective {plan.settings.objective}: {error}") from error
    finally:
        model.train()


def neighbours_accuracy(vectors: Tensor, labels: Tensor, images: Tensor) -> float:
    """Share of tiles whose class most of their NEIGHBOURS nearest tiles of other images have.

    Nearest by the cosine of vectors whose numbers were standardised over all tiles. Of classes that are equally
    frequent among the neighbours that of the nearest ones wins.

    Args:
        vectors: (N, D) float32.
        labels: (N,) int64.
        images: (N,) int64.
    """
    spread = vectors.std(dim=0)
    units = F.normalize((vectors - vectors.mean(dim=0)) / torch.where(spread > 0, spread, 1), dim=1)
    alike = (units @ units.T).masked_fill(images[:, None] == images, -torch.inf)
    near = alike.topk(min(NEIGHBOURS, len(labels)), dim=1)
    # A vote counts 1, and so much less than 1 more the nearer it is that ranks decide between equal counts alone.
    weights = 1 + 0.1 / (1 + torch.arange(near.indices.shape[1])).expand_as(near.values)
    weights = weights.masked_fill(near.values == -torch.inf, 0)
    votes = torch.zeros(len(labels), int(labels.max()) + 1).scatter_add(1, labels[near.indices], weights)
    return float((votes.argmax(dim=1) == labels).double().mean())
