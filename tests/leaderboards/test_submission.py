"""A submission to the leaderboard of GEO-Bench-2 has what its validator asks for."""

import json
from pathlib import Path
from typing import Any

import pandas
import pytest
from leaderboard_records import make_run, metric

from leaderboards.errors import UserError
from leaderboards.schema import RunRecord
from leaderboards.store import Leaderboard, open_leaderboard
from leaderboards.transfer.submission import write_submission

NUMBERS = [
    "early_stop_patience",
    "n_trials",
    "Seed",
    "data_percentages",
    "batch_size",
    "weight_decay",
    "lr",
    "test metric",
]
WORDS = [
    "dataset", "Metric", "experiment_name", "partition name", "backbone", "decoder", "batch_size_selection",
    "frozen_or_full_ft",
]  # fmt: skip
TUNED = {"protocol_settings": {"rate": 1e-3, "weight_decay": 0.05, "batch_size": 64, "trials": 16}}
PROBE = {"protocol_settings": {"n_strengths": 40}}


@pytest.fixture
def board(tmp_path: Path) -> Leaderboard:
    return open_leaderboard(tmp_path / "b.duckdb")


def commit(board: Leaderboard, dataset: str, seeds: int, value: float, name: str = "accuracy", **changes: Any) -> None:
    values: dict[str, Any] = {"suite": "geobench-2", "partition": "default", "protocol": "fine_tune", "metric": name}
    values |= {"configuration": TUNED, "provenance": {"ran_with": {"chosen": {"rate": 2e-4}}}, "parameters": 3_400_000}
    for seed in range(seeds):
        run = make_run((dataset, seed, str(changes)), dataset=dataset, seed=seed, **(values | changes))
        board.commit(RunRecord(run=run, metrics=[metric(value + seed / 1000, None, metric=name)]))


def read(folder: Path) -> pandas.DataFrame:
    return pandas.read_csv(folder / "results_and_parameters.csv")


def test_five_seeds_of_each_backbone_and_dataset_in_their_columns(board: Leaderboard, tmp_path: Path) -> None:
    commit(board, "so2sat", 6, 0.6)
    commit(board, "caffe", 5, 0.5, "miou")
    assert write_submission(board, tmp_path / "out").n_rows == 10
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["full_ft"]
    table = read(tmp_path / "out" / "full_ft")
    assert set(table.columns) == {*NUMBERS, *WORDS}
    assert all(pandas.api.types.is_numeric_dtype(table[column]) for column in NUMBERS)
    assert table.groupby(["backbone", "dataset"])["Seed"].nunique().tolist() == [5, 5]
    (first,) = table[(table.dataset == "caffe") & (table.Seed == 2)].to_dict("records")
    assert (first["Metric"], first["decoder"], first["test metric"]) == ("Multiclass_Jaccard_Index", "UNet", 0.502)
    assert (first["lr"], first["weight_decay"], first["n_trials"], first["data_percentages"]) == (2e-4, 0.05, 16, 100)
    note = json.loads((tmp_path / "out" / "full_ft" / "additional_info.json").read_text())
    assert {name: type(value) for name, value in note.items()} == {
        **dict.fromkeys(("Paper Link", "Code Repository Link ", "License", "Number of HPO trials"), str),
        **dict.fromkeys(("Additional information about submission", "Comments on new models in submission"), str),
        "New model info": list,
    }
    assert note["New model info"] == [
        {"model_display_name": "mp_mae", "model_size": "3.4M", "unique_backbone_key": "mp_mae"}
    ]


def test_frozen_backbones_are_a_submission_of_their_own_and_one_exact_probe_stands_for_five(
    board: Leaderboard, tmp_path: Path
) -> None:
    commit(board, "so2sat", 5, 0.6)
    commit(board, "so2sat", 1, 0.4, protocol="linear_probe", configuration=PROBE, provenance={})
    commit(board, "caffe", 1, 0.4, "miou", protocol="linear_probe", configuration=PROBE, provenance={})
    submission = write_submission(board, tmp_path / "out")
    assert submission.left_out == ("mp_mae on caffe, linear_probe: 1 seed is here, 5 are wanted",)
    table = read(tmp_path / "out" / "frozen")
    assert table["test metric"].tolist() == [0.4] * 5
    assert (table["Seed"].tolist(), table["n_trials"].unique().tolist()) == ([0, 1, 2, 3, 4], [40])
    assert table["lr"].isna().all()
    assert set(table["frozen_or_full_ft"]) == {"frozen"}


def test_errors_of_biomass_are_in_standard_deviations(board: Leaderboard, tmp_path: Path) -> None:
    commit(board, "biomassters", 5, 57.978, "rmse", higher_is_better=False)
    write_submission(board, tmp_path / "out")
    assert read(tmp_path / "out" / "full_ft")["test metric"].iloc[0] == pytest.approx(0.2)


def test_runs_of_several_settings_or_other_data_are_not_mixed(board: Leaderboard, tmp_path: Path) -> None:
    commit(board, "so2sat", 5, 0.6)
    commit(board, "so2sat", 5, 0.7, configuration={"protocol_settings": {"trials": 0}})
    commit(board, "benv2", 5, 0.7, suite="user:mine")
    commit(board, "forestnet", 5, 0.7, partition="n=100")
    with pytest.raises(
        UserError, match=r"no run can be submitted.*mp_mae on so2sat, fine_tune: runs of several settings"
    ):
        write_submission(board, tmp_path / "out")
    assert not (tmp_path / "out").exists()
