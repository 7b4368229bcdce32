"""Leaderboards as older versions wrote them, all with the same runs, and what the views of version 5 said of these.

`views_v5.json` was written by the last version before schema 6, from a leaderboard with the runs of `records()`;
but the saving of whoever never reaches the rival's score, which was NULL then.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import duckdb
from leaderboard_records import metric, published_run
from scored_runs import run_of

from leaderboards.file.derived import DERIVED
from leaderboards.file.rows import run_values
from leaderboards.query import run_query
from leaderboards.schema import RunRecord
from leaderboards.views import VIEWS

HERE = Path(__file__).parent
Views = Mapping[str, list[dict[str, Any]]]
"""View -> its rows in an order of their own, a row by column."""


def records() -> Iterator[RunRecord]:
    """Two backbones on two datasets, one of them simulated, at three sizes by two seeds; and a paper's number."""
    for suite, dataset in (("geobench-classification-v1.0", "m-eurosat"), ("demo", "demo-crops")):
        for b, backbone in enumerate(("mp_mae", "random_init")):
            for p, partition in enumerate(("0.01x_train", "0.10x_train", "1.00x_train")):
                for seed in range(2):
                    run = run_of(
                        backbone, dataset, partition, seed, suite=suite, train_draw="partition", selection="none",
                        configuration={"k": 5, "partition_sha256": partition},
                    )  # fmt: skip
                    value = 0.5 + 0.1 * p - 0.05 * b + 0.01 * seed
                    yield RunRecord(run=run, metrics=[metric(value, (value - 0.02, value + 0.03))])
    paper = published_run(dataset="m-eurosat", backbone="mp_mae", partition="1.00x_train", configuration={})
    yield RunRecord(run=paper, metrics=[metric(0.75, None)])


def write_old(path: Path, version: int, runs: Iterable[RunRecord] | None = None) -> Path:
    """A file with the tables of that version and `runs`, by default `records()`, without its views."""
    with duckdb.connect(path) as connection:
        connection.execute((HERE / f"schema_v{version}.sql").read_text(encoding="utf-8"))
        connection.execute(f"INSERT INTO schema_version (version) VALUES ({version})")
        columns = {name for (name, *_) in connection.execute("DESCRIBE runs").fetchall()}
        for record in records() if runs is None else runs:
            values = {name: value for name, value in run_values(record).items() if name in columns}
            marks = ", ".join(f"${name} AS {name}" for name in values)
            connection.execute(f"INSERT INTO runs BY NAME SELECT *{_derived_by(columns)} FROM (SELECT {marks})", values)
            for row in record.metrics:
                names = ", ".join(field.name for field in fields(row))
                connection.execute(
                    f"INSERT INTO metrics (run_id, {names}) VALUES (?, ?, ?, ?, ?, ?)",
                    [record.run.run_id, *vars(row).values()],
                )
    return path


def _derived_by(columns: set[str]) -> str:
    """What that version's store added to a run."""
    if "curve_id" in columns:
        return "".join(f", {DERIVED[name]} AS {name}" for name in DERIVED if name in columns)
    if "setup" in columns:
        return (
            ", weights_of(weights_sha256, provenance) AS weights, "
            "setup_of(dataset_fingerprint, protocol_version, configuration) AS setup"
        )
    return ""


def read_views(path: Path) -> Views:
    """Every view."""
    tables = {view: run_query(path, f"SELECT * FROM {view} ORDER BY ALL") for view in VIEWS}
    return {view: [dict(zip(table.columns, row, strict=True)) for row in table.rows] for view, table in tables.items()}


def views_of_version_5() -> Views:
    """Read from the file beside this one; `win_rate` of `ranking` has another name since, and the same numbers."""
    views: Views = json.loads((HERE / "views_v5.json").read_text(encoding="utf-8"))
    for row in views["ranking"]:
        row["better_score_share"] = row.pop("win_rate")
    return views
