"""The alarm: who is below the statistics of its pixels, by how much and how surely, and what entered it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from leaderboard_records import metric, published_run
from scored_runs import predicted_record, run_of

from leaderboards.alarm import advice, read_alarms
from leaderboards.query import run_query
from leaderboards.schema import RunRecord
from leaderboards.statistics.reading import fetch
from leaderboards.store import Leaderboard, open_leaderboard

SUITE = "geobench-classification-v1.0"
SEEN = {"images": 9, "size_px": [8, 6], "mean": [0.5, 3000.0], "std": [1.0, 900.0]}


def fed(*channels: str, **changes: Any) -> dict[str, Any]:
    return {"k": 5, "band_sources": list(channels), "normalisation": "dataset", **changes}


def add(board: Leaderboard, backbone: str, value: float, kind: str | None = "pretrained", **changes: Any) -> str:
    """One run with an interval of 0.02 on both sides; returns its run_id."""
    provenance: dict[str, Any] = {"network_input": SEEN, "declared_unit": "reflectance"} | (
        {"kind": kind} if kind else {}
    )
    dataset = changes.pop("dataset", "d")
    values: dict[str, Any] = {"configuration": fed("B2", "B4"), "provenance": provenance, "train_draw": "partition"}
    run = run_of(backbone, dataset, "default", 0, **(values | changes))
    name = run.metric
    board.commit(RunRecord(run=run, metrics=[metric(value, (value - 0.02, value + 0.02), metric=name)]))
    return str(run.run_id)


@pytest.fixture
def board(tmp_path: Path) -> Leaderboard:
    return open_leaderboard(tmp_path / "board.duckdb")


def below(board: Leaderboard) -> list[str]:
    return [name for (name,) in run_query(board.path, "SELECT backbone FROM below_floor ORDER BY backbone").rows]


def test_a_pretrained_network_below_the_statistics_of_its_pixels_is_told_with_what_entered_it(
    board: Leaderboard,
) -> None:
    add(board, "image_statistics", 0.6, "floor", configuration=fed("B1", "B2", "B4"))
    run_id = add(board, "wrong", 0.4)
    table = run_query(board.path, "FROM below_floor")
    (row,) = (dict(zip(table.columns, values, strict=True)) for values in table.rows)
    assert (row["backbone"], row["value"], row["floor_value"]) == ("wrong", 0.4, 0.6)
    assert row["difference"] == pytest.approx(-0.2)
    assert (row["ci_low"], row["ci_high"]) == (pytest.approx(-0.2 - 0.02 * 2**0.5), pytest.approx(-0.2 + 0.02 * 2**0.5))
    assert row["clearly"] is True
    assert (row["input_mean"], row["input_std"], row["input_size_px"]) == ([0.5, 3000.0], [1.0, 900.0], [8, 6])
    assert (row["normalisation"], row["input_unit"], row["n_bands"], row["n_floor_bands"]) == (
        "dataset", "reflectance", 2, 3,
    )  # fmt: skip
    assert (row["kind_inferred"], row["run_ids"]) == (False, [run_id])


def test_only_pretrained_networks_are_expected_to_beat_it_and_only_where_it_was_run(board: Leaderboard) -> None:
    add(board, "image_statistics", 0.6, "floor")
    add(board, "better", 0.7)
    add(board, "equal", 0.6)
    add(board, "random", 0.1, "untrained")
    add(board, "handcrafted_1", 0.1, "floor")
    add(board, "elsewhere", 0.1, dataset="e")
    add(board, "by another protocol", 0.1, protocol="linear_probe")
    add(board, "of other settings", 0.1, configuration=fed("B2", "B4", k=7))
    add(board, "of another metric", 0.1, metric="f1_macro")
    add(board, "on other samples", 0.1, configuration=fed("B2", "B4", partition_sha256="a" * 64))
    assert below(board) == []


def test_what_it_is_fed_may_differ(board: Leaderboard) -> None:
    add(board, "image_statistics", 0.6, "floor")
    other = {"normalisation": "none", "input_size": 224, "backbone_settings": {"builder": "x"}, "facts": {"day": [1]}}
    add(board, "low", 0.5, configuration=fed("B8", **other))
    assert below(board) == ["low"]


def test_of_several_floors_the_one_with_the_same_bands_counts_else_the_best(board: Leaderboard) -> None:
    for channels, value in ((("B2", "B4"), 0.5), (("B1", "B2", "B4"), 0.7), (("B1",), 0.6)):
        add(board, "image_statistics", value, "floor", configuration=fed(*channels))
    add(board, "same", 0.55)
    add(board, "other", 0.65, configuration=fed("B8"))
    assert below(board) == ["other"]
    assert run_query(board.path, "SELECT floor_value FROM below_floor").rows == [(0.7,)]


def test_of_an_error_a_larger_one_is_below(board: Leaderboard) -> None:
    error = {"metric": "rmse", "higher_is_better": False}
    add(board, "image_statistics", 0.5, "floor", **error)
    add(board, "larger", 0.6, **error)
    add(board, "smaller", 0.4, **error)
    assert run_query(board.path, "SELECT backbone, round(difference, 9) FROM below_floor").rows == [("larger", -0.1)]


def test_rows_of_before_are_judged_by_what_they_hold_and_say_so(board: Leaderboard) -> None:
    add(board, "image_statistics", 0.6, None)
    add(board, "image_statistics", 0.5, None, configuration=fed("B2"))
    add(board, "drawn", 0.1, None, configuration=fed("B2", "B4", weights_from_seed=True))
    add(board, "old", 0.1, None)
    assert run_query(board.path, "SELECT backbone, kind_inferred FROM below_floor").rows == [("old", True)]
    (alarm,) = read_alarms(board.path)
    assert "taken for pretrained, as its row does not say" in alarm.describe()


def test_simulated_images_are_no_proof_of_a_mistake() -> None:
    assert advice("benchmark").startswith("nine times in ten it was fed wrong")
    assert advice("demo") == advice("areas")
    assert advice("demo").startswith("simulated images say little")


def test_published_rows_are_below_the_published_floor_of_the_same_bands(board: Leaderboard) -> None:
    for backbone, bands, value in (
        ("imagestats", "rgb", 0.5), ("imagestats", "all", 0.7), ("tt_clay_v1_5_base", "rgb", 0.4),
        ("tgeo_dofa_base", "rgb", 0.6), ("rcf", "all", 0.6), ("unlisted", "b02,b03", 0.6),
    ):  # fmt: skip
        run = published_run(
            (backbone, bands), backbone=backbone, configuration={"bands": bands, "normalisation": backbone}
        )
        board.commit(RunRecord(run=run, metrics=[metric(value, None)]))
    sql = "SELECT backbone, floor_value, clearly, kind_inferred, input_mean FROM below_floor ORDER BY ALL"
    assert run_query(board.path, sql).rows == [
        ("tt_clay_v1_5_base", 0.5, None, False, None), ("unlisted", 0.7, None, False, None),
    ]  # fmt: skip


def test_test_samples_are_paired_where_predictions_are_stored(board: Leaderboard) -> None:
    """Both err on the same images but for eight, so the difference is surer than either score."""
    target = np.arange(400) % 4
    floor, net = target.copy(), target.copy()
    floor[:150] += 1
    net[:158] += 1
    settings = {"configuration": fed("B2", "B4"), "train_draw": "partition"}
    for backbone, kind, predicted in (("image_statistics", "floor", floor), ("net", "pretrained", net)):
        board.commit(
            predicted_record(backbone, "d", "default", 0, target, predicted % 4, provenance={"kind": kind}, **settings)
        )
    assert run_query(board.path, "SELECT clearly FROM below_floor").rows == [(False,)]
    (alarm,) = read_alarms(board.path)
    p = 8 / 400
    assert alarm.difference.value == pytest.approx(-p)
    assert alarm.difference.ci_high == pytest.approx(-p + 1.96 * (p * (1 - p) / 399) ** 0.5, abs=1e-4)
    assert (alarm.clearly, alarm.mark) == (True, "!!")


def test_the_file_is_not_opened_anew_for_every_alarm(board: Leaderboard, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hundreds are below the floor in a campaign of every backbone: a query each takes minutes."""
    queries: list[str] = []
    monkeypatch.setattr(
        "leaderboards.statistics.predictions.fetch",
        lambda path, sql, given: queries.append(sql) or fetch(path, sql, given),
    )
    add(board, "image_statistics", 0.6, "floor")
    for number in range(12):
        add(board, f"low {number}", 0.1)
    assert len(read_alarms(board.path)) == 12
    assert len(queries) < 12


def test_predictions_of_other_samples_than_the_floors_are_not_paired(board: Leaderboard) -> None:
    target = np.arange(40) % 4
    settings = {"configuration": fed("B2", "B4"), "train_draw": "partition"}
    for backbone, kind, n_wrong in (("image_statistics", "floor", 10), ("net", "pretrained", 20)):
        predicted = (target + (np.arange(40) < n_wrong)) % 4
        record = predicted_record(backbone, "d", "default", 0, target, predicted, provenance={"kind": kind}, **settings)
        renamed = [replace(row, sample=f"{backbone} {row.sample}") for row in record.predictions]
        board.commit(replace(record, predictions=renamed))
    stored = run_query(board.path, "SELECT difference, ci_low, ci_high FROM below_floor").rows
    (alarm,) = read_alarms(board.path)
    assert stored == [(alarm.difference.value, alarm.difference.ci_low, alarm.difference.ci_high)]


@pytest.mark.parametrize(
    "seen",
    [
        SEEN | {"mean": [None, 1.0]}, SEEN | {"std": "wide"}, SEEN | {"size_px": ["tall", 6]}, SEEN | {"size_px": [8]},
        [1], None,
    ],
)  # fmt: skip
def test_a_row_that_stored_nonsense_of_what_entered_keeps_no_one_from_the_leaderboard(
    board: Leaderboard, seen: object
) -> None:
    add(board, "image_statistics", 0.6, "floor")
    add(board, "foreign", 0.1, provenance={"kind": "pretrained", "network_input": seen})
    (alarm,) = read_alarms(board.path)
    assert "what entered is not told" in alarm.describe()


@pytest.mark.parametrize("nonsense", [{"band_sources": "rgb"}, {"bands": "rgb"}, {"input_size": [224, 224]}])
def test_settings_of_another_type_than_ours_spoil_no_view(board: Leaderboard, nonsense: dict[str, Any]) -> None:
    add(board, "image_statistics", 0.6, "floor")
    add(board, "foreign", 0.1, configuration={"k": 5, **nonsense})
    assert below(board) == ["foreign"]
    for view in ("published_gap", "published", "disagreement", "band_shifts"):
        run_query(board.path, f"FROM {view}")


def test_the_line_says_what_is_below_what_and_what_entered(board: Leaderboard) -> None:
    add(board, "image_statistics", 0.6, "floor", configuration=fed("B1", "B2", "B4"))
    run_id = add(board, "near", 0.59)
    add(board, "far", 0.1)
    alarms = {run_id: alarm for alarm in read_alarms(board.path) for run_id in alarm.run_ids}
    line = alarms[run_id].describe()
    assert line.startswith(
        "! near on d (knn, default): accuracy 0.59, below within noise image_statistics 0.6 by 0.01 ["
    )
    low, high = map(float, line.partition("by 0.01 [")[2].partition("]")[0].split(", "))
    assert low < 0.01 < high, "the interval is of what is said: by how much it is below"
    assert "nine times in ten it was fed wrong" in line
    assert "what entered: mean 0.5 to 3e+03, std 1 to 900, 2 of 3 bands, 8 x 6 px" in line
    assert "normalisation dataset, in declared unit reflectance" in line
    assert [alarm.backbone for alarm in read_alarms(board.path)] == ["far", "near"]
    assert [alarm.backbone for alarm in read_alarms(board.path, ["near"])] == ["near"]
