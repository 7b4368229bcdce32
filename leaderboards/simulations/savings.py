"""How far off label savings are, and how often their intervals hold the truth, by simulation: what docs/statistics.md
tables.

A and B have the same curve, or A that of B with a third of the labels. Half of the variance between seeds is the draw
of training samples, which both share.
"""

from dataclasses import dataclass

import numpy as np

from leaderboards.statistics.curves import label_saving, labels_to_reach
from leaderboards.statistics.influences import SharedTestSet
from leaderboards.statistics.reading import Point

LABELS = np.array([10, 30, 90, 270, 810])
CURVES = {"flat": (0.30, 0.40, 0.46, 0.49, 0.50, 0.505), "steep": (0.30, 0.40, 0.50, 0.60, 0.70, 0.80)}
"""Expected scores of B at LABELS, and of A, if it saves labels, one place later."""
THIRD = 2 / 3
"""What a curve saves that needs a third of the labels."""
_NO_PREDICTIONS = SharedTestSet({}, {})


@dataclass(frozen=True)
class Studied:
    """Many studies of one truth."""

    first_reached: float
    """Share of studies in which A's points reach the score of B's last one; median saving of these, as read from where
    they first do."""
    first_saving: float
    saving: float
    """Median over all studies of the saving as it is estimated."""
    covered: float
    """Share of intervals that hold the truth."""
    called: float
    """Share of studies in which it is called a saving."""


def study_savings(
    curve: str, *, saves: bool, noise: float, n_seeds: int, n_studies: int, generator: np.random.Generator
) -> Studied:
    """Studies of A over B.

    Args:
        curve: of CURVES.
        saves: A needs a third of B's labels, else as many.
        noise: standard deviation between seeds.
    """
    scores = np.array(CURVES[curve])
    expected_a, expected_b = scores[1:] if saves else scores[:-1], scores[:-1]
    truth = THIRD if saves else 0.0
    firsts, found = [], []
    for _ in range(n_studies):
        draws, own_a, own_b = noise / 2**0.5 * generator.standard_normal((3, len(LABELS), n_seeds))
        a, b = expected_a[:, None] + draws + own_a, expected_b[:, None] + draws + own_b
        ahead = a.mean(axis=1) - b[-1].mean()
        if (reached := np.flatnonzero(ahead >= 0)).size:
            upto = slice(reached[0] + 1)
            firsts.append(1 - (labels_to_reach(LABELS[upto], ahead[upto]) or np.inf) / LABELS[-1])
        saving = label_saving(_points(a), _points(b), _NO_PREDICTIONS, higher_is_better=True, draws_shared=True)
        found.append(saving.saving)
    value, low, high = np.array(found, dtype=np.float64).T
    return Studied(
        first_reached=len(firsts) / n_studies,
        first_saving=float(np.median(firsts)),
        saving=float(np.median(value)),
        covered=float(((low <= truth + _ROUNDING) & (truth - _ROUNDING <= high)).mean()),
        called=float((low > 0).mean()),
    )


_ROUNDING = 1e-9


def _points(scores: np.ndarray) -> list[Point]:
    """(P, S) scores by LABELS and seed."""
    return [
        Point(str(n), "", n, 0, dict(enumerate(of_seeds)), dict.fromkeys(range(len(of_seeds)), ""))
        for n, of_seeds in zip(LABELS.tolist(), scores.tolist(), strict=True)
    ]
