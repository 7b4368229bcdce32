"""One number over the datasets of a comparison: the mean difference and the median saving, all datasets alike.

Scores for which higher is better, fractions and R2, have no unit. Errors, for which lower is better, have that of the
labels, and what is metres here and kelvin there has no mean.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from leaderboards.statistics.comparison import Comparison
from leaderboards.statistics.curves import median_saving
from leaderboards.statistics.estimates import SURE, Estimate
from leaderboards.statistics.paired import holm
from leaderboards.statistics.student import Part, two_sided_p, with_interval


@dataclass(frozen=True, kw_only=True)
class MeanDifference:
    """A against B over all datasets of a suite that both were measured on, by one protocol (or one each)."""

    names: tuple[str, str]
    """Of A and B."""
    suite: str
    protocol: str
    selection: str
    train_draw: str
    axis: str
    kind: str
    """As of the comparisons: several kinds of result of one dataset have no mean."""
    datasets: tuple[str, ...]
    """At least two."""
    a: float
    """Mean of A's scores, whatever the metric."""
    b: float
    difference: Estimate
    """A - B, over the seeds that are compared. Its interval is about other seeds and test samples of these datasets,
    not about other datasets. None if some dataset has no interval."""
    p_value: float | None
    """Two-sided, of no difference. None: as the interval."""
    p_adjusted: float | None
    """By Holm over all means of the same comparisons."""
    saving: Estimate | None
    """Median over the datasets that have one; None: none has."""

    @property
    def sure(self) -> bool:
        """Whether the two are told apart."""
        return self.p_adjusted is not None and self.p_adjusted < SURE


def mean_differences(comparisons: Sequence[Comparison]) -> list[MeanDifference]:
    """The mean difference of every group of comparisons that differ in their dataset alone.

    There is none for a single dataset, nor with errors. The noise of different datasets is independent.
    """
    groups: dict[tuple[object, ...], list[Comparison]] = {}
    for c in comparisons:
        groups.setdefault((c.names, c.suite, c.protocol, c.selection, c.train_draw, c.axis, c.kind), []).append(c)
    means = [_mean(group) for group in groups.values() if len(group) > 1 and not _has_errors(group)]
    adjusted = iter(holm([mean.p_value for mean in means if mean.p_value is not None]))
    return [mean if mean.p_value is None else replace(mean, p_adjusted=next(adjusted)) for mean in means]


def _has_errors(comparisons: Sequence[Comparison]) -> bool:
    """Whether some of these scores have a unit, or may have one: they are errors."""
    return not all(comparison.higher_is_better for comparison in comparisons)


def mean_parts(groups: Sequence[Sequence[Part]]) -> list[Part]:
    """Parts of the variance of a mean of independent estimates; none if one of them has none."""
    if not all(groups):
        return []
    return [Part(part.variance / len(groups) ** 2, part.degrees) for parts in groups for part in parts]


def _mean(group: Sequence[Comparison]) -> MeanDifference:
    first = group[0]
    each = np.array([(c.a.value, c.b.value, c.difference.value) for c in group], dtype=np.float64)
    a, b, difference = each.mean(axis=0).tolist()
    parts = mean_parts([c.parts for c in group])
    savings = [c.saving.saving for c in group if c.saving is not None]
    return MeanDifference(
        names=first.names,
        suite=first.suite,
        protocol=first.protocol,
        selection=first.selection,
        train_draw=first.train_draw,
        axis=first.axis,
        kind=first.kind,
        datasets=tuple(c.dataset for c in group),
        a=a,
        b=b,
        difference=with_interval(difference, parts),
        p_value=two_sided_p(difference, parts) if parts else None,
        p_adjusted=None,
        saving=median_saving(savings) if savings else None,
    )
