"""What is said at the end of a campaign: on one screen, names whole, and a winner only where two are told apart."""

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from harness.show.campaign.verdict import verdict
from leaderboards.query import run_query
from report_boards import BACKBONES, DATASETS, campaign, write_board

ROOT = Path(__file__).parents[4]
SHOW = """
import sys
from pathlib import Path
from harness.cli.terminal import out
from harness.show.campaign.verdict import verdict
path, room, *backbones = sys.argv[1:]
ids = Path(f"{path}.{len(backbones)}").read_text().split()
for shown in verdict(Path(path), ids, "linear_probe", backbones, backbones[0], int(room)):
    out.print(shown)
"""


@pytest.fixture(scope="module")
def board(tmp_path_factory):
    """Eight backbones on six datasets, three points of three seeds; and the runs of the first two or of all."""
    records = campaign(partitions=("0.01x_train", "0.10x_train", "1.00x_train"))
    path = write_board(tmp_path_factory.mktemp("board") / "board.duckdb", records)
    for n in (2, len(BACKBONES)):
        ids = [record.run.run_id for record in records if record.run.backbone in BACKBONES[:n]]
        Path(f"{path}.{n}").write_text("\n".join(ids))
    return path


def text_of(shown):
    return " ".join(word for part in shown if hasattr(part, "plain") for word in part.plain.split())


def in_terminal(columns, *arguments):
    """What a terminal of so many columns shows."""
    screen, command = pty.openpty()
    fcntl.ioctl(command, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "dumb"}
    environment.pop("COLUMNS", None)
    with subprocess.Popen([sys.executable, "-c", SHOW, *map(str, arguments)], stdout=command, env=environment):
        os.close(command)
        printed = b""
        try:
            while block := os.read(screen, 65_536):
                printed += block
        except OSError:  # the end of a terminal whose last writer is gone
            pass
    os.close(screen)
    return printed.decode().splitlines()


@pytest.mark.parametrize(("columns", "n"), [(80, 2), (80, len(BACKBONES)), (120, len(BACKBONES))])
def test_it_fits_80_columns_and_the_room_there_is_with_whole_names(board, columns, n):
    room = 18
    shown = in_terminal(columns, board, room, *BACKBONES[:n])
    assert max(map(len, shown)) <= 80
    assert len(shown) <= room
    names = {word for line in shown for word in line.replace(",", " ").replace(";", " ").replace(":", " ").split()}
    assert set(BACKBONES[:n]) <= names
    assert len(set(DATASETS) & names) >= 4


def scored(board, *, of, datasets=DATASETS, first=None, room=40):
    """The verdict on some backbones on some datasets."""
    listed = {name: ", ".join(f"'{one}'" for one in names) for name, names in (("of", of), ("datasets", datasets))}
    query = f"SELECT run_id FROM runs WHERE backbone IN ({listed['of']}) AND dataset IN ({listed['datasets']})"
    ids = [run_id for (run_id,) in run_query(board, query).rows]
    return verdict(board, ids, "linear_probe", of, first, room)


def test_scores_are_the_means_of_the_first_and_the_last_point(board):
    _, table, *_ = scored(board, of=("mp_mae",), datasets=("m-eurosat",))
    query = "SELECT value FROM label_efficiency WHERE backbone = 'mp_mae' AND dataset = 'm-eurosat' ORDER BY n_labels"
    values = [value for (value,) in run_query(board, query).rows]
    assert list(table.columns[1].cells) == [f"{values[0]:.2f} → {values[-1]:.2f}".replace("0.", ".")]


def test_where_nobody_was_run_beside_it_nothing_is_said_of_who_is_better(board):
    shown = scored(board, of=("mp_mae",))
    assert len(shown) == 3
    assert "best" not in text_of(shown)


def test_of_all_the_best_is_compared_and_of_named_ones_the_first(board):
    of = ("image_statistics", "random_init", "mp_mae")
    assert "mp_mae - " in text_of(scored(board, of=of))
    told = text_of(scored(board, of=of, first="image_statistics"))
    assert "image_statistics - mp_mae -" in told
    assert "image_statistics - random_init " in told


def test_the_best_is_marked_only_where_it_is_told_apart(tmp_path):
    """One dataset where two differ by far more than their seeds and test samples do, and one where they do not."""
    draws = np.random.default_rng(0)

    def rescored(record):
        run = record.run
        value = 0.8 if (run.backbone, run.dataset) == ("a", "clear") else 0.5
        value += 0.01 * draws.standard_normal()
        row = replace(record.metrics[0], value=value, ci_low=value - 0.02, ci_high=value + 0.02)
        return replace(record, metrics=[row])

    records = campaign(backbones=("a", "b"), datasets=("clear", "tied"), partitions=("0.01x_train", "1.00x_train"))
    path = write_board(tmp_path / "board.duckdb", [rescored(record) for record in records])
    shown = scored(path, of=("a", "b"), datasets=("clear", "tied"))
    cells = [cell for column in shown[1].columns[1:] for cell in column.cells]
    assert [cell.endswith("*") for cell in cells] == [True, False, False, False]
    assert "no clear difference on tied" in text_of(shown)


def test_labels_per_class_and_labelled_images_are_not_one_curve(tmp_path):
    """k=1 and k=10 are 10 and 100 labels; n=50 and n=200 are beside them."""
    few = ("k=1", "k=10", "n=50", "n=200")
    records = campaign(backbones=("a", "b"), datasets=("m-eurosat",), protocols=("few_shot",), partitions=few)
    path = write_board(tmp_path / "board.duckdb", records)
    ids = [record.run.run_id for record in records]
    title, table, notes, *_ = verdict(path, ids, "few_shot", ("a", "b"), None, 40)
    assert title.plain.endswith("10 to 100 labels")
    query = "SELECT value FROM label_efficiency WHERE backbone = 'a' AND partition IN ('k=1', 'k=10') ORDER BY n_labels"
    first, last = (f"{value:.2f}".replace("0.", ".") for (value,) in run_query(path, query).rows)
    assert next(iter(table.columns[1].cells)).rstrip("*") == f"{first} → {last}"
    assert "by images: see" in " ".join(notes.plain.split())
