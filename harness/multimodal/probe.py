"""A linear probe of the shared space: ridge regression on the labels of train, its penalty chosen inside train."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from harness.errors import UserError
from harness.metrics import METRICS
from harness.metrics.regression import VALUE_METRICS, image_errors
from harness.protocols.penalties import Penalties
from harness.records.labels import LabelKind
from harness.solvers.ridge_path import RidgePath
from harness.solvers.standardise import Units, measure_units

PENALTIES = Penalties(version=1)
"""Tried, and the one kept whose leave-one-out predictions of train have the least squared error."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Probe:
    """What a regression predicts of vectors of the shared space."""

    units: Units
    slopes: np.ndarray
    """(E, K) float64 on standardised features."""
    mean: np.ndarray
    """(K,) float64 predicted of an image that shows nothing: the mean label of train."""

    def predict(self, vectors: np.ndarray) -> np.ndarray:
        """(n, E) -> (n, K) float64; of a vector of zeros, which no modality gave, the mean label of train."""
        features = self.units.standardise(vectors.astype(np.float64))
        features[~vectors.any(axis=1)] = 0.0
        predicted: np.ndarray = self.mean + features @ self.slopes
        return predicted


def fit_probe(vectors: np.ndarray, labels: np.ndarray) -> Probe:
    """The probe of (n, E) vectors and (n, K) float64 numbers that labels are.

    Raises:
        UserError: fewer than two images.
    """
    if len(vectors) < 2:
        raise UserError(f"a probe wants two train images with every modality or more; found {len(vectors)}")
    features = vectors.astype(np.float64)
    units = measure_units(features)
    path, penalties = RidgePath(units.standardise(features), labels), PENALTIES.values
    errors = [float(np.square(held_out - labels).sum()) for held_out in path.leave_one_out(penalties)]
    slopes, _ = path.coefficients(penalties[int(np.argmin(errors))])
    return Probe(units=units, slopes=slopes, mean=labels.mean(axis=0))


def metric_values(
    kind: LabelKind, metric: str, targets: np.ndarray, predicted: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """(B,) values of a metric for (B, n) weights of images; NaN: undefined."""
    return _VALUES[kind](metric, targets, predicted, weights)


def _of_classes(metric: str, targets: np.ndarray, predicted: np.ndarray, weights: np.ndarray) -> np.ndarray:
    return METRICS[metric].resampled(targets, predicted, weights)


def _of_numbers(metric: str, targets: np.ndarray, predicted: np.ndarray, weights: np.ndarray) -> np.ndarray:
    return VALUE_METRICS[metric].resampled(image_errors(targets, predicted), weights)


_VALUES: dict[LabelKind, Callable[[str, np.ndarray, np.ndarray, np.ndarray], np.ndarray]] = {
    LabelKind.SINGLE_LABEL: _of_classes,
    LabelKind.MULTI_LABEL: _of_classes,
    LabelKind.REGRESSION: _of_numbers,
}
PROBED = frozenset(_VALUES)
"""Kinds of labels that a probe of whole images predicts."""
