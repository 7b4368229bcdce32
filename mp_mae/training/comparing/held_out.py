"""Looks at held-out tiles, and at those of a probe, while a training goes on."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch

from mp_mae.data.files import MMEarthFiles
from mp_mae.data.loader import Loader, evaluation_requests
from mp_mae.objective import ComparingObjective
from mp_mae.training.comparing.probe import MEASURE, Probe, neighbours_accuracy
from mp_mae.training.setup import Training
from mp_mae.training.stepping.leave import StepGivenUpError, StopWish

SPLIT = "val"
MOST_TILES = 2000
"""Tiles that are looked at: the same ones each time, evenly spread over the split."""
_AT_ONCE = 256
"""Tiles of a probe that go through the encoder together, or fewer where memory is small."""


def held_out_rows(files: MMEarthFiles) -> np.ndarray:
    """Rows (n,) int64 of the tiles that are looked at; none if the dataset holds none out."""
    rows = files.splits.get(SPLIT, np.empty(0, np.int64))
    return rows if len(rows) <= MOST_TILES else rows[np.arange(MOST_TILES) * len(rows) // MOST_TILES]


@torch.no_grad()
def look_at_held_out(training: Training, wish: StopWish) -> Mapping[str, Mapping[str, float]]:
    """What the objective makes of the held-out tiles' centre crops: numbers by measure and by what they are of.

    Of one that compares tiles that is what it judges them by; of any other its losses, with the same masks each time.
    Nothing if somebody asks to stop meanwhile.
    """
    model = training.model
    model.eval()
    try:
        if isinstance(model, ComparingObjective):
            return _judge(training, model, wish)
        return {"loss": _losses(training, wish)}
    except StepGivenUpError:
        return {}
    finally:
        model.train()


@torch.no_grad()
def look_at_probe(training: Training, probe: Probe, wish: StopWish) -> Mapping[str, Mapping[str, float]]:
    """The accuracy of the probe on centre crops, by measure and by what it is of; nothing if somebody asks to stop."""
    model, plan, device = training.model, training.plan, training.accelerator.device
    capacity = min(_AT_ONCE, plan.limit)
    loader = Loader(probe.files, capacity=capacity, crop=plan.crop, device=device, workers=plan.settings.workers)
    vectors = []
    model.eval()
    try:
        for batch in loader.batches(evaluation_requests(probe.files, probe.rows, capacity, crop=plan.crop)):
            if wish.here():
                return {}
            with training.accelerator.autocast():
                vectors.append(model.probed(batch.input).float().cpu())
    finally:
        model.train()
    accuracy = neighbours_accuracy(torch.cat(vectors), probe.labels, probe.images)
    return {MEASURE: {probe.files.paths.name: accuracy, "chance": probe.chance}}


def _judge(training: Training, model: ComparingObjective, wish: StopWish) -> Mapping[str, Mapping[str, float]]:
    embedded, known = [], []
    for inputs in _inputs(training, wish):
        with training.accelerator.autocast():
            embedded.append(model.embed(*inputs).float())
        known.append(model.known(*inputs))
    return model.judge(torch.cat(embedded), torch.cat(known), training.places_of(held_out_rows(training.plan.files)))


def _losses(training: Training, wish: StopWish) -> Mapping[str, float]:
    """Means over all valid values; a loss without one is left out."""
    totals: defaultdict[str, float] = defaultdict(float)
    counts: defaultdict[str, int] = defaultdict(int)
    for inputs in _inputs(training, wish):
        with training.accelerator.autocast():
            report = training.model(*inputs)
        for name, mean, n in zip(report.names, report.means.tolist(), report.counts.tolist(), strict=True):
            if n:
                totals[name] += n * mean
                counts[name] += n
    return {name: totals[name] / n for name, n in counts.items()}


def _inputs(training: Training, wish: StopWish) -> Iterator[tuple[Any, ...]]:
    """What the model is called with, micro-batch by micro-batch. Raises StepGivenUpError once somebody asks to stop."""
    plan, device = training.plan, training.accelerator.device
    rows, micro = held_out_rows(plan.files), plan.order.micro_batch
    loader = Loader(plan.files, capacity=micro, crop=plan.crop, device=device, workers=plan.settings.workers)
    drawn = training.model.draw(torch.Generator().manual_seed(0), micro, plan.crop)
    for batch in loader.batches(evaluation_requests(plan.files, rows, micro, crop=plan.crop)):
        if wish.here():
            raise StepGivenUpError
        yield training.model.inputs(batch.input, batch.targets, drawn[: len(batch.rows)])
