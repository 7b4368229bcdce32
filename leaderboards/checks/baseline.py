"""The baseline of regression checks: a JSON file that people can read and git can compare line by line."""

import json
from collections.abc import Mapping
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from leaderboards.errors import UserError
from leaderboards.file.drafts import replacing
from leaderboards.formats.json_text import read_json
from leaderboards.statistics.reading import CurveKey, key_without_setup, read_points

FORMAT = 1
MIN_SEEDS = 3


@dataclass(frozen=True, order=True)
class CurveName:
    """What identifies a curve through all versions of the code: not the hash of weights, nor settings."""

    suite: str
    dataset: str
    backbone: str
    protocol: str
    selection: str
    train_draw: str
    axis: str
    metric: str
    higher_is_better: bool = True
    """Of the metric. A baseline that does not say is from before errors could be the headline."""

    def __str__(self) -> str:
        return f"{self.backbone} on {self.dataset} by {self.protocol}"


@dataclass(frozen=True)
class BaselinePoint:
    """The seeds of one point."""

    n_labels: int
    n_test: int
    scores: Mapping[int, float]
    """By seed, in their order."""

    def mean(self) -> float:
        """The mean over seeds."""
        return float(np.mean(list(self.scores.values())))


@dataclass(frozen=True)
class Baseline:
    """Curves and their points by partition, in the order of their labels."""

    curves: Mapping[CurveName, Mapping[str, BaselinePoint]]


def measure(path: Path) -> Baseline:
    """The present state of a leaderboard: all its measured curves.

    Raises:
        UserError: no leaderboard or nothing measured; fewer than MIN_SEEDS seeds; two results for one curve, of other
            weights, settings or samples.
    """
    curves: dict[CurveName, dict[str, BaselinePoint]] = {}
    keys: dict[CurveName, CurveKey] = {}
    for key, points in read_points(path).items():
        name = CurveName(*key_without_setup(key))
        if name in curves:
            raise UserError(
                f"{path}: {name}: results of two kinds (weights {keys[name].weights or 'built in'} with setup "
                f"{keys[name].setup}, and {key.weights or 'built in'} with {key.setup}), so it is not clear which to "
                "check. Check a leaderboard that has one: python -m harness run --db NEW"
            )
        keys[name] = key
        curves[name] = {p.partition: BaselinePoint(p.n_labels, p.n_test, dict(p.scores)) for p in points}
        if len(curves[name]) < len(points):
            raise UserError(
                f"{path}: {name}: results on other lists of samples under one partition's name, so it is not clear "
                "which to check. Check a leaderboard that has one: python -m harness run --db NEW"
            )
    if not curves:
        raise UserError(f"{path}: no measured run to check. Fill it with: python -m harness run --db {path}")
    return _with_enough_seeds(Baseline(curves), path)


def read_baseline(path: Path) -> Baseline:
    """A baseline file.

    Raises:
        UserError: no such file, not a baseline, of another format, or with fewer than MIN_SEEDS seeds; says where.
    """
    try:
        document = read_json(path, "Restore it, or write a new one: --update")
    except FileNotFoundError as error:
        raise UserError(f"{path}: no baseline here. Write one with: check --baseline {path} --update") from error
    found = document.get("format") if isinstance(document, dict) else None
    if found != FORMAT:
        raise UserError(f"{path}: wanted a baseline of format {FORMAT}, found {found!r}. Write a new one: --update")
    try:
        curves = {_name(entry): _points(entry) for entry in document["curves"]}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UserError(f"{path}: damaged at {error!r}. Restore it from git, or write a new one: --update") from error
    return _with_enough_seeds(Baseline(curves), path)


def write_baseline(baseline: Baseline, path: Path) -> None:
    """Sorted, one score a line, so that a change in git is the change of a score.

    Raises:
        UserError: the place is not writable.
    """
    entries = [
        {
            **{field.name: value for field, value in zip(fields(CurveName), astuple(name), strict=True)},
            "points": [
                {
                    "partition": partition,
                    "n_labels": point.n_labels,
                    "n_test": point.n_test,
                    "scores": {str(seed): point.scores[seed] for seed in sorted(point.scores)},
                }
                for partition, point in baseline.curves[name].items()
            ],
        }
        for name in sorted(baseline.curves)
    ]
    text = json.dumps({"format": FORMAT, "curves": entries}, indent=1, ensure_ascii=False, allow_nan=False)
    try:
        with replacing(path) as draft:
            draft.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror}). Name another place.") from error


def _name(entry: Mapping[str, Any]) -> CurveName:
    *names, direction = (field.name for field in fields(CurveName))
    name = CurveName(**{field: entry[field] for field in names}, higher_is_better=entry.get(direction, True))
    *parts, higher_is_better = astuple(name)
    if not (all(isinstance(part, str) for part in parts) and isinstance(higher_is_better, bool)):
        raise TypeError(f"a name that is no text, or a direction that is neither true nor false: {name}")
    return name


def _points(entry: Mapping[str, Any]) -> dict[str, BaselinePoint]:
    points = {}
    for point in entry["points"]:
        scores = {int(seed): float(score) for seed, score in point["scores"].items()}
        if not np.isfinite(list(scores.values())).all():
            raise ValueError("a score that is not finite")
        points[str(point["partition"])] = BaselinePoint(int(point["n_labels"]), int(point["n_test"]), scores)
    return points


def _with_enough_seeds(baseline: Baseline, path: Path) -> Baseline:
    poor = [
        (name, f"{name} {partition} has {len(point.scores)}")
        for name, points in baseline.curves.items()
        for partition, point in points.items()
        if len(point.scores) < MIN_SEEDS
    ]
    if poor:
        (name, first), *others = poor
        more = f", and {len(others)} more like it" if others else ""
        draw = "--train-draw seed " if name.train_draw == "partition" else ""
        raise UserError(
            f"{path}: noise is measured by seeds, at least {MIN_SEEDS} at every point; {first}{more}. "
            f"Run more: {draw}--seeds 0,1,2"
        )
    return baseline
