"""Every query of the cookbook finds something on a small leaderboard of the demo suite; some answers are known."""

import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest
from leaderboard_records import class_metric, make_result, make_retrieval
from scored_runs import predicted_record

from leaderboards.multimodal import store_results
from leaderboards.published import import_published
from leaderboards.query import Table, run_query
from leaderboards.store import Leaderboard, open_leaderboard

COOKBOOK = Path(__file__).parents[2] / "docs" / "sql_cookbook.md"
QUERIES = dict(
    re.findall(r"^## (\d+)\..*?```sql\n(.*?)```", COOKBOOK.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
)
SHARES = {"0.01x_train": 0.0, "0.10x_train": 0.2, "1.00x_train": 0.4}
BACKBONES = {"mp_mae": 0.2, "image_statistics": 0.1}


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Leaderboard:
    """Two backbones on two demo datasets by three partitions, two seeds or one, one cell missing.

    And what the page says is to be added: published numbers, a run on GEO-Bench, and what modalities share.
    """
    board = open_leaderboard(tmp_path_factory.mktemp("cookbook") / "board.duckdb")
    target = np.arange(20) % 5
    with board.session() as session:
        for backbone, base in BACKBONES.items():
            for dataset in ("demo-climate", "demo-crops"):
                for partition, more in SHARES.items():
                    for seed in range(2 if backbone == "mp_mae" else 1):
                        right = np.arange(20) < round(20 * (base + more)) + seed
                        record = predicted_record(
                            backbone, dataset, partition, seed, target, np.where(right, target, target + 1),
                            protocol="linear_probe", suite="demo", parameters=500_000,
                        )  # fmt: skip
                        session.commit(
                            dataclasses.replace(record, classes=[class_metric(), class_metric(class_name="River")])
                        )
        sgd = predicted_record(
            "mp_mae", "m-eurosat", "1.00x_train", 0, target, target, protocol="linear_probe_sgd_8",
            train_draw="partition",
        )  # fmt: skip
        session.commit(sgd)
        session.commit(
            predicted_record("mp_mae", "demo-climate", "1.00x_train", 0, target, target, protocol="knn", suite="demo")
        )
        session.commit(
            predicted_record("mp_mae", "demo-crops", "0.01x_train", 0, target, target, protocol="knn", suite="demo")
        )
    import_published(board)
    transfer = {
        "what": "transfer",
        "modalities": ("sentinel2", "sentinel1", "coherence"),
        "test_dataset": "area-coast-cover",
    }
    store_results(board, [make_result(), make_retrieval(), make_result("moved", **transfer)])
    return board


def ask(board: Leaderboard, number: str) -> Table:
    return run_query(board.path, QUERIES[number])


def test_they_are_numbered() -> None:
    assert list(QUERIES) == [str(number) for number in range(1, 23)]


@pytest.mark.parametrize("number", QUERIES)
def test_query_runs_and_finds_something(board: Leaderboard, number: str) -> None:
    assert ask(board, number).rows


def test_labels_needed_for_a_score(board: Leaderboard) -> None:
    """mp_mae has 0.225 with 20 labels and 0.425 with 200: 0.4 is at seven eighths of that decade.

    The other one has 0.3 with 200 and 0.5 with 2,000: it is in the middle of that.
    """
    needed = {"mp_mae": 20 * 10**0.875, "image_statistics": 200 * 10**0.5}
    assert ask(board, "1").rows == [(name, pytest.approx(labels, abs=0.5)) for name, labels in needed.items()]


def test_label_savings_of_the_cookbook(board: Leaderboard) -> None:
    table = ask(board, "3")
    for row in (dict(zip(table.columns, values, strict=True)) for values in table.rows):
        assert row["rival_value"] == pytest.approx(0.5)  # between 0.425 with 200 labels and 0.625 with 2,000
        assert row["labels_needed"] == pytest.approx(200 * 10**0.375)


def test_areas_of_the_cookbook_equal_the_python_function(board: Leaderboard) -> None:
    from leaderboards.statistics.curves import Curve, aulc

    expected = aulc(Curve(np.array([20, 200, 2000]), np.array([0.225, 0.425, 0.625])))
    areas = {(dataset, backbone): area for dataset, backbone, area in ask(board, "7").rows}
    assert areas["demo-climate", "mp_mae"] == pytest.approx(expected)


def test_curves_of_other_choices_and_axes_are_never_interleaved(tmp_path: Path) -> None:
    """One backbone chosen two ways, with few shots besides: each curve needs its own labels and has its own area."""
    board = open_leaderboard(tmp_path / "board.duckdb")
    target = np.arange(20) % 5
    for selection, partition, n_right in (
        ("cv", "0.01x_train", 10), ("cv", "1.00x_train", 18), ("valid", "0.10x_train", 2), ("valid", "1.00x_train", 4),
        ("cv", "k=5", 20),
    ):  # fmt: skip
        predicted = np.where(np.arange(20) < n_right, target, target + 1)
        board.commit(
            predicted_record("a", "demo-climate", partition, 0, target, predicted, protocol="linear_probe",
                             selection=selection)
        )  # fmt: skip
    assert [row[0] for row in ask(board, "1").rows] == ["a", "a"]
    assert sorted(area for _, _, area in ask(board, "7").rows if area is not None) == pytest.approx([0.15, 0.7])


def test_missing_cells_of_the_cookbook(board: Leaderboard) -> None:
    cells = {(row[0], row[1], row[2], row[3]) for row in ask(board, "5").rows}
    assert ("demo-crops", "knn", "1.00x_train", "mp_mae") in cells
    assert ("demo-climate", "linear_probe", "1.00x_train", "image_statistics") in cells, "one seed of two"
    assert ("demo-climate", "linear_probe", "1.00x_train", "mp_mae") not in cells


def test_losses_of_the_cookbook_by_area(board: Leaderboard) -> None:
    table = ask(board, "22")
    assert (table.columns, table.rows) == (("fitted_in", "area-coast-cover"), [("area-delta-cover", 0.2)])
