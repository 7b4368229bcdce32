"""Backbones or protocols against each other, dataset by dataset: scores, difference with its p-value, labels saved."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from leaderboards.errors import UserError
from leaderboards.file.connection import WAIT_SECONDS
from leaderboards.file.reader import one_look
from leaderboards.statistics.curves import LabelSaving, label_saving
from leaderboards.statistics.difference import Difference, difference
from leaderboards.statistics.estimates import SURE, Estimate
from leaderboards.statistics.influences import SharedTestSet, read_test_samples
from leaderboards.statistics.paired import BOTH, TARGET, holm, mcnemar
from leaderboards.statistics.reading import Point, distinct_points, read_facts, read_means, read_points, read_rules
from leaderboards.statistics.sides import Curve, Shared, pair_curves
from leaderboards.statistics.student import Part, two_sided_p, with_interval


@dataclass(frozen=True)
class Comparison(Shared):
    """A against B on one dataset by one protocol (or one each), both with the same partition."""

    names: tuple[str, str]
    """Of A and B, as they were asked for."""
    partition: str
    n_labels: int
    a: Estimate
    """Mean over all seeds, as in the view `label_efficiency`; `b` likewise."""
    b: Estimate
    difference: Estimate
    """By how much A is better: A - B, or B - A where lower is better; over the seeds that are compared. No interval: no
    noise is known, as with one seed each and no stored predictions."""
    p_value: float | None
    """Two-sided, of no difference. None: as the interval."""
    p_adjusted: float | None
    """By Holm over all comparisons shown together (`adjust_together`)."""
    noise: str
    """What the interval covers, for readers: seeds, test samples or both."""
    n_paired: int | None
    """Seeds compared pair by pair, as both have them and they draw the same training samples. None: each by its own."""
    one_seed: bool
    """Some point of this has a single seed: what is found holds for that run, and need not for another."""
    saving: LabelSaving | None
    """Labels A saves against B. None: one of them has fewer than two numbers of labels."""
    parts: tuple[Part, ...] = field(repr=False, compare=False)
    """Of the variance of the difference; empty if it has no interval."""
    curve_ids: tuple[str, str] = field(repr=False)
    """Of A and B."""
    mixed: bool = False
    """The two differ in the version of their identity, or in the names by which bands were fed."""

    @property
    def sure(self) -> bool:
        """Whether the two are told apart."""
        return self.p_adjusted is not None and self.p_adjusted < SURE


def compare(
    path: Path,
    a: str,
    *others: str,
    most_labels: int | None = None,
    only: Collection[str] | None = None,
    tell: Callable[[str], None] | None = None,
) -> list[Comparison]:
    """A against each of the others, on every dataset and by every protocol that both were measured with.

    Args:
        a: a backbone's name; name@hex with the first digits of its weights or its setup (view `scores`); name:protocol
            for one protocol, then named by both sides. Each of the others likewise.
        most_labels: compare at the most labels that both have within this budget; None: at the most that both have.
        only: curve_ids of the curves that names are looked up among; None: all.
        tell: gets a line for each dataset that is left out because a side has several kinds of result on it and nobody
            can say which goes with which; None: such a dataset is an error.
    Raises:
        UserError: unknown, ambiguous or equal sides, nothing that both were measured with, or not within the budget.
    """
    points = {key: of_curve for key, of_curve in read_points(path).items() if only is None or key.curve_id in only}
    with one_look(path, WAIT_SECONDS):
        paired = {b: pair_curves(points, a, b, lambda curve_ids: read_facts(path, curve_ids)) for b in others}
        for line in dict.fromkeys(line for _, unclear in paired.values() for line in unclear):
            if tell is None:
                raise UserError(line)
            tell(line)
        pairs = [((a, b), shared, *curves) for b, (found, _) in paired.items() for shared, curves in found.items()]
        curve_ids = {curve.curve_id for _, _, *curves in pairs for curve, _ in curves}
        rules, means = read_rules(path, curve_ids), read_means(path, curve_ids)
        places = [_common_places(curve_a[1], curve_b[1]) for _, _, curve_a, curve_b in pairs]
        fewest = min((point.n_labels for common in places for point, _ in common), default=0)
        if most_labels is not None and most_labels < fewest:
            raise UserError(
                f"nothing was measured with {most_labels} labels or fewer by both; the fewest are {fewest}."
            )
        compared = []
        for (names, shared, curve_a, curve_b), common in zip(pairs, places, strict=True):
            within = [pair for pair in common if most_labels is None or pair[0].n_labels <= most_labels]
            if within:
                one = _compare(path, names, shared, curve_a, curve_b, max(within, key=_size), means)
                compared.append(replace(one, mixed=rules[one.curve_ids[0]] != rules[one.curve_ids[1]]))
    return adjust_together(compared)


def adjust_together(comparisons: Sequence[Comparison]) -> list[Comparison]:
    """The comparisons with p-values adjusted by Holm over all of them: those that are shown together."""
    adjusted = iter(holm([c.p_value for c in comparisons if c.p_value is not None]))
    return [c if c.p_value is None else replace(c, p_adjusted=next(adjusted)) for c in comparisons]


def _common_places(a: Sequence[Point], b: Sequence[Point]) -> list[tuple[Point, Point]]:
    """The points of both with the same samples."""
    by_place = {(point.partition, point.samples): point for point in b}
    places = [(point, by_place.get((point.partition, point.samples))) for point in a]
    return [(point, other) for point, other in places if other is not None]


def _size(pair: tuple[Point, Point]) -> tuple[int, int, str]:
    """What is compared first: the most labels, and of equals (default and 1.00x_train) the most seeds."""
    return pair[0].n_labels, len(pair[0].scores), pair[0].partition


def _compare(
    path: Path,
    names: tuple[str, str],
    shared: Shared,
    a: Curve,
    b: Curve,
    at: tuple[Point, Point],
    means: Mapping[tuple[str, str, str], Estimate],
) -> Comparison:
    at_a, at_b = at
    points_a, points_b = (distinct_points(points) for _, points in (a, b))
    curves = min(len(points_a), len(points_b)) > 1
    concerned = [at_a, at_b, *(points_a + points_b if curves else [])]
    samples = read_test_samples(path, shared.metric, concerned)
    found = difference(at_a, at_b, samples, draws_shared=shared.draws_shared)
    kind = {"higher_is_better": shared.higher_is_better, "draws_shared": shared.draws_shared}
    return Comparison(
        **vars(shared),
        names=names,
        partition=at_a.partition,
        n_labels=at_a.n_labels,
        a=means[a[0].curve_id, at_a.partition, at_a.samples],
        b=means[b[0].curve_id, at_b.partition, at_b.samples],
        difference=with_interval(shared.sign * found.value, found.parts),
        p_value=_p_value(at_a, at_b, found, samples, shared.metric) if found.parts else None,
        p_adjusted=None,
        noise=found.noise,
        n_paired=found.n_paired,
        one_seed=min(len(point.scores) for point in concerned) == 1,
        saving=label_saving(points_a, points_b, samples, **kind) if curves else None,
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
