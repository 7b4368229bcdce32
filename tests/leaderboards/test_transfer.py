"""Exports hold what the leaderboard holds, appear whole, and replace nothing."""

import csv
import json
import os
import time
from pathlib import Path

import duckdb
import pytest
from leaderboard_records import make_record, make_result, make_run, metric, published_run, run_id

from leaderboards.errors import UserError
from leaderboards.file.drafts import draft_of
from leaderboards.formats.sources import TABLE_NAMES
from leaderboards.merge import merge
from leaderboards.multimodal import store_results
from leaderboards.query import Table, run_query, to_csv
from leaderboards.schema import RunRecord
from leaderboards.store import Leaderboard, open_leaderboard
from leaderboards.transfer import ExportFormat, export

NAME = 'it\'s "odd",\n=1+1 <b> 🛰 ../x'


@pytest.fixture
def board(tmp_path: Path) -> Leaderboard:
    board = open_leaderboard(tmp_path / "board.duckdb")
    board.commit(make_record("odd", dataset=NAME, backbone=NAME, configuration={NAME: NAME}))
    board.commit(RunRecord(run=published_run(), metrics=[metric(0.1 + 0.2, None)]))
    store_results(board, [make_result("odd", dataset=NAME, test_dataset=NAME, configuration={NAME: NAME})])
    return board


def test_parquet_has_every_table_with_every_row(board: Leaderboard, tmp_path: Path) -> None:
    folder = tmp_path / "it's"
    assert export(board, folder, ExportFormat.PARQUET) == 2
    assert sorted(os.listdir(folder)) == sorted(f"{name}.parquet" for name in ("schema_version", *TABLE_NAMES))
    for table in TABLE_NAMES:
        stored = run_query(board.path, f"FROM {table} ORDER BY ALL").rows
        file = str(folder / f"{table}.parquet")
        assert duckdb.execute("FROM read_parquet(?) ORDER BY ALL", [file]).fetchall() == stored


def test_csv_has_one_row_per_run_with_its_headline(board: Leaderboard, tmp_path: Path) -> None:
    assert export(board, tmp_path / "out.csv", ExportFormat.CSV) == 2
    with (tmp_path / "out.csv").open(newline="", encoding="utf-8") as file:
        rows = {row["run_id"]: row for row in csv.DictReader(file)}
    odd, published = rows[run_id("odd")], rows[run_id("published")]
    assert (odd["dataset"], odd["value"], odd["ci_low"]) == (NAME, "0.5", "0.4")
    assert json.loads(odd["configuration"]) == {NAME: NAME}
    assert (published["seed"], published["ci_low"]) == ("", "")
    assert float(published["value"]) == 0.1 + 0.2  # to the last digit


def test_json_has_the_same_rows(board: Leaderboard, tmp_path: Path) -> None:
    assert export(board, tmp_path / "out.json", ExportFormat.JSON) == 2
    rows = {row["run_id"]: row for row in json.loads((tmp_path / "out.json").read_text())}
    assert rows[run_id("odd")]["backbone"] == NAME
    assert rows[run_id("published")]["value"] == 0.1 + 0.2
    assert rows[run_id("published")]["seed"] is None


FORMULAS = ["=1+1", "+1", "-1", "@SUM(1)", "\t=1", "\r=1", "\uff1d1", "'=1", "''x", "'tis", "a=1", "-"]


def test_no_spreadsheet_takes_a_name_for_a_formula_and_import_gives_it_back(tmp_path: Path) -> None:
    board, other = open_leaderboard(tmp_path / "board.duckdb"), open_leaderboard(tmp_path / "other.duckdb")
    for name in FORMULAS:
        board.commit(make_record(name, dataset=name, backbone=name))
    export(board, tmp_path / "out.csv", ExportFormat.CSV)
    with (tmp_path / "out.csv").open(newline="", encoding="utf-8") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    assert not [cell for cell in cells if cell.startswith(tuple("=+-@\t\r\uff1d"))]
    assert "'=1+1" in cells
    merge(other, tmp_path / "out.csv")
    names = "SELECT dataset, backbone FROM runs ORDER BY ALL"
    assert run_query(other.path, names) == run_query(board.path, names)


def test_numbers_below_zero_stay_numbers() -> None:
    assert to_csv(Table(("=a", "b"), [(-1.5, "-x")])) == "'=a,b\n-1.5,'-x\n"


def test_what_a_killed_process_left_is_swept_and_nothing_else(board: Leaderboard, tmp_path: Path) -> None:
    old, young, not_ours = ".out.csv-abcd_123.draft", ".out.csv-zzzzzzzz.draft", ".out.csv-archive"
    for name, age in ((old, 7200), (young, 0), (not_ours, 7200)):
        (tmp_path / name).mkdir()
        os.utime(tmp_path / name, (time.time() - age, time.time() - age))
    export(board, tmp_path / "out.csv", ExportFormat.CSV)
    assert sorted(os.listdir(tmp_path)) == [not_ours, young, "board.duckdb", "out.csv"]


def test_a_draft_has_a_name_that_the_sweep_knows_and_may_vanish_under_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with draft_of(tmp_path / "out") as draft:
        os.utime(draft.parent, (0, 0))
        with draft_of(tmp_path / "out"):
            assert not draft.parent.exists()
    (tmp_path / ".out-12345678.draft").symlink_to(tmp_path / "gone")
    monkeypatch.setattr(Path, "is_dir", lambda _: True)  # as it was a moment ago
    with draft_of(tmp_path / "out"):
        pass


@pytest.mark.parametrize("form", ExportFormat)
def test_nothing_is_ever_replaced(board: Leaderboard, tmp_path: Path, form: ExportFormat) -> None:
    target = tmp_path / "out"
    target.write_text("precious")
    with pytest.raises(UserError, match="is there already"):
        export(board, target, form)
    assert target.read_text() == "precious"


@pytest.mark.parametrize("form", ExportFormat)
def test_a_place_that_cannot_be_written_is_named(board: Leaderboard, tmp_path: Path, form: ExportFormat) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match="out: cannot be written"):
        export(board, tmp_path / "file" / "out", form)
    assert sorted(os.listdir(tmp_path)) == ["board.duckdb", "file"]


def test_an_empty_leaderboard_is_exported_and_merged(tmp_path: Path) -> None:
    board = open_leaderboard(tmp_path / "board.duckdb")
    other = open_leaderboard(tmp_path / "other.duckdb")
    for form, name in ((ExportFormat.PARQUET, "out"), (ExportFormat.CSV, "out.csv"), (ExportFormat.JSON, "out.json")):
        assert export(board, tmp_path / name, form) == 0
        assert merge(other, tmp_path / name).added == 0


@pytest.mark.parametrize("ending", ["csv", "json"])
@pytest.mark.parametrize("version", [5, 6])
def test_rows_that_older_versions_exported_are_imported(
    board: Leaderboard, tmp_path: Path, ending: str, version: int
) -> None:
    """Those of version 5 do not say which way a metric points, and none what embedding costs."""
    lacking = ["images_per_second", "peak_memory_bytes"] + ["higher_is_better"] * (version == 5)
    board.commit(
        RunRecord(run=make_run("error", metric="rmse", higher_is_better=False), metrics=[metric(metric="rmse")])
    )
    given, old = tmp_path / f"new.{ending}", tmp_path / f"old.{ending}"
    export(board, given, ExportFormat(ending))
    if ending == "json":
        rows = json.loads(given.read_text())
        old.write_text(json.dumps([{k: v for k, v in row.items() if k not in lacking} for row in rows]))
    else:
        with given.open(newline="", encoding="utf-8") as source, old.open("w", newline="", encoding="utf-8") as target:
            reader = csv.DictReader(source)
            names = [name for name in reader.fieldnames or () if name not in lacking]
            writer = csv.DictWriter(target, names, extrasaction="ignore", lineterminator="\n", quoting=csv.QUOTE_ALL)
            writer.writeheader()
            writer.writerows(reader)
    other = open_leaderboard(tmp_path / "other.duckdb")
    assert merge(other, old).added == 3
    everything = "FROM runs ORDER BY run_id"
    assert run_query(other.path, everything) == run_query(board.path, everything)
