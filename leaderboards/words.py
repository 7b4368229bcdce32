"""What a comparison found, in words: a winner only where two are told apart."""

from collections.abc import Sequence

from leaderboards.statistics.comparison import Comparison
from leaderboards.statistics.estimates import Estimate
from leaderboards.statistics.mean_difference import MeanDifference


def verdict(comparisons: Sequence[Comparison]) -> str:
    """One sentence on A and B: where each is better, and where nobody can tell.

    Args:
        comparisons: of two sides, p-values adjusted.
    """
    a, b = comparisons[0].names
    wins, losses = ([c for c in comparisons if c.sure and sign * (c.difference.value or 0) > 0] for sign in (1, -1))
    n = len(comparisons)
    if not wins and not losses:
        return f"No clear winner: {a} and {b} are told apart in none of {_count(n)}."
    better, worse, found, against = (a, b, wins, losses) if len(wins) >= len(losses) else (b, a, losses, wins)
    sentence = f"{better} is better than {worse} in {len(found)} of {_count(n)} ({_named(found)})"
    sentence += f", worse in {len(against)} ({_named(against)})" if against else ", worse in none"
    if ties := [c for c in comparisons if not c.sure]:
        sentence += f"; no clear difference: {_named(ties)}"
    return sentence + "."


def mean_in_words(mean: MeanDifference) -> str:
    """One line: the mean difference over datasets, and the labels saved where any are."""
    a, b = mean.names
    value, low, high = mean.difference
    told = f"{a} - {b}: {value:+.3f}"
    if low is not None and high is not None:
        told += f" [{low:+.3f}, {high:+.3f}]" + ("" if mean.difference.sure else ", no clear difference,")
    told += f" over {len(mean.datasets)} datasets"
    return told if mean.saving is None else f"{told}; {saving_in_words(mean.saving)} (median)"


def saving_in_words(saving: Estimate) -> str:
    """`82% fewer labels [45%, 90%]`; of no saving is more said than its interval."""
    if saving.ci_low is None or saving.ci_high is None or saving.value is None:
        return "labels saved: unknown"
    between = f"[{saved(saving.ci_low)}, {saved(saving.ci_high)}]"
    if not saving.sure:
        return f"no clear saving of labels {between}"
    return f"{saved(abs(saving.value))} {'fewer' if saving.value > 0 else 'more'} labels {between}"


def saved(share: float) -> str:
    """A share of labels saved in per cent: where ten times the labels are needed or more, that alone."""
    return f"{share:.0%}" if share > -_TENFOLD else f"<-{_TENFOLD:.0%}"


_TENFOLD = 9.0


def _count(n: int) -> str:
    return f"{n} comparison{'' if n == 1 else 's'}"


def _named(comparisons: Sequence[Comparison]) -> str:
    """Their datasets, with the protocols where there are several."""
    several = len({c.protocol for c in comparisons}) > 1
    return ", ".join(dict.fromkeys(f"{c.dataset} by {c.protocol}" if several else c.dataset for c in comparisons))
