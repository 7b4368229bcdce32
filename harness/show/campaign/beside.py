"""What a campaign leaves beside the leaderboard: the report of all of it, and a picture of the curves just made."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import leaderboards.errors
from harness.errors import UserError
from harness.show.plots.curves import read_panels
from harness.show.reproduce import reproducing_command
from leaderboards.report.build import build_report


class Kept(NamedTuple):
    """What lies there."""

    files: list[Path]
    problems: list[str]
    """Why something does not: no reason for a campaign to have failed."""


def keep_beside(db: Path, run_ids: Sequence[str], protocol: str, *, anew: bool) -> Kept:
    """Write both into the folder of the leaderboard, named after it: several may lie there.

    Args:
        run_ids: whose curves are drawn, those of the protocol; of single points there is no picture.
        anew: whether what is there is replaced.
    """

    def draw(target: Path) -> None:
        panels = [panel for panel in read_panels(db, run_ids=run_ids, protocols=[protocol]) if panel.is_curve]
        if panels:
            from harness.show.plots.figure import draw_figure  # noqa: PLC0415 - matplotlib: a second, and often in vain

            draw_figure(panels, target)

    kept = Kept([], [])
    writers: dict[str, Callable[[Path], object]] = {
        "report.html": lambda path: build_report(db, path, reproducing_command),
        "curves.png": draw,
    }
    for name, write in writers.items():
        target = db.with_name(f"{db.stem}-{name}")
        try:
            if anew or not target.exists():
                write(target)
        except (UserError, leaderboards.errors.UserError) as error:
            kept.problems.append(str(error))
        if target.exists():
            kept.files.append(target)
    return kept
