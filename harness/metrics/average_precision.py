"""Average precision: the area under the precision-recall steps, sum of (R_i - R_{i-1}) P_i over distinct scores.

The same definition as scikit-learn's `average_precision_score`: equal scores are one threshold, nothing interpolates.
"""

import numpy as np

from harness.metrics.counts import WeightedSplit, one_hot
from leaderboards.metrics import mean_of_defined, ratio

BLOCK_ELEMENTS = 2_000_000
"""Weights held at once, in order of score."""


def ap_per_class(split: WeightedSplit) -> np.ndarray:
    """(B, K): each class against the rest; undefined for a class without positives."""
    scores, columns = split.scores, range(split.scores.shape[1])
    true = one_hot(split.targets, len(columns))
    if len(split.weights) == 1:
        return _rank_columns(true.T, scores.T, split.weights[0])[None]
    return np.stack([_average_precision(true[:, [c]], scores[:, [c]], split.weights) for c in columns], axis=1)


def ap_macro(split: WeightedSplit) -> np.ndarray:
    """Mean over the classes that have positives (scikit-learn counts the others as 0)."""
    return mean_of_defined(ap_per_class(split))


def ap_micro(split: WeightedSplit) -> np.ndarray:
    """All n x K decisions ranked together."""
    return _average_precision(one_hot(split.targets, split.scores.shape[1]), split.scores, split.weights)


def _average_precision(true: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(n, r) zeros and ones and their scores, ranked together; weights (B, n) -> (B,)."""
    values = np.full(len(weights), np.nan)
    if not true.any():
        return values
    order = np.argsort(-scores, axis=None, kind="stable")
    ranked, positive, samples = scores.ravel()[order], true.ravel()[order], order // scores.shape[1]
    last_of_equals = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True))
    block = max(1, BLOCK_ELEMENTS // len(order))
    for start in range(0, len(weights), block):
        w = weights[start : start + block, samples]
        retrieved = np.cumsum(w, axis=1, dtype=np.float64)[:, last_of_equals]
        hits = np.cumsum(w * positive, axis=1, dtype=np.float64)[:, last_of_equals]
        precision = np.divide(hits, retrieved, out=np.zeros_like(hits), where=retrieved > 0)
        area = (np.diff(hits, axis=1, prepend=0.0) * precision).sum(axis=1)
        values[start : start + block] = ratio(area, hits[:, -1])
    return values


def _rank_columns(true: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(K, n) zeros and ones and their scores, each row ranked by itself; weights (n,) -> (K,). All rows at once."""
    k, n = scores.shape
    if n == 0:
        return np.full(k, np.nan)
    order = np.argsort(-scores, axis=1, kind="stable")
    ranked, weight = np.take_along_axis(scores, order, axis=1), weights[order].astype(np.float64)
    hit = weight * np.take_along_axis(true, order, axis=1)
    last_of_equals = np.hstack([ranked[:, 1:] != ranked[:, :-1], np.ones((k, 1), bool)])
    place = np.where(last_of_equals, np.arange(n), n)
    end = np.minimum.accumulate(place[:, ::-1], axis=1)[:, ::-1]  # of the samples that share a score
    hits, retrieved = np.cumsum(hit, axis=1), np.cumsum(weight, axis=1)
    precision = ratio(np.take_along_axis(hits, end, axis=1), np.take_along_axis(retrieved, end, axis=1))
    return ratio((hit * np.where(hit > 0, precision, 0.0)).sum(axis=1), hits[:, -1])
