"""Tables fit the terminal and keep names whole: lines break at spaces, then columns are stacked."""

import io

import pytest
from rich.console import Console, RenderableType

from harness.show.tables import FittedTable, rows_table

NAMES = ("demo-landcover", "imagenet_mae_published", "average_precision_macro", "few_shot_nearest_mean")
INTERVAL = "0.508 [0.464,\N{NO-BREAK SPACE}0.552]"


def lines(table: RenderableType, width: int) -> list[str]:
    console = Console(width=width, file=io.StringIO())
    console.print(table)
    return console.file.getvalue().splitlines()


def a_table() -> FittedTable:
    table = FittedTable()
    for number in range(len(NAMES)):
        table.add_column(f"name {number}")
    table.add_column("value", justify="right")
    table.add_row(*NAMES, INTERVAL)
    table.add_row(*reversed(NAMES), "0.5")
    return table


@pytest.mark.parametrize("width", [47, 60, 80, 100, 120, 200])
def test_every_name_is_whole_on_a_line_and_no_line_is_too_long(width: int) -> None:
    shown = lines(a_table(), width)
    assert max(map(len, shown)) <= width
    for word in (*NAMES, "[0.464, 0.552]", "name 0", "value"):
        assert any(word in line for line in shown), (word, shown)


def test_what_fits_stands_on_one_line() -> None:
    assert len(lines(a_table(), 120)) == 4  # the head, a rule and two rows


def test_cells_break_at_spaces_before_columns_are_stacked() -> None:
    head, _, first, second, third = lines(a_table(), 110)
    assert head.endswith(" value")
    assert first.endswith(" 0.508")
    assert second.strip() == "[0.464, 0.552]"
    assert third.endswith(" 0.5")


def test_stacked_columns_stand_under_their_heads() -> None:
    shown = lines(a_table(), 60)
    assert shown[0].split() == ["name", "0", "name", "1"]
    start = shown[0].index("name 1")
    assert [line[start:].strip() for line in shown if "───" not in line] == [
        "name 1", "name 2", "name 3", "value", *NAMES[1:], INTERVAL.replace("\N{NO-BREAK SPACE}", " "),
        *NAMES[2::-1], "0.5",
    ]  # fmt: skip


def test_heads_of_several_lines_keep_stacked_ones_level() -> None:
    shown = lines(rows_table(["key", "a", "two words", "b", "c"], [["xxxxxx"] * 5]), 22)
    assert [line.split() for line in shown[:3]] == [["key", "a", "two"], ["words"], ["b", "c"]]


def test_a_word_wider_than_the_terminal_is_all_there() -> None:
    shown = lines(rows_table(["a", "b"], [["x" * 100, "y" * 30]]), 60)
    assert sum(line.count("x") for line in shown) == 100
    assert max(map(len, shown)) <= 60


def test_a_table_without_rows_has_its_head() -> None:
    assert lines(rows_table(["a", "b"], []), 80)[0].split() == ["a", "b"]
