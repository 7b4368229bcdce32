"""What all predictions that are numbers share: they are judged by the errors of each image."""

import numpy as np

from harness.metrics import ClassScore, Scored
from harness.metrics.regression import (
    VALUE_METRICS,
    Errors,
    evaluate_errors,
    headline_error_value,
    image_errors,
    per_output,
)
from harness.tasks.scoring import Scoring


class ScoredNumbers(Scoring[Errors]):
    """Predictions that are numbers, one or several an image."""

    headline = "r2"

    @property
    def metrics(self) -> tuple[str, ...]:
        return tuple(VALUE_METRICS)

    def weigh(self, targets: np.ndarray, scores: np.ndarray, n_classes: int) -> Errors:
        return image_errors(targets, scores)

    def value(self, metric: str, evidence: Errors) -> float | None:
        return headline_error_value(metric, evidence)

    def evaluate(self, headline: str, evidence: Errors, seed: int) -> list[Scored]:
        return evaluate_errors(headline, evidence, seed)

    def per_class(self, evidence: Errors) -> list[ClassScore]:
        return per_output(evidence)
