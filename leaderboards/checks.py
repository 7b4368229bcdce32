"""Regression checks: label-efficiency curves of a leaderboard against a baseline kept in git.

For every point of every curve of the baseline, and for the area under every curve (AULC, seed by seed), the seeds then
and the seeds now are compared by a one-sided moderated t-test (`statistics.moderated`). Holm's correction holds the
chance that a check of unchanged code fails at all, over all points and areas together, at ALPHA. There is no tolerance
to choose: noise is what seeds do. Its floor is one test sample, as a score cannot tell less.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from leaderboards.checks_baseline import Baseline, BaselinePoint, CurveName
from leaderboards.statistics.curves import log_label_weights
from leaderboards.statistics.moderated import one_sided_p
from leaderboards.statistics.paired import holm

ALPHA = 0.01
"""Chance that checking unchanged code fails: of any false regression among all points and areas."""


class Verdict(StrEnum):
    """What became of a point or an area."""

    OK = "ok"
    REGRESSED = "regressed"
    IMPROVED = "improved"
    """By the same test the other way round; never fails a check."""
    MISSING = "missing"
    """In the baseline, not in the leaderboard, or there with another number of labels."""
    NEW = "new"
    """In the leaderboard, not in the baseline."""


FAILING = (Verdict.REGRESSED, Verdict.MISSING)
AREA = "AULC"
"""Stands in for the partition where the area under the whole curve is compared."""


@dataclass(frozen=True)
class Finding:
    """One point, or the area, of one curve."""

    curve: CurveName
    partition: str
    """AREA for the area under the curve."""
    n_labels: int | None
    """None: the area."""
    verdict: Verdict
    before: float | None
    """Mean over seeds; None: new."""
    now: float | None
    """None: missing."""
    p_adjusted: float | None
    """Of no drop, or for an improvement of no rise, adjusted over all findings; None: missing or new."""
    note: str = ""

    @property
    def change(self) -> float | None:
        """Now minus before, a fraction."""
        return None if self.before is None or self.now is None else self.now - self.before


@dataclass(frozen=True)
class _Test:
    """One comparison of two groups of seeds."""

    curve: CurveName
    partition: str
    n_labels: int | None
    before: np.ndarray
    now: np.ndarray
    resolution: float
    """The least two scores can differ by, as a standard deviation's floor."""


def check(current: Baseline, baseline: Baseline) -> list[Finding]:
    """Compare the present state, in the form of a baseline, with the one kept. Curve by curve, point by point."""
    points: list[_Test] = []
    areas: list[_Test] = []
    others: list[Finding] = []
    for curve in sorted({*baseline.curves, *current.curves}):
        before, now = baseline.curves.get(curve, {}), current.curves.get(curve, {})
        shared = [partition for partition in before if _comparable(before, now, partition)]
        others += _unmatched(curve, before, now, shared)
        points += [_point_test(curve, partition, before[partition], now[partition]) for partition in shared]
        area = _area_test(curve, before, now, shared)
        areas += [area] if area is not None else []
    findings = [*_judge(points, areas), *others]
    return sorted(findings, key=lambda f: (f.curve, f.n_labels is None, f.n_labels or 0, f.partition))


def failed(findings: Sequence[Finding]) -> bool:
    """Whether something regressed or is missing."""
    return any(finding.verdict in FAILING for finding in findings)


def _comparable(before: Mapping[str, BaselinePoint], now: Mapping[str, BaselinePoint], partition: str) -> bool:
    return partition in now and now[partition].n_labels == before[partition].n_labels


def _unmatched(
    curve: CurveName,
    before: Mapping[str, BaselinePoint],
    now: Mapping[str, BaselinePoint],
    shared: Sequence[str],
) -> list[Finding]:
    findings = []
    for partition, point in before.items():
        if partition not in shared:
            there = now.get(partition)
            note = f"now uses {there.n_labels} labels" if there else "not in the leaderboard"
            findings.append(Finding(curve, partition, point.n_labels, Verdict.MISSING, point.mean(), None, None, note))
    for partition, point in now.items():
        if partition not in before:
            findings.append(Finding(curve, partition, point.n_labels, Verdict.NEW, None, point.mean(), None))
    return findings


def _point_test(curve: CurveName, partition: str, before: BaselinePoint, now: BaselinePoint) -> _Test:
    return _Test(
        curve=curve,
        partition=partition,
        n_labels=before.n_labels,
        before=np.array(list(before.scores.values())),
        now=np.array(list(now.scores.values())),
        resolution=1 / max(before.n_test, 1),
    )


def _area_test(
    curve: CurveName, before: Mapping[str, BaselinePoint], now: Mapping[str, BaselinePoint], shared: Sequence[str]
) -> _Test | None:
    """Areas by seed over the points both have; None if there are fewer than two, or too few seeds on all of them."""
    by_labels = {before[partition].n_labels: partition for partition in shared}  # of equals, the last
    if len(by_labels) < 2:
        return None
    n_labels = np.array(sorted(by_labels))
    weights = log_label_weights(n_labels)
    areas = []
    for points in (before, now):
        chosen = [points[by_labels[n]] for n in n_labels.tolist()]
        seeds = sorted(set.intersection(*(set(point.scores) for point in chosen)))
        areas.append(np.array([[point.scores[seed] for seed in seeds] for point in chosen]).T @ weights)
    if min(map(len, areas)) < 2:
        return None
    resolution = float(np.linalg.norm(weights)) / max(before[shared[0]].n_test, 1)
    return _Test(curve, AREA, None, areas[0], areas[1], resolution)


def _judge(points: Sequence[_Test], areas: Sequence[_Test]) -> list[Finding]:
    """Areas vary less than points, so each of the two kinds has its own distribution of variances."""
    tests = [*points, *areas]
    down = holm([p for kind in (points, areas) for p in _p_values(kind, 1.0)])
    up = holm([p for kind in (points, areas) for p in _p_values(kind, -1.0)])
    findings = []
    for test, p_down, p_up in zip(tests, down, up, strict=True):
        verdict, p = Verdict.OK, p_down
        if p_down < ALPHA:
            verdict = Verdict.REGRESSED
        elif p_up < ALPHA:
            verdict, p = Verdict.IMPROVED, p_up
        before, now = float(test.before.mean()), float(test.now.mean())
        findings.append(Finding(test.curve, test.partition, test.n_labels, verdict, before, now, p))
    return findings


def _p_values(tests: Sequence[_Test], sign: float) -> list[float]:
    if not tests:
        return []
    n_before = np.array([len(test.before) for test in tests])
    n_now = np.array([len(test.now) for test in tests])
    degrees = n_before + n_now - 2.0
    within = np.array([_sum_of_squares(test.before) + _sum_of_squares(test.now) for test in tests])
    variances = np.maximum(within / degrees, np.array([test.resolution for test in tests]) ** 2)
    drops = sign * np.array([test.before.mean() - test.now.mean() for test in tests])
    return one_sided_p(drops, variances, degrees, 1 / n_before + 1 / n_now).tolist()


def _sum_of_squares(values: np.ndarray) -> float:
    return float(((values - values.mean()) ** 2).sum())
