"""Pages name files, folders and tests that exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
ROOMS = "harness|baselines|mp_mae|leaderboards|tests|docs|examples"
NAMED = re.compile(rf"`((?:{ROOMS})/[\w./-]*)(?:::\w+)?`|\]\(((?!https?:)[\w./-]+\.\w+)(?:#[\w-]+)?\)")
MADE_BY_USERS = {"leaderboards/leaderboard.duckdb", "baselines/my_model.py"}

ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text()
ADDED = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in ARCHITECTURE[ARCHITECTURE.index("| to add |") :].splitlines()[2:]
    if line.startswith("| ")
]
"""What to add, what to touch, the test that guards it."""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_names_what_exists(page):
    for named, linked in NAMED.findall(page.read_text()):
        if named in MADE_BY_USERS:
            continue
        # docs/trust.md names tests as pytest does, from the folder of tests.
        candidates = [ROOT / named, ROOT / "tests" / named] if named else [page.parent / linked]
        assert any(path.exists() for path in candidates), f"{page.name} names {named or linked}, which is not there"


@pytest.mark.parametrize("row", ADDED, ids=lambda row: row[0])
def test_whatever_is_added_has_a_place_and_a_test(row):
    _, _, guard = row
    assert re.search(r"^def test_", (ROOT / guard.strip("`")).read_text(), re.M)


def test_every_seam_and_every_room_is_on_the_plan():
    wanted = {"backbone", "protocol", "metric", "modality", "training objective", "view", "kind of labels"}
    assert {f"a {noun}" for noun in wanted - {"backbone"}} <= {row[0] for row in ADDED}
    folders = [path.parent for path in (ROOT / "harness").glob("*/__init__.py")]
    assert [folder.name for folder in folders if f"`harness/{folder.name}/`" not in ARCHITECTURE] == []


def test_the_readme_links_the_plan_and_how_to_contribute():
    readme = (ROOT / "README.md").read_text()
    assert "(docs/architecture.md)" in readme
    assert "(CONTRIBUTING.md)" in readme
