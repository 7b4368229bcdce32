"""Metrics as functions of sums over samples: whoever has the sums of some samples has the metric of these.

Arrays are (..., C), one number a class or an output of a regression; NaN is undefined.
"""

import numpy as np

CONSTANT = 1e-12
"""Variance, as a fraction of the mean squared deviation it is computed from, that is rounding."""
SMALLEST_ERROR = 1e-100
"""What an error of 0 is divided by, where errors are told as shares of each other."""


def ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """Quotient; NaN, and no warning, where it is 0 / 0."""
    return np.divide(numerator, denominator, out=np.full(numerator.shape, np.nan), where=denominator > 0)


def mean_of_defined(values: np.ndarray) -> np.ndarray:
    """(..., C) -> (...): mean over classes whose value is defined; NaN if none is."""
    defined = ~np.isnan(values)
    return ratio(np.where(defined, values, 0.0).sum(axis=-1), defined.sum(axis=-1).astype(np.float64))


def accuracy(both: np.ndarray, target: np.ndarray) -> np.ndarray:
    """(..., C) samples or pixels whose prediction is their target, and all, by target -> (...) fraction predicted."""
    return ratio(both.sum(axis=-1), target.sum(axis=-1))


def f1_per_class(both: np.ndarray, target: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """(..., C): 2 TP / (2 TP + FP + FN); undefined for a class that neither occurs nor is predicted."""
    return ratio(2 * both, target + predicted)


def f1_micro(both: np.ndarray, target: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """(..., C) -> (...): F1 of all decisions pooled over classes. For single labels that is the accuracy."""
    return ratio(2 * both.sum(axis=-1), (target + predicted).sum(axis=-1))


def iou_per_class(both: np.ndarray, target: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """(..., C): intersection over union, TP / (TP + FP + FN); undefined as `f1_per_class`."""
    return ratio(both, target + predicted - both)


def rmse_per_output(count: np.ndarray, squared_error: np.ndarray) -> np.ndarray:
    """(..., K): root mean squared error, in the unit of the labels, from numbers of labels and sums of squares."""
    return np.sqrt(ratio(squared_error, count))


def r2_per_output(
    count: np.ndarray, deviation: np.ndarray, squared_deviation: np.ndarray, squared_error: np.ndarray
) -> np.ndarray:
    """(..., K): 1 - squared error / squared deviation from the mean; undefined for an output whose target is constant.

    Negative if the mean of the very values judged would have been nearer.

    Args:
        deviation: sums of targets minus some constant near their mean, the same in `squared_deviation`.
    """
    variation = squared_deviation - ratio(np.square(deviation), count)
    varies = variation > CONSTANT * squared_deviation
    return 1.0 - np.divide(squared_error, variation, out=np.full(squared_error.shape, np.nan), where=varies)
