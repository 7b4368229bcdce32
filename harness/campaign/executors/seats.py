"""Tasks for many seats: each seat does one after the other, somewhere, and whatever dies in it is done again.

A seat is served by a thread of this process. Seats at a device ask for groups of runs, as late as they can, and cut
them; seats at a core take what has been cut. Results are handed on as they come.

Cores and devices are apart here. Where the cores are the device, `processes.py` is better: see there.
"""

import threading
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import replace
from queue import SimpleQueue
from typing import Protocol

from harness.campaign.dividing.work import Work
from harness.campaign.executors.tasks import On, Task
from harness.records.job import Failure, Job, Result

ATTEMPTS = 3
"""Of a task whose process dies: a machine may go at any time, but a run that kills its process will do so again."""


class DiedError(Exception):
    """The process of a seat was killed, or its machine is gone. Says how it is known."""


class Seat(Protocol):
    """Where tasks are done, one at a time."""

    on: On
    at_once: int | None
    """Jobs that it is given at a time; None: all of a task."""

    def do(self, task: Task) -> Iterator[Result]:
        """The results of the task's jobs in their order; once the work is to stop, of those that have begun.

        Raises:
            DiedError: whatever did it is gone. The seat can be used again.
        """
        ...

    def leave(self) -> None:
        """End what is being done here, now."""
        ...


def run_in_seats(
    work: Work, cut: Callable[[Sequence[Job]], list[Task]], seats: Sequence[Seat]
) -> Generator[Result, None, None]:
    """Have all work done in these seats, of which one at least is at a device and one at a core."""
    table = _Table(work, cut)
    threads = [threading.Thread(target=table.serve, args=(seat,), daemon=True) for seat in seats]
    try:
        for thread in threads:
            thread.start()
        yield from table.results(len(seats))
    finally:
        table.close()
        for seat in seats:
            seat.leave()


class _Table:
    """Tasks that wait, and results that came."""

    def __init__(self, work: Work, cut: Callable[[Sequence[Job]], list[Task]]) -> None:
        self._work = work
        self._cut = cut
        self._groups = work.groups()
        self._waiting: dict[On, deque[Task]] = {on: deque() for on in On}
        self._unfinished = 0
        """Tasks that wait or are being done."""
        self._all_asked = False
        self._asking = False
        self._closed = False
        self._changed = threading.Condition()
        self._results: SimpleQueue[Result | BaseException | None] = SimpleQueue()
        work.on_stop(self._wake)

    def results(self, n_seats: int) -> Iterator[Result]:
        """Results as they come, until all seats are empty. Raises what a seat cannot be blamed for."""
        while n_seats:
            result = self._results.get()
            if isinstance(result, BaseException):
                raise result
            if result is None:
                n_seats -= 1
            else:
                yield result

    def close(self) -> None:
        """No task is handed out any more."""
        self._closed = True
        self._wake()

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def serve(self, seat: Seat) -> None:
        """Do tasks in a seat until there are none."""
        try:
            while (task := self._next(seat.on)) is not None:
                self._do(task, seat)
            self._results.put(None)
        except BaseException as error:
            self._results.put(error)

    def _next(self, on: On) -> Task | None:
        """The next task for such a seat, waited for; None if there will be none."""
        while True:
            with self._changed:
                while not self._over and not self._waiting[on] and not self._may_ask(on):
                    self._changed.wait()
                if self._over:
                    return None
                if self._waiting[on]:
                    return self._waiting[on].popleft()
                self._asking = True
            self._ask()

    @property
    def _over(self) -> bool:
        return self._closed or self._work.stopping or (self._all_asked and not self._unfinished)

    def _may_ask(self, on: On) -> bool:
        return on is On.DEVICE and not self._all_asked and not self._asking

    def _ask(self) -> None:
        """Get the next group; it may take long, and meanwhile others go on."""
        try:
            group = next(self._groups, None)
            tasks = self._cut(group) if group is not None else []
        except BaseException:
            self.close()
            raise
        with self._changed:
            self._asking = False
            self._all_asked = group is None
            self._put(tasks)

    def _put(self, tasks: Sequence[Task]) -> None:
        for task in tasks:
            self._waiting[task.on].append(task)
        self._unfinished += len(tasks)
        self._changed.notify_all()

    def _do(self, task: Task, seat: Seat) -> None:
        """A task's results, however often its process dies, and what follows it."""
        then, embeds, waiting = task.then, task.embeds, deque(task.jobs)
        while (embeds or waiting) and not (self._closed or self._work.stopping):
            part = Task(on=task.on, embeds=embeds, jobs=self._wanted(waiting, seat.at_once))
            if part.embeds or part.jobs:
                why_not = self._do_part(part, seat)
                if why_not is not None:
                    self._fail([job for task in then for job in task.jobs], why_not)
                    then = ()
            embeds = ()
        with self._changed:
            self._unfinished -= 1
            self._put(then)

    def _wanted(self, waiting: deque[Job], at_once: int | None) -> tuple[Job, ...]:
        """The next jobs that are wanted, so many; None: all."""
        taken: list[Job] = []
        while waiting and (at_once is None or len(taken) < at_once):
            job = waiting.popleft()
            if self._work.wants(job):
                taken.append(job)
        return tuple(taken)

    def _do_part(self, part: Task, seat: Seat) -> Failure | None:
        """Results of all its jobs; or why it could not embed for others."""
        deaths: Counter[str | None] = Counter()
        remaining = list(part.jobs)
        while not self._closed:
            try:
                for result in seat.do(replace(part, jobs=tuple(remaining))):
                    remaining.remove(result.job)
                    self._results.put(result)
                if remaining and not self._work.stopping:
                    raise RuntimeError("the task ended before this run was begun")
                return None
            except DiedError as died:
                first = remaining[0].run_id if remaining else None
                deaths[first] += 1
                if deaths[first] < ATTEMPTS:
                    continue
                why = f"the process it ran in was killed {ATTEMPTS} times ({died}; out of memory?)"
                failure = Failure(message=why, traceback=None)
                self._fail(remaining[:1], failure)
                del remaining[:1]
            except Exception as error:  # the border between runs: what cannot be handed over, for example
                failure = Failure.of(error)
                self._fail(remaining, failure)
                remaining = []
            if not remaining:
                return None if part.jobs else failure
        return None

    def _fail(self, jobs: Sequence[Job], failure: Failure) -> None:
        for job in jobs:
            self._results.put(Result(job, failure))
