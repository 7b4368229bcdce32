"""EXECUTORS: who does the runs. An executor gets jobs and hands back records or failures, in any order.

It never writes to the leaderboard: the driver alone does, so a thousand workers need no lock.
"""

from collections.abc import Callable, Generator, Sequence

from harness.campaign.executors.local import run_in_turn
from harness.campaign.executors.processes import run_side_by_side
from harness.execution.workbench import Workbench
from harness.records.job import Job, Result

Executor = Callable[[Sequence[Job], Workbench], Generator[Result, None, None]]

EXECUTORS: dict[str, Executor] = {"local": run_in_turn, "processes": run_side_by_side}
