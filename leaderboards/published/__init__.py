"""Published results that come with this package, as rows with `source = 'published'`.

What a table does not say stays NULL. Numbers from another version of a suite get a suite of their own, and protocols
that only share a name with ours get a name of their own, so that nothing is ranked with what it cannot be compared to.
"""

import csv
import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import resources
from typing import Any

import duckdb
import pandas

from leaderboards.file.derived import SELECT_DERIVED
from leaderboards.file.rows import run_values
from leaderboards.schema import MetricRow, RunRecord, RunRow
from leaderboards.store import Leaderboard

Row = Mapping[str, str]

CLASSIFICATION, SEGMENTATION = "geobench-classification-v1.0", "geobench-segmentation-v1.0"
EARLIER_SEGMENTATION = "geobench-segmentation-v0.4"
"""Its splits are not those of v1.0: never to be ranked together."""


@dataclass(frozen=True)
class Table:
    """A file of published numbers."""

    file: str
    source: str
    licence: str | None
    """None: facts read from a publication."""
    to_run: Callable[[Row], dict[str, Any]]
    """Fields of RunRow that a line decides."""
    to_metrics: Callable[[Row, str], list[MetricRow]]
    """The line's numbers, given the name of its metric."""
    about: tuple[str, ...]
    """Columns that go to the provenance as they are."""


def import_published(leaderboard: Leaderboard) -> int:
    """Add all published results that are not there yet, in one transaction.

    Returns:
        How many were added; 0 the second time.
    Raises:
        UserError: the leaderboard cannot be written.
    """
    records = {record.run.run_id: record for record in published_records()}
    there = leaderboard.known(list(records))
    new = [record for run_id, record in records.items() if run_id not in there]
    if new:
        with leaderboard.transaction() as connection:
            _insert(connection, new)
    return len(new)


def _insert(connection: duckdb.DuckDBPyConnection, records: Sequence[RunRecord]) -> None:
    """All records by two statements: one by one, thousands of them take the better part of a minute."""
    runs = [run_values(record) for record in records]
    metrics = [vars(row) | {"run_id": record.run.run_id} for record in records for row in record.metrics]
    for table, rows, columns in (("runs", runs, f"*, {SELECT_DERIVED}"), ("metrics", metrics, "*")):
        connection.register("new_rows", pandas.DataFrame(rows, dtype=object))
        connection.execute(f"INSERT INTO {table} BY NAME SELECT {columns} FROM new_rows")
        connection.unregister("new_rows")


def published_records() -> Iterator[RunRecord]:
    """Every line of every table as a record; a line that is there twice gives the same record twice.

    Of lines that differ in their results alone, nobody can say which counts, nor what else was not the same: the first
    is the point's, each further one a point of its own, by `repeat` in its configuration (2 for the second).
    """
    for table in TABLES:
        text = resources.files(__package__).joinpath(table.file).read_text(encoding="utf-8")
        alike: defaultdict[tuple[object, ...], list[str]] = defaultdict(list)
        for line in csv.DictReader(text.splitlines()):
            record = _record(table, line)
            run_ids = alike[_seed_of_a_point(record.run)]
            if record.run.run_id not in run_ids:
                run_ids.append(record.run.run_id)
            repeat = run_ids.index(record.run.run_id) + 1
            yield record if repeat == 1 else _repeated(record, repeat)


def _seed_of_a_point(run: RunRow) -> tuple[object, ...]:
    """What no two published runs of one table may share; the dataset says the suite."""
    configuration = json.dumps(run.configuration, sort_keys=True)
    return run.dataset, run.backbone, run.protocol, run.partition, run.metric, run.seed, configuration


def _repeated(record: RunRecord, repeat: int) -> RunRecord:
    return replace(record, run=replace(record.run, configuration={**record.run.configuration, "repeat": repeat}))


def _record(table: Table, line: Row) -> RunRecord:
    facts = {"file": table.file, "source": table.source, "licence": table.licence}
    unknown = dict.fromkeys(
        ("weights_sha256", "dataset_fingerprint", "protocol_version", "seed", "n_train", "n_valid", "n_test",
         "n_labels_fit", "n_labels_select", "device", "seconds", "finished_at", "selection")
    )  # fmt: skip
    run = RunRow(
        **{
            **unknown,
            "run_id": _identity(table.file, line),
            "source": "published",
            "train_draw": "partition",
            "configuration": {},
            "provenance": facts | {column: _number_or_text(line[column]) for column in table.about},
            **table.to_run(line),
        }
    )
    return RunRecord(run=run, metrics=table.to_metrics(line, run.metric))


def _identity(file: str, line: Row) -> str:
    text = json.dumps({"published": file, "line": dict(line)}, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _number_or_text(text: str) -> float | str | None:
    try:
        return float(text)
    except ValueError:
        return text or None


def _metric(split: Any, metric: str, value: str, low: str | None = None, high: str | None = None) -> MetricRow:
    return MetricRow(
        split=split,
        metric=metric,
        value=float(value),
        ci_low=float(low) if low else None,
        ci_high=float(high) if high else None,
    )


_MMEARTH_SUITES = {"m-cashew-plant": SEGMENTATION, "m-SA-crop-type": SEGMENTATION}
_COMPARABLE = {
    "mp_mae": ["mp_mae", "mp_mae_published"],
    "imagenet_mae": ["imagenet_mae", "imagenet_mae_published"],  # the latter is the very checkpoint of the table
}
"""Names of ours that a published backbone may be compared with, where there are several."""


def _mmearth_protocol(line: Row) -> str:
    """Ours with the settings of theirs: the figure's probes have batches of 32, of 8 for m-eurosat."""
    if line["protocol"] == "fine_tune":
        return "fine_tune_published"
    if line["read_from"] == "table":
        return "linear_probe_sgd"
    return "linear_probe_sgd_8" if line["dataset"] == "m-eurosat" else "linear_probe_sgd_32"


def _mmearth_run(line: Row) -> dict[str, Any]:
    return {
        "suite": _MMEARTH_SUITES.get(line["dataset"], CLASSIFICATION),
        "dataset": line["dataset"],
        "backbone": line["backbone"],
        "protocol": _mmearth_protocol(line),
        "partition": line["partition"],
        "metric": line["metric"],
        "configuration": {"comparable_backbones": _COMPARABLE.get(line["backbone"], [line["backbone"]])},
    }


_TORCHGEO_PROTOCOLS = {
    "knn5": "torchgeo_knn5",
    "linear": "torchgeo_linear",
}  # the latter is refitted on train and valid
_TORCHGEO_METRICS = {"accuracy": "accuracy", "micro_mAP": "ap_micro"}


def _torchgeo_run(line: Row) -> dict[str, Any]:
    size = line["image_size"]
    return {
        "suite": CLASSIFICATION,
        "dataset": line["dataset"],
        "backbone": line["model"],
        "protocol": _TORCHGEO_PROTOCOLS[line["protocol"]],
        "partition": "default",
        "seed": int(line["seed"]),
        "metric": _TORCHGEO_METRICS[line["metric"]],
        "n_train": int(line["n_train"]),
        "n_test": int(line["n_test"]),
        "configuration": {
            "bands": line["bands"],
            "normalisation": line["normalization"],
            "input_size": int(float(size)) if size else None,
        },
    }


def _segmentation_run(line: Row) -> dict[str, Any]:
    return {
        "suite": EARLIER_SEGMENTATION,
        "dataset": line["dataset"],
        "backbone": line["model"],
        "protocol": "fine_tune",
        "partition": line["partition"],
        "seed": int(line["seed"]),
        "metric": line["metric"],
    }


TABLES = (
    Table(
        file="mmearth_eccv2024.csv",
        source="MMEarth (ECCV 2024), project page: results table and label-efficiency figure",
        licence=None,
        to_run=_mmearth_run,
        to_metrics=lambda line, metric: [_metric("test", metric, line["value"])],
        about=("read_from", "uncertainty"),
    ),
    Table(
        file="torchgeo_bench_frozen.csv",
        source="torchgeo-bench, released results",
        licence="MIT",
        to_run=_torchgeo_run,
        to_metrics=lambda line, metric: [_metric("test", metric, line["value"], line["ci_lower"], line["ci_upper"])],
        about=("feature_dim",),
    ),
    Table(
        file="geobench_segmentation_baselines.csv",
        source="GEO-Bench authors, released baseline runs of segmentation v0.4",
        licence="Apache-2.0",
        to_run=_segmentation_run,
        to_metrics=lambda line, metric: [
            _metric("test", metric, line["test_value"]),
            _metric("valid", metric, line["valid_value"]),
        ],
        about=("epochs",),
    ),
)
