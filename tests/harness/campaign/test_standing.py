"""How far grids are is told of the processes that live and work on them."""

import socket

from harness.campaign.dividing.claims import Claims, Member, grid_folder
from harness.campaign.dividing.plan_file import PlannedGroup, kept_plan
from harness.campaign.dividing.standing import read_standings
from leaderboards.store import open_leaderboard

GONE = str(Member(socket.gethostname(), 2**22 + 1, "gone"))


def keep(folder, *names):
    groups = {name: PlannedGroup(backbone=name, dataset="d", runs={"knn": [f"{name}1", f"{name}2"]}) for name in names}
    with kept_plan(folder, groups, lambda _: (), anew=True):
        pass


def test_a_group_of_somebody_who_is_gone_waits_and_each_grid_has_its_own_processes(tmp_path):
    db = open_leaderboard(tmp_path / "x.duckdb").path
    folder = grid_folder(db)
    with Claims(folder) as claims:
        keep(folder, "held", "left")
        keep(folder, "other")
        assert claims.take("held")
        (folder / "claims" / "left").mkdir()
        (folder / "claims" / "left" / GONE).touch()
        (folder / "members" / GONE).touch()
        first, second = read_standings(db)
    assert [(part.backbone, part.left, part.by is not None) for part in first.parts] == [
        ("held", 2, True), ("left", 2, False),
    ]  # fmt: skip
    assert (first.running, len(first.at_work)) == (2, 1)
    assert (second.running, list(second.at_work)) == (0, [])
