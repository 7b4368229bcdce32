"""Nothing in a name commands the terminal, whichever way it comes there; and nothing in it is markup."""

import io
import unicodedata
from pathlib import Path

import pytest
from rich.console import Group

from harness.campaign.plan import Line, State
from harness.cli.terminal import say
from harness.records.cell import Cell
from harness.records.job import DatasetRef
from harness.show.plan_tables import plan_table
from harness.show.progress_bars import RichProgress
from harness.show.results import means_grids, runs_table
from harness.show.tables import rows_table
from leaderboards.query import Table
from mp_mae.visible_text import VisibleConsole, visible

HOSTILE = "a\x1b]0;owned\x07\x1b[2J\x9b31m\u202etxt.exe\u2066\r\b\ud800[red]b[/red]"
SHOWN = r"a\x1b]0;owned\x07\x1b[2J\x9b31m\u202etxt.exe\u2066\r\x08\ud800[red]b[/red]"
ON_CONSOLE = SHOWN.replace(r"\x07", "").replace(r"\r", "").replace(r"\x08", "")
"""rich leaves these three out by itself."""


def test_what_commands_a_terminal_becomes_its_escape_and_the_rest_stays():
    assert visible(HOSTILE) == SHOWN
    assert visible("m-eurosat é 森 \n 0.5 [0.4, 0.6] ±") == "m-eurosat é 森 \n 0.5 [0.4, 0.6] ±"


def printed(*what) -> str:
    target = io.StringIO()
    VisibleConsole(file=target, width=2_000).print(*what)
    return target.getvalue()


def is_plain(text: str) -> bool:
    return all(unicodedata.category(letter) not in ("Cc", "Cf", "Cs") for letter in text.replace("\n", ""))


def test_a_line_is_shown_as_it_stands():
    target = io.StringIO()
    say(VisibleConsole(file=target), HOSTILE, style="red")
    assert target.getvalue() == ON_CONSOLE + "\n"


def test_what_looks_like_the_code_of_a_picture_is_shown_as_it_stands():
    shown = printed("a:smile:b", rows_table(["c"], [["d:rocket:e"]]))
    assert "a:smile:b" in shown
    assert "d:rocket:e" in shown


def test_colours_of_our_own_still_reach_a_terminal():
    target = io.StringIO()
    say(VisibleConsole(file=target, force_terminal=True, color_system="standard"), HOSTILE, style="red")
    assert target.getvalue() == f"\x1b[31m{ON_CONSOLE}\x1b[0m\n"


def hostile_tables():
    run = dict.fromkeys(
        ("suite", "dataset", "protocol", "partition", "backbone", "weights", "metric", "bands"), HOSTILE
    )
    run |= {"n_labels": 10, "seed": 0, "source": "measured", "run_id": "0" * 64, "higher_is_better": True}
    scored = run | {"value": 0.5, "ci_low": 0.4, "ci_high": 0.6}
    told = dict.fromkeys(("selection", "train_draw", "setup", "curve_id"), HOSTILE)
    mean = scored | told | {"axis": "shots", "n_seeds": 2, "margin": 0.1, "one_seed": False, "tied": "a", "best": False}
    dataset = DatasetRef(name=HOSTILE, suite="suite", directory=Path())
    cell = Cell(backbone=HOSTILE, seed=0, dataset=dataset, partition=HOSTILE, protocol=HOSTILE)
    yield "rows", rows_table([HOSTILE], [[HOSTILE]])
    yield "runs", runs_table(Table(tuple(scored), [tuple(scored.values())]), [])
    yield "means", Group(*means_grids(Table(tuple(mean), [tuple(mean.values())]), []))
    yield "plan", plan_table([Line(cell=cell, state=State.NEW)])


@pytest.mark.parametrize(
    ("name", "table"), list(hostile_tables()), ids=lambda value: value if isinstance(value, str) else ""
)
def test_every_table_shows_names_as_they_are(name, table):
    text = printed(table)
    assert is_plain(text)
    assert "[red]b[/red]" in text


def test_bars_and_notices_show_names_as_they_are():
    target = io.StringIO()
    console = VisibleConsole(file=target, force_terminal=True, color_system=None, width=300)
    with RichProgress(console) as progress:
        progress.notice(HOSTILE)
        with progress.step(HOSTILE, 3) as step:
            step.advance()
            progress._progress.refresh()
    assert f"note: {ON_CONSOLE}" in target.getvalue()
    assert ON_CONSOLE[:20] in target.getvalue().replace(f"note: {ON_CONSOLE}", "")
    assert "\x1b]0" not in target.getvalue()
    assert "\u202e" not in target.getvalue()
