"""Results of a leaderboard in the terminal: means over seeds as grids, single runs as a list, and alarms of both."""

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from rich.console import Group
from rich.text import Text

from harness.errors import UserError
from harness.show.tables import HASH_DIGITS, NO_BREAK, FittedTable, captioned, prose
from harness.show.visible_text import plain
from leaderboards.alarm import Alarm
from leaderboards.differences import read_ties
from leaderboards.query import Table, run_query
from leaderboards.simulated import mark


@dataclass(frozen=True, kw_only=True)
class Choice:
    """Which results are wanted; empty: whichever there are."""

    datasets: Sequence[str] = ()
    protocols: Sequence[str] = ()
    backbones: Sequence[str] = ()
    top: int | None = None
    """How many of those that compete: backbones on a dataset by a protocol, or runs with the same labels."""


_CHOSEN = """
    (len($datasets) = 0 OR list_contains($datasets, dataset))
    AND (len($protocols) = 0 OR list_contains($protocols, protocol))
    AND (len($backbones) = 0 OR list_contains($backbones, backbone))
"""
_MEANS = f"""
    WITH chosen AS (FROM label_efficiency WHERE {_CHOSEN}),
    ranked AS (
        SELECT curve_id, row_number() OVER (
            PARTITION BY suite, protocol, dataset, axis, metric
            ORDER BY at_most_labels DESC NULLS LAST, backbone, curve_id) AS place
        FROM (
            SELECT
                suite, protocol, dataset, axis, metric, backbone, curve_id,
                max_by(if(higher_is_better, value, -value), coalesce(n_labels, 0)) AS at_most_labels
            FROM chosen GROUP BY ALL
        )
    )
    SELECT
        suite, protocol, axis, dataset, metric, higher_is_better, backbone, weights, source, selection, train_draw,
        setup, partition, n_labels, value, ci_low, ci_high, margin, n_seeds, one_seed, curve_id, samples
    FROM chosen JOIN ranked USING (curve_id)
    WHERE $top IS NULL OR place <= $top
    ORDER BY suite, protocol, axis = 'images', axis, dataset, metric, place, n_labels, partition, n_seeds, samples
"""
_RUNS = f"""
    SELECT
        suite, dataset, protocol, partition, n_labels_fit + n_labels_select AS n_labels, backbone, weights, seed,
        metric, source, bands, value, ci_low, ci_high, higher_is_better, run_id
    FROM leaderboard WHERE {_CHOSEN} AND ($run_ids IS NULL OR list_contains($run_ids, run_id))
    QUALIFY $top IS NULL OR $top >= row_number() OVER (
        PARTITION BY suite, dataset, protocol, partition, metric, bands
        ORDER BY if(higher_is_better, value, -value) DESC NULLS LAST, run_id)
    ORDER BY
        suite, dataset, protocol, n_labels, partition, metric, bands NULLS FIRST,
        if(higher_is_better, value, -value) DESC NULLS LAST, backbone, seed
"""


def read_means(db: Path, choice: Choice) -> Table:
    """Points of label-efficiency curves, means over seeds: of each dataset the best backbone at most labels first.

    `tied` and `best` are those of `Tied`, among the points that are read; None: alone, or of unknown noise.

    Raises:
        UserError: no leaderboard there, or a name that is not in it.
    """
    means = _read(db, _MEANS, choice)
    curve, partition, samples = (means.columns.index(name) for name in ("curve_id", "partition", "samples"))
    places = [(row[curve], row[partition], row[samples] or "") for row in means.rows]
    ties = read_ties(db, places)
    rows = [(*row, *(ties.get(place) or (None, None))) for row, place in zip(means.rows, places, strict=True)]
    return Table((*means.columns, "tied", "best"), rows)


def read_runs(db: Path, choice: Choice, run_ids: Sequence[str] | None = None) -> Table:
    """The headline metric of runs, the best first among those with the same labels; errors as `read_means`.

    Args:
        run_ids: these alone; None: all that are chosen.
    """
    return _read(db, _RUNS, choice, run_ids=run_ids)


def _read(db: Path, sql: str, choice: Choice, **more: Any) -> Table:
    for column, names in (("dataset", choice.datasets), ("protocol", choice.protocols), ("backbone", choice.backbones)):
        there = [name for (name,) in run_query(db, f"SELECT DISTINCT {column} FROM runs ORDER BY ALL").rows]
        for name in names:
            if name not in there:
                near = difflib.get_close_matches(name, there, n=1)
                meant = f"Did you mean {near[0]}? " if near else ""
                raise UserError(f"{db}: no run of {column} {name!r}. {meant}There are: {', '.join(there) or 'none'}")
    return run_query(db, sql, parameters=asdict(choice) | more)


INDENT = NO_BREAK * 2
ONE_SEED, BEST = "\N{SUPERSCRIPT ONE}", "*"
_AXES = {"partition": "share of train", "shots": "labels per class", "images": "labelled images"}
"""What stands in the heads of a grid's columns."""


def means_grids(means: Table, alarms: Sequence[Alarm]) -> Iterator[Group]:
    """A grid for each protocol and kind of label budget: backbones below each other, budgets side by side.

    Args:
        means: of `read_means`.
        alarms: they mark their points.
    """
    marks = {(alarm.curve_id, alarm.partition): alarm.mark for alarm in alarms}
    points = [dict(zip(means.columns, row, strict=True)) for row in means.rows]
    for _, of_grid in groupby(points, lambda point: (point["suite"], point["protocol"], point["axis"])):
        yield _grid(list(of_grid), marks)
    said = (
        "On test, ± half of the 95 % interval. Beside each dataset the labels used, below it the best at most labels "
        "first. Who shares a letter there is tied (paired differences, Holm over all pairs of that dataset and number "
        f"of labels); {BEST} is the best, told apart from all others; neither: the noise is not known. {ONE_SEED} one "
        "seed, its interval of test samples alone."
    )
    yield Group(prose(said, style="dim"))


def _grid(points: Sequence[Mapping[str, Any]], marks: Mapping[tuple[str, str], str]) -> Group:
    partitions = {point["partition"]: point["n_labels"] or 0 for point in points}  # of equals the last dataset's number
    columns = sorted(partitions, key=lambda name: (partitions[name], name))
    metrics = {_metric(point) for point in points}
    table = FittedTable()
    table.add_column(_AXES[points[0]["axis"]])
    for name in columns:
        table.add_column(plain(re.sub("^[kn]=|_train$", "", name)), justify="right")
    for (dataset, metric), found in groupby(points, lambda point: (point["dataset"], _metric(point))):
        of_dataset = list(found)
        labels = {point["partition"]: f"{point['n_labels']:,}" for point in of_dataset if point["n_labels"] is not None}
        heading = dataset if len(metrics) == 1 else f"{dataset}, {metric}"
        table.add_row(plain(heading), *(labels.get(name, "") for name in columns), style="bold")
        cells: dict[str, dict[str, str]] = {}
        for point in of_dataset:
            place = point["curve_id"], point["partition"]
            cells.setdefault(point["curve_id"], {})[point["partition"]] = _mean(point, marks.get(place, ""))
        for curve_id, name in _call_curves(of_dataset).items():
            table.add_row(INDENT + plain(name), *(cells[curve_id].get(column, "") for column in columns))
    suite, of_metric = points[0]["suite"], metrics.pop() if len(metrics) == 1 else "score"
    title = f"{points[0]['protocol']}, {suite}{mark(suite)}: {of_metric}, {_describe_seeds(points)}"
    return Group(prose(title), table, Text())


def _describe_seeds(points: Sequence[Mapping[str, Any]]) -> str:
    counts = {point["n_seeds"] for point in points if point["source"] == "measured"}
    if not counts:
        return "published"
    fewest, most = min(counts), max(counts)
    return "one seed" if most == 1 else f"mean of {fewest if fewest == most else f'{fewest} to {most}'} seeds"


def _metric(point: Mapping[str, Any]) -> str:
    return str(point["metric"]) + ("" if point["higher_is_better"] else " (lower is better)")


def _call_curves(points: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """curve_id -> the backbone, and what tells its curves apart where one dataset has several."""
    curves = {point["curve_id"]: point for point in points}
    names = {}
    for curve_id, curve in curves.items():
        rivals = [other for other in curves.values() if other["backbone"] == curve["backbone"]]
        told = {
            column: curve[column]
            for column in ("weights", "selection", "train_draw", "setup")
            if curve[column] and len({rival[column] for rival in rivals}) > 1
        }
        name = curve["backbone"] + (f"@{told.pop('weights')}" if "weights" in told else "")
        names[curve_id] = " ".join((name, *told.values(), *(["published"] if curve["source"] == "published" else [])))
    return names


def _mean(point: Mapping[str, Any], alarm: str) -> str:
    if point["value"] is None:
        return "undefined"
    form = _form(point)
    value = f"{point['value']:{form}}{alarm}"
    if point["margin"] is not None:
        value += f" ±{point['margin']:{form}}{ONE_SEED if point['one_seed'] else ''}".replace("±0.", "±.")
    tied = BEST if point["best"] else point["tied"]
    return f"{value}{NO_BREAK}{tied}" if tied else value


_COMMON = ("suite", "dataset", "protocol", "partition", "n_labels", "seed", "metric", "source", "bands")
"""Columns of runs that need not be repeated in every row if they say the same."""
_HEADINGS = {"n_labels": "labels", "run_id": "run"}


def runs_table(runs: Table, alarms: Sequence[Alarm]) -> Group:
    """A row a run, its score and 95 % interval in one column; what is the same of all moves to the caption.

    Args:
        runs: of `read_runs`.
        alarms: they mark the scores of their runs.
    """
    marks = {run_id: f" {alarm.mark}" for alarm in alarms for run_id in alarm.run_ids}
    rows = [dict(zip(runs.columns, row, strict=True)) for row in runs.rows]
    for row in rows:
        row["metric"] = _metric(row)
    values = {column: {row[column] for row in rows} for column in _COMMON}
    common = [f"{column} {value}" for column, (value, *more) in values.items() if not more and value is not None]
    of_backbones = {(row["backbone"], row["weights"]) for row in rows}
    several_weights = len(of_backbones) > len({backbone for backbone, _ in of_backbones})
    left_out = {column for column in values if len(values[column]) < 2} | (set() if several_weights else {"weights"})
    shown = [column for column in _RUN_COLUMNS if column not in left_out]
    table = FittedTable()
    for column in shown:
        table.add_column(_HEADINGS.get(column, column), justify="right" if column in ("n_labels", "seed") else "left")
    for row in rows:
        cells = row | {"run_id": row["run_id"][:HASH_DIGITS], "value": _score(row) + marks.get(row["run_id"], "")}
        table.add_row(*(plain("" if cells[column] is None else str(cells[column])) for column in shown))
    return captioned(table, f"test split, 95 % intervals; {', '.join(common)}")


_RUN_COLUMNS = (
    "run_id", "suite", "dataset", "protocol", "partition", "n_labels", "backbone", "weights", "seed", "bands", "source",
    "metric", "value",
)  # fmt: skip
_MOST_ALARMS = 8
"""Told in full."""
_ALL_ALARMS = "SELECT backbone, dataset, protocol, partition, value, difference FROM below_floor ORDER BY ALL"


def alarms_of(results: Table, alarms: Sequence[Alarm]) -> list[Alarm]:
    """The alarms of runs or means that were read."""
    column = results.columns.index("run_id" if "run_id" in results.columns else "curve_id")
    ids = {row[column] for row in results.rows}
    return [alarm for alarm in alarms if not ids.isdisjoint((alarm.curve_id, *alarm.run_ids))]


def alarm_lines(alarms: Sequence[Alarm]) -> list[str]:
    """A line for each point below its floor, ours before published ones, and how to see the rest if there are many."""
    points = sorted(alarms, key=lambda alarm: alarm.source)
    lines = [alarm.describe() for alarm in points[:_MOST_ALARMS]]
    if len(points) > len(lines):
        lines.append(f'{len(points) - len(lines)} more are below: python -m harness sql "{_ALL_ALARMS}"')
    return lines


def _score(row: Mapping[str, Any]) -> str:
    if row["value"] is None:
        return "undefined"
    form = _form(row)
    value = f"{row['value']:{form}}"
    return value if row["ci_low"] is None else f"{value} [{row['ci_low']:{form}},{NO_BREAK}{row['ci_high']:{form}}]"


def _form(row: Mapping[str, Any]) -> str:
    """An error has the unit of the labels, and any size."""
    return ".3f" if row["higher_is_better"] else ".4g"
