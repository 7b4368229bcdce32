"""What a comparison found, in words: a winner only where two are told apart."""

from collections.abc import Sequence

from leaderboards.statistics.comparison import Comparison
from leaderboards.statistics.estimates import Estimate
from leaderboards.statistics.mean_difference import MeanDifference, mean_differences


def verdict(comparisons: Sequence[Comparison]) -> str:
    """What may be said of A and B: who is better over all datasets, on which ones, and where nobody can tell.

    Args:
        comparisons: of two sides, p-values adjusted.
    """
    (a, b), means = comparisons[0].names, mean_differences(comparisons)
    sentences = [
        f"{better} is better than {worse} over the datasets by {', '.join(map(_how, sure))}."
        for sign, better, worse in ((1, a, b), (-1, b, a))
        if (sure := [mean for mean in means if mean.sure and sign * (mean.difference.value or 0) > 0])
    ]
    wins, losses = ([c for c in comparisons if c.sure and sign * (c.difference.value or 0) > 0] for sign in (1, -1))
    ties = [c for c in comparisons if not c.sure]
    if wins or losses:
        found = ((f"{a} is better", wins), (f"{b} is better", losses), ("no clear difference", ties))
        several = len({(c.protocol, c.axis, c.kind) for c in comparisons}) > 1
        sentences.append("; ".join(f"{what} on {_named(rows, several)}" for what, rows in found if rows) + ".")
    elif sentences:
        sentences.append("On no dataset by itself are they told apart.")
    else:
        return f"No clear winner: {a} and {b} are told apart nowhere."
    if any(c.one_seed for c in comparisons):
        sentences.append("Where a point has one seed, another seed may say otherwise.")
    return " ".join(sentences)


def mean_in_words(mean: MeanDifference) -> str:
    """One line: the mean difference over datasets, and the labels saved where any are."""
    a, b = mean.names
    value, low, high = mean.difference
    told = f"{_how(mean)}: {a} - {b} {value:+.3f}"
    if low is not None and high is not None:
        told += f" [{low:+.3f}, {high:+.3f}]"
    told += f" over {len(mean.datasets)} datasets" + ("" if mean.sure else ", no clear difference")
    return told if mean.saving is None else f"{told}; {saving_in_words(mean.saving)} (median)"


def saving_in_words(saving: Estimate) -> str:
    """`82% fewer labels [45%, 90%]`; of no saving is more said than its interval."""
    if saving.ci_low is None or saving.ci_high is None or saving.value is None:
        return "labels saved: unknown, as some point has too few seeds, and no predictions, to tell its noise"
    between = f"[{saved(saving.ci_low)}, {saved(saving.ci_high)}]"
    if not saving.sure:
        return f"no clear saving of labels {between}"
    return f"{saved(abs(saving.value))} {'fewer' if saving.value > 0 else 'more'} labels {between}"


def saved(share: float) -> str:
    """A share of labels saved in per cent: where ten times the labels are needed or more, that alone."""
    return f"{share:.0%}" if share > -_TENFOLD else f"<-{_TENFOLD:.0%}"


_TENFOLD = 9.0


def _named(comparisons: Sequence[Comparison], several: bool) -> str:
    """A few datasets, with the protocols where there are several; of more their number."""
    if len(comparisons) > _NAMED:
        return f"{len(comparisons)} rows"
    return ", ".join(f"{c.dataset} by {_how(c)}" if several else c.dataset for c in comparisons)


_NAMED = 4


def _how(found: Comparison | MeanDifference) -> str:
    how = found.protocol if found.axis == "partition" else f"{found.protocol} of {found.axis}"
    return f"{how} ({found.kind})" if found.kind else how
