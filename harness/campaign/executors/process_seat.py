"""A process of this machine as a seat: it is started with its first task, and anew after it was killed."""

import os
import threading
from collections.abc import Iterator, Mapping
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

from harness.campaign.executors.seats import DiedError
from harness.campaign.executors.tasks import On, Task
from harness.campaign.executors.worker import do_task, workbench_of
from harness.records.job import Places, Result
from mp_mae.data.processes import clean_processes

_STARTING = threading.Lock()
"""One process is started at a time: the first of them starts the server that all are forks of."""


class ProcessSeat:
    """Does its tasks in a process of its own."""

    at_once: int | None = 1

    def __init__(self, on: On, places: Places, variables: Mapping[str, str]) -> None:
        """
        Args:
            places: for what is done here.
            variables: of the environment of the process, set before it uses any device.
        """
        self.on = on
        self._places = places
        self._variables = dict(variables)
        self._process: BaseProcess | None = None
        self._line: Connection | None = None

    def do(self, task: Task) -> Iterator[Result]:
        """The results of the task's jobs. DiedError if the process was killed."""
        try:
            line = self._connected()
            line.send(task)
            while (answer := line.recv()) is not None:
                if isinstance(answer, Exception):
                    raise answer
                yield answer
        except (EOFError, OSError) as gone:
            self.leave()
            raise DiedError("on this machine") from gone

    def leave(self) -> None:
        """Kill the process. Nothing that it has stored is ever half there."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.join()

    def _connected(self) -> Connection:
        """The line to the process, which is started if there is none."""
        if self._process is None or self._line is None:
            with _STARTING:
                self._line, other = Pipe()
                self._process = clean_processes(do_task.__module__).Process(  # type: ignore[attr-defined]
                    target=_serve, args=(other, self._places, self._variables), daemon=True
                )
                self._process.start()
                other.close()
        return self._line


def _serve(line: Connection, places: Places, variables: Mapping[str, str]) -> None:
    """What the process does: every task that it is sent, each ended by None, or by what went wrong between runs."""
    os.environ.update(variables)
    workbench = workbench_of(places)
    while True:
        task = line.recv()
        try:
            for result in do_task(task, workbench, wanted=lambda: True):
                line.send(result)
            line.send(None)
        except Exception as error:  # a result that cannot be sent: pickling fails before a byte is
            line.send(RuntimeError(f"{type(error).__name__}: {error}"))
