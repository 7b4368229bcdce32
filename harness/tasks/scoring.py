"""How predictions of a whole split become metrics and rows, whatever they are predictions of."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar, Generic, NamedTuple, TypeVar

import numpy as np

from harness.metrics import ClassScore, Scored, higher_is_better
from harness.records.labels import ScoredSplit
from harness.records.outcome import Outcome
from harness.records.run import Run
from leaderboards.schema import ClassRow, ErrorSumsRow, MaskRow, MetricRow, PredictionRow, ValueRow

Evidence = TypeVar("Evidence")
"""What all metrics of a split are computed from, made once."""

Targets = Mapping[ScoredSplit, np.ndarray]


class Rows(NamedTuple):
    """What a run adds to the leaderboard beside itself."""

    metrics: Sequence[MetricRow] = ()
    classes: Sequence[ClassRow] = ()
    predictions: Sequence[PredictionRow] = ()
    """Of the test split, in the partition's order, as all that follow: what paired tests between backbones need."""
    mask_counts: Sequence[MaskRow] = ()
    values: Sequence[ValueRow] = ()
    error_sums: Sequence[ErrorSumsRow] = ()


class Scoring(ABC, Generic[Evidence]):
    """How one kind of predictions is judged."""

    headline: ClassVar[str]
    """The metric that chooses and ranks where a benchmark names no other."""

    @property
    @abstractmethod
    def metrics(self) -> tuple[str, ...]:
        """The names of all metrics, of which any may be the headline."""

    def targets(self, labels: np.ndarray, n_classes: int) -> np.ndarray:
        """What is predicted, from labels as they are stored: these, unless a protocol predicts something about them."""
        return labels

    @abstractmethod
    def weigh(self, targets: np.ndarray, scores: np.ndarray, n_classes: int) -> Evidence:
        """What the metrics of a split are computed from. ValueError: predictions that do not fit the targets."""

    @abstractmethod
    def value(self, metric: str, evidence: Evidence) -> float | None:
        """One metric; None: undefined."""

    @abstractmethod
    def evaluate(self, headline: str, evidence: Evidence, seed: int) -> list[Scored]:
        """All metrics, with intervals from resamples drawn by the seed. UserError: the headline is none of them."""

    @abstractmethod
    def per_class(self, evidence: Evidence) -> list[ClassScore]:
        """What is stored of each class or output."""

    def keep(self, samples: Sequence[str], targets: np.ndarray, scores: np.ndarray, evidence: Evidence) -> Rows:
        """The rows of single samples of the test split, without metrics. None, where the leaderboard has no room."""
        return Rows()

    def score(self, metric: str, targets: np.ndarray, scores: np.ndarray, n_classes: int) -> float:
        """How good predictions are, for choosing: a metric, or the negative of one that is an error, so that the larger
        is the better; undefined counts as minus infinity."""
        value = self.value(metric, self.weigh(targets, scores, n_classes))
        if value is None:
            return -np.inf
        return value if higher_is_better(metric) else -value

    def rows(
        self, run: Run, class_names: tuple[str, ...], samples: Sequence[str], targets: Targets, outcome: Outcome
    ) -> Rows:
        """Everything a run stores of its predictions. `samples` names those of the test split."""
        predictions: dict[ScoredSplit, np.ndarray] = {"valid": outcome.valid_scores, "test": outcome.test_scores}
        metrics: list[MetricRow] = []
        classes: list[ClassRow] = []
        for split, scores in predictions.items():
            evidence = self.weigh(targets[split], scores, len(class_names))
            metrics += _metric_rows(split, self.evaluate(run.metric, evidence, run.seed))
            classes += _class_rows(split, class_names, self.per_class(evidence))
        kept = self.keep(samples, targets["test"], outcome.test_scores, evidence)  # test came last
        return kept._replace(metrics=metrics, classes=classes)


def _metric_rows(split: ScoredSplit, scores: list[Scored]) -> list[MetricRow]:
    return [MetricRow(split=split, metric=s.metric, value=s.value, ci_low=s.ci_low, ci_high=s.ci_high) for s in scores]


def _class_rows(split: ScoredSplit, names: tuple[str, ...], scores: list[ClassScore]) -> list[ClassRow]:
    # Files may call two classes the same, or one nothing at all; a row must still say which class it is.
    distinct = names if len({*names, ""}) == len(names) + 1 else [f"{i} {name}" for i, name in enumerate(names)]
    return [ClassRow(split=split, metric=metric, class_name=distinct[index], value=v) for metric, index, v in scores]
