"""docs/trust.md names tests and files that exist."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in (ROOT / "docs" / "trust.md").read_text().splitlines()
    if line.startswith("| ") and not line.startswith(("| promise ", "| --- "))
]
"""Promise, where it is kept, the test that holds it."""


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[-1].strip("`"))
def test_a_promise_names_a_file_and_a_test_that_exist(row):
    _, place, test = row
    assert (ROOT / place.strip("`")).exists()
    named = re.fullmatch(r"`([\w/]+\.py)::(test_\w+)`", test)
    assert named
    body = ast.parse((ROOT / "tests" / named[1]).read_text()).body
    (found,) = [node for node in body if isinstance(node, ast.FunctionDef) and node.name == named[2]]
    slow = any("slow" in ast.unparse(decorator) for decorator in found.decorator_list)
    assert slow == row[0].endswith("†")


def test_every_part_of_the_page_has_promises():
    assert len(ROWS) > 40
