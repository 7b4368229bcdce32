"""A campaign: plan a request, do what is missing, commit each run as it finishes.

Under `accelerate launch` the first process plans, reports and writes; the others only help it to train.
"""

from collections.abc import Iterable, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from itertools import chain

from harness.campaign.dividing.groups import in_groups
from harness.campaign.dividing.work import Work
from harness.campaign.estimate import Estimate, estimate_plan, estimate_seconds
from harness.campaign.executors import EXECUTORS
from harness.campaign.executors.local import execute_safely
from harness.campaign.plan import Line, State, build_plan, mark_done
from harness.campaign.request import RunRequest
from harness.campaign.watch import UNWATCHED, Watch
from harness.errors import UserError
from harness.execution.workbench import Workbench
from harness.protocols import trains_backbone
from harness.records.job import Failure, Job, Places
from harness.records.progress import Progress
from harness.training.devices import Devices
from leaderboards.schema import RunRecord
from leaderboards.store import Leaderboard, Session, open_leaderboard


def preview(request: RunRequest, progress: Progress) -> tuple[list[Line], list[Estimate]]:
    """The plan alone, and what each line will take: reads what is there, converts, runs and writes nothing."""
    workbench = Workbench(_places(request), progress)
    lines = _plan(request, workbench, convert=False)
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
    with devices.agreeing():
        leaderboard = open_leaderboard(request.db)
        workbench = Workbench(_places(request), progress, verify_data=request.verify_data)
        lines = _plan(request, workbench, convert=True)
        jobs = _in_order(_jobs(line for line in lines if line.state is State.NEW))
        seconds = estimate_seconds(jobs, workbench, leaderboard.timings(request.device))
    if devices.count > 1:  # what is done together first: nobody has to wait for what the first does alone
        jobs.sort(key=lambda job: not trains_backbone(job.run.protocol))
    devices.from_first([job.run_id for job in jobs if trains_backbone(job.run.protocol)])
    with devices.agreeing():
        pass  # the others plan now
    executor = EXECUTORS["processes" if request.workers > 1 and devices.count == 1 else "local"]
    failed: dict[str, Failure] = {}
    watch.begins(lines, jobs, None if seconds is None else seconds / request.workers)
    with leaderboard.session() as session, closing(executor(Work(jobs), workbench)) as results:
        for result in results:
            failure = _commit(session, result.outcome)
            if failure is not None:
                failed[result.job.run_id] = failure
            watch.ends(result.job, failure or result.outcome)
    for run_id in leaderboard.known(failed):  # waited in the spool until a later commit took it along
        del failed[run_id]
    return [_with_failure(line, failed) for line in lines]


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


def _commit(session: Session, outcome: RunRecord | Failure) -> Failure | None:
    """Store a finished run, in the spool if the leaderboard is locked or full now; the next one may go in."""
    if isinstance(outcome, Failure):
        return outcome
    try:
        reason = session.commit_or_keep(outcome)
    except Exception as error:  # the border between runs: the others can be stored nevertheless
        return Failure.of(error)
    return Failure(message=reason, traceback=None) if reason else None


def _plan(request: RunRequest, workbench: Workbench, *, convert: bool) -> list[Line]:
    lines = build_plan(request, workbench, convert=convert)
    return mark_done(lines, Leaderboard(request.db).backbones_of([line.job.run_id for line in lines if line.job]))


def _places(request: RunRequest) -> Places:
    return Places(
        cache_dir=request.cache_dir,
        device=request.device,
        workers=request.workers,
        cache_limit=request.cache_limit,
    )


def _with_failure(line: Line, failed: dict[str, Failure]) -> Line:
    if line.job and line.job.run_id in failed:
        failure = failed[line.job.run_id]
        return replace(line, state=State.FAILED, reason=failure.message, traceback=failure.traceback)
    return line
