"""Two backbones or protocols, dataset by dataset: scores, their difference with interval and p-value, labels saved."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from leaderboards.statistics.curves import LabelSaving
from leaderboards.statistics.difference import Difference, difference, estimate
from leaderboards.statistics.influences import SharedTestSet, read_test_samples
from leaderboards.statistics.paired import BOTH, TARGET, holm, mcnemar
from leaderboards.statistics.reading import (
    Point,
    distinct_points,
    read_label_savings,
    read_points,
    read_rules,
    score_matrix,
)
from leaderboards.statistics.replicates import N_REPLICATES, Estimate, draw_seed_noise, replicate_means
from leaderboards.statistics.sides import Curve, Shared, pair_curves
from leaderboards.statistics.student import Part, two_sided_p, with_interval


@dataclass(frozen=True)
class Comparison(Shared):
    """A against B on one dataset by one protocol (or one each), both with the same partition."""

    partition: str
    n_labels: int
    a: Estimate
    """Mean over the seeds that are compared; `b` likewise."""
    b: Estimate
    difference: Estimate
    """By how much A is better: A - B, or B - A where lower is better. No interval: no noise is known, as with one seed
    each and no stored predictions."""
    p_value: float | None
    """Two-sided, of no difference. None: as the interval."""
    p_adjusted: float | None
    """By Holm over all comparisons shown together (`adjust_together`)."""
    noise: str
    """What the interval covers, for readers: seeds, test samples or both."""
    n_paired: int | None
    """Seeds compared pair by pair, as both have them and they draw the same training samples. None: each by its own."""
    saving: LabelSaving | None
    """Labels A saves against B. None: one of them has fewer than two numbers of labels."""
    parts: tuple[Part, ...] = field(repr=False, compare=False)
    """Of the variance of the difference; empty if it has no interval."""
    curve_ids: tuple[str, str] = field(repr=False)
    """Of A and B."""
    mixed: bool = False
    """The two differ in the version of their identity, or in the names by which bands were fed."""


def compare(path: Path, a: str, b: str, seed: int = 0) -> list[Comparison]:
    """Every dataset and protocol that both sides were measured with, at their largest common partition.

    Args:
        a: a backbone's name; name@hex with the first digits of its weights or its setup (view `scores`); name:protocol
            for one protocol, then named by both sides. `b` likewise.
        seed: of the replicates that give label savings their intervals.
    Raises:
        UserError: unknown, ambiguous or equal sides, or nothing that both were measured with.
    """
    savings, pairs = read_label_savings(path), pair_curves(read_points(path), a, b)
    rules = read_rules(path, [curve.curve_id for pair in pairs.values() for curve, _ in pair])
    compared = [
        replace(comparison, mixed=rules[curve_a[0].curve_id] != rules[curve_b[0].curve_id])
        for shared, (curve_a, curve_b) in pairs.items()
        if (comparison := _compare(path, shared, curve_a, curve_b, savings.get((curve_a[0], curve_b[0])), seed))
    ]
    return adjust_together(compared)


def adjust_together(comparisons: Sequence[Comparison]) -> list[Comparison]:
    """The comparisons with p-values adjusted by Holm over all of them: those that are shown together."""
    adjusted = iter(holm([c.p_value for c in comparisons if c.p_value is not None]))
    return [c if c.p_value is None else replace(c, p_adjusted=next(adjusted)) for c in comparisons]


def _compare(
    path: Path, shared: Shared, a: Curve, b: Curve, saving: LabelSaving | None, seed: int
) -> Comparison | None:
    by_place = {(point.partition, point.samples): point for point in b[1]}
    places = [(point, by_place.get((point.partition, point.samples))) for point in a[1]]
    pairs = [(point, other) for point, other in places if other is not None]
    if not pairs:
        return None
    at_a, at_b = max(pairs, key=lambda pair: (pair[0].n_labels, len(pair[0].scores), pair[0].partition))
    points_a, points_b = (distinct_points(curve[1]) if saving else [] for curve in (a, b))
    samples = read_test_samples(path, shared.metric, [at_a, at_b, *points_a, *points_b])
    found = difference(at_a, at_b, samples, draws_shared=shared.draws_shared)
    if saving is not None:
        saving = _with_interval(saving, points_a, points_b, samples, shared, np.random.default_rng(seed))
    return Comparison(
        **vars(shared),
        partition=at_a.partition,
        n_labels=at_a.n_labels,
        a=estimate(at_a, found.seeds_a, samples),
        b=estimate(at_b, found.seeds_b, samples),
        difference=with_interval(shared.sign * found.value, found.parts),
        p_value=_p_value(at_a, at_b, found, samples, shared.metric) if found.parts else None,
        p_adjusted=None,
        noise=found.noise,
        n_paired=found.n_paired,
        saving=saving,
        parts=found.parts,
        curve_ids=(a[0].curve_id, b[0].curve_id),
    )


def _p_value(a: Point, b: Point, found: Difference, samples: SharedTestSet, metric: str) -> float:
    """McNemar's exact test where it applies, accuracy of one run each; else the dual of the interval."""
    if metric == "accuracy" and len(a.scores) == len(b.scores) == 1:
        (run_a,), (run_b,) = a.run_ids.values(), b.run_ids.values()
        return mcnemar(_correct(samples.terms[run_a]), _correct(samples.terms[run_b]))
    return two_sided_p(found.value, found.parts)


def _correct(terms: np.ndarray) -> np.ndarray:
    """(n, 1, 3) terms of single labels -> (n,) bool."""
    result: np.ndarray = terms[:, 0, BOTH] == terms[:, 0, TARGET]
    return result


def _with_interval(
    saving: LabelSaving,
    a: Sequence[Point],
    b: Sequence[Point],
    samples: SharedTestSet,
    shared: Shared,
    generator: np.random.Generator,
) -> LabelSaving:
    """Replicates of both curves: a seed that draws for both is drawn once, and so are the test samples."""
    if not samples.known and min(len(point.scores) for point in (*a, *b)) < 2:
        return saving
    seeds = sorted({seed for point in (*a, *b) for seed in point.scores})
    noise_a = draw_seed_noise(len(seeds), N_REPLICATES, generator)
    noise_b = noise_a if shared.draws_shared else draw_seed_noise(len(seeds), N_REPLICATES, generator)
    moved = samples.replicates([*a, *b], N_REPLICATES, generator)
    curve_a = replicate_means(score_matrix(a, seeds), noise_a) + moved[:, : len(a)]
    curve_b = replicate_means(score_matrix(b, seeds), noise_b) + moved[:, len(a) :]
    n_labels = np.array([point.n_labels for point in a])
    return saving.with_interval_of(n_labels, shared.sign * curve_a, shared.sign * curve_b[:, -1])
