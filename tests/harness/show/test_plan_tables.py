"""The summary of a plan in a terminal: names stay whole, whatever the width."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from baselines.table import BACKBONES
from harness.campaign.estimate import UNKNOWN
from harness.campaign.plan import Line, State
from harness.records.cell import Cell
from harness.records.job import DatasetRef
from harness.show.plan_tables import plan_table, reasons, summary_table

DATASET = DatasetRef(name="m-SA-crop-type", suite="any", directory=Path("any/m-SA-crop-type"))
STATES = (State.NEW, State.DONE, State.UNKNOWN, State.SKIPPED, State.FAILED)


@pytest.mark.parametrize("width", [80, 120])
def test_names_are_in_one_line_each(width: int) -> None:
    cells = [
        Cell(backbone=backbone, seed=0, dataset=DATASET, partition="default", protocol="few_shot_area")
        for backbone in BACKBONES
        for _ in STATES
    ]
    lines = [Line(cell=cell, state=STATES[i % len(STATES)]) for i, cell in enumerate(cells)]
    console = Console(width=width, file=io.StringIO(), force_terminal=True, color_system=None)
    console.print(summary_table(lines, [UNKNOWN] * len(lines)))
    shown = console.file.getvalue()
    for name in (*BACKBONES, DATASET.name, "few_shot_area"):
        assert f" {name} " in shown, shown
    assert max(map(len, shown.splitlines())) <= width


def test_a_named_checkpoint_is_called_as_in_rows() -> None:
    cell = Cell(backbone="first=mp_mae", seed=0, dataset=DATASET, partition="default", protocol="knn")
    line = Line(cell=cell, state=State.FAILED, reason="torn")
    console = Console(width=120, file=io.StringIO())
    console.print(summary_table([line], [UNKNOWN]), plan_table([line]))
    shown = console.file.getvalue()
    assert "backbone  first " in shown
    assert "m-SA-crop-type  first  " in shown
    assert "=mp_mae" not in shown
    assert reasons([line], State.FAILED) == ["failed: m-SA-crop-type, first, default, knn: torn"]
