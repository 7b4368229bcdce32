"""A campaign: plan a request, do what is missing, commit each run as it finishes.

Under `accelerate launch` the first process plans, reports and writes; the others only help it to train.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, nullcontext, suppress
from datetime import UTC, datetime
from functools import partial
from itertools import chain

import leaderboards.errors
from baselines.registry import stored_name
from harness.campaign.dividing.became import Became
from harness.campaign.dividing.claims import Claims, grid_folder
from harness.campaign.dividing.groups import in_groups
from harness.campaign.dividing.plan_file import kept_plan
from harness.campaign.dividing.shared_work import SharedWork, planned_groups
from harness.campaign.dividing.work import Work
from harness.campaign.estimate import Estimate, estimate_plan, estimate_seconds
from harness.campaign.executors import executor_for
from harness.campaign.executors.local import execute_safely
from harness.campaign.plan import Line, State, build_plan, mark_done, mark_given_up
from harness.campaign.request import RunRequest
from harness.campaign.watch import UNWATCHED, Watch
from harness.errors import UserError
from harness.execution.workbench import Workbench
from harness.protocols import trains_backbone
from harness.records.job import Failure, Job, Places, Result, Unstored
from harness.records.progress import Progress
from harness.training.devices import Devices
from leaderboards.schema import FailureRow, RunRecord
from leaderboards.store import Leaderboard, Session, open_if_there, open_leaderboard


def preview(request: RunRequest, progress: Progress) -> tuple[list[Line], list[Estimate]]:
    """The plan alone, and what each line will take: reads what is there, converts, runs and writes nothing."""
    workbench = Workbench(_places(request), progress)
    lines, _ = _plan(request, workbench, convert=False)
    return lines, estimate_plan(lines, workbench, Leaderboard(request.db).timings(request.device))


def run_campaign(request: RunRequest, progress: Progress, watch: Watch = UNWATCHED) -> list[Line]:
    """Run what the leaderboard lacks. One failing run leaves the others alone; each finished run is safe at once.

    Args:
        watch: told what will be run and what came of each run.
    Returns:
        The plan as it ended: NEW lines finished and were committed just now, FAILED ones say why.
    Raises:
        UserError: the request as a whole cannot be met (of `harness.errors`, or of `leaderboards.errors` for the file).
    """
    devices = Devices(request.device)
    if devices.count > 1 and request.trials:
        raise UserError("--trials: tune in one process, or in several that are started apart and share the trials.")
    if devices.count > 1 and request.ray:
        raise UserError("--executor ray: start one process, without accelerate launch; Ray starts the others")
    with devices.agreeing():
        leaderboard = open_if_there(request.db)
        workbench = Workbench(_places(request), progress, verify_data=request.verify_data)
        lines, failed_before = _plan(request, workbench, convert=True)
        jobs = _in_order(_jobs(line for line in lines if line.state is State.NEW))
        seconds = estimate_seconds(jobs, workbench, leaderboard.timings(request.device)) if jobs else 0.0
        # An empty share has an empty leaderboard; what cannot be run at all leaves none.
        if (jobs or not lines) and not request.db.exists():
            leaderboard = open_leaderboard(request.db)
    if devices.count > 1:  # what is done together first: nobody has to wait for what the first does alone
        jobs.sort(key=lambda job: not trains_backbone(job.run.protocol))
    devices.from_first([job.run_id for job in jobs if trains_backbone(job.run.protocol)])
    with devices.agreeing():
        pass  # the others plan now
    executor = executor_for(request, devices.count)
    watch.begins(lines, jobs, None if seconds is None or request.ray else seconds / request.workers)
    became = Became(watch)
    with (
        leaderboard.session() as session,
        _dividing(request, lines, jobs, failed_before, session, became, progress, devices) as work,
        watch.stoppable(work.stop) if devices.count == 1 else nullcontext(),
        closing(executor(work, workbench)) as results,
    ):
        for result in results:
            outcome = _commit(session, result)
            became.ends(result.job, outcome)
            work.became(result.job, outcome if isinstance(outcome, Failure) else None)
    return became.at_the_end(lines, work, leaderboard)


def help_campaign(request: RunRequest, devices: Devices, progress: Progress) -> None:
    """What all processes but the first do: train with it what has to be trained, in its order, and store nothing.

    Raises:
        UserError: planning failed, here or in another process. The first one says it.
    """
    with devices.agreeing():
        pass  # the first process plans, and converts what has to be
    wanted: list[str] = devices.from_first([])
    with devices.agreeing():
        workbench = Workbench(_places(request), progress)
        lines = build_plan(request, workbench, convert=True)
    jobs = {job.run_id: job for job in _jobs(lines)}
    why_not = next((line.reason for line in lines if line.state is State.FAILED), "its files are others than here")
    for run_id in wanted:
        if run_id in jobs:
            execute_safely(jobs[run_id], workbench)  # the first process has the same failure, and reports it
            continue
        with suppress(UserError), devices.agreeing():
            raise UserError(f"cannot help with this run: {why_not}")


def _jobs(lines: Iterable[Line]) -> list[Job]:
    return [line.job for line in lines if line.job]


def _in_order(jobs: Sequence[Job]) -> list[Job]:
    """Within a backbone all seeds of one dataset before the next: its curves are whole one after the other. Runs that
    train the backbone come after those that share its features."""
    first: dict[object, int] = {}
    for number, job in enumerate(jobs):
        first.setdefault(job.backbone, number)
        first.setdefault(job.dataset, number)
    ordered = sorted(jobs, key=lambda job: (first[job.backbone], trains_backbone(job.run.protocol), first[job.dataset]))
    return list(chain(*in_groups(ordered).values()))


@contextmanager
def _dividing(
    request: RunRequest,
    lines: Sequence[Line],
    jobs: Sequence[Job],
    failed_before: Mapping[str, FailureRow],
    session: Session,
    became: Became,
    progress: Progress,
    devices: Devices,
) -> Iterator[Work]:
    """The jobs as work that other commands may share. Processes that train together do all of it, in one order."""
    if devices.count > 1 or not jobs:
        yield Work(jobs, tries_all=devices.count > 1)
        return
    made, planned = partial(_made, session), planned_groups(_jobs(lines))
    with Claims(grid_folder(request.db)) as claims, kept_plan(claims.folder, planned, made, anew=claims.alone):
        yield SharedWork(jobs, claims, failed_before, session.look_up, became.elsewhere, progress.notice)


def _made(session: Session, run_ids: Collection[str]) -> Collection[str]:
    """Which of these runs are in the leaderboard; none if nobody can tell now."""
    with suppress(leaderboards.errors.UserError):
        return session.look_up(run_ids).made
    return ()


def _commit(session: Session, result: Result) -> RunRecord | Failure | Unstored:
    """What became of a run in the end. A finished one is stored, in the spool if the leaderboard is locked or full now;
    the next one may go in. Of a failed one it is remembered why."""
    if isinstance(result.outcome, Failure):
        with suppress(leaderboards.errors.UserError):  # which is said as well
            session.record_failure(_failure_row(result.job, result.outcome))
        return result.outcome
    try:
        reason = session.commit_or_keep(result.outcome)
    except Exception as error:  # the border between runs: the others can be stored nevertheless
        return Failure.of(error)
    return Unstored(message=reason) if reason else result.outcome


def _failure_row(job: Job, failure: Failure) -> FailureRow:
    run = job.run
    return FailureRow(
        run_id=job.run_id,
        suite=run.suite,
        dataset=run.dataset,
        backbone=stored_name(job.backbone),
        protocol=run.protocol,
        partition=run.partition,
        seed=run.seed,
        message=failure.message,
        traceback=failure.traceback,
        failed_at=datetime.now(UTC),
    )


def _plan(request: RunRequest, workbench: Workbench, *, convert: bool) -> tuple[list[Line], Mapping[str, FailureRow]]:
    """The lines of the plan, and how those that failed before had failed."""
    lines = build_plan(request, workbench, convert=convert)
    found = Leaderboard(request.db).look_up([line.job.run_id for line in lines if line.job])
    lines = mark_done(lines, found.made)
    return lines if request.retry_failed else mark_given_up(lines, found.failed), found.failed


def _places(request: RunRequest) -> Places:
    return Places(
        cache_dir=request.cache_dir,
        device=request.device,
        workers=request.workers,
        cache_limit=request.cache_limit,
    )
