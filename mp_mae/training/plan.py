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
from mp_mae.data.statistics import LEVELS
from mp_mae.errors import UserError
from mp_mae.modalities import choose_modalities
from mp_mae.objective import ModelRequest, Objective
from mp_mae.training.objectives import find_objective
from mp_mae.training.schedule import learning_rate, scaled_rate
from mp_mae.training.settings import Settings

PATCH_OF_TILE = {64: 8, 128: 16}
"""Published patch size by side of the tile, in pixels."""
CPU_MICRO_BATCH = 64
"""More at once is no faster on a CPU and takes more memory."""
LARGEST_MICRO_BATCH = 4096


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
        return scaled_rate(self.settings.base_rate, self.order.global_batch)

    def rate(self, step: int) -> float:
        """Learning rate of an optimizer step."""
        warmup_epochs = self.settings.warmup_epochs
        fifth = self.total_steps // 5
        warmup_steps = fifth if warmup_epochs is None else warmup_epochs * self.order.steps_per_epoch
        return learning_rate(step, peak=self.peak_rate, warmup_steps=warmup_steps, total_steps=self.total_steps)


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


def make_plan(
    settings: Settings, files: MMEarthFiles, device: torch.device, *, processes: int = 1, rank: int = 0
) -> TrainingPlan:
    """Resolve the settings for one of `processes` processes.

    Raises:
        UserError: sizes that do not go together, masks that keep no patch, a batch that cannot be divided.
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
            f"Pass --set crop={max(crop // patch, 1) * patch}."
        )
    request = ModelRequest(
        size=settings.size,
        patch=patch,
        bands=files.input.bands,
        modalities=tuple(modality.name for modality in files.modalities),
    )
    objective = find_objective(settings.objective).load()
    per_tile = objective.bytes_per_tile(settings.options, request, crop)
    rows = files.rows("train")
    limit = settings.micro_batch or micro_batch_limit(per_tile, device)
    batch = effective_batch(settings, len(rows), processes)
    micro = settings.micro_batch or largest_divisor(batch // processes, limit)
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
        notices=(),
    )
    return replace(plan, notices=tuple(_notices(plan)))


def effective_batch(settings: Settings, n: int, processes: int) -> int:
    """Images of one optimizer step: the batch asked for, or what a smaller split allows.

    A limited batch is a multiple of the processes and, where the split is large enough, can be cut into micro-batches
    of a useful size on every machine.

    Raises:
        UserError: fewer samples than processes, or than one micro-batch of each.
    """
    if settings.batch <= n:
        return settings.batch
    unit = processes * (settings.micro_batch or 1)
    if n < unit:
        raise UserError(
            f"The training split has {n} tiles, too few for {processes} processes with "
            f"{settings.micro_batch or 1} at once. Use fewer processes or a smaller micro_batch."
        )
    for batch in range(n - n % unit, 0, -unit):
        share = batch // processes
        if settings.micro_batch or share <= CPU_MICRO_BATCH or largest_divisor(share, CPU_MICRO_BATCH) >= 32:
            return batch
    return unit


def largest_divisor(n: int, limit: int) -> int:
    """Largest divisor of n that is at most `limit`."""
    return next(divisor for divisor in range(min(n, limit), 0, -1) if n % divisor == 0)


def micro_batch_limit(per_tile: int, device: torch.device) -> int:
    """Tiles of so many bytes that go through the model at once: half the free GPU memory; a constant on a CPU."""
    if device.type != "cuda":
        return CPU_MICRO_BATCH
    free, _ = torch.cuda.mem_get_info(device)
    fitting = max(free // 2 // per_tile, 1)
    return int(min(2 ** (fitting.bit_length() - 1), LARGEST_MICRO_BATCH))


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


def _notices(plan: TrainingPlan) -> Iterator[str]:
    order, settings = plan.order, plan.settings
    wanted = settings.modality_names()
    for name, other in settings.substitutes().items():
        if name not in plan.modalities and other in plan.modalities and other not in wanted:
            yield f"{plan.files.paths.h5.name} has no {name}: {other} takes its place."
    if plan.files.left_out:
        yield f"{plan.files.paths.h5.name} has no {', '.join(plan.files.left_out)}: training goes on without."
    if order.global_batch < settings.batch:
        yield (
            f"The training split has {order.n} tiles: the effective batch is {order.global_batch} instead of "
            f"{settings.batch}, and the peak rate {plan.peak_rate:.3g}."
        )
    if order.left_out:
        yield f"Every epoch leaves out {order.left_out} of {order.n} tiles, others each time, to fill whole batches."
