"""In a terminal of 80 columns, and of 120, every table shows names whole: no line of it is cut or folded."""

import json
import re
from pathlib import Path

import pytest

from command_line import harness
from geobench_files import write_dataset
from report_boards import FEW_LABELS, PARTITIONS, campaign, write_board
from terminal import in_terminal

BACKBONES = ("imagenet_mae_published", "random_init_demo", "image_statistics")
DATASETS = ("m-bigearthnet-as-it-is", "m-SA-crop-type")
PROTOCOLS = ("linear_probe_sgd", "few_shot_nearest_mean")
NAMES = (*BACKBONES, *DATASETS)
SQL = "SELECT dataset, backbone, protocol, partition, seed, metric, value, ci_low, ci_high, run_id FROM leaderboard"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("narrow")
    curves = campaign("demo", BACKBONES, DATASETS, PROTOCOLS[:1], n_seeds=3)
    few = campaign("demo", BACKBONES, DATASETS, PROTOCOLS[1:], tuple(FEW_LABELS), n_seeds=1)
    write_board(folder / "board.duckdb", [*curves, *few])
    (folder / "one_run").write_text(curves[0].run.run_id[:8])
    write_dataset(folder / "data", "m-a-dataset-with-a-long-name")
    return folder


@pytest.mark.parametrize("columns", [80, 120])
def test_names_are_whole(folder: Path, columns: int) -> None:
    run = (folder / "one_run").read_text()
    wanted = {
        "leaderboard --db board.duckdb": (*NAMES, *PROTOCOLS, *(name.removesuffix("_train") for name in PARTITIONS)),
        "leaderboard --db board.duckdb --runs": (*NAMES, *PROTOCOLS, *PARTITIONS, *FEW_LABELS, run),
        f"sql --db board.duckdb '{SQL}'": (*NAMES, *PROTOCOLS, *PARTITIONS, run, "ci_high", "run_id"),
        f"show --db board.duckdb {run}": (BACKBONES[0], DATASETS[0], PROTOCOLS[0], "accuracy", "ci_high"),
        f"compare --db board.duckdb {' '.join(BACKBONES)}": (*NAMES, *PROTOCOLS, "1.00x_train,"),
        "ranking --db board.duckdb": (*BACKBONES, *PROTOCOLS),
        f"curve --db board.duckdb --protocols {PROTOCOLS[0]}": (*BACKBONES, *DATASETS, PROTOCOLS[0]),
        "datasets --geobench-dir data": ("m-a-dataset-with-a-long-name", "accuracy", "02 04", "size_px", "erratum"),
        "backbones": ("imagenet_mae_published", "random_features_zca", "licence"),
    }
    shown = in_terminal(list(wanted), columns, folder)
    for (command, names), lines in zip(wanted.items(), shown, strict=True):
        assert not any(re.search("[a-z]-$", line.rstrip()) for line in lines), f"{command} folds a name at a hyphen"
        for name in names:
            assert any(name in line for line in lines), f"{command}: {name} is not whole in\n" + "\n".join(lines)


def test_the_budgets_of_few_shot_protocols_are_in_heads_of_their_own(folder: Path) -> None:
    chosen = ("--protocols", PROTOCOLS[1], "--top", 1)
    lines = harness("leaderboard", "--db", "board.duckdb", *chosen, cwd=folder).stdout.splitlines()
    heads = [line.split() for line in lines if "per class" in line or "labelled images" in line]
    assert heads == [
        ["labels", "per", "class", *(name[2:] for name in FEW_LABELS if name.startswith("k="))],
        ["labelled", "images", *(name[2:] for name in FEW_LABELS if name.startswith("n="))],
    ]
    assert [line.split()[0] for line in lines if line.startswith("  ")] == [BACKBONES[0]] * 4


def test_single_runs_have_digits_that_show_takes(folder: Path) -> None:
    chosen = ("--runs", "--top", 1, "--datasets", DATASETS[0], "--protocols", PROTOCOLS[0], "--db", "board.duckdb")
    shown = harness("leaderboard", *chosen, cwd=folder).stdout
    (digits,) = (line.split()[0] for line in shown.splitlines() if "1.00x_train" in line)
    assert len(digits) == 8
    found = json.loads(harness("show", digits, "--json", "--db", "board.duckdb", cwd=folder).stdout)
    assert (found["dataset"], found["partition"]) == (DATASETS[0], "1.00x_train")


def test_a_name_that_is_not_there_is_told_with_the_nearest(folder: Path) -> None:
    refused = harness("leaderboard", "--backbones", "random_init", "--db", "board.duckdb", cwd=folder)
    assert refused.returncode == 2
    assert "no run of backbone 'random_init'. Did you mean random_init_demo?" in refused.stderr
