"""Regression checks: label-efficiency curves of a leaderboard against a baseline kept in git.

For every point of every curve of the baseline, and for the area under every curve (AULC, seed by seed), the seeds then
and the seeds now are compared by a one-sided moderated t-test (`statistics.moderated`). Where a seed draws the training
samples, it draws the same then and now, so seeds that both have are compared pair by pair. Holm's correction holds the
chance that a check of unchanged code fails at all, over all points and areas together, at ALPHA. There is no tolerance
to choose: noise is what seeds do. Its floor is what a score can tell (`resolution`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from leaderboards.checks.baseline import Baseline, BaselinePoint, CurveName
from leaderboards.metrics import SMALLEST_ERROR
from leaderboards.statistics.curves import log_label_weights
from leaderboards.statistics.moderated import one_sided_p
from leaderboards.statistics.paired import holm

ALPHA = 0.01
"""Chance that checking unchanged code fails: of any false regression among all points and areas."""
COUNTED_BY_SAMPLE = frozenset({"accuracy", "f1_micro", "f1_macro"})
"""Metrics that move by about 1 / (test samples) when one of them is predicted otherwise."""
LAST_DIGIT = 1e-4
"""Scores are shown to four digits. Of metrics of pixels and fractions, as miou and r2: one image moves them by any
amount, so nothing but noise itself says what they can tell. Of errors, as rmse, it is a share of the error."""


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
    """Mean over the seeds that are compared; None: new."""
    now: float | None
    """None: missing."""
    p_adjusted: float | None
    """Of no loss, or for an improvement of no gain, adjusted over all findings; None: missing or new."""
    note: str = ""

    @property
    def change(self) -> float | None:
        """Now minus before: a rise where positive, whichever is better."""
        return None if self.before is None or self.now is None else self.now - self.before

    @property
    def drop(self) -> float:
        """How much worse it is now: of errors, which have the unit of the labels, as a share of what they were."""
        if self.before is None or self.change is None:
            return 0.0
        return -self.change if self.curve.higher_is_better else self.change / max(self.before, SMALLEST_ERROR)


@dataclass(frozen=True)
class _Test:
    """One comparison of the seeds then with the seeds now."""

    curve: CurveName
    partition: str
    n_labels: int | None
    before: np.ndarray
    """(S,) scores; `now` has the same seeds in the same order if `paired`."""
    now: np.ndarray
    paired: bool
    resolution: float
    """The floor of the standard deviation of what is tested, in units of `scale`."""

    @property
    def scale(self) -> float:
        """What scores are divided by, so that variances of different datasets say something about each other.

        1 but for errors, which have the unit of the labels: they count as shares of what they were. Negative where
        lower is better, so that a loss is always a drop.
        """
        return 1.0 if self.curve.higher_is_better else -max(abs(float(self.before.mean())), SMALLEST_ERROR)

    @property
    def drop(self) -> float:
        """The drop of the mean, in units of `scale`: positive where it is worse now."""
        return float((self.before.mean() - self.now.mean()) / self.scale)

    @property
    def degrees(self) -> float:
        """Degrees of freedom of `variance`."""
        return len(self.now) - 1.0 if self.paired else len(self.before) + len(self.now) - 2.0

    @property
    def variance(self) -> float:
        """Variance of the drop of one seed if paired, else of one score; in units of `scale` squared."""
        groups = [self.before - self.now] if self.paired else [self.before, self.now]
        of_seeds = sum(_sum_of_squares(scores / self.scale) for scores in groups) / self.degrees
        return max(of_seeds, self.resolution**2)

    @property
    def n_inverse(self) -> float:
        """What `variance` is multiplied by in the variance of the drop of the mean."""
        return 1 / len(self.now) if self.paired else 1 / len(self.before) + 1 / len(self.now)


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


def resolution(metric: str, n_test: int) -> float:
    """The least two scores can differ by: one sample right or wrong, or the last digit shown where pixels count.

    Errors are taken as shares of themselves.
    """
    return 1 / max(n_test, 1) if metric in COUNTED_BY_SAMPLE else LAST_DIGIT


def _point_test(curve: CurveName, partition: str, before: BaselinePoint, now: BaselinePoint) -> _Test:
    floor = resolution(curve.metric, before.n_test)
    return _Test(curve, partition, before.n_labels, *_by_seed(curve, before.scores, now.scores), floor)


def _area_test(
    curve: CurveName, before: Mapping[str, BaselinePoint], now: Mapping[str, BaselinePoint], shared: Sequence[str]
) -> _Test | None:
    """Areas by seed over the points both have that use labels.

    None if there are fewer than two of them, or too few seeds on all of them.
    """
    positive = [partition for partition in shared if before[partition].n_labels >= 1]  # zero has no logarithm
    by_labels = {before[partition].n_labels: partition for partition in positive}  # of equals, the last
    if len(by_labels) < 2:
        return None
    n_labels = np.array(sorted(by_labels))
    weights = log_label_weights(n_labels)
    areas = []
    for points in (before, now):
        chosen = [points[by_labels[n]] for n in n_labels.tolist()]
        seeds = sorted(set.intersection(*(set(point.scores) for point in chosen)))
        areas.append({seed: float(weights @ [point.scores[seed] for point in chosen]) for seed in seeds})
    if min(map(len, areas)) < 2:
        return None
    floor = float(np.linalg.norm(weights)) * resolution(curve.metric, before[shared[0]].n_test)
    return _Test(curve, AREA, None, *_by_seed(curve, *areas), floor)


def _by_seed(
    curve: CurveName, before: Mapping[int, float], now: Mapping[int, float]
) -> tuple[np.ndarray, np.ndarray, bool]:
    """Scores then and now, and whether they are pairs: of the common seeds, if a seed draws the training samples."""
    common = sorted(set(before) & set(now))
    if curve.train_draw == "seed" and len(common) > 1:
        return np.array([before[seed] for seed in common]), np.array([now[seed] for seed in common]), True
    return np.array(list(before.values())), np.array(list(now.values())), False


def _judge(points: Sequence[_Test], areas: Sequence[_Test]) -> list[Finding]:
    """Areas vary less than points and pairs less than scores, so each kind has its own distribution of variances."""
    kinds = [[test for test in tests if test.paired == paired] for tests in (points, areas) for paired in (True, False)]
    tests = [test for kind in kinds for test in kind]
    down = holm([p for kind in kinds for p in _p_values(kind, 1.0)])
    up = holm([p for kind in kinds for p in _p_values(kind, -1.0)])
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
    drops = sign * np.array([test.drop for test in tests])
    variances, degrees, n_inverse = np.array([(t.variance, t.degrees, t.n_inverse) for t in tests]).T
    return one_sided_p(drops, variances, degrees, n_inverse).tolist()


def _sum_of_squares(values: np.ndarray) -> float:
    return float(((values - values.mean()) ** 2).sum())
