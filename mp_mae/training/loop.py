"""The training loop, on one device or many (Accelerate): steps, log, checkpoints."""

import math
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path

from mp_mae.errors import NonFiniteLossError
from mp_mae.objective import ComparingObjective
from mp_mae.training.comparing.held_out import held_out_rows, look_at_held_out, look_at_probe
from mp_mae.training.export import CHECKPOINTS, ENCODER
from mp_mae.training.log import LOG, StepRecord, TrainingLog
from mp_mae.training.processes.agree import do_alike
from mp_mae.training.processes.launch import build_accelerator, start_trackers
from mp_mae.training.processes.start import agree_on_start
from mp_mae.training.progress import Reporter, build_reporter, count_steps
from mp_mae.training.settings import Settings
from mp_mae.training.setup import (
    Training,
    build_training,
    describe_start,
    describe_work,
    join_processes,
    sole_training,
)
from mp_mae.training.state import keep_newest, newest_state, save_state
from mp_mae.training.step import StepEnd, take_step
from mp_mae.training.stepping.blame import Fault, describe_faults, find_faults
from mp_mae.training.stepping.feed import Feed, read_batches
from mp_mae.training.stepping.leave import StepGivenUpError, StopWish
from mp_mae.training.stepping.starving import Starving
from mp_mae.visible_text import VisibleConsole


@dataclass(frozen=True, kw_only=True)
class Finished:
    """How a training ended."""

    out: Path
    step: int
    total_steps: int

    @property
    def complete(self) -> bool:
        return self.step == self.total_steps


def pretrain(
    settings: Settings,
    out: Path,
    *,
    resume: bool = False,
    reporter: Reporter | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> Finished:
    """Train until the last step, or until `stop()`; what was reached is saved either way.

    Args:
        out: gets `checkpoints/`, `encoder/` (what the objective exports), `log.jsonl` and `settings.toml`.
        resume: go on from the newest checkpoint in `out`, if there is one.
        reporter: is told how it goes; None: a line on stderr now and then.
        stop: asked once a micro-batch.
    Raises:
        UserError: the settings, the data or what is in `out` do not allow this training, or another is at work there.
        NonFiniteLossError: names the modalities; the newest checkpoint is intact.
    """
    start = agree_on_start(settings, out, resume=resume)
    reporter = reporter or build_reporter(VisibleConsole(stderr=True), is_first_process=start.plan.order.rank == 0)
    plan, saved = start.plan, start.saved
    accelerator = build_accelerator(settings, out, start.precision)
    training = do_alike(lambda: build_training(accelerator, plan, start.facts, out, saved))
    join_processes(training)
    first = saved.step if saved else 0
    with sole_training(training, saved):
        if saved:
            do_alike(lambda: export(training, first))  # a process may have been killed between checkpoint and encoder
        if first == plan.total_steps:
            reporter.notice(f"The training in {out} is complete: {count_steps(first)}.")
            return Finished(out=out, step=first, total_steps=plan.total_steps)
        start_trackers(accelerator, settings)
        with reporter:
            for text in (*plan.notices, *describe_start(training, saved)):
                reporter.notice(text)
            reporter.notice(describe_work(training, first))
            reporter.begin(first, plan.total_steps)
            done = run_steps(training, first, reporter, stop)
    accelerator.end_training()
    return Finished(out=out, step=done, total_steps=plan.total_steps)


def run_steps(training: Training, first: int, reporter: Reporter, stop: Callable[[], bool]) -> int:
    """The loop: steps, log, checkpoints. Returns the number of steps done in all.

    Raises:
        NonFiniteLossError: says whether the data or the rate are at fault, and how to go on.
    """
    plan, settings, main = training.plan, training.plan.settings, training.accelerator.is_main_process
    wish, saves, starving = StopWish(training.accelerator, stop), _Saves(training, first), Starving(plan.files)
    with ExitStack() as stack:
        log = TrainingLog(training.out / LOG, first) if main else None
        if log:
            stack.callback(log.close)
            for text in log.notices:
                reporter.notice(text)
        batches = stack.enter_context(closing(read_batches(training, first, plan.total_steps)))
        feed = Feed(training, first, batches)
        for step in range(first, plan.total_steps):
            done = step + 1
            try:
                end = take_step(training, step, feed, wish, saves.due)
            except StepGivenUpError:
                saves.save(step)
                return step
            except NonFiniteLossError as error:
                end = leave_out(training, step, error)
                reporter.notice(end.record.left_out)
            is_last = end.stopped or done == plan.total_steps
            record = end.record
            if not end.stopped and (done % settings.validate_every == 0 or is_last):  # who has to stop has no time
                record = replace(record, held_out=_look(training, wish))
            reporter.step(record)
            if word := starving.word(record):
                reporter.notice(word)
            if log and (done % settings.log_every == 0 or is_last or record.held_out or record.left_out):
                log.write(record)
                training.accelerator.log(_for_tracker(record), step=done)
            regular = done % settings.save_every == 0 or (settings.keep_every and done % settings.keep_every == 0)
            if regular or end.save or is_last:
                saves.save(done)
            if is_last:
                _check_used(training, done)
                return done
    return first


def leave_out(training: Training, step: int, error: NonFiniteLossError) -> StepEnd:
    """Go on without the batch of a step whose loss is not finite, if there may be one more of them.

    Raises:
        NonFiniteLossError: there may not.
    """
    settings, facts = training.plan.settings, training.facts
    faults = find_faults(training, step)
    if len(facts.left_out) >= settings.skip_batches:
        raise NonFiniteLossError(
            f"{error}; the training stopped before using it. {_advise(training, faults)}"
        ) from error
    training.optimizer.zero_grad()
    training.facts = replace(facts, left_out=[*facts.left_out, step + 1])
    why = f"{'; '.join(map(str, faults))}" or "no value of its tiles is out of the ordinary"
    record = StepRecord(
        step=step + 1,
        epoch=(step + 1) / training.plan.order.steps_per_epoch,
        rate=training.plan.rate(step),
        total=math.nan,
        losses={},
        gradient_norm=math.nan,
        images_per_second=math.nan,
        waiting=math.nan,
        memory_mb=math.nan,
        left_out=f"{error}; its batch was left out, {len(facts.left_out) + 1} of {settings.skip_batches}: {why}",
    )
    return StepEnd(record=record, stopped=False, save=False)


def _check_used(training: Training, done: int) -> None:
    """Raises NonFiniteLossError where a training ends whose every batch was left out."""
    if done == training.plan.total_steps and not training.optimizer.state:
        raise NonFiniteLossError(
            f"the batches of all {count_steps(done)} were left out, so nothing was learnt or saved; {LOG} says why. "
            "Correct the data, or begin with a smaller base_rate."
        )


def _look(training: Training, wish: StopWish) -> Mapping[str, Mapping[str, float]]:
    """What the first process finds on held-out tiles and by the probe while the others wait; nothing where there is
    nothing to see, or where somebody asks to stop meanwhile."""
    return do_alike(lambda: _look_alone(training, wish) if training.accelerator.is_main_process else {})


def _look_alone(training: Training, wish: StopWish) -> Mapping[str, Mapping[str, float]]:
    # Of several crops of a tile there is one alone to look at, the centre; who compares tiles knows what to do with it.
    can_look = isinstance(training.model, ComparingObjective) or training.model.crops_per_tile == 1
    can_look = can_look and len(held_out_rows(training.plan.files)) > 0
    found = look_at_held_out(training, wish) if can_look else {}
    return {**found, **look_at_probe(training, training.probe, wish)} if training.probe else found


class _Saves:
    """Checkpoints of one process's part in a training: when the next is due, and up to which step all is saved."""

    def __init__(self, training: Training, first: int) -> None:
        self._training = training
        self._step = first
        self._at = time.monotonic()

    def due(self) -> bool:
        """Whether so much time has passed since the last one that another has to come."""
        minutes = self._training.plan.settings.save_minutes
        return self._training.accelerator.is_main_process and time.monotonic() - self._at >= 60 * minutes

    def save(self, step: int) -> None:
        """Checkpoint and encoder after so many steps, unless that is saved already or no batch has been used yet."""
        if step > self._step and self._training.optimizer.state:
            save(self._training, step)
            self._step, self._at = step, time.monotonic()


def save(training: Training, step: int) -> None:
    """Checkpoint and encoder, written by the first process. Raises UserError in all of them if it cannot."""

    def write() -> None:
        root, settings = training.out / CHECKPOINTS, training.plan.settings
        save_state(root, step, training.model, training.optimizer, training.facts, training.history)
        keep_newest(root, settings.keep, settings.keep_every)

    do_alike(lambda: write() if training.accelerator.is_main_process else None)
    do_alike(lambda: export(training, step))


def export(training: Training, step: int) -> None:
    """Write what evaluation loads, if this is the first process."""
    if training.accelerator.is_main_process:
        write = training.plan.settings.entry.export
        write(training.model.state_dict(), training.facts, step, training.out / ENCODER)


def _advise(training: Training, faults: list[Fault]) -> str:
    """What is left, and what to do next."""
    newest = newest_state(training.out / CHECKPOINTS)
    kept = f"The newest checkpoint, {newest.folder}, is from before." if newest else "There is no checkpoint yet."
    if faults:
        return f"{kept} {describe_faults(faults)}"
    rate = training.plan.settings.base_rate / 2
    return (
        f"{kept} Its tiles have no value that is out of the ordinary. Go on with a smaller rate or a bounded gradient, "
        f"which a resumed training may change: --resume auto --set base_rate={rate:.3g}, or --set clip_norm=1."
    )


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
