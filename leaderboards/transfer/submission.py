"""What the leaderboard of GEO-Bench-2 asks of a submission: a folder with a table of runs and a note about them.

It wants five runs of each backbone on each dataset, and frozen and fine-tuned backbones apart.
"""

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from leaderboards.errors import UserError
from leaderboards.query import Table, run_query, to_csv
from leaderboards.store import Leaderboard
from leaderboards.transfer import create

SEEDS = 5
_MODES = {"linear_probe": "frozen", "fine_tune": "full_ft"}
"""Protocol -> what they call it."""
_METRICS = {
    "accuracy": "Overall_Accuracy",
    "f1_macro": "Multilabel_F1_Score",
    "miou": "Multiclass_Jaccard_Index",
    "rmse": "RMSE",
}
_OF_IMAGES = ("accuracy", "f1_macro")
_BIOMASS_STD = 289.89
"""Their errors are of biomass divided by its standard deviation in train. Source: geobenchv2 0.9."""
_COLUMNS = (
    "dataset", "Metric", "experiment_name", "partition name", "backbone", "decoder", "batch_size_selection",
    "frozen_or_full_ft", "early_stop_patience", "n_trials", "Seed", "data_percentages", "batch_size", "weight_decay",
    "lr", "test metric",
)  # fmt: skip
_RUNS = f"""
    SELECT dataset, backbone, protocol, seed, metric, score, weights, parameters, configuration, provenance,
        concat_ws(' ', weights, setup, selection, train_draw) AS settings
    FROM runs
    WHERE suite = 'geobench-2' AND source = 'measured' AND partition = 'default' AND NOT other_bands
        AND score IS NOT NULL AND protocol IN {tuple(_MODES)} AND metric IN {tuple(_METRICS)}
    ORDER BY protocol, backbone, dataset, seed
"""


@dataclass(frozen=True)
class Submission:
    """What became of the runs."""

    n_rows: int
    left_out: tuple[str, ...]
    """One line each: a backbone on a dataset that cannot be submitted, and why."""


def write_submission(leaderboard: Leaderboard, target: Path) -> Submission:
    """Write `frozen` and `full_ft` in a new folder, each a submission, if there are such runs.

    A linear probe of images that does not depend on the seed has one run, which stands for all five.

    Raises:
        UserError: nothing can be submitted, or as `export` says.
    """
    table = run_query(leaderboard.path, _RUNS, leaderboard.wait_seconds)
    cells: dict[tuple[str, str, str], list[dict[str, Any]]] = defaultdict(list)
    for row in table.rows:
        run = dict(zip(table.columns, row, strict=True))
        cells[run["protocol"], run["backbone"], run["dataset"]].append(run)
    chosen: dict[str, list[dict[str, Any]]] = defaultdict(list)
    left_out = []
    for (protocol, backbone, dataset), runs in cells.items():
        five = _five_seeds(runs)
        if isinstance(five, str):
            left_out.append(f"{backbone} on {dataset}, {protocol}: {five}")
        else:
            chosen[_MODES[protocol]] += five
    if not chosen:
        why = f" Left out: {'; '.join(left_out)}." if left_out else ""
        raise UserError(
            f"{leaderboard.path}: no run can be submitted: {SEEDS} seeds of {' or '.join(_MODES)} on a dataset of "
            f"GEO-Bench-2, on all of train, are wanted.{why} Run: python -m harness run --preset geobench2 --seeds 0-4"
        )
    create(target, lambda draft: _write_folders(draft, chosen))
    return Submission(sum(map(len, chosen.values())), tuple(left_out))


def _five_seeds(runs: Sequence[dict[str, Any]]) -> list[dict[str, Any]] | str:
    """The runs of five seeds; or why there are none."""
    first = runs[0]
    if len({run["settings"] for run in runs}) > 1:
        return "runs of several settings are here, one is wanted"
    if len(runs) == 1 and first["protocol"] == "linear_probe" and first["metric"] in _OF_IMAGES and first["weights"]:
        return [{**first, "seed": seed} for seed in range(SEEDS)]
    if len(runs) < SEEDS:
        return f"{len(runs)} seed{'s are' if len(runs) > 1 else ' is'} here, {SEEDS} are wanted"
    return list(runs[:SEEDS])


def _write_folders(folder: Path, chosen: dict[str, list[dict[str, Any]]]) -> None:
    for mode, runs in chosen.items():
        (folder / mode).mkdir(parents=True)
        table = Table(_COLUMNS, [_row(run, mode) for run in runs])
        (folder / mode / "results_and_parameters.csv").write_text(to_csv(table), encoding="utf-8", newline="")
        (folder / mode / "additional_info.json").write_text(json.dumps(_note(runs), indent=2), encoding="utf-8")


def _row(run: dict[str, Any], mode: str) -> tuple[Any, ...]:
    """A line of their table; None where there is no such thing, as a batch size of a linear probe."""
    settings = _settings(run)
    return (
        run["dataset"],
        _METRICS[run["metric"]],
        f"{run['backbone']}_{run['protocol']}",
        "100%",
        run["backbone"],
        "UNet" if mode == "full_ft" and run["metric"] not in _OF_IMAGES else "linear",
        "fixed",
        mode,
        None,
        _trials(run),
        run["seed"],
        100,
        settings.get("batch_size"),
        settings.get("weight_decay"),
        settings.get("rate"),
        run["score"] / _BIOMASS_STD if run["dataset"] == "biomassters" else run["score"],
    )


def _settings(run: dict[str, Any]) -> dict[str, Any]:
    """The settings of a protocol, as they were tuned."""
    tuned = json.loads(run["provenance"]).get("ran_with", {}).get("chosen", {})
    return {**json.loads(run["configuration"]).get("protocol_settings", {}), **tuned}


def _trials(run: dict[str, Any]) -> int:
    """How many settings were tried on valid; a probe's penalties count too."""
    settings = _settings(run)
    return int(settings.get("trials") or settings.get("n_strengths") or 0)


def _note(runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    sizes = {run["backbone"]: run["parameters"] for run in runs}
    return {
        "Paper Link": "N/A",
        "Code Repository Link ": "N/A",
        "License": "N/A",
        "Number of HPO trials": ", ".join(map(str, sorted({_trials(run) for run in runs}))),
        "Additional information about submission": (
            "Evaluated by mp-mae-bench, without early stopping. Linear probes of images do not depend on the seed: one "
            "run stands for all five."
        ),
        "Comments on new models in submission": "N/A",
        "New model info": [
            {
                "model_display_name": backbone,
                "model_size": "N/A" if size is None else f"{size / 1e6:.1f}M",
                "unique_backbone_key": backbone,
            }
            for backbone, size in sizes.items()
        ],
    }
