"""From the leaderboard's rows to arrays: curves with their seeds."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import astuple, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from leaderboards.errors import UserError
from leaderboards.file.connection import WAIT_SECONDS
from leaderboards.file.derived import NOT_OF_SETUP
from leaderboards.file.reader import connect_to_read
from leaderboards.statistics.estimates import Estimate


@dataclass(frozen=True, order=True)
class CurveKey:
    """What all points of one label-efficiency curve share; the columns of the view `scores`."""

    suite: str
    dataset: str
    backbone: str
    weights: str
    """Empty: the name of the backbone says it all."""
    protocol: str
    selection: str
    train_draw: str
    axis: str
    setup: str
    metric: str
    curve_id: str
    """Says all of the above at once."""
    higher_is_better: bool = True
    """Of `metric`."""

    def describe(self) -> str:
        """What messages call it, who say beside it what tells several of this name apart."""
        return f"{self.backbone}, {self.dataset}, {self.protocol}"


@dataclass(frozen=True)
class Point:
    """All seeds of one point of a curve."""

    partition: str
    samples: str
    """Of the samples that all its seeds share: points of two curves are alike where it and the partition are equal."""
    n_labels: int
    n_test: int
    scores: Mapping[int, float]
    """By seed: a fraction, or in the units of the labels."""
    run_ids: Mapping[int, str]
    """By seed."""


_POINTS = """
    SELECT
        suite, dataset, backbone, coalesce(weights, ''), protocol, coalesce(selection, ''), coalesce(train_draw, ''),
        axis, setup, scores.metric, curve_id, scores.higher_is_better, scores.partition, samples,
        round(avg(scores.n_labels))::BIGINT, max(runs.n_test),
        list(scores.seed ORDER BY scores.seed, run_id), list(value ORDER BY scores.seed, run_id),
        list(run_id ORDER BY scores.seed, run_id)
    FROM scores JOIN (SELECT run_id, n_test FROM runs) AS runs USING (run_id)
    WHERE source = 'measured' AND value IS NOT NULL AND ($backbones IS NULL OR list_contains($backbones, backbone))
    GROUP BY ALL
    ORDER BY ALL
"""


def read_points(path: Path, backbones: Collection[str] | None = None) -> dict[CurveKey, list[Point]]:
    """Every measured score of the leaderboard, by curve and point, points in the order of their labels.

    Args:
        backbones: only these; None: all.
    Raises:
        UserError: no leaderboard there, or locked.
    """
    curves: dict[CurveKey, list[Point]] = {}
    for row in fetch(path, _POINTS, {"backbones": None if backbones is None else list(backbones)}):
        *key, partition, samples, n_labels, n_test, seeds, values, run_ids = row
        curve = CurveKey(*key)
        _refuse_duplicates(path, f"{curve.describe()}, {partition}", seeds, run_ids)
        point = Point(
            partition,
            samples,
            n_labels,
            n_test,
            dict(zip(seeds, values, strict=True)),
            dict(zip(seeds, run_ids, strict=True)),
        )
        curves.setdefault(curve, []).append(point)
    return {key: sorted(points, key=lambda p: (p.n_labels, p.partition, p.samples)) for key, points in curves.items()}


def _refuse_duplicates(path: Path, what: str, seeds: Sequence[int], run_ids: Sequence[str]) -> None:
    for (seed, run_id), (next_seed, next_run_id) in pairwise(zip(seeds, run_ids, strict=True)):
        if seed == next_seed:
            raise UserError(
                f"{path}: {what}: seed {seed} was run twice, as {run_id} and {next_run_id}, and nobody can say which "
                "of the two counts. Put one of them into another leaderboard."
            )


def read_means(path: Path, curve_ids: Collection[str]) -> dict[tuple[str, str, str], Estimate]:
    """(curve_id, partition, samples) -> the mean over all seeds with its interval, from the view `label_efficiency`.

    Raises:
        UserError: as `read_points`.
    """
    sql = """SELECT curve_id, partition, samples, value, ci_low, ci_high
        FROM label_efficiency WHERE list_contains($curves, curve_id)"""
    rows = fetch(path, sql, {"curves": list(curve_ids)})
    return {(curve_id, partition, samples): Estimate(*mean) for curve_id, partition, samples, *mean in rows}


def read_rules(path: Path, curve_ids: Collection[str]) -> dict[str, str]:
    """curve_id -> the version of the identity of its runs, and whether bands had their stored or corrected names.

    Raises:
        UserError: as `read_points`.
    """
    sql = """SELECT curve_id,
            concat_ws(' ', any_value(identity_version), any_value(configuration) ->> '$.band_names')
        FROM runs WHERE list_contains($curves, curve_id) GROUP BY curve_id"""
    return dict(fetch(path, sql, {"curves": list(curve_ids)}))


Facts = Mapping[str, str]
"""What a curve's runs share beside its key: name -> value, as JSON text."""
_SETUP_SQL = """
    SELECT curve_id, any_value(dataset_fingerprint), any_value(protocol_version), any_value(configuration)
    FROM runs WHERE list_contains($curves, curve_id) GROUP BY curve_id
"""


def read_facts(path: Path, curve_ids: Collection[str]) -> dict[str, Facts]:
    """What the column `setup` is a hash of, by curve. Raises UserError as `read_points`."""
    found: dict[str, Facts] = {}
    for curve_id, fingerprint, version, configuration in fetch(path, _SETUP_SQL, {"curves": list(curve_ids)}):
        others = json.loads(configuration) if configuration else {}
        all_facts = {"dataset_fingerprint": fingerprint, "protocol_version": version} | others
        found[curve_id] = {
            name: json.dumps(value, sort_keys=True) for name, value in all_facts.items() if name not in NOT_OF_SETUP
        }
    return found


def distinct_points(points: Sequence[Point]) -> list[Point]:
    """One point per number of labels, in their order: of equals (default and 1.00x_train) the one with more seeds."""
    best: dict[int, Point] = {}
    for point in points:
        rival = best.get(point.n_labels)
        if point.n_labels >= 1 and (rival is None or len(point.scores) > len(rival.scores)):
            best[point.n_labels] = point
    return [best[n] for n in sorted(best)]


def fetch(path: Path, sql: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """Rows of one of our own queries.

    Raises:
        UserError: no such file, locked, or not a leaderboard.
    """
    if not path.is_file():
        raise UserError(f"{path}: no leaderboard here. Fill one with: python -m harness run --backbone mp_mae")
    with connect_to_read(path, WAIT_SECONDS) as connection:
        return connection.execute(sql, dict(parameters)).fetchall()


def key_without_setup(key: CurveKey) -> tuple[Any, ...]:
    """The curve without what a new version of the code may change: weights and setup."""
    suite, dataset, backbone, _, protocol, selection, train_draw, axis, _, metric, _, higher_is_better = astuple(key)
    return suite, dataset, backbone, protocol, selection, train_draw, axis, metric, higher_is_better
