"""What `run` returns."""

from collections.abc import Collection
from pathlib import Path

import pandas as pd

from baselines.registry import stored_name
from harness.api.board import Board
from harness.campaign.plan import Line, State


class Results(Board):
    """The runs of a leaderboard that one `run` asked for."""

    def __init__(self, db: Path, lines: Collection[Line]) -> None:
        super().__init__(db)
        self.lines = lines
        self.not_run = _not_run(lines)
        """What was skipped, failed or waits to be stored, and why."""

    @property
    def run_ids(self) -> Collection[str]:
        return [line.job.run_id for line in self.lines if line.job and line.state in (State.NEW, State.DONE)]

    def _repr_html_(self) -> str:
        not_run = self.not_run
        table = super()._repr_html_() if self.run_ids else ""
        return table + (f"<p>Not run:</p>{not_run.to_html(index=False)}" if len(not_run) else "")


def _not_run(lines: Collection[Line]) -> pd.DataFrame:
    rows = [
        (stored_name(line.cell.backbone), line.cell.dataset.name, line.cell.protocol, line.state.value, line.reason)
        for line in lines
        if line.state in (State.SKIPPED, State.FAILED, State.WAITING)
    ]
    columns = ["backbone", "dataset", "protocol", "state", "reason"]
    return pd.DataFrame(rows, columns=columns).drop_duplicates(ignore_index=True)
