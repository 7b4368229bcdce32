"""What came of a campaign, told at its end: results in as many lines as fit, reasons, and what to type next."""

import math
import shlex
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from harness.cli.terminal import DEFAULT_DB, err, out, say, show_tracebacks

if TYPE_CHECKING:
    from harness.campaign.plan import Line
    from harness.campaign.request import RunRequest
    from harness.records.job import Job

MOST_LINES, WIDTH = 25, 80
"""Of a terminal, that what came of a campaign takes at its end."""
MOST_REASONS, WAYS_ON = 4, 3
"""Lines of these."""

Told = tuple[str, str | None]
"""A line and its style."""


def tell_results(request: "RunRequest", lines: "Sequence[Line]", *, news: bool, verbose: bool, debug: bool) -> None:
    """Print all of it. `news`: whether anything is in the leaderboard that was not before."""
    from harness.campaign.plan import State
    from leaderboards.file.connection import WAIT_SECONDS
    from leaderboards.file.reader import one_look

    there = [line.job for line in lines if line.job and line.state in (State.NEW, State.DONE)]
    with one_look(request.db, WAIT_SECONDS):
        below = [*_alarms(request, there), *reasons(lines, verbose)]
        tracebacks = [line.traceback for line in lines if line.traceback]
        told = sum(math.ceil(len(text) / WIDTH) for text, _ in below) + bool(tracebacks)
        _show_results(request, there, MOST_LINES - WAYS_ON - told)
        for text, style in below:
            say(err, text, style=style)
        show_tracebacks(tracebacks, debug)
        for text, style in _ways_on(request, there, news=news):
            say(err, text, style=style)


def _show_results(request: "RunRequest", jobs: "Sequence[Job]", room: int) -> None:
    """What came of ordinary runs by the main protocol; runs on fewer bands; and what other bands at test cost."""
    from harness.show.band_losses import loss_tables, read_losses
    from harness.show.campaign.verdict import verdict

    ordinary = [job for job in jobs if not job.run.band_sets]
    if ordinary:
        names = _names(ordinary)
        first = None if request.asked_for_all else names[0]
        run_ids, protocol = [job.run_id for job in ordinary], _main_protocol(request, ordinary)
        for shown in verdict(request.db, run_ids, protocol, names, first, room):
            out.print(shown)
        _show_answers(request, ordinary)
    on_fewer = [job.run_id for job in jobs if job.run.band_sets and not job.run.test_feed]
    if on_fewer:
        _show_runs(request, on_fewer)
    shifted = [job.run_id for job in jobs if job.run.test_feed]
    if shifted:
        for table in loss_tables(read_losses(request.db, run_ids=shifted)):
            out.print(table)


def _main_protocol(request: "RunRequest", jobs: "Sequence[Job]") -> str:
    """The first one asked for by which something ran."""
    ran = {job.run.protocol for job in jobs}
    return next(name for block in request.blocks for name in block.protocols if name in ran)


def _show_answers(request: "RunRequest", jobs: "Sequence[Job]") -> None:
    """What somebody wants to know of data of their own, in words."""
    from harness.data.suites import user_suite
    from leaderboards.alarm import FLOOR
    from leaderboards.words.answer import answer

    own = dict.fromkeys((job.run.suite, job.run.dataset) for job in jobs if job.run.suite.startswith(user_suite("")))
    for suite, dataset in own:
        for line in answer(request.db, suite, dataset, {job.run_id for job in jobs}, FLOOR):
            say(out, line)


def _names(jobs: "Sequence[Job]") -> list[str]:
    """The backbones as they are stored, in the order in which they were asked for."""
    from baselines.registry import stored_name

    return [stored_name(name) for name in dict.fromkeys(job.backbone for job in jobs)]


def _show_runs(request: "RunRequest", run_ids: "Sequence[str]") -> None:
    """A row per run."""
    from harness.show.results import Choice, read_runs, runs_table

    out.print(runs_table(read_runs(request.db, Choice(), run_ids), []))


def _alarms(request: "RunRequest", jobs: "Sequence[Job]") -> "Iterator[Told]":
    """A line for each pretrained backbone that is surely below the statistics of its pixels somewhere."""
    from leaderboards.alarm import FLOOR, advice, read_alarms

    run_ids = {job.run_id for job in jobs}
    alarms = read_alarms(request.db, _names(jobs)) if jobs else []
    below = [alarm for alarm in alarms if alarm.clearly and not run_ids.isdisjoint(alarm.run_ids)]
    for backbone, suite in dict.fromkeys((alarm.backbone, alarm.suite) for alarm in below):
        of_both = [alarm.dataset for alarm in below if (alarm.backbone, alarm.suite) == (backbone, suite)]
        where = ", ".join(dict.fromkeys(of_both))
        yield f"!! {backbone} is below {FLOOR} on {where}: {advice(suite)}", "yellow"


def reasons(lines: "Sequence[Line]", verbose: bool) -> "Iterator[Told]":
    """Why lines did not run, and what is odd about those that did."""
    from harness.campaign.plan import State
    from harness.show import plan_tables

    states = (State.FAILED, State.WAITING, State.SKIPPED, State.NEW, State.DONE, State.SAME)
    told = [(text, plan_tables.STATE_STYLE[state]) for state in states for text in plan_tables.reasons(lines, state)]
    most = len(told) if verbose or len(told) <= MOST_REASONS else MOST_REASONS - 1
    yield from told[:most]
    if told[most:]:
        yield f"{len(told) - most} more such lines: the same command with --verbose", None


def _ways_on(request: "RunRequest", jobs: "Sequence[Job]", *, news: bool) -> "Iterator[Told]":
    """Where report and picture lie, made anew if there is anything new, and what to type next."""
    from harness.show.campaign.beside import keep_beside

    if not jobs:
        return
    kept = keep_beside(request.db, [job.run_id for job in jobs], _main_protocol(request, jobs), anew=news)
    yield from ((f"note: {problem}", "yellow") for problem in kept.problems)
    if kept.files:
        yield f"Open {' and '.join(map(str, kept.files))}", None
    board = "" if request.db == DEFAULT_DB else f" --db {shlex.quote(str(request.db))}"
    ran = [shlex.quote(name) for name in _names(jobs)]
    if len(ran) > 1:
        yield f"Next: python -m harness compare {ran[0]} {ran[1]}{board}", None
    yield f"{'      ' if len(ran) > 1 else 'Next: '}python -m harness leaderboard{board}", None
