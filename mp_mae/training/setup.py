"""What the training loop works with, built from its plan: device, model, optimizer, and where it starts."""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor, nn

from mp_mae.data.places import read_positions
from mp_mae.errors import UserError
from mp_mae.files.replace_file import write_whole
from mp_mae.objective import ComparingObjective, Objective
from mp_mae.training.export import CHECKPOINTS
from mp_mae.training.plan import TrainingPlan, dataset_facts, input_statistics, model_facts
from mp_mae.training.settings import MAY_CHANGE, Settings, as_fields, to_toml
from mp_mae.training.state import (
    SavedState,
    TrainingFacts,
    check_same_training,
    newest_state,
    restore_model,
    restore_optimizer,
)

SETTINGS = "settings.toml"


@dataclass(frozen=True, kw_only=True, eq=False)
class Training:
    """What the loop works with."""

    accelerator: Accelerator
    plan: TrainingPlan
    model: Objective
    """The model as it is saved."""
    parallel: nn.Module
    """The model as it is called: with mixed precision, and gradients averaged over processes."""
    optimizer: torch.optim.Optimizer
    facts: TrainingFacts
    out: Path
    places: Tensor | None
    """(n_tiles, 3) float64 km on the device, as `mp_mae.data.places` has them; None: the objective does not ask."""

    def places_of(self, rows: np.ndarray) -> Tensor:
        """Positions (n, 3) of rows (n,) of the file, for an objective that asks."""
        assert self.places is not None, "an objective that compares tiles has places"
        return self.places[torch.from_numpy(rows).to(self.places.device)]


def build_accelerator(settings: Settings, out: Path) -> Accelerator:
    """Raises UserError when the tracker is not installed."""
    on_gpu = settings.device == "auto" and torch.cuda.is_available()
    precision = settings.precision
    if precision == "auto":
        # Older GPUs emulate bf16, slower than float32.
        precision = "bf16" if on_gpu and torch.cuda.is_bf16_supported(including_emulation=False) else "float32"
    if settings.tracker != "none" and not find_spec(settings.tracker):
        raise UserError(f"tracker={settings.tracker}: it is not installed. Run: pip install {settings.tracker}")
    accelerator = Accelerator(
        mixed_precision={"bf16": "bf16", "float32": "no"}[precision],
        cpu=not on_gpu,
        log_with=None if settings.tracker == "none" else settings.tracker,
        project_dir=out,
    )
    if settings.tracker != "none":
        accelerator.init_trackers("mp_mae", config={key: str(value) for key, value in as_fields(settings).items()})
    return accelerator


def training_facts(plan: TrainingPlan) -> TrainingFacts:
    """What a training with this plan is: compared when it is resumed, and exported with its encoder."""
    settings = as_fields(plan.settings)
    return TrainingFacts(
        settings={key: value for key, value in settings.items() if key not in MAY_CHANGE},
        dataset=dataset_facts(plan),
        model=model_facts(plan),
        schedule={
            "effective_batch": plan.order.global_batch,
            "steps_per_epoch": plan.order.steps_per_epoch,
            "total_steps": plan.total_steps,
            "crop_px": plan.crop,
            "peak_rate": plan.peak_rate,
            **({"micro_batch": plan.order.micro_batch} if plan.objective.compares_tiles else {}),
        },
        normalisation=input_statistics(plan.files, targets=plan.objective.reads_targets),
    )


def find_start(out: Path, facts: TrainingFacts, *, resume: bool) -> SavedState | None:
    """The checkpoint to go on from, None for a fresh start.

    Raises:
        UserError: `out` holds a training and `resume` was not asked for, or another training than this.
    """
    saved = newest_state(out / CHECKPOINTS)
    if saved is None:
        return None
    if not resume:
        raise UserError(f"{out}: holds a training at step {saved.step}. Pass --resume auto, or choose another --out.")
    check_same_training(saved, facts)
    return saved


def build_training(
    accelerator: Accelerator, plan: TrainingPlan, facts: TrainingFacts, out: Path, saved: SavedState | None
) -> Training:
    model = build_model(plan).to(accelerator.device)
    if saved:
        restore_model(model, saved)
    if plan.settings.compile:
        model.compile()
    groups = parameter_groups(model, plan.settings.weight_decay)
    optimizer = torch.optim.AdamW(groups, lr=0.0, betas=plan.settings.betas, fused=True)
    if saved:
        restore_optimizer(model, optimizer, saved)
    if accelerator.is_main_process:
        out.mkdir(parents=True, exist_ok=True)
        write_whole(out / SETTINGS, to_toml(plan.settings))
    return Training(
        accelerator=accelerator,
        plan=plan,
        model=model,
        parallel=accelerator.prepare(model),
        optimizer=optimizer,
        facts=facts,
        out=out,
        places=_find_places(plan, accelerator.device) if isinstance(model, ComparingObjective) else None,
    )


def _find_places(plan: TrainingPlan, device: torch.device) -> Tensor:
    """Where every tile of the file is; NaN, a place of its own, where the file does not say."""
    found = read_positions(plan.files.paths)
    return (torch.full((plan.files.n_tiles, 3), torch.nan, dtype=torch.float64) if found is None else found).to(device)


def build_model(plan: TrainingPlan) -> Objective:
    """Initial weights that depend on the settings and the seed alone; torch's own generator is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(plan.settings.seed)
        return plan.objective.build(plan.settings.options, plan.request)


def parameter_groups(model: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Trainable parameters for an optimizer: kernels and matrices with decay, all others without.

    Without decay are norms, biases, GRN, mask token and uncertainty weights.
    """
    decayed = {id(module.weight) for module in model.modules() if isinstance(module, nn.Linear | nn.Conv2d)}
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    return [
        {"params": [p for p in trained if id(p) in decayed], "weight_decay": weight_decay},
        {"params": [p for p in trained if id(p) not in decayed], "weight_decay": 0.0},
    ]


def describe_work(training: Training, first: int) -> str:
    plan, accelerator = training.plan, training.accelerator
    order, device = plan.order, accelerator.device
    resumed = f"resuming at step {first} of" if first else "training"
    return (
        f"{resumed} {plan.total_steps} steps of {plan.settings.objective}: {plan.settings.size}, {plan.crop} px crops, "
        f"{plan.request.patch} px patches, {len(plan.modalities)} modalities, {order.n} tiles; "
        f"batch {order.global_batch} = {order.processes} x {order.micro_batch} x {order.accumulation} "
        f"(processes x micro-batch x accumulation) on {device.type}, precision {accelerator.mixed_precision}, "
        f"peak rate {plan.peak_rate:.3g}"
    )
