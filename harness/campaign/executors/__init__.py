"""EXECUTORS: who does the runs. An executor gets work and hands back records or failures, in any order.

It asks its work for groups of jobs when it has room for them, hands back one result for each job that it began, and
ends when there is no more, or when it is told to stop and what it began has ended. It never writes to the leaderboard:
the driver alone does, so a thousand workers need no lock.
"""

from collections.abc import Callable, Generator

from harness.campaign.dividing.work import Work
from harness.campaign.executors.local import run_in_turn
from harness.campaign.executors.processes import run_side_by_side
from harness.execution.workbench import Workbench
from harness.records.job import Result

Executor = Callable[[Work, Workbench], Generator[Result, None, None]]

EXECUTORS: dict[str, Executor] = {"local": run_in_turn, "processes": run_side_by_side}
