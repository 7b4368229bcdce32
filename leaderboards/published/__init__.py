"""Published results that come with this package, as rows with `source = 'published'`.

What a table does not say stays NULL. Numbers from another version of a suite get a suite of their own, and protocols
that only share a name with ours get a name of their own, so that nothing is ranked with what it cannot be compared to.
"""

import csv
import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from importlib import resources

import duckdb
import pandas

from leaderboards.file.derived import SELECT_DERIVED
from leaderboards.file.rows import run_values
from leaderboards.published.tables import TABLES, Row, Table
from leaderboards.schema import RunRecord, RunRow
from leaderboards.store import Leaderboard

__all__ = ["TABLES", "import_published", "published_records"]


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
            "provenance": facts
            | {column: _number_or_text(line[column]) for column in table.about}
            | table.remarks(line),
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
