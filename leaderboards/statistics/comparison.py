"""Two backbones, dataset by dataset: scores, their difference with an interval and a p-value, labels saved."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from leaderboards.errors import UserError
from leaderboards.statistics.curves import LabelSaving, estimate_label_saving
from leaderboards.statistics.paired import BOTH, TARGET, holm, mcnemar, resampled_scores, sample_weights, score_counts
from leaderboards.statistics.reading import CurveKey, Point, distinct_points, read_counts, read_points, seeded_curve
from leaderboards.statistics.replicates import (
    N_REPLICATES,
    Estimate,
    draw_seed_noise,
    interval,
    replicate_means,
    two_sided_p,
)

_ROUNDING = 1e-6


@dataclass(frozen=True)
class Comparison:
    """A against B on one dataset by one protocol, both with the same partition."""

    suite: str
    dataset: str
    protocol: str
    selection: str
    train_draw: str
    axis: str
    metric: str
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


Shared = tuple[str, ...]
"""What both curves of a comparison have in common: suite, dataset, protocol, selection, train_draw, axis, metric."""


def compare(path: Path, a: str, b: str, seed: int = 0) -> list[Comparison]:
    """Every dataset and protocol that both backbones were measured with, at their largest common partition.

    Replicates of both means are drawn together: seeds that both have stand for the same draw of training samples, and
    test samples are the same, so what is luck of either cancels in the difference.

    Args:
        a: a backbone's name, or name@hex with the first digits of its weights or its setup (view `scores`).
        seed: of the replicates.
    Raises:
        UserError: unknown, ambiguous or equal backbones, or nothing that both were measured with.
    """
    points = read_points(path)
    curves_a, curves_b = (_choose(points, name) for name in (a, b))
    common = [shared for shared in curves_a if shared in curves_b]
    if not common:
        raise UserError(f"{a} and {b} have no dataset and protocol in common. See: python -m harness leaderboard")
    if any(curves_a[shared][0] == curves_b[shared][0] for shared in common):
        raise UserError(f"{a} and {b} are the same results. Name two backbones, or two weights as {a}@HEX.")
    compared = [
        comparison
        for shared in common
        if (comparison := _compare(path, shared, curves_a[shared], curves_b[shared], np.random.default_rng(seed)))
    ]
    tested = [c for c in compared if c.p_value is not None]
    adjusted = dict(zip(map(id, tested), holm([c.p_value for c in tested if c.p_value is not None]), strict=True))
    return [replace(c, p_adjusted=adjusted.get(id(c))) for c in compared]


def _choose(points: Mapping[CurveKey, list[Point]], name: str) -> dict[Shared, tuple[CurveKey, list[Point]]]:
    """The one curve of a backbone for each dataset and protocol."""
    names = {key.backbone for key in points}
    backbone, _, digits = (name, "", "") if name in names else name.rpartition("@")
    if backbone not in names:
        raise UserError(f"no measured run of backbone {name!r}. There are: {', '.join(sorted(names)) or 'none'}.")
    found: defaultdict[Shared, list[CurveKey]] = defaultdict(list)
    for key in points:
        if key.backbone == backbone and (key.weights.startswith(digits) or key.setup.startswith(digits)):
            found[_shared(key)].append(key)
    if not found:
        raise UserError(f"{backbone} has no weights or setup that begin with {digits}. See: FROM scores.")
    for keys in found.values():
        if len(keys) > 1:
            choices = ", ".join(f"{backbone}@{hexes}" for hexes in _telling_apart(keys))
            raise UserError(f"{keys[0].describe()}: {len(keys)} kinds of result. Choose one: {choices}.")
    return {shared: (key, points[key]) for shared, (key,) in found.items()}


def _telling_apart(keys: Sequence[CurveKey]) -> list[str]:
    weights = [key.weights for key in keys]
    return weights if len(set(weights)) == len(weights) and all(weights) else [key.setup for key in keys]


def _shared(key: CurveKey) -> Shared:
    return key.suite, key.dataset, key.protocol, key.selection, key.train_draw, key.axis, key.metric


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


def _compare(
    path: Path,
    shared: Shared,
    a: tuple[CurveKey, list[Point]],
    b: tuple[CurveKey, list[Point]],
    generator: np.random.Generator,
) -> Comparison | None:
    suite, dataset, protocol, selection, train_draw, axis, metric = shared
    points_a, points_b = distinct_points(a[1]), distinct_points(b[1])
    by_partition = {point.partition: point for point in b[1]}
    pairs = [(point, by_partition[point.partition]) for point in a[1] if point.partition in by_partition]
    if not pairs:
        return None
    at_a, at_b = max(pairs, key=lambda pair: (pair[0].n_labels, len(pair[0].scores), pair[0].partition))
    noise = _Noise(path, metric, [at_a, at_b, *points_a, *points_b], generator)
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
    return Comparison(
        suite=suite,
        dataset=dataset,
        protocol=protocol,
        selection=selection,
        train_draw=train_draw,
        axis=axis,
        metric=metric,
        partition=at_a.partition,
        n_labels=at_a.n_labels,
        a=Estimate(mean_a, *(interval(draws_a) if known else (None, None))),
        b=Estimate(mean_b, *(interval(draws_b) if known else (None, None))),
        difference=Estimate(mean_a - mean_b, *(interval(draws_a - draws_b) if known else (None, None))),
        p_value=_p_value(at_a, at_b, noise, metric, draws_a - draws_b) if known else None,
        p_adjusted=None,
        noise=covers,
        saving=saving,
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
