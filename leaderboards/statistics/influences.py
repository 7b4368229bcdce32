"""The luck of the test samples: all seeds and both sides share them, so it does not average away, and cancels in part.

A score is a sum over test samples, nearly: each moves it by its influence (`paired.influences`). Products of influences
are the covariances of scores by the draw of the test set. What a seed does to a single sample is in the spread of the
seeds already, so only what seeds have in common counts here: covariances between different seeds.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from leaderboards.errors import UserError
from leaderboards.statistics.paired import influences, score_terms
from leaderboards.statistics.predictions import read_terms, read_test_sets
from leaderboards.statistics.reading import Point

_ROUNDING = 1e-6
"""Of a score; relative beyond 1."""
_POINTS_AT_ONCE = 60
"""Terms of masks take megabytes a point."""


@dataclass(frozen=True)
class SharedTestSet:
    """What stored predictions say; nothing where some run to compare has none."""

    terms: Mapping[str, np.ndarray]
    """run_id -> (n, C, F) as in `paired`, all in one order of samples."""
    moved: Mapping[str, np.ndarray]
    """run_id -> (n,) influences; empty: not known."""

    @property
    def known(self) -> bool:
        """Whether there are predictions."""
        return bool(self.moved)

    def of_seeds(self, point: Point, seeds: Sequence[int]) -> np.ndarray:
        """(S, n) influences."""
        return np.stack([self.moved[point.run_ids[seed]] for seed in seeds])


@dataclass(frozen=True)
class TestSamples:
    """What the stored predictions of all runs of some points say, whichever of them are compared."""

    moved: Mapping[str, np.ndarray]
    """As in `SharedTestSet`."""
    sets: Mapping[str, str]
    """As `read_test_sets`."""
    contradicted: Collection[str]
    """Runs whose predictions do not give their scores, which count as having none: one of them must not keep everybody
    else from being compared."""

    def of(self, points: Iterable[Point]) -> SharedTestSet:
        """Known if every run of these points has predictions, all of the same test samples."""
        runs = [run_id for point in points for run_id in point.run_ids.values()]
        alike = len({self.sets.get(run_id) for run_id in runs}) == 1 and all(run_id in self.moved for run_id in runs)
        return SharedTestSet({}, {run_id: self.moved[run_id] for run_id in runs} if alike else {})


def read_all_test_samples(path: Path, points: Mapping[str, Sequence[Point]]) -> TestSamples:
    """What the predictions say of every run of these points, by metric, that has some.

    Raises:
        UserError: as `reading.read_points`.
    """
    run_ids = [run_id for of_metric in points.values() for one in of_metric for run_id in one.run_ids.values()]
    sets = read_test_sets(path, run_ids)
    moved, contradicted = read_influences(path, points, sets)
    return TestSamples(moved, sets, contradicted)


def read_test_samples(path: Path, metric: str, points: Iterable[Point]) -> SharedTestSet:
    """The stored predictions of all runs of these points, if all have some and the metric follows from them.

    Raises:
        UserError: predictions that do not give the stored score, or other test samples.
    """
    scores = _by_run(points)
    terms = read_terms(path, list(scores), metric)
    for run_id, score in _contradicted(metric, terms, scores).items():
        raise UserError(
            f"run {run_id}: its stored predictions give {metric} {score:.6f}, its row says "
            f"{scores[run_id]:.6f}. One of the two was changed; run it again in a new leaderboard."
        )
    return SharedTestSet(terms, {run_id: influences(metric, of_run) for run_id, of_run in terms.items()})


def read_influences(
    path: Path, points: Mapping[str, Sequence[Point]], sets: Mapping[str, str]
) -> tuple[dict[str, np.ndarray], set[str]]:
    """The influences of every run that has predictions, a few points at a time.

    Args:
        points: by metric.
        sets: of `read_test_sets`.
    Returns:
        run_id -> (n,) influences; and the runs whose predictions do not give their scores, which have none: one of them
        must not keep everybody else from being ranked.
    Raises:
        UserError: as `reading.read_points`.
    """
    alike: defaultdict[tuple[str, str], list[Point]] = defaultdict(list)
    for metric, of_metric in points.items():
        for point in of_metric:
            of_point = {sets.get(run_id) for run_id in point.run_ids.values()}
            if len(of_point) == 1 and (known := of_point.pop()) is not None:
                alike[metric, known].append(point)
    moved: dict[str, np.ndarray] = {}
    contradicted: set[str] = set()
    for (metric, _), of_set in alike.items():
        for first in range(0, len(of_set), _POINTS_AT_ONCE):
            scores = _by_run(of_set[first : first + _POINTS_AT_ONCE])
            terms = read_terms(path, list(scores), metric)
            wrong = _contradicted(metric, terms, scores)
            moved |= {run_id: influences(metric, of_run) for run_id, of_run in terms.items() if run_id not in wrong}
            contradicted.update(wrong)
    return moved, contradicted


def _by_run(points: Iterable[Point]) -> dict[str, float]:
    return {run_id: point.scores[seed] for point in points for seed, run_id in point.run_ids.items()}


def _contradicted(metric: str, terms: Mapping[str, np.ndarray], scores: Mapping[str, float]) -> dict[str, float]:
    """What stored predictions give, for the runs of which it is not the stored score."""
    given = {run_id: score_terms(metric, of_run) for run_id, of_run in terms.items()}
    return {
        run_id: score
        for run_id, score in given.items()
        if abs(score - scores[run_id]) > _ROUNDING * max(1.0, abs(score))
    }


def shared_variance(moved: np.ndarray) -> float:
    """Variance, by the draw of the test set, of the mean over seeds that all share it, but for what seeds average.

    Args:
        moved: (S, n) influences of each seed's score, or difference of scores.
    Returns:
        The mean covariance of two different seeds, at least 0; of a single seed its variance.
    """
    n_seeds = len(moved)
    squares, square_of_sum = float((moved**2).sum()), float((moved.sum(axis=0) ** 2).sum())
    return squares if n_seeds == 1 else max(0.0, (square_of_sum - squares) / (n_seeds * (n_seeds - 1)))
