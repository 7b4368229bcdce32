"""Two backbones or protocols, dataset by dataset: scores, their difference with interval and p-value, labels saved."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from leaderboards.errors import UserError
from leaderboards.statistics.curves import LabelSaving, estimate_label_saving
from leaderboards.statistics.paired import BOTH, TARGET, holm, mcnemar, resampled_scores, sample_weights, score_counts
from leaderboards.statistics.reading import Point, distinct_points, read_counts, read_points, seeded_curve
from leaderboards.statistics.replicates import (
    N_REPLICATES,
    Estimate,
    draw_seed_noise,
    interval,
    replicate_means,
    two_sided_p,
)
from leaderboards.statistics.sides import Curve, Shared, pair_curves

_ROUNDING = 1e-6


@dataclass(frozen=True)
class Comparison(Shared):
    """A against B on one dataset by one protocol (or one each), both with the same partition."""

    partition: str
    n_labels: int
    a: Estimate
    b: Estimate
    difference: Estimate
    """A - B. No interval: one seed each and no stored predictions."""
    p_value: float | None
    """Two-sided, of no difference. None: as the interval."""
    p_adjusted: float | None
    """By Holm over all comparisons made at once."""
    noise: str
    """What the interval covers, for readers: seeds, test samples or both."""
    saving: LabelSaving | None
    """Labels A saves against B. None: one of them has fewer than two numbers of labels."""
    replicates: np.ndarray = field(repr=False, compare=False)
    """(B,) of the difference; empty if it has no interval."""


def compare(path: Path, a: str, b: str, seed: int = 0) -> list[Comparison]:
    """Every dataset and protocol that both sides were measured with, at their largest common partition.

    Replicates of both means are drawn together: seeds that both have stand for the same draw of training samples, and
    test samples are the same, so what is luck of either cancels in the difference.

    Args:
        a: a backbone's name; name@hex with the first digits of its weights or its setup (view `scores`); name:protocol
            for one protocol, then named by both sides. `b` likewise.
        seed: of the replicates.
    Raises:
        UserError: unknown, ambiguous or equal sides, or nothing that both were measured with.
    """
    compared = [
        comparison
        for shared, (curve_a, curve_b) in pair_curves(read_points(path), a, b).items()
        if (comparison := _compare(path, shared, curve_a, curve_b, np.random.default_rng(seed)))
    ]
    tested = [c for c in compared if c.p_value is not None]
    adjusted = dict(zip(map(id, tested), holm([c.p_value for c in tested if c.p_value is not None]), strict=True))
    return [replace(c, p_adjusted=adjusted.get(id(c))) for c in compared]


class _Noise:
    """Replicates of the errors that two curves share: the same seeds, the same test samples."""

    def __init__(self, path: Path, metric: str, points: Sequence[Point], generator: np.random.Generator) -> None:
        self.seeds = sorted({seed for point in points for seed in point.scores})
        self.seed_noise = draw_seed_noise(len(self.seeds), N_REPLICATES, generator)
        run_ids = [run_id for point in points for run_id in point.run_ids.values()]
        self.counts = read_counts(path, run_ids, metric)
        self._metric = metric
        n_samples = len(next(iter(self.counts.values()))) if self.counts else 0
        self._weights = sample_weights(n_samples, N_REPLICATES, generator) if n_samples else None

    def replicates(self, points: Sequence[Point]) -> np.ndarray:
        """(B, P) means over seeds as they might have come out."""
        means = replicate_means(seeded_curve("", points, self.seeds).values, self.seed_noise)
        if self._weights is None:
            return means
        return means + np.stack([self._of_samples(point) for point in points], axis=1)

    def _of_samples(self, point: Point) -> np.ndarray:
        """(B,) how much other test samples would have moved the mean over seeds."""
        assert self._weights is not None
        moved = []
        for seed, run_id in point.run_ids.items():
            score = score_counts(self._metric, self.counts[run_id])
            if abs(score - point.scores[seed]) > _ROUNDING:
                raise UserError(
                    f"run {run_id}: its stored predictions give {self._metric} {score:.6f}, its row says "
                    f"{point.scores[seed]:.6f}. One of the two was changed; run it again in a new leaderboard."
                )
            # A resample that leaves the score undefined says nothing about its spread.
            moved.append(np.nan_to_num(resampled_scores(self._metric, self.counts[run_id], self._weights) - score))
        deviation: np.ndarray = np.mean(moved, axis=0)
        return deviation

    def covers(self, points: Sequence[Point]) -> str:
        """What is in the replicates of these points, for readers."""
        several = min(len(point.scores) for point in points) > 1
        kinds = [*(["seeds"] if several else []), *(["test samples"] if self._weights is not None else [])]
        return " and ".join(kinds) or "none"


def _compare(path: Path, shared: Shared, a: Curve, b: Curve, generator: np.random.Generator) -> Comparison | None:
    points_a, points_b = distinct_points(a[1]), distinct_points(b[1])
    by_partition = {point.partition: point for point in b[1]}
    pairs = [(point, by_partition[point.partition]) for point in a[1] if point.partition in by_partition]
    if not pairs:
        return None
    at_a, at_b = max(pairs, key=lambda pair: (pair[0].n_labels, len(pair[0].scores), pair[0].partition))
    noise = _Noise(path, shared.metric, [at_a, at_b, *points_a, *points_b], generator)
    draws_a, draws_b = noise.replicates([at_a])[:, 0], noise.replicates([at_b])[:, 0]
    covers = noise.covers([at_a, at_b])
    mean_a, mean_b = _mean(at_a), _mean(at_b)
    saving = None
    if len(points_a) > 1 and len(points_b) > 1:
        saving = estimate_label_saving(
            seeded_curve(a[0].describe(), points_a, noise.seeds),
            seeded_curve(b[0].describe(), points_b, noise.seeds),
            noise.replicates(points_a),
            noise.replicates(points_b),
        )
    known = covers != "none"
    replicates = draws_a - draws_b if known else np.empty(0)
    return Comparison(
        **vars(shared),
        partition=at_a.partition,
        n_labels=at_a.n_labels,
        a=Estimate(mean_a, *(interval(draws_a) if known else (None, None))),
        b=Estimate(mean_b, *(interval(draws_b) if known else (None, None))),
        difference=Estimate(mean_a - mean_b, *(interval(replicates) if known else (None, None))),
        p_value=_p_value(at_a, at_b, noise, shared.metric, replicates) if known else None,
        p_adjusted=None,
        noise=covers,
        saving=saving,
        replicates=replicates,
    )


def _mean(point: Point) -> float:
    return float(np.mean(list(point.scores.values())))


def _p_value(a: Point, b: Point, noise: _Noise, metric: str, replicates: np.ndarray) -> float:
    """McNemar's exact test where it applies, accuracy of one run each; else from the replicates of the difference."""
    if metric == "accuracy" and len(a.scores) == len(b.scores) == 1 and noise.counts:
        (run_a,), (run_b,) = a.run_ids.values(), b.run_ids.values()
        return mcnemar(_correct(noise.counts[run_a]), _correct(noise.counts[run_b]))
    return two_sided_p(replicates)


def _correct(counts: np.ndarray) -> np.ndarray:
    """(n, 1, 3) counts of single labels -> (n,) bool."""
    result: np.ndarray = counts[:, 0, BOTH] == counts[:, 0, TARGET]
    return result
