"""The training loop, on one device or many (Accelerate): steps, log, checkpoints."""

from collections.abc import Callable, Generator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path

from mp_mae.data.loader import Loader, training_requests
from mp_mae.data.prepare import Batch
from mp_mae.objective import ComparingObjective
from mp_mae.training.comparing.held_out import held_out_rows, look_at_held_out
from mp_mae.training.export import CHECKPOINTS, ENCODER
from mp_mae.training.log import LOG, StepRecord, TrainingLog
from mp_mae.training.plan import make_plan, open_files
from mp_mae.training.progress import Reporter
from mp_mae.training.settings import Settings
from mp_mae.training.setup import Training, build_accelerator, build_training, describe_work, find_start, training_facts
from mp_mae.training.state import keep_newest, save_state
from mp_mae.training.step import take_step


@dataclass(frozen=True, kw_only=True)
class Finished:
    """How a training ended."""

    out: Path
    step: int
    total_steps: int

    @property
    def complete(self) -> bool:
        return self.step == self.total_steps


def pretrain(settings: Settings, out: Path, *, resume: bool, reporter: Reporter, stop: Callable[[], bool]) -> Finished:
    """Train until the last step, or until `stop()`; what was reached is saved either way.

    Args:
        out: gets `checkpoints/`, `encoder/` (what the objective exports), `log.jsonl` and `settings.toml`.
        resume: go on from the newest checkpoint in `out`, if there is one.
    Raises:
        UserError: the settings, the data or what is in `out` do not allow this training.
        NonFiniteLossError: names the modalities; the newest checkpoint is intact.
    """
    accelerator = build_accelerator(settings, out)
    plan = make_plan(
        settings,
        open_files(settings),
        accelerator.device,
        processes=accelerator.num_processes,
        rank=accelerator.process_index,
    )
    facts = training_facts(plan)
    saved = find_start(out, facts, resume=resume)
    training = build_training(accelerator, plan, facts, out, saved)
    first = saved.step if saved else 0
    if first == plan.total_steps:
        reporter.notice(f"The training in {out} is complete: {first} steps.")
        return Finished(out=out, step=first, total_steps=plan.total_steps)
    with reporter:
        for text in plan.notices:
            reporter.notice(text)
        reporter.notice(describe_work(training, first))
        reporter.begin(first, plan.total_steps)
        done = run_steps(training, first, reporter, stop)
    accelerator.end_training()
    return Finished(out=out, step=done, total_steps=plan.total_steps)


def run_steps(training: Training, first: int, reporter: Reporter, stop: Callable[[], bool]) -> int:
    """The loop: steps, log, checkpoints. Returns the number of steps done in all."""
    plan, settings, main = training.plan, training.plan.settings, training.accelerator.is_main_process
    with ExitStack() as stack:
        log = TrainingLog(training.out / LOG, first) if main else None
        if log:
            stack.callback(log.close)
        batches = stack.enter_context(closing(_batches(training, first)))
        for step in range(first, plan.total_steps):
            record, stopped = take_step(training, step, batches, stop)
            done, is_last = step + 1, stopped or step + 1 == plan.total_steps
            if done % settings.validate_every == 0 or is_last:
                record = replace(record, held_out=_look(training))
            reporter.step(record)
            if log and (done % settings.log_every == 0 or is_last or record.held_out):
                log.write(record)
                training.accelerator.log(_for_tracker(record), step=done)
            if done % settings.save_every == 0 or is_last:
                save(training, done)
            if is_last:
                return done
    return first


def _look(training: Training) -> Mapping[str, Mapping[str, float]]:
    """What the first process finds on held-out tiles while the others wait; nothing where there is nothing to see."""
    found: Mapping[str, Mapping[str, float]] = {}
    # Of several crops of a tile there is one alone to look at, the centre; who compares tiles knows what to do with it.
    can_look = isinstance(training.model, ComparingObjective) or training.model.crops_per_tile == 1
    if can_look and len(held_out_rows(training.plan.files)):
        if training.accelerator.is_main_process:
            found = look_at_held_out(training)
        training.accelerator.wait_for_everyone()
    return found


def save(training: Training, step: int) -> None:
    """Checkpoint and encoder, written by the first process."""
    if training.accelerator.is_main_process:
        root = training.out / CHECKPOINTS
        save_state(root, step, training.model, training.optimizer, training.facts)
        keep_newest(root, training.plan.settings.keep)
        export = training.plan.settings.entry.export
        export(training.model.state_dict(), training.facts, step, training.out / ENCODER)
    training.accelerator.wait_for_everyone()


def _batches(training: Training, first: int) -> Generator[Batch, None, None]:
    """This process's micro-batches from step `first` on."""
    plan = training.plan
    loader = Loader(
        plan.files,
        capacity=plan.order.micro_batch * plan.objective.crops_per_tile,
        crop=plan.crop,
        device=training.accelerator.device,
        workers=plan.settings.workers,
    )
    requests = training_requests(
        plan.files,
        plan.rows,
        plan.order,
        first,
        plan.total_steps,
        crop=plan.crop,
        crops_per_tile=plan.objective.crops_per_tile,
        turn=plan.settings.turn,
    )
    yield from loader.batches(requests)


def _for_tracker(record: StepRecord) -> dict[str, float]:
    losses = {f"loss/{name}": loss for name, loss in record.losses.items() if loss is not None}
    looks = {
        f"held_out/{measure}/{of}": value for measure, values in record.held_out.items() for of, value in values.items()
    }
    return {
        "loss/total": record.total,
        **losses,
        **{f"watched/{name}": value for name, value in record.watched.items()},
        **looks,
        "rate": record.rate,
        "gradient_norm": record.gradient_norm,
        "images_per_second": record.images_per_second,
    }
