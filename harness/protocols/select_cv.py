"""Hyper-parameters chosen inside the labels that fit: stratified cross-validation on train, so that 200 can mean 200.

Each sample is predicted once, by a predictor that did not see its label, and the headline metric is computed once over
all of them: for small folds a mean over folds would be of another quantity. Features stay standardised by the whole of
train, which takes no label.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np

from harness.records.labels import LabelKind
from harness.records.materials import Material

N_FOLDS = 5
PATIENCE = 8
"""Candidates worse than the best that end a search; of `linear_probe`'s values of C that is a factor of 100."""

NEVER = -1
"""Fold of a sample that is never held out: without it, its class would be unknown, and predicting it wrong."""


class Choice(NamedTuple):
    """What cross-validation chose."""

    candidate: int
    """Its place in the order given; of equals the first."""
    score: float
    """Its headline metric over all held-out samples."""


class Search:
    """The best of candidates that come from the most to the least regularised, and when there are enough of them.

    That is once `patience` candidates in all were worse than the best since it was found. Equals cost no patience, and
    nothing does before a candidate has beaten the first: with few labels, strong regularisation predicts the classes'
    frequencies however strong it is, and the first steps away from that may be for the worse.
    """

    def __init__(self, patience: int) -> None:
        self.best: Choice | None = None
        self._patience = patience
        self._seen = 0
        self._worse = 0

    def improves(self, score: float) -> bool:
        """Take in the next candidate's score, minus infinity if undefined; whether it is the best so far."""
        better = score > (self.best.score if self.best else -np.inf)
        if better:
            self.best, self._worse = Choice(self._seen, score), 0
        elif self.best and self.best.candidate > 0:
            self._worse += score < self.best.score
        self._seen += 1
        return better

    @property
    def is_falling(self) -> bool:
        """Whether a candidate was worse than the best since it was found."""
        return self._worse > 0

    @property
    def is_over(self) -> bool:
        """Whether there is no sense in trying another."""
        return self._worse >= self._patience


def choose_by_cv(
    material: Material, predict: Callable[[np.ndarray, np.ndarray], Iterable[np.ndarray]]
) -> Choice | None:
    """The candidate that predicts train's own labels best, each from the others.

    Args:
        predict: (rows of train to fit on, rows to predict) -> (n, K) scores of each candidate, the simplest first; as
            an iterator it does no work for candidates beyond the end of the search.
    Returns:
        None if train's labels cannot tell: it has one sample, or no class has two; the rest of a fold has labels that
        do not vary; or the metric is undefined. The caller then keeps its default.
    """
    labels = material.labels("train")
    folds = deal_folds(labels, material.label_kind)
    parts = [(np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)) for fold in np.unique(folds[folds >= 0])]
    if len(parts) < 2 or not all(np.ptp(labels[fit], axis=0).any() for fit, _ in parts):
        return None
    held_labels = labels[np.concatenate([held for _, held in parts])]
    paths = [predict(fit, held) for fit, held in parts]
    return best_of_folds(paths, lambda predicted: material.score(held_labels, predicted), PATIENCE)


def best_of_folds(
    paths: Sequence[Iterable[np.ndarray]], score: Callable[[np.ndarray], float], patience: int
) -> Choice | None:
    """The candidate whose predictions of held-out samples are the best, judged once over all folds.

    Args:
        paths: of each fold what each candidate predicts of its held-out samples, the simplest first. As iterators they
            advance in step and do no work beyond the end of the search.
        score: of what one candidate predicts, fold after fold; minus infinity if undefined.
        patience: as `Search` says.
    Returns:
        None if the score was undefined every time.
    """
    search = Search(patience)
    for of_folds in zip(*paths, strict=True):
        search.improves(score(np.concatenate(of_folds)))
        if search.is_over:
            break
    return search.best


def deal_folds(labels: np.ndarray, label_kind: LabelKind) -> np.ndarray:
    """(n,) int64 fold of each train sample, or `NEVER`.

    Single labels: the samples of a class, in train's order, go to one fold after the other, so that every fold has the
    classes' shares and the rest of each fold has every class. A class with fewer samples than folds is thus left out
    one by one. Multi-label and numbers: all samples go so.
    """
    n = len(labels)
    if label_kind is not LabelKind.SINGLE_LABEL:
        return np.arange(n) % N_FOLDS
    folds = np.empty(n, dtype=np.int64)
    folds[np.argsort(labels, kind="stable")] = np.arange(n) % N_FOLDS
    return np.where(np.bincount(labels)[labels] > 1, folds, NEVER)
