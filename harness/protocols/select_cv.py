"""Hyper-parameters chosen inside the labels that fit: stratified cross-validation on train, so that 200 can mean 200.

Each sample is predicted once, by a predictor that did not see its label, and the headline metric is computed once over
all of them: for small folds a mean over folds would be of another quantity. Features stay standardised by the whole of
train, which takes no label.
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np

from harness.records import LabelKind, Material

N_FOLDS = 5

NEVER = -1
"""Fold of a sample that is never held out: without it, its class would be unknown, and predicting it wrong."""


class Choice(NamedTuple):
    """What cross-validation chose."""

    candidate: int
    """Its place in the order given; of equals the first."""
    score: float
    """Its headline metric over all held-out samples."""


def choose_by_cv(
    material: Material, predict: Callable[[np.ndarray, np.ndarray], Iterable[np.ndarray]]
) -> Choice | None:
    """The candidate that predicts train's own labels best, each from the others.

    Args:
        predict: (rows of train to fit on, rows to predict) -> (n, K) scores of each candidate, the simplest first.
    Returns:
        None if train's labels cannot tell: no class has two samples, the rest of a fold has labels that do not vary,
        or the metric is undefined. The caller then keeps its default.
    """
    labels = material.labels("train")
    folds = deal_folds(labels, material.label_kind)
    parts = [(np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)) for fold in np.unique(folds[folds >= 0])]
    if not parts or not all(np.ptp(labels[fit], axis=0).any() for fit, _ in parts):
        return None
    by_fold = [list(predict(fit, held)) for fit, held in parts]
    held_labels = labels[np.concatenate([held for _, held in parts])]
    scores = [material.score(held_labels, np.concatenate(candidate)) for candidate in zip(*by_fold, strict=True)]
    best = int(np.argmax(scores))
    return None if scores[best] == -np.inf else Choice(best, scores[best])


def deal_folds(labels: np.ndarray, label_kind: LabelKind) -> np.ndarray:
    """(n,) int64 fold of each train sample, or `NEVER`.

    Single labels: the samples of a class, in train's order, go to one fold after the other, so that every fold has the
    classes' shares and the rest of each fold has every class. A class with fewer samples than folds is thus left out
    one by one. Multi-label: all samples go so.
    """
    n = len(labels)
    if label_kind is LabelKind.MULTI_LABEL:
        return np.arange(n) % N_FOLDS
    folds = np.empty(n, dtype=np.int64)
    folds[np.argsort(labels, kind="stable")] = np.arange(n) % N_FOLDS
    return np.where(np.bincount(labels)[labels] > 1, folds, NEVER)
