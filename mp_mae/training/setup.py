"""What the training loop works with, built from its plan: device, model, optimizer, and where it starts."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
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
from mp_mae.training.comparing.probe import Probe, open_probe
from mp_mae.training.export import CHECKPOINTS
from mp_mae.training.plan import TrainingPlan, dataset_facts, input_statistics, model_facts
from mp_mae.training.processes.agree import do_alike
from mp_mae.training.processes.alone import alone_in
from mp_mae.training.processes.launch import package_versions, widest_float
from mp_mae.training.progress import count_steps
from mp_mae.training.settings import MAY_CHANGE, as_fields, to_toml
from mp_mae.training.state import (
    History,
    SavedState,
    TrainingFacts,
    newest_state,
    restore_model,
    restore_optimizer,
    with_history,
)

SETTINGS = "settings.toml"


@dataclass(kw_only=True, eq=False)
class Training:
    """What the loop works with."""

    accelerator: Accelerator
    plan: TrainingPlan
    model: Objective
    """The model as it is saved."""
    parallel: nn.Module
    """The model as it is called: with mixed precision, and gradients averaged over processes (`join_processes`)."""
    optimizer: torch.optim.Optimizer
    facts: TrainingFacts
    """Replaced where a batch is left out."""
    history: History
    out: Path
    places: Tensor | None
    """(n_tiles, 3) km on the device in its widest type, as `mp_mae.data.places` has them; None: the objective does not
    ask."""
    probe: Probe | None
    """What the first process probes by; None in the others, and where nothing was asked for."""

    def places_of(self, rows: np.ndarray) -> Tensor:
        """Positions (n, 3) of rows (n,) of the file, for an objective that asks."""
        assert self.places is not None, "an objective that compares tiles has places"
        return self.places[torch.from_numpy(rows).to(self.places.device)]


def training_facts(plan: TrainingPlan, precision: str) -> TrainingFacts:
    """What a training with this plan is: compared when it is resumed, and exported with its encoder.

    Args:
        precision: float32 or bf16, what `auto` became.
    """
    settings = {**as_fields(plan.settings), "precision": precision}
    pinned = plan.objective.depends_on_micro_batch(plan.settings.options)
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
            **({"micro_batch": plan.order.micro_batch} if pinned else {}),
        },
        normalisation=input_statistics(plan.files, targets=plan.objective.reads_targets),
    )


def build_training(
    accelerator: Accelerator, plan: TrainingPlan, facts: TrainingFacts, out: Path, saved: SavedState | None
) -> Training:
    """This process's training at its first step, or where `saved` is. Raises UserError when that cannot be restored."""
    model = build_model(plan).to(accelerator.device)
    if saved:
        restore_model(model, saved)
    if plan.settings.compile:
        model.compile()
    groups = parameter_groups(model, plan.settings.weight_decay)
    optimizer = torch.optim.AdamW(groups, lr=0.0, betas=plan.settings.betas, fused=True)
    if saved:
        restore_optimizer(model, optimizer, saved)
    asked = plan.settings.probe if accelerator.is_main_process else None
    probe = open_probe(asked, plan, model) if asked else None
    return Training(
        accelerator=accelerator,
        plan=plan,
        model=model,
        parallel=model,
        optimizer=optimizer,
        facts=with_history(saved, facts) if saved else facts,
        history=History(
            processes=plan.order.processes,
            micro_batch=plan.order.micro_batch,
            device=accelerator.device.type,
            packages=package_versions(),
        ),
        out=out,
        places=_find_places(plan, accelerator.device) if isinstance(model, ComparingObjective) else None,
        probe=probe,
    )


@contextmanager
def sole_training(training: Training, saved: SavedState | None) -> Iterator[None]:
    """The first process keeps other trainings out of the folder for the block, and writes down the settings.

    Raises:
        UserError: another training is there, or was there since `saved` was found; or nothing can be written.
    """
    with ExitStack() as stack:

        def claim() -> None:
            stack.enter_context(alone_in(training.out))
            newest = newest_state(training.out / CHECKPOINTS)
            if newest is not None and (saved is None or newest.step != saved.step):
                raise UserError(f"{training.out}: another training has just ended there. Start this one again.")
            write_whole(training.out / SETTINGS, to_toml(training.plan.settings))

        do_alike(lambda: claim() if training.accelerator.is_main_process else None)
        yield


def join_processes(training: Training) -> None:
    """From here on the model is called as one of several. They wait for each other, so all have to come to this."""
    training.parallel = training.accelerator.prepare(training.model)


def _find_places(plan: TrainingPlan, device: torch.device) -> Tensor:
    """Where every tile of the file is; NaN, a place of its own, where the file does not say."""
    found = read_positions(plan.files.paths)
    places = torch.full((plan.files.n_tiles, 3), torch.nan, dtype=torch.float64) if found is None else found
    return places.to(device, widest_float(device))


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


def describe_start(training: Training, saved: SavedState | None) -> Iterator[str]:
    """What it is probed by, and what is otherwise than when the checkpoint was written that it goes on from."""
    if probe := training.probe:
        yield (
            f"Probed by {len(probe.rows)} tiles of {len(probe.classes)} classes, of which the most frequent has "
            f"{probe.chance:.1%}."
        )
    if saved is None:
        return
    for change in training.facts.changes[len(saved.facts.changes) :]:
        yield f"From step {saved.step} on {change['key']} is {change['now']}, which was {change['before']}."
    before, now = saved.history.packages, training.history.packages
    newer = [f"{name} {before[name]} -> {now[name]}" for name in before if name in now and before[name] != now[name]]
    if newer:
        yield f"Since step {saved.step} packages have changed, and with them perhaps last digits: {', '.join(newer)}."


def describe_work(training: Training, first: int) -> str:
    plan, accelerator = training.plan, training.accelerator
    order, device = plan.order, accelerator.device
    n_modalities = len(plan.modalities)
    resumed = f"resuming at step {first} of" if first else "training"
    return (
        f"{resumed} {count_steps(plan.total_steps)} of {plan.settings.objective}: "
        f"{plan.settings.size}, {plan.crop} px crops, "
        f"{plan.request.patch} px patches, {n_modalities} {'modality' if n_modalities == 1 else 'modalities'}, "
        f"{order.n} tiles; "
        f"batch {order.global_batch} = {order.processes} x {order.micro_batch} x {order.accumulation} "
        f"(processes x micro-batch x accumulation) on {device.type}, precision {training.facts.settings['precision']}, "
        f"peak rate {plan.peak_rate:.3g}"
    )
