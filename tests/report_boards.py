"""Leaderboards for the tests of the report: simulated campaigns of any size, written in bulk."""

import hashlib
import itertools
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas

from leaderboards.file.derived import SELECT_DERIVED
from leaderboards.file.rows import run_values
from leaderboards.schema import MetricRow, RunRecord, RunRow
from leaderboards.store import open_leaderboard

PARTITIONS = {
    "0.01x_train": 20, "0.02x_train": 40, "0.05x_train": 100, "0.10x_train": 200, "0.20x_train": 400,
    "0.50x_train": 1000, "1.00x_train": 2000,
}  # fmt: skip
FEW_LABELS = {
    "k=1": 10,
    "k=2": 20,
    "k=5": 50,
    "k=10": 100,
    "k=20": 200,
    "k=50": 500,
    "n=50": 50,
    "n=100": 100,
    "n=200": 200,
}
BACKBONES = (
    "mp_mae", "optical_mae", "imagenet_mae", "imagenet_supervised", "contrastive", "band_statistics",
    "image_statistics", "random_init",
)  # fmt: skip
"""From the best to the worst."""
DATASETS = ("m-bigearthnet", "m-brick-kiln", "m-eurosat", "m-forestnet", "m-pv4ger", "m-so2sat")
SUITE = "geobench-classification-v1.0"


def campaign(
    suite: str = SUITE,
    backbones: Sequence[str] = BACKBONES,
    datasets: Sequence[str] = DATASETS,
    protocols: Sequence[str] = ("linear_probe",),
    partitions: Sequence[str] = tuple(PARTITIONS),
    n_seeds: int = 3,
) -> list[RunRecord]:
    """A full grid: earlier backbones are better by more where labels are few."""
    draws = np.random.default_rng(0)
    cells = itertools.product(enumerate(backbones), enumerate(datasets), protocols, partitions, range(n_seeds))
    return [_record(suite, *cell, draws) for cell in cells]


def _record(
    suite: str,
    backbone: tuple[int, str],
    dataset: tuple[int, str],
    protocol: str,
    partition: str,
    seed: int,
    draws: Any,
) -> RunRecord:
    n = (PARTITIONS | FEW_LABELS)[partition]
    fits = 0.02 * np.sin(3 * backbone[0] + 5 * dataset[0])  # no backbone is best everywhere
    lost = (0.04 + 0.012 * backbone[0] + fits) * (2000 / n) ** (0.25 + 0.02 * backbone[0])
    value = float(np.clip((1 - lost) * (0.95 - 0.07 * dataset[0]) + 0.008 * draws.standard_normal(), 0.01, 0.99))
    run = RunRow(
        run_id=run_id(suite, backbone, dataset, protocol, partition, seed), suite=suite, dataset=dataset[1],
        backbone=backbone[1], weights_sha256="ab" * 32, dataset_fingerprint="f", protocol=protocol, protocol_version=1,
        partition=partition, seed=seed, metric="accuracy", n_train=n, n_valid=100, n_test=1000, n_labels_fit=n,
        n_labels_select=0, source="measured", train_draw="partition", selection="cv", device="cpu", seconds=0.5,
        finished_at=datetime(2026, 3, 1, 12, tzinfo=UTC), parameters=3_700_000 * (backbone[0] + 1),
        flops_per_image=5 * 10**8,
        configuration={
            "dataset": dataset[1], "backbone": backbone[1], "protocol": protocol, "partition": partition, "seed": seed,
            "bands": ["B2", "B3", "B4"], "band_sources": ["B2", "B3", "B4"], "normalisation": "dataset",
        },
        provenance={"weights_file": None, "python": "3.11", "ran_with": {"strength": round(value, 3)}},
    )  # fmt: skip
    return RunRecord(
        run=run,
        metrics=[
            MetricRow(split="test", metric="accuracy", value=value, ci_low=value - 0.02, ci_high=value + 0.02),
            MetricRow(split="valid", metric="accuracy", value=value - 0.01, ci_low=value - 0.03, ci_high=value + 0.01),
        ],
    )


def published(backbone: str, dataset: str, value: float, partition: str = "1.00x_train") -> RunRecord:
    """A number of somebody else: all that its table does not tell is unknown."""
    unknown = (
        "weights_sha256 dataset_fingerprint protocol_version seed n_train n_valid n_test n_labels_fit n_labels_select "
        "device seconds finished_at train_draw selection"
    )
    run = RunRow(
        **dict.fromkeys(unknown.split()),
        run_id=run_id("published", backbone, dataset, partition),
        suite=SUITE,
        dataset=dataset,
        backbone=backbone,
        protocol="linear_probe",
        partition=partition,
        metric="accuracy",
        source="published",
        configuration={},
        provenance={"source": "a paper"},
    )
    return RunRecord(
        run=run, metrics=[MetricRow(split="test", metric="accuracy", value=value, ci_low=None, ci_high=None)]
    )


def run_id(*names: object) -> str:
    return hashlib.sha256(repr(names).encode()).hexdigest()


def write_board(path: Path, records: Sequence[RunRecord]) -> Path:
    """All at once: run by run, ten thousand take minutes."""
    runs = [run_values(record) for record in records]
    metrics = [vars(row) | {"run_id": r.run.run_id} for r in records for row in r.metrics]
    with open_leaderboard(path).transaction() as connection:
        for table, rows, columns in (("runs", runs, f"*, {SELECT_DERIVED}"), ("metrics", metrics, "*")):
            connection.register("new_rows", pandas.DataFrame(rows, dtype=object))
            connection.execute(f"INSERT INTO {table} BY NAME SELECT {columns} FROM new_rows")
            connection.unregister("new_rows")
    return path
