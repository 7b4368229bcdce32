"""docs/command_line.md is what the programs say of themselves."""

import runpy
from pathlib import Path

DOCS = Path(__file__).parent.parent / "docs"
PAGE = (DOCS / "command_line.md").read_text()


def test_the_page_is_what_the_programs_say():
    made = runpy.run_path(str(DOCS / "make_command_line.py"))["page"]()
    assert PAGE.splitlines() == made.splitlines(), "run: python docs/make_command_line.py"


def test_rows_of_both_programs_by_hand():
    """An option, an argument, a verb of a group, a place in whoever's home, and the other program."""
    assert "### python -m harness data demo\n" in PAGE
    assert "\n| `--tiles N` | Tiles to pretrain on, of 0.3 MB each. [default: 1000] |\n" in PAGE
    assert "\n| `query <str>` | One SELECT (or WITH, FROM, DESCRIBE, SHOW, SUMMARIZE). [required] |\n" in PAGE
    assert "[default: ~/.cache/mp-mae-bench]" in PAGE
    assert str(Path.home()) not in PAGE
    assert "\n### python -m mp_mae shards\n" in PAGE
    assert "\n| `--workers WORKERS` | reading threads (default 2) |\n" in PAGE
