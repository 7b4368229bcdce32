"""Whether probabilities mean what they say: calibration error."""

import numpy as np

from harness.metrics.counts import WeightedSplit, one_hot

N_BINS = 15


def calibration_error(split: WeightedSplit) -> np.ndarray:
    """Expected calibration error: how far, on average, confidence is from the fraction that is right.

    For single labels the confidence is the likeliest class's score, right if it is the label; for multi-label every
    score of a label is a confidence, right if the sample has the label. Confidences go to 15 bins of equal mass: with
    bins of equal width nearly all samples of a good classifier would share one. Equal confidences share a bin, so
    the order of samples changes nothing.

    Source: Naeini et al., "Obtaining Well Calibrated Probabilities Using Bayesian Binning", 2015; Nguyen and O'Connor,
    "Posterior calibration and exploratory analysis for NLP models", 2015 (equal mass).
    """
    targets, scores, weights = split.targets, split.scores, split.weights
    if targets.ndim == 1:
        likeliest = scores.argmax(axis=1)
        confidence = scores[np.arange(len(scores)), likeliest][:, None]
        right = (likeliest == targets)[:, None].astype(np.float64)
    else:
        confidence, right = scores, one_hot(targets, scores.shape[1])
    values, group = np.unique(confidence, return_inverse=True)
    group = group.reshape(confidence.shape)
    result = np.full(len(weights), np.nan)
    for i, weight in enumerate(weights):
        spread = np.broadcast_to(weight[:, None], group.shape)
        mass = np.bincount(group.ravel(), weights=spread.ravel(), minlength=len(values))
        total = mass.sum()
        if total > 0:
            gap = np.bincount(group.ravel(), weights=(spread * (confidence - right)).ravel(), minlength=len(values))
            bins = (N_BINS * (np.cumsum(mass) - mass) / total).astype(np.int64)  # by the mass that is less confident
            result[i] = np.abs(np.bincount(np.minimum(bins, N_BINS - 1), weights=gap)).sum() / total
    return result
