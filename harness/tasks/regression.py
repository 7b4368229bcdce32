"""One or several numbers an image, held as (N, K) float64."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.errors import UserError
from harness.metrics.regression import Errors
from harness.records.labels import LabelKind
from harness.records.measured import LARGEST
from harness.tasks.numbers import ScoredNumbers
from harness.tasks.scoring import Rows
from harness.tasks.task import Layout, Task, as_vector, describe
from leaderboards.schema import ValueRow

if TYPE_CHECKING:
    from torch import Tensor


class Regression(ScoredNumbers, Task[Errors]):
    """One or several numbers an image."""

    kind = LabelKind.REGRESSION
    no_shots = "--shots of numbers: they have no classes to be drawn by. Use --budgets"

    def parse(self, raw: Any, n_classes: int, where: str) -> np.ndarray:
        """Returns (K,) float64, of one number or a vector of them."""
        values = [raw] if _is_number(raw) else as_vector(raw)
        if values is None or len(values) != n_classes or not all(map(_is_number, values)):
            raise UserError(f"{where}: its label is {describe(raw)}; {n_classes} number(s) are wanted")
        try:
            label = np.array([float(value) for value in values])
        except OverflowError:  # of an integer beyond floating point
            label = np.array([np.inf])
        if not (np.abs(label) <= LARGEST).all():
            raise UserError(
                f"{where}: its label {label.tolist()} has a number that nobody measured. Leave out samples without a "
                "label"
            )
        return label

    def layout(self, n_samples: int, size_px: tuple[int, ...], n_classes: int) -> Layout:
        return Layout(np.float64, (n_samples, n_classes))

    def in_range(self, labels: np.ndarray, n_classes: int) -> bool:
        return bool((np.abs(labels) <= LARGEST).all())

    def keep(self, samples: Sequence[str], targets: np.ndarray, scores: np.ndarray, evidence: Errors) -> Rows:
        return Rows(
            values=[
                ValueRow(split="test", sample=sample, target=tuple(target), predicted=tuple(predicted))
                for sample, target, predicted in zip(samples, targets.tolist(), scores.tolist(), strict=True)
            ]
        )

    def check_learnable(self, labels: np.ndarray, protocol: str) -> None:
        if (labels == labels[:1]).all():
            raise UserError(
                f"the {len(labels)} train samples all have the label {labels[0].tolist()}; {protocol} needs at least "
                "two values: use a larger partition"
            )

    def numbers(self, labels: np.ndarray) -> np.ndarray:
        return labels

    def loss_sum(self, outputs: "Tensor", labels: "Tensor", smoothing: float) -> "Tensor":
        """Squared error."""
        return (outputs - labels).square().sum()

    def count_terms(self, labels: np.ndarray) -> int:
        """Samples times numbers."""
        return labels.size

    def predictions(self, outputs: "Tensor") -> np.ndarray:
        """(B, K) float64, in the scale of the outputs."""
        return outputs.double().cpu().numpy()


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
