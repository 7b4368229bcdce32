"""Metrics of numbers: how near predictions come to their targets, output by output.

A split is judged by sums over the labelled values of each image (`Errors`), so one formula serves images that have one
label an output and images that have one a pixel. Functions take these and `weights` (B, n), how often each image counts
in each of B resamples. Means over outputs weigh all outputs alike, as scikit-learn's do; NaN is undefined.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from harness.errors import UserError
from harness.metrics.bootstrap import once_and_resampled
from harness.metrics.scored import ClassScore, Scored, score_classes, score_split
from leaderboards import metrics
from leaderboards.metrics import mean_of_defined, ratio


@dataclass(frozen=True, eq=False, kw_only=True)
class Errors:
    """Sums over the labelled values of each image and output: (n, K) float64 each, in the unit of the labels."""

    count: np.ndarray
    deviation: np.ndarray
    """Targets minus `centre`."""
    squared_deviation: np.ndarray
    error: np.ndarray
    """Predictions minus targets."""
    squared_error: np.ndarray
    absolute_error: np.ndarray
    centre: np.ndarray
    """(K,) mean target of the split: sums of squares about it keep the digits that those about 0 would lose."""

    def of(self, images: np.ndarray) -> "Errors":
        """The sums of some images, by their (m,) int64 places."""
        sums = {name: getattr(self, name)[images] for name in _SUMS}
        return Errors(**sums, centre=self.centre)


_SUMS = ("count", "deviation", "squared_deviation", "error", "squared_error", "absolute_error")

ValueWeighted = Callable[[Errors, np.ndarray], np.ndarray]
"""(errors, weights (B, n)) -> (B,) values of B resamples, or (B, K) if per output."""


def image_errors(targets: np.ndarray, predicted: np.ndarray) -> Errors:
    """What (n, K) predictions are judged by where an image has one label an output; NaN targets have no label.

    Raises:
        ValueError: shapes that differ, or a prediction of a labelled value that is no number.
    """
    _check(targets, predicted)
    labelled = ~np.isnan(targets)
    centre = ratio(np.where(labelled, targets, 0.0).sum(axis=0), labelled.sum(axis=0).astype(np.float64))
    deviation, error = (np.where(labelled, values, 0.0) for values in (targets - centre, predicted - targets))
    return Errors(
        count=labelled.astype(np.float64),
        deviation=deviation,
        squared_deviation=np.square(deviation),
        error=error,
        squared_error=np.square(error),
        absolute_error=np.abs(error),
        centre=centre,
    )


def pixel_errors(targets: np.ndarray, predicted: np.ndarray) -> Errors:
    """What (n, H, W) predictions are judged by where every pixel has a label, or none (NaN): one output, K = 1.

    Raises:
        ValueError: as `image_errors`.
    """
    _check(targets, predicted)
    total, n_labelled = np.nansum(targets, dtype=np.float64), np.count_nonzero(~np.isnan(targets))
    centre = total / n_labelled if n_labelled else np.nan
    sums = np.zeros((len(_SUMS), len(targets), 1))
    for image, (target, values) in enumerate(zip(targets, predicted, strict=True)):  # float64 of one image at a time
        labelled = ~np.isnan(target)
        known = target[labelled].astype(np.float64)
        deviation, error = known - centre, values[labelled] - known
        parts = (deviation, deviation**2, error, error**2, np.abs(error))
        sums[:, image, 0] = len(known), *(part.sum() for part in parts)
    return Errors(**dict(zip(_SUMS, sums, strict=True)), centre=np.array([centre]))


def r2_per_output(errors: Errors, weights: np.ndarray) -> np.ndarray:
    """(B, K): 1 - squared error / squared deviation from the mean; undefined for an output whose target is constant.

    Negative if the mean of the very values judged would have been nearer.
    """
    sums = weights @ np.hstack([errors.count, errors.deviation, errors.squared_deviation, errors.squared_error])
    return metrics.r2_per_output(*np.split(sums, 4, axis=1))


def r2(errors: Errors, weights: np.ndarray) -> np.ndarray:
    """Mean R2 over the outputs whose target varies."""
    return mean_of_defined(r2_per_output(errors, weights))


def mae_per_output(errors: Errors, weights: np.ndarray) -> np.ndarray:
    """(B, K): mean absolute error, in the unit of the labels."""
    return ratio(weights @ errors.absolute_error, weights @ errors.count)


def mae(errors: Errors, weights: np.ndarray) -> np.ndarray:
    """Mean absolute error of each output, their mean over all outputs."""
    return mean_of_defined(mae_per_output(errors, weights))


def rmse_per_output(errors: Errors, weights: np.ndarray) -> np.ndarray:
    """(B, K): root mean squared error, in the unit of the labels."""
    return metrics.rmse_per_output(weights @ errors.count, weights @ errors.squared_error)


def rmse(errors: Errors, weights: np.ndarray) -> np.ndarray:
    """Root mean squared error of each output, their mean over all outputs."""
    return mean_of_defined(rmse_per_output(errors, weights))


@dataclass(frozen=True, kw_only=True)
class ValueMetric:
    """A score of a whole split of numbers, from the errors of each image."""

    name: str
    resampled: ValueWeighted
    per_output: ValueWeighted
    higher_is_better: bool = True


VALUE_METRICS: dict[str, ValueMetric] = {
    "r2": ValueMetric(name="r2", resampled=r2, per_output=r2_per_output),
    "mae": ValueMetric(name="mae", resampled=mae, per_output=mae_per_output, higher_is_better=False),
    "rmse": ValueMetric(name="rmse", resampled=rmse, per_output=rmse_per_output, higher_is_better=False),
}


def headline_error_value(metric: str, errors: Errors) -> float | None:
    """One metric of numbers over a whole split; None: undefined."""
    value = VALUE_METRICS[metric].resampled(errors, np.ones((1, len(errors.count))))[0]
    return None if np.isnan(value) else float(value)


def evaluate_errors(headline: str, errors: Errors, seed: int) -> list[Scored]:
    """All of `VALUE_METRICS` in order, with 95 % bootstrap intervals over images, from the same resamples.

    Images without any label do not count. One image has no interval.

    Raises:
        UserError: the headline is not a metric of numbers.
    """
    if headline not in VALUE_METRICS:
        raise UserError(f"{headline!r} is not a metric of numbers; there are: {', '.join(VALUE_METRICS)}.")
    errors = _labelled(errors)
    if not len(errors.count):
        return [Scored(metric=name, value=None, ci_low=None, ci_high=None) for name in VALUE_METRICS]
    weights = once_and_resampled(len(errors.count), seed)
    return [score_split(metric.name, metric.resampled(errors, weights)) for metric in VALUE_METRICS.values()]


def per_output(errors: Errors) -> list[ClassScore]:
    """All of `VALUE_METRICS` of every output; none if no image has a label."""
    errors = _labelled(errors)
    if not len(errors.count):
        return []
    once = np.ones((1, len(errors.count)))
    return [
        score
        for name, metric in VALUE_METRICS.items()
        for score in score_classes(name, metric.per_output(errors, once)[0])
    ]


def _labelled(errors: Errors) -> Errors:
    return errors.of(np.flatnonzero(errors.count.sum(axis=1)))


def _check(targets: np.ndarray, predicted: np.ndarray) -> None:
    if targets.shape != predicted.shape:
        raise ValueError(f"predictions {predicted.shape} do not fit targets {targets.shape}")
    if (np.isnan(predicted) & ~np.isnan(targets)).any():
        raise ValueError("predictions contain NaN")
