"""Bars in a terminal of 80 columns: names and times whole, whatever their length."""

import io
import re

import pytest

from harness.show.progress_bars import RichProgress
from mp_mae.visible_text import VisibleConsole

LEFT = "43 min + 124 unknown"


def shown(description: str) -> list[str]:
    """The last lines of a display in 80 columns: a campaign's bar, with the bar of embedding below it."""
    target = io.StringIO()
    console = VisibleConsole(file=target, force_terminal=True, color_system=None, width=80)
    progress = RichProgress(console)
    progress.bar("", 147).describe(description, LEFT)
    with progress.step("embedding images", 1_700), progress:
        console.print(progress._progress.get_renderable())
        printed = target.getvalue()
    lines = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", printed).replace("\r", "\n").splitlines()
    last = [at for at, line in enumerate(lines) if "0/147" in line][-1]
    return [line.rstrip() for line in lines[last:] if line.strip()]


@pytest.mark.parametrize("name", ["mp_mae, demo-multilabel", "my_model.py:build, demo-climate"])
def test_a_name_of_common_length_stands_in_one_line_with_its_times(name):
    first, second = shown(name)
    assert first.startswith(f"{name} ")
    assert first.endswith(f"left {LEFT}")
    assert second.startswith("embedding images ")


def test_a_longer_name_goes_on_below_and_the_times_stay_in_one_line():
    lines = shown("torchgeo:ResNet50_Weights.SENTINEL2_ALL_MOCO, m-bigearthnet")
    assert lines[0].endswith(f"left {LEFT}")
    whole = "".join(line.split("  ")[0].strip() for line in lines[:-1])
    assert whole.replace(",m", ", m") == "torchgeo:ResNet50_Weights.SENTINEL2_ALL_MOCO, m-bigearthnet"
    assert all(len(line) <= 80 for line in lines)
