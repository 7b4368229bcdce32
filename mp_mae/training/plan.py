"""What a training will do: its settings, resolved against the dataset and the machine before anything runs."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch

from mp_mae.config import MMEARTH_S2_BANDS
from mp_mae.data.crops import crop_side
from mp_mae.data.files import MMEarthFiles, find_files, open_mmearth
from mp_mae.data.h5 import describe_columns
from mp_mae.data.order import TrainingOrder
from mp_mae.data.statistics import LEVELS, OF_NO_VALUES
from mp_mae.errors import UserError
from mp_mae.modalities import MODALITIES, choose_modalities
from mp_mae.objective import ModelRequest, Objective
from mp_mae.training.objectives import find_objective
from mp_mae.training.processes.batches import (
    choose_micro_batch,
    effective_batch,
    micro_batch_limit,
    stored_batch,
    useful_batch,
)
from mp_mae.training.schedule import learning_rate, scaled_rate
from mp_mae.training.settings import Settings
from mp_mae.training.state import SavedState

PATCH_OF_TILE = {64: 8, 128: 16}
"""Published patch size by side of the tile, in pixels."""
_MUCH = 10**9
"""Bytes that are told."""


@dataclass(frozen=True, kw_only=True, eq=False)
class TrainingPlan:
    """Everything that is settled before the first step."""

    settings: Settings
    files: MMEarthFiles
    rows: np.ndarray
    """(n,) int64 rows of the training split."""
    objective: type[Objective]
    request: ModelRequest
    crop: int
    """Side in pixels."""
    order: TrainingOrder
    limit: int
    """Tiles that may go through the model at once, as memory allows."""
    notices: tuple[str, ...]
    """What the user should know: how settings were limited."""

    @property
    def total_steps(self) -> int:
        return self.settings.epochs * self.order.steps_per_epoch

    @property
    def modalities(self) -> tuple[str, ...]:
        """Names of the targets that batches have."""
        return self.request.modalities

    @property
    def peak_rate(self) -> float:
        settings = self.settings
        return scaled_rate(settings.base_rate, self.order.global_batch) if settings.scale_rate else settings.base_rate

    @property
    def warmup_steps(self) -> int:
        epochs = self.settings.warmup_epochs
        return self.total_steps // 5 if epochs is None else epochs * self.order.steps_per_epoch

    def rate(self, step: int) -> float:
        """Learning rate of an optimizer step."""
        return learning_rate(step, peak=self.peak_rate, warmup_steps=self.warmup_steps, total_steps=self.total_steps)


def open_files(settings: Settings) -> MMEarthFiles:
    """The dataset of a training, checked; what the file lacks is replaced as the preset says.

    Raises:
        UserError: as `open_mmearth` does.
    """
    names, instead = settings.modality_names(), settings.substitutes()
    if instead:
        columns = describe_columns(find_files(settings.data).h5)
        names = tuple(name if name in columns else instead.get(name, name) for name in names)
    return open_mmearth(
        settings.data,
        choose_modalities(names),
        settings.input_bands(MMEARTH_S2_BANDS),
        allow_missing=settings.allow_missing,
    )


def choose_model(settings: Settings, files: MMEarthFiles) -> tuple[int, ModelRequest]:
    """Side of the crop in pixels, and what the model is built for.

    Raises:
        UserError: crop, patch and tiles do not go together.
    """
    crop = crop_side(files.side, settings.crop)
    patch = settings.patch or PATCH_OF_TILE.get(files.side)
    if patch is None:
        raise UserError(
            f"The tiles are {files.side} px; the patch is known for 64 and 128. Pass --set patch=8 (or 16)."
        )
    if crop % patch:
        raise UserError(
            f"The crop of {crop} px is not a multiple of the {patch} px patch. "
            f"Pass --set crop={max(crop // patch, 2) * patch}."
        )
    request = ModelRequest(
        size=settings.size,
        patch=patch,
        bands=files.input.bands,
        modalities=tuple(modality.name for modality in files.modalities),
    )
    return crop, request


def tiles_at_once(settings: Settings, files: MMEarthFiles, device: torch.device, processes: int = 1) -> int:
    """Tiles that may go through the model at once on this device. Raises UserError as `choose_model` does."""
    crop, request = choose_model(settings, files)
    objective = find_objective(settings.objective).load()
    held = settings.batch // processes * bytes_read(request, crop) * objective.crops_per_tile
    return micro_batch_limit(objective.bytes_per_tile(settings.options, request, crop), device, held=held)


def bytes_read(request: ModelRequest, crop: int) -> int:
    """Memory of one tile as it was read, input and targets."""
    numbers = [MODALITIES[name] for name in request.modalities]
    of_pixel = sum(8 if each.kind.is_class else 4 * len(each.bands) for each in numbers if each.kind.is_pixel)
    return (4 * len(request.bands) + of_pixel) * crop**2


def make_plan(
    settings: Settings,
    files: MMEarthFiles,
    device: torch.device,
    *,
    processes: int = 1,
    rank: int = 0,
    limit: int | None = None,
    saved: SavedState | None = None,
) -> TrainingPlan:
    """Resolve the settings for one of `processes` processes.

    Args:
        limit: tiles that may go through the model at once; None: what fits on the device.
        saved: the checkpoint of a training that is resumed, whose sizes stay.
    Raises:
        UserError: sizes that do not go together, masks that keep no patch, a batch that cannot be divided, or nothing
            would be learnt.
    """
    crop, request = choose_model(settings, files)
    objective = find_objective(settings.objective).load()
    rows = files.rows("train")
    if limit is None:
        limit = tiles_at_once(settings, files, device, processes)
    if saved and saved.facts.settings["batch"] == settings.batch:
        batch = stored_batch(saved.facts.schedule["effective_batch"], settings, processes)
    else:
        batch = effective_batch(settings, len(rows), processes)
    micro = choose_micro_batch(
        settings,
        batch // processes,
        limit,
        stored=saved.history.micro_batch if saved else None,
        pinned=objective.depends_on_micro_batch(settings.options),
    )
    objective.check(settings.options, request, crop, batch=batch, micro_batch=micro)
    order = TrainingOrder(
        n=len(rows), global_batch=batch, micro_batch=micro, processes=processes, rank=rank, seed=settings.seed
    )
    plan = TrainingPlan(
        settings=settings,
        files=files,
        rows=rows,
        objective=objective,
        request=request,
        crop=crop,
        order=order,
        limit=limit,
        notices=(),
    )
    if plan.total_steps == plan.warmup_steps == 1:
        raise UserError(
            "warmup_epochs: the only step of this training is the first one of the warm-up, whose rate is 0. "
            "Pass --set warmup_epochs=0, or more epochs."
        )
    return replace(plan, notices=tuple(_notices(plan)))


def model_facts(plan: TrainingPlan) -> dict[str, Any]:
    """What the model is built from, as JSON values."""
    request = plan.request
    encoder = {"size": request.size, "bands": list(request.bands), "patch": request.patch}
    return {"encoder": encoder, "modalities": list(request.modalities), **asdict(plan.settings.options)}


def dataset_facts(plan: TrainingPlan) -> dict[str, Any]:
    """What identifies the training data, wherever the files lie."""
    return {
        "name": plan.files.paths.name,
        "tiles": plan.files.n_tiles,
        "side": plan.files.side,
        "train_tiles": len(plan.rows),
        "train_sha256": hashlib.sha256(plan.rows.astype("<i8").tobytes()).hexdigest(),
        "modalities": list(plan.modalities),
    }


def input_statistics(files: MMEarthFiles, *, targets: bool) -> Mapping[str, Any]:
    """Band statistics that standardise the input, as JSON values: of Sentinel-2 by processing level.

    With `targets`, those of the targets too.
    """
    statistics = files.statistics["sentinel2"]
    others = {
        modality.name: {
            "bands": list(modality.bands),
            "mean": [float(x) for x in files.statistics[modality.name].mean[0]],
            "std": [float(x) for x in files.statistics[modality.name].std[0]],
        }
        for modality in files.modalities
        if targets and modality.name != "sentinel2" and modality.name in files.statistics
    }
    return {
        "sentinel2": {
            "bands": list(files.input.bands),
            **{
                level: {"mean": [float(x) for x in mean], "std": [float(x) for x in std]}
                for level, mean, std in zip(LEVELS, statistics.mean, statistics.std, strict=True)
            },
        },
        **others,
    }


def bands_without_values(files: MMEarthFiles) -> tuple[str, ...]:
    """Bands of the input whose stored statistics are those of no values, at every processing level."""
    statistics = files.statistics["sentinel2"]
    mean, std = OF_NO_VALUES
    empty = ((statistics.mean == mean) & (statistics.std == std)).all(axis=0)
    return tuple(band for band, is_empty in zip(files.input.bands, empty.tolist(), strict=True) if is_empty)


def _notices(plan: TrainingPlan) -> Iterator[str]:
    order, settings = plan.order, plan.settings
    wanted = settings.modality_names()
    for name, other in settings.substitutes().items():
        if name not in plan.modalities and other in plan.modalities and other not in wanted:
            yield f"{plan.files.paths.h5.name} has no {name}: {other} takes its place."
    if empty := bands_without_values(plan.files):
        there = [band for band in plan.files.input.bands if band not in empty]
        yield (
            f"{plan.files.paths.h5.name} has no values of {', '.join(empty)}, which are read as 0. Without them: "
            f"--set bands={','.join(there)}"
        )
    if plan.files.left_out:
        yield f"{plan.files.paths.h5.name} has no {', '.join(plan.files.left_out)}: training goes on without."
    if order.global_batch < settings.batch:
        small = order.n < settings.batch
        why = f"training split has {order.n} tiles" if small else f"batch cannot be divided over {order.processes}"
        yield (
            f"The {why}{'' if small else ' processes'}: the effective batch is {order.global_batch} instead of "
            f"{settings.batch}, and the peak rate {plan.peak_rate:.3g}."
        )
    share = order.global_batch // order.processes
    held = share * bytes_read(plan.request, plan.crop) * plan.objective.crops_per_tile
    if order.accumulation > 1 and held > _MUCH:
        yield (
            f"The {share} tiles of a process in each step wait in memory until their values are counted: "
            f"{held / 1e9:.1f} GB. More processes or a smaller batch need less."
        )
    if not settings.micro_batch and order.micro_batch < min(share, plan.limit) // 4:
        better = useful_batch(order.global_batch, order.processes)
        yield (
            f"The {share} tiles of a process in each step have no divisor between {order.micro_batch} and "
            f"{plan.limit}, so no more than {order.micro_batch} at once go through the model, which is slow. "
            f"Pass --batch {better} for a new training."
        )
    if order.left_out:
        yield f"Every epoch leaves out {order.left_out} of {order.n} tiles, others each time, to fill whole batches."
