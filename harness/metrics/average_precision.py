"""Average precision: the area under the precision-recall steps, sum of (R_i - R_{i-1}) P_i over distinct scores.

The same definition as scikit-learn's `average_precision_score`: equal scores are one threshold, nothing interpolates.
`weights` and NaN as in `harness.metrics.counts`.
"""

import numpy as np

from harness.metrics.counts import mean_of_defined, one_hot, ratio

BLOCK_ELEMENTS = 2_000_000
"""Weights held at once, in order of score."""


def ap_per_class(targets: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(B, K): each class against the rest; undefined for a class without positives."""
    true = one_hot(targets, scores.shape[1])
    columns = range(scores.shape[1])
    return np.stack([_average_precision(true[:, [c]], scores[:, [c]], weights) for c in columns], axis=1)


def ap_macro(targets: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Mean over the classes that have positives (scikit-learn counts the others as 0)."""
    return mean_of_defined(ap_per_class(targets, scores, weights))


def ap_micro(targets: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """All n x K decisions ranked together."""
    return _average_precision(one_hot(targets, scores.shape[1]), scores, weights)


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
        retrieved = np.cumsum(w, axis=1)[:, last_of_equals]
        hits = np.cumsum(w * positive, axis=1)[:, last_of_equals]
        precision = np.divide(hits, retrieved, out=np.zeros_like(hits), where=retrieved > 0)
        area = (np.diff(hits, axis=1, prepend=0.0) * precision).sum(axis=1)
        values[start : start + block] = ratio(area, hits[:, -1])
    return values
