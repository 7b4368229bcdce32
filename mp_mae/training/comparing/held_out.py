"""Looks at held-out tiles while a training goes on."""

from collections.abc import Mapping

import numpy as np
import torch

from mp_mae.data.files import MMEarthFiles
from mp_mae.data.loader import Loader, evaluation_requests
from mp_mae.objective import ComparingObjective
from mp_mae.training.setup import Training

SPLIT = "val"
MOST_TILES = 2000
"""Tiles that are looked at: the same ones each time, evenly spread over the split."""


def held_out_rows(files: MMEarthFiles) -> np.ndarray:
    """Rows (n,) int64 of the tiles that are looked at; none if the dataset holds none out."""
    rows = files.splits.get(SPLIT, np.empty(0, np.int64))
    return rows if len(rows) <= MOST_TILES else rows[np.arange(MOST_TILES) * len(rows) // MOST_TILES]


@torch.no_grad()
def look_at_held_out(training: Training, model: ComparingObjective) -> Mapping[str, Mapping[str, float]]:
    """What the objective makes of the held-out tiles' centre crops: numbers by measure and by what they are of."""
    plan, accelerator = training.plan, training.accelerator
    rows, micro = held_out_rows(plan.files), plan.order.micro_batch
    loader = Loader(
        plan.files, capacity=micro, crop=plan.crop, device=accelerator.device, workers=plan.settings.workers
    )
    never = model.draw(torch.Generator().manual_seed(0), micro, plan.crop)
    embedded, known = [], []
    model.eval()
    for batch in loader.batches(evaluation_requests(plan.files, rows, micro, crop=plan.crop)):
        inputs = model.inputs(batch.input, batch.targets, never[: len(batch.rows)])
        with accelerator.autocast():
            embedded.append(model.embed(*inputs).float())
        known.append(model.known(*inputs))
    model.train()
    return model.judge(torch.cat(embedded), torch.cat(known), training.places_of(rows))
