"""What the report shows, read from the leaderboard's views in one go, so that all its parts agree."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from leaderboards.alarm import Alarm, read_alarms
from leaderboards.differences import COLUMNS, read_differences
from leaderboards.errors import UserError
from leaderboards.file.connection import WAIT_SECONDS
from leaderboards.file.reader import connect_to_read
from leaderboards.looks import LOOKS
from leaderboards.query import run_query
from leaderboards.report.columns import encode_table, merge_keys
from leaderboards.report.savings import read_savings, typical_savings, with_intervals
from leaderboards.report.standings import CELL_COLUMNS, with_ties
from leaderboards.simulated import SIMULATED
from leaderboards.statistics.ranking import read_standings

_CURVE = "suite, dataset, protocol, selection, train_draw, axis, setup, metric, higher_is_better, source"

QUERIES: Mapping[str, str] = {
    "points": f"""
        SELECT {_CURVE}, backbone, weights, partition, n_labels, n_labels_fit, n_labels_select, value, ci_low, ci_high,
            n_seeds, of_seeds
        FROM label_efficiency JOIN (
            SELECT curve_id, partition, samples, list(value ORDER BY seed) AS of_seeds FROM scores GROUP BY ALL
        ) AS seeds USING (curve_id, partition)
        WHERE value IS NOT NULL AND label_efficiency.samples IS NOT DISTINCT FROM seeds.samples ORDER BY ALL""",
    "looks": LOOKS,
    "savings": """
        SELECT suite, dataset, protocol, selection, train_draw, axis, setup, rival_setup, metric, higher_is_better,
            source, backbone, weights, rival, rival_weights, rival_value, rival_labels, labels_needed, label_saving,
            at_most, curve_id, rival_curve_id
        FROM label_savings WHERE source = 'measured' ORDER BY ALL""",
    "typical_savings": """
        WITH pairs AS (
            FROM label_savings WHERE source = 'measured'
            QUALIFY count(*) OVER (PARTITION BY suite, protocol, selection, train_draw, axis, backbone, weights, rival,
                rival_weights, dataset) = 1
        )
        SELECT suite, protocol, selection, train_draw, axis, backbone, weights, rival, rival_weights,
            count(*) AS n_datasets, count(labels_needed) AS n_reached,
            list((curve_id, rival_curve_id) ORDER BY dataset) AS pairs
        FROM pairs GROUP BY ALL ORDER BY ALL""",
    "efficiency": """
        SELECT suite, dataset, protocol, selection, train_draw, setup, metric, higher_is_better, source, backbone,
            weights, partition, parameters, flops_per_image, value, ci_low, ci_high, frontier, images_per_second,
            peak_memory_bytes, device, frontier_flops, frontier_memory, frontier_speed
        FROM parameter_efficiency ORDER BY ALL""",
    "gaps": """
        SELECT suite, dataset, protocol, selection, train_draw, partition, backbone, weights, metric,
            higher_is_better, value, published_value, gap, ci_low, ci_high, published_backbone,
            published_uncertainty, published_in
        FROM published_gap ORDER BY ALL""",
    "runs": """
        SELECT suite, dataset, backbone, weights, protocol, selection, train_draw, partition, seed, n_labels, metric,
            higher_is_better, value, ci_low, ci_high, source, run_id
        FROM scores ORDER BY run_id""",
}
"""Tables of the report, by name."""

_RANKING = """
    SELECT suite, protocol, selection, train_draw, partition, source, backbone, weights, mean_rank, n_ranked,
        n_datasets, missing
    FROM ranking
    ORDER BY suite, protocol, selection, train_draw, partition, source, mean_rank NULLS LAST, backbone, weights"""
_CELLS = f"""
    SELECT {CELL_COLUMNS}, list(value ORDER BY seed, run_id)
    FROM scores WHERE value IS NOT NULL GROUP BY {CELL_COLUMNS} ORDER BY {CELL_COLUMNS}"""
_DOCUMENTS = """
    SELECT configuration, provenance, weights_sha256, dataset_fingerprint, protocol_version, n_train, n_valid, n_test,
        n_labels_fit, n_labels_select, parameters, flops_per_image, device, seconds, finished_at::VARCHAR AS finished_at
    FROM runs SEMI JOIN scores USING (run_id) ORDER BY run_id"""
_METRICS = """
    SELECT run_id, split, metric, value, ci_low, ci_high FROM metrics SEMI JOIN scores USING (run_id)
    ORDER BY run_id, split, metric"""


@dataclass(frozen=True)
class Contents:
    """The report's two blocks of data, JSON-able."""

    page: dict[str, Any]
    """Tables of `columns.encode_table` by name, and `simulated`: the names of the simulated suites."""
    details: dict[str, Any]
    """What is shown of a single run only, in the order of the table `runs` here."""


@dataclass(frozen=True)
class _Rows:
    names: Sequence[str]
    rows: Sequence[Sequence[Any]]


CommandOf = Callable[[str, Mapping[str, Any], Mapping[str, Any]], str]
"""The command that makes a run again, from its backbone, configuration and provenance."""


def read_contents(path: Path, command_of: CommandOf | None = None) -> Contents:
    """Everything, from one state of the file.

    But for differences, intervals of savings, tie groups and alarms: of what changed meanwhile they would be those of
    the new state.

    Raises:
        UserError: no leaderboard there, locked, of another version, or without any run.
    """
    run_query(path, "SELECT 1")  # says it best if there is none, and upgrades an old one
    with connect_to_read(path, WAIT_SECONDS) as connection:
        tables = {name: _read(connection, sql) for name, sql in QUERIES.items()}
        ranking, cells = _read(connection, _RANKING), _read(connection, _CELLS)
        documents, metrics = _read(connection, _DOCUMENTS), _read(connection, _METRICS)
    if not tables["runs"].rows:
        raise UserError(f"{path}: has no runs to report. Fill it with: python -m harness run --backbone mp_mae")
    savings = read_savings(path)
    for name, add in (("savings", with_intervals), ("typical_savings", typical_savings)):
        tables[name] = _Rows(*add(tables[name].names, tables[name].rows, savings))
    page: dict[str, Any] = {name: encode_table(table.names, table.rows) for name, table in tables.items()}
    page["differences"] = encode_table(COLUMNS, read_differences(path))
    page["ranking"] = encode_table(*with_ties(ranking.names, ranking.rows, cells.rows, read_standings(path)))
    page["alarms"] = _alarms(read_alarms(path))
    page["simulated"] = list(SIMULATED)
    return Contents(page, _details(documents, metrics, tables["runs"], command_of))


def _alarms(alarms: Sequence[Alarm]) -> dict[str, Any]:
    """A row for each run of a point below its floor: what marks its score, and the line that explains it."""
    rows = [
        (alarm.suite, alarm.dataset, alarm.backbone, alarm.weights, alarm.source, run_id, alarm.mark, alarm.describe())
        for alarm in alarms
        for run_id in alarm.run_ids
    ]
    return encode_table(("suite", "dataset", "backbone", "weights", "source", "run_id", "mark", "told"), rows)


def _read(connection: duckdb.DuckDBPyConnection, sql: str) -> _Rows:
    result = connection.execute(sql)
    return _Rows(tuple(column[0] for column in result.description), result.fetchall())


def _details(documents: _Rows, metrics: _Rows, runs: _Rows, command_of: CommandOf | None) -> dict[str, Any]:
    """Configurations, provenance and commands by their keys, as most values are the same in thousands of runs."""
    configurations, provenances = ([json.loads(row[position]) for row in documents.rows] for position in (0, 1))
    backbone, source = runs.names.index("backbone"), runs.names.index("source")
    commands = [
        _by_option(command_of, run[backbone], *made) if command_of and run[source] == "measured" else {}
        for run, *made in zip(runs.rows, configurations, provenances, strict=True)
    ]
    parts = {}
    for part, objects in (("configuration", configurations), ("provenance", provenances), ("commands", commands)):
        keys = merge_keys(objects)
        parts[part] = encode_table(keys, [[one.get(key) for key in keys] for one in objects])
    parts["run"] = encode_table(documents.names[2:], [row[2:] for row in documents.rows])
    parts["metrics"] = encode_table(metrics.names[1:], [row[1:] for row in metrics.rows])
    return {**parts, "n_metrics": _count_by_run(metrics, runs)}


def _by_option(
    command_of: CommandOf, backbone: str, configuration: Mapping[str, Any], provenance: Mapping[str, Any]
) -> dict[str, str]:
    """Option -> what follows it, also where the option is given again; one after the other they are the command."""
    try:
        command = command_of(backbone, configuration, provenance)
    except (KeyError, TypeError, AttributeError):  # a row that somebody else wrote, whose configuration says less
        return {}
    found: dict[str, str] = {}
    for option, rest in re.findall(r"((?:^| --)\S+)((?:(?! --\S).)*)", command, re.DOTALL):
        found[option] = f"{found[option]}{option}{rest}" if option in found else rest
    return found


def _count_by_run(metrics: _Rows, runs: _Rows) -> Sequence[int]:
    counts = dict.fromkeys((row[-1] for row in runs.rows), 0)
    for run_id, *_ in metrics.rows:
        counts[run_id] += 1
    return list(counts.values())
