"""What the two kinds of labels that are classes of a whole image share: metrics, and rows of single predictions."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from harness.metrics import METRICS, ClassScore, Scored, evaluate, headline_value, per_class, predict
from harness.tasks.scoring import Rows
from harness.tasks.task import Task
from leaderboards.schema import PredictionRow


class Classified(NamedTuple):
    """A split's targets, as they are held, and (n, K) float64 probabilities."""

    targets: np.ndarray
    scores: np.ndarray


class ClassTask(Task[Classified]):
    """Classes of whole images."""

    @property
    def metrics(self) -> tuple[str, ...]:
        return tuple(metric.name for metric in METRICS.values() if self.kind in metric.label_kinds)

    def weigh(self, targets: np.ndarray, scores: np.ndarray, n_classes: int) -> Classified:
        return Classified(targets, scores)

    def value(self, metric: str, evidence: Classified) -> float | None:
        return headline_value(metric, *evidence)

    def evaluate(self, headline: str, evidence: Classified, seed: int) -> list[Scored]:
        return evaluate(self.kind, headline, *evidence, seed)

    def per_class(self, evidence: Classified) -> list[ClassScore]:
        return per_class(self.kind, *evidence)

    def keep(self, samples: Sequence[str], targets: np.ndarray, scores: np.ndarray, evidence: Classified) -> Rows:
        found = zip(samples, _classes(targets), _classes(predict(self.kind, scores)), strict=True)
        return Rows(
            predictions=[
                PredictionRow(split="test", sample=sample, target=target, predicted=predicted)
                for sample, target, predicted in found
            ]
        )


def _classes(labels: np.ndarray) -> list[tuple[int, ...]]:
    """Indices of the classes present in each of n class indices or 0/1 vectors."""
    if labels.ndim == 1:
        return [(label,) for label in labels.tolist()]
    return [tuple(np.flatnonzero(label).tolist()) for label in labels]
