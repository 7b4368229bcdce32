"""The difference of two means over seeds on one test set, and the parts of its variance.

Seeds: where a seed draws the training samples (`train_draw = 'seed'`), it draws the same for both sides. With two or
more seeds in common the sides are compared seed by seed, on those alone; otherwise each side has the variance and the
degrees of freedom of its own seeds, and nothing is paired. Test samples are the same for both, and paired always.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from leaderboards.statistics.estimates import Estimate
from leaderboards.statistics.influences import SharedTestSet, shared_variance
from leaderboards.statistics.reading import Point
from leaderboards.statistics.student import Part, with_interval


@dataclass(frozen=True)
class Difference:
    """A - B."""

    value: float
    seeds_a: tuple[int, ...]
    """The seeds compared: all, or those that both have."""
    seeds_b: tuple[int, ...]
    n_paired: int | None
    """None: not paired by seed."""
    parts: tuple[Part, ...]
    """Of its variance; empty: its noise is not known, or not that of both sides."""
    noise: str
    """What the parts are, for readers."""


def difference(a: Point, b: Point, samples: SharedTestSet, *, draws_shared: bool) -> Difference:
    """A - B with what is known of its noise."""
    common = tuple(sorted(set(a.scores) & set(b.scores)))
    paired = draws_shared and len(common) > 1
    seeds_a, seeds_b = (common, common) if paired else (tuple(a.scores), tuple(b.scores))
    scores_a, scores_b = (np.array([p.scores[seed] for seed in s]) for p, s in ((a, seeds_a), (b, seeds_b)))
    of_seeds = [scores_a - scores_b] if paired else [scores_a, scores_b]
    by_side = [part for scores in of_seeds for part in seed_parts(scores)]
    tested = []
    if samples.known:
        moved_a, moved_b = samples.of_seeds(a, seeds_a), samples.of_seeds(b, seeds_b)
        tested = [Part(_shared(moved_a, moved_b, paired=paired), np.inf)]
    parts = (*by_side, *tested)
    both = paired or len(by_side) == 2
    kinds = [*(["seeds" if both else "seeds of one side"] if by_side else []), *(["test samples"] if tested else [])]
    known = (both or samples.known) and sum(part.variance for part in parts) > 0
    return Difference(
        value=float(scores_a.mean() - scores_b.mean()),
        seeds_a=seeds_a,
        seeds_b=seeds_b,
        n_paired=len(common) if paired else None,
        parts=parts if known else (),
        noise=" and ".join(kinds) if known else "none",
    )


def estimate(point: Point, seeds: Sequence[int], samples: SharedTestSet) -> Estimate:
    """The mean over some of a point's seeds with its 95 % interval."""
    scores = np.array([point.scores[seed] for seed in seeds])
    parts = seed_parts(scores)
    if samples.known:
        parts.append(Part(shared_variance(samples.of_seeds(point, seeds)), np.inf))
    return with_interval(float(scores.mean()), parts if sum(part.variance for part in parts) > 0 else [])


def seed_parts(scores: np.ndarray) -> list[Part]:
    """The variance of a mean over (S,) seeds; none of a single one."""
    return [Part(float(scores.var(ddof=1)) / len(scores), len(scores) - 1)] if len(scores) > 1 else []


def _shared(moved_a: np.ndarray, moved_b: np.ndarray, *, paired: bool) -> float:
    if paired:
        return shared_variance(moved_a - moved_b)
    between = float(moved_a.mean(axis=0) @ moved_b.mean(axis=0))
    return max(0.0, shared_variance(moved_a) + shared_variance(moved_b) - 2 * between)
