"""Means over seeds in the terminal: curves of one name are told apart, the best stands first, seeds are counted."""

import io
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from harness.show.results import Choice, means_grids, read_means
from leaderboards.schema import RunRecord
from report_boards import campaign, published, run_id, write_board

BACKBONES = ("mp_mae", "image_statistics")


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seeds of two weights of mp_mae, one of image_statistics, and a number that was published."""
    *records, statistics, _ = campaign(
        backbones=BACKBONES, datasets=("m-eurosat",), partitions=("1.00x_train",), n_seeds=2
    )
    others = [
        replace(record, run=replace(record.run, run_id=run_id("other", record.run.seed), weights_sha256="cd" * 32))
        for record in records
    ]
    read = published("resnet50", "m-eurosat", 0.1)
    return write_board(tmp_path_factory.mktemp("means") / "b.duckdb", [*records, *others, statistics, read])


def lines(board: Path, choice: Choice) -> list[str]:
    console = Console(width=80, file=io.StringIO())
    for part in means_grids(read_means(board, choice), []):
        console.print(part)
    return console.file.getvalue().splitlines()


def test_weights_stand_behind_the_name_where_it_has_several_and_the_best_is_first(board: Path) -> None:
    shown = lines(board, Choice())
    names = [line.replace("\N{NO-BREAK SPACE}", " ").split("  ")[1] for line in shown if line.startswith("  ")]
    assert sorted(names[:2]) == ["mp_mae@abababab", "mp_mae@cdcdcdcd"]
    assert names[2:] == ["image_statistics", "resnet50 published"]


def test_one_seed_is_marked(board: Path) -> None:
    shown = lines(board, Choice())
    assert shown[0].endswith("accuracy, mean of 1 to 2 seeds")
    assert ["¹" in line for line in shown if "mp_mae@" in line or "image_statistics" in line] == [
        False, False, True,
    ]  # fmt: skip


def test_ties_have_letters_and_the_best_is_marked_only_where_it_is_told_apart(tmp_path: Path) -> None:
    """Two of three backbones are equal but for noise; on the second dataset one is far above both."""
    by_dataset = {"tied": {"a": 0.5, "b": 0.5, "low": 0.2}, "clear": {"a": 0.5, "b": 0.8, "low": 0.2}}
    noise = {"a": (0.0, 0.02, 0.01), "b": (0.02, 0.0, 0.005), "low": (0.0, 0.01, 0.005)}

    def rescored(record: RunRecord) -> RunRecord:
        run = record.run
        value = by_dataset[run.dataset][run.backbone] + noise[run.backbone][run.seed or 0]
        return replace(record, metrics=[replace(record.metrics[0], value=value, ci_low=None, ci_high=None)])

    records = campaign(backbones=("a", "b", "low"), datasets=tuple(by_dataset), partitions=("1.00x_train",))
    path = write_board(tmp_path / "board.duckdb", [rescored(record) for record in records])
    means = read_means(path, Choice())
    rows = [dict(zip(means.columns, row, strict=True)) for row in means.rows]
    assert {(row["dataset"], row["backbone"]): (row["tied"], row["best"]) for row in rows} == {
        ("tied", "a"): ("a", False), ("tied", "b"): ("a", False), ("tied", "low"): ("b", False),
        ("clear", "b"): ("a", True), ("clear", "a"): ("b", False), ("clear", "low"): ("c", False),
    }  # fmt: skip
    shown = [line.replace("\N{NO-BREAK SPACE}", " ").split() for line in lines(path, Choice())]
    marks = [(words[0], words[-1]) for words in shown if words and words[0] in ("a", "b", "low")]
    assert marks == [("b", "*"), ("a", "b"), ("low", "c"), ("a", "a"), ("b", "a"), ("low", "b")]


def test_the_best_of_a_dataset_are_so_many(board: Path) -> None:
    assert len(read_means(board, Choice(top=2)).rows) == 2
    assert {row[6] for row in read_means(board, Choice(backbones=("image_statistics",))).rows} == {"image_statistics"}
