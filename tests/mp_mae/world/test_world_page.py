"""docs/world.md names the files that make the simulated world where they are."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_every_file_that_the_page_names_is_there_and_every_step_has_one():
    rows = [line for line in (ROOT / "docs" / "world.md").read_text().splitlines() if line.startswith("|")][2:]
    for row in rows:
        named = re.findall(r"`([\w/]+\.py)`", row)
        assert named, f"no file: {row}"
        assert all((ROOT / "mp_mae" / "data" / "world" / name).is_file() for name in named), row
