"""A leaderboard with the scores a test names, and predictions that have them, where asked."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from leaderboard_records import make_run, metric, prediction

from leaderboards.schema import RunRecord
from leaderboards.store import Leaderboard, open_leaderboard

LABELS = {"0.01x_train": 20, "0.10x_train": 200, "1.00x_train": 2000, "default": 2000, "k=5": 50, "n=100": 100}

Cell = tuple[str, str, str]
"""(backbone, dataset, partition)"""


def board_with(path: Path, scores: Mapping[Cell, Sequence[float | None]], **changes: Any) -> Leaderboard:
    """A new leaderboard with one run per score, seeds counting from 0, no interval and built-in weights."""
    board = open_leaderboard(path)
    with board.session() as session:
        for (backbone, dataset, partition), values in scores.items():
            for seed, value in enumerate(values):
                session.commit(
                    RunRecord(run=run_of(backbone, dataset, partition, seed, **changes), metrics=[metric(value, None)])
                )
    return board


def run_of(backbone: str, dataset: str, partition: str, seed: int, **changes: Any) -> Any:
    n = LABELS[partition]
    values: dict[str, Any] = {
        "backbone": backbone, "dataset": dataset, "partition": partition, "seed": seed,
        "n_train": n, "n_labels_fit": n, "n_labels_select": 0, "n_test": 1000,
        "train_draw": "seed", "selection": "cv", "configuration": {"k": 5},
    }  # fmt: skip
    values |= changes
    return make_run((backbone, dataset, partition, seed, sorted(map(str, changes.items()))), **values)


def predicted_record(
    backbone: str, dataset: str, partition: str, seed: int, target: np.ndarray, predicted: np.ndarray, **changes: Any
) -> RunRecord:
    """A run of single labels with its predictions, its accuracy and the normal interval of it."""
    accuracy = float((target == predicted).mean())
    half = 1.96 * (accuracy * (1 - accuracy) / len(target)) ** 0.5
    return RunRecord(
        run=run_of(backbone, dataset, partition, seed, n_test=len(target), **changes),
        metrics=[metric(accuracy, (accuracy - half, accuracy + half))],
        predictions=[
            prediction(f"id_{i:05d}", target=(int(t),), predicted=(int(p),))
            for i, (t, p) in enumerate(zip(target, predicted, strict=True))
        ],
    )


def board_with_two_lists(path: Path) -> Leaderboard:
    """Two lists of samples under one name; a is better on one, b on the other."""
    board = open_leaderboard(path)
    for samples, values in (("1", {"a": 0.9, "b": 0.1}), ("2", {"a": 0.5, "b": 0.6})):
        for backbone, value in values.items():
            for seed in range(3):
                run = run_of(
                    backbone, "d", "default", seed, train_draw="partition",
                    configuration={"partition_sha256": samples * 64},
                )  # fmt: skip
                board.commit(RunRecord(run=run, metrics=[metric(value + 0.001 * seed, None)]))
    return board
