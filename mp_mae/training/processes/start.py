"""Where a training starts, found by each process for itself and the same in all of them, before a model is built."""

from dataclasses import dataclass
from pathlib import Path

from mp_mae.errors import AgreedError, UserError
from mp_mae.training.export import CHECKPOINTS
from mp_mae.training.plan import TrainingPlan, make_plan, open_files, tiles_at_once
from mp_mae.training.processes.agree import check_alike, do_alike, of_first_process, smallest
from mp_mae.training.processes.launch import choose_precision, start_processes
from mp_mae.training.settings import MAY_DIFFER, Settings, as_fields
from mp_mae.training.setup import training_facts
from mp_mae.training.state import (
    SavedState,
    TrainingFacts,
    check_same_training,
    compared_facts,
    newest_state,
    state_of_step,
)


@dataclass(frozen=True, kw_only=True)
class Start:
    """What is settled before a model is built."""

    plan: TrainingPlan
    facts: TrainingFacts
    precision: str
    saved: SavedState | None
    """The checkpoint to go on from; None for a fresh start."""


def agree_on_start(settings: Settings, out: Path, *, resume: bool) -> Start:
    """The plan of this process, and the checkpoint that all of them go on from.

    Raises:
        UserError: the settings, the data or what is in `out` do not allow this training, or not in every process.
    """
    group = start_processes(settings)
    files = do_alike(lambda: open_files(settings))
    saved = _find_checkpoint(out / CHECKPOINTS, resume=resume)
    limit = smallest(do_alike(lambda: tiles_at_once(settings, files, group.device, group.num_processes)))
    plan = do_alike(
        lambda: make_plan(
            settings,
            files,
            group.device,
            processes=group.num_processes,
            rank=group.process_index,
            limit=limit,
            saved=saved,
        )
    )
    precision = choose_precision(settings, plan.objective, saved.precision if saved else None)
    facts = training_facts(plan, precision)
    check_alike(
        {
            "settings": {key: value for key, value in as_fields(settings).items() if key not in MAY_DIFFER},
            **compared_facts(facts),
            "sizes": {"micro_batch": plan.order.micro_batch},
        }
    )
    if saved:
        do_alike(lambda: check_same_training(saved, facts))
    return Start(plan=plan, facts=facts, precision=precision, saved=saved)


def _find_checkpoint(root: Path, *, resume: bool) -> SavedState | None:
    """The checkpoint to go on from, None for a fresh start: the newest one that the first process sees.

    Raises:
        UserError: a training is there and `resume` was not asked for, or the processes do not see the same.
    """
    newest = do_alike(lambda: newest_state(root))
    step = of_first_process(newest.step if newest else None)
    # A list of files that comes over a network may be old where a file asked for by name is not.
    saved = newest if step is None else do_alike(lambda: state_of_step(root, step))
    found = saved.step if saved else None
    do_alike(lambda: _check_step(root, step, found))
    if saved and not resume:
        raise AgreedError(
            f"{root.parent}: holds a training at step {saved.step}. Pass --resume auto, or choose another --out."
        )
    return saved


def _check_step(root: Path, first: int | None, found: int | None) -> None:
    if found != first:
        wanted, here = ("no checkpoint" if step is None else f"step {step}" for step in (first, found))
        raise UserError(
            f"{root}: the first process finds {wanted}, this one {here}. "
            "Put --out where all of them see the same files."
        )
