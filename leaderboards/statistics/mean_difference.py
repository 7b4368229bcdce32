"""One number over the datasets of a comparison: the mean difference, each dataset weighing the same."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from leaderboards.statistics.comparison import Comparison
from leaderboards.statistics.replicates import Estimate, interval


@dataclass(frozen=True, kw_only=True)
class MeanDifference:
    """A against B over all datasets of a suite that both were measured on, by one protocol (or one each)."""

    suite: str
    protocol: str
    selection: str
    train_draw: str
    axis: str
    datasets: tuple[str, ...]
    """At least two."""
    a: float
    """Mean of A's scores, fractions whatever the metric."""
    b: float
    difference: Estimate
    """A - B. The interval is about other seeds and test samples of these datasets, not about other datasets. None if
    some dataset has no interval."""


def mean_differences(comparisons: Sequence[Comparison], seed: int = 0) -> list[MeanDifference]:
    """Of every group of comparisons that differ in their dataset alone; none for a single dataset.

    Args:
        seed: of the order in which replicates of different datasets meet: their errors are independent.
    """
    groups: dict[tuple[str, ...], list[Comparison]] = {}
    for c in comparisons:
        groups.setdefault((c.suite, c.protocol, c.selection, c.train_draw, c.axis), []).append(c)
    generator = np.random.default_rng(seed)
    return [_mean(group, generator) for group in groups.values() if len(group) > 1]


def _mean(group: Sequence[Comparison], generator: np.random.Generator) -> MeanDifference:
    first = group[0]
    known = all(len(c.replicates) for c in group)
    replicates = np.mean([generator.permutation(c.replicates) for c in group], axis=0) if known else None
    a, b = np.array([(c.a.value, c.b.value) for c in group], dtype=np.float64).mean(axis=0).tolist()
    return MeanDifference(
        suite=first.suite,
        protocol=first.protocol,
        selection=first.selection,
        train_draw=first.train_draw,
        axis=first.axis,
        datasets=tuple(c.dataset for c in group),
        a=a,
        b=b,
        difference=Estimate(a - b, *(interval(replicates) if replicates is not None else (None, None))),
    )
