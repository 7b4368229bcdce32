"""A Ray cluster as seats: each task goes to whatever node has room for it, and comes back run by run.

All nodes see the data, the cache and this environment under the same paths. Ray carries jobs and records; pixels and
features stay in the cache, where what a lost node had finished is found. This process alone writes the leaderboard.
"""

import logging
import os
import signal
import socket
import tempfile
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

from harness.campaign.dividing.work import Work
from harness.campaign.executors.ray_room import Room, room_on
from harness.campaign.executors.seats import DiedError, run_in_seats
from harness.campaign.executors.task_memory import memory_of
from harness.campaign.executors.tasks import On, Task
from harness.campaign.executors.worker import cutter, do_task, workbench_of
from harness.errors import UserError
from harness.execution.workbench import Workbench
from harness.records.job import Places, Result
from harness.records.ray_wish import RayWish

ADDRESS = "RAY_ADDRESS"
"""Ray's own variable for the cluster that a program is to join."""
REACHED_SECONDS = 10
"""In which a cluster answers that is there."""


def run_on_ray(work: Work, workbench: Workbench, asked: RayWish) -> Generator[Result, None, None]:
    """Execute jobs as tasks of Ray; whatever goes wrong in a run is its failure alone, and what dies is tried again.

    Raises:
        UserError: there is no such cluster, or it has not what is asked for.
    """
    with _cluster(asked.address, workbench.places.workers) as ray, _sign(workbench.places) as there:
        work.on_stop(there.no_more)
        room = room_on([node["Resources"] for node in ray.nodes() if node["Alive"]], asked.device)
        asks = _careful(partial(_asks, room=room, workbench=workbench))
        seats = [RaySeat(on, there, asks) for on, number in room.seats.items() for _ in range(number)]
        yield from run_in_seats(work, cutter(workbench), seats)


@dataclass(frozen=True, kw_only=True)
class There:
    """What a task has to know of the campaign it belongs to."""

    folder: Path
    """The campaign's own, in the cache; who does not see it does not see the cache."""
    here: Path
    """Folder that relative paths start from."""
    cache_limit: int | None
    """As of `Places`."""

    @property
    def sign(self) -> Path:
        """A file that is there for as long as jobs are to be begun."""
        return self.folder / "wanted"

    def no_more(self) -> None:
        """Let tasks end before their next job."""
        self.sign.unlink(missing_ok=True)


class RaySeat:
    """One task of Ray at a time."""

    at_once: int | None = None

    def __init__(self, on: On, there: There, asks: Callable[[Task], dict[str, Any]]) -> None:
        """
        Args:
            asks: what Ray is asked for a task.
        """
        self.on = on
        self._there = there
        self._asks = asks
        self._stream: Any = None

    def do(self, task: Task) -> Iterator[Result]:
        """The task's results as they come. DiedError if its process or node is gone."""
        import ray  # noqa: PLC0415 - an extra
        from ray.exceptions import RayError, RayTaskError  # noqa: PLC0415

        try:
            self._stream = _remote().options(**self._asks(task)).remote(replace(task, then=()), self._there)
            for result in self._stream:
                yield ray.get(result)
        except RayTaskError as error:
            raise (error.cause if isinstance(error.cause, Exception) else RuntimeError(str(error))) from None
        except RayError as gone:
            raise DiedError(type(gone).__name__) from gone
        finally:
            self._stream = None

    def leave(self) -> None:
        """Kill the process of the task that is under way."""
        import ray  # noqa: PLC0415 - an extra

        if self._stream is not None and ray.is_initialized():
            ray.cancel(self._stream, force=True)


@cache
def _remote() -> Any:
    import ray  # noqa: PLC0415 - an extra

    return ray.remote(max_retries=0, num_returns="streaming")(_do_there)


def _do_there(task: Task, there: There) -> Iterator[Result]:
    """What a node does: a task, at the workbench of the process that Ray chose."""
    import ray  # noqa: PLC0415 - an extra
    import torch  # noqa: PLC0415 - the first that a process imports; it may take this task's threads for its own

    if not (there.folder.is_dir() and there.here.is_dir()):
        raise UserError(
            f"node {socket.gethostname()} does not see {there.folder.parent} or {there.here}: with --executor ray the "
            "data, --cache-dir and this folder lie on a file system that all nodes share, under the same paths"
        )
    os.chdir(there.here)
    context = ray.get_runtime_context()
    torch.set_num_threads(max(1, int(context.get_assigned_resources().get("CPU", 1))))
    on_gpu = bool(context.get_accelerator_ids().get("GPU"))
    places = Places(
        cache_dir=there.folder.parents[1], device="cuda" if on_gpu else "cpu", cache_limit=there.cache_limit
    )
    yield from do_task(task, workbench_of(places), wanted=there.sign.exists)


def _asks(task: Task, room: Room, workbench: Workbench) -> dict[str, Any]:
    return room.asked(task.on, memory_of(task, workbench))


def _careful(asks: Callable[[Task], dict[str, Any]]) -> Callable[[Task], dict[str, Any]]:
    """A function that is asked by one thread at a time: a workbench is no place for several."""
    one = threading.Lock()

    def ask(task: Task) -> dict[str, Any]:
        with one:
            return asks(task)

    return ask


@contextmanager
def _sign(places: Places) -> Iterator[There]:
    """A folder of this campaign in the cache, for as long as it goes on."""
    parent = places.cache_dir.absolute() / "ray"
    parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=parent) as folder:
        there = There(folder=Path(folder), here=Path.cwd(), cache_limit=places.cache_limit)
        there.sign.touch()
        yield there
        there.no_more()


@contextmanager
def _cluster(address: str | None, cores: int) -> Iterator[Any]:
    """Ray, connected to a cluster, or to one of so many cores that is started here and ends with this."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # it would tell its makers, over the network
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "1")  # a task that asks for no GPU sees none
    import ray  # noqa: PLC0415 - an extra

    if ray.is_initialized():  # by whoever called us, whose it stays
        yield ray
        return
    address = address or os.environ.get(ADDRESS)
    where = {"address": address} if address else {"num_cpus": cores, "include_dashboard": False}
    with _own_signals():
        try:
            if address:
                _reach(address)
            ray.init(log_to_driver=False, logging_level=logging.ERROR, **where)
        except (ConnectionError, RuntimeError, ValueError) as error:
            why = " ".join(str(error).split())[:200]
            if address is None:
                raise UserError(f"--executor ray: Ray did not start here ({why}). Try again or leave it out") from error
            raise UserError(
                f"--ray-address {address}: no Ray cluster was found there ({why}). Start one by `ray start --head`, or "
                "leave the option out"
            ) from error
    try:
        yield ray
    finally:
        ray.shutdown()


def _reach(address: str) -> None:
    """Raises ConnectionError where nobody listens at a HOST:PORT: Ray itself tries for minutes before it says so."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not port.isdecimal():  # a word, such as `auto`
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=REACHED_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise ConnectionError(str(error)) from error


@contextmanager
def _own_signals() -> Iterator[None]:
    """Around what puts its own answer to SIGTERM in the place of ours."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
