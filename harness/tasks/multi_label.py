"""Any number of classes an image: a vector of 0 and 1, held as (N, K) uint8."""

from typing import TYPE_CHECKING, Any

import numpy as np

from harness.errors import UserError
from harness.records.labels import LabelKind
from harness.tasks.classes import ClassTask
from harness.tasks.task import Layout, as_vector, describe

if TYPE_CHECKING:
    from torch import Tensor


class MultiLabel(ClassTask):
    """Any number of classes an image."""

    kind = LabelKind.MULTI_LABEL
    headline = "f1_micro"

    def parse(self, raw: Any, n_classes: int, where: str) -> np.ndarray:
        """Returns a (K,) uint8 vector of 0 and 1."""
        values = as_vector(raw)
        if values is None or len(values) != n_classes:
            raise UserError(f"{where}: its label is {describe(raw)}; {n_classes} values of 0 or 1 are wanted")
        if not all(isinstance(value, (int, float, np.number, np.bool_)) and value in (0, 1) for value in values):
            raise UserError(f"{where}: its label has values other than 0 and 1")
        return np.array(values, np.uint8)

    def layout(self, n_samples: int, size_px: tuple[int, ...], n_classes: int) -> Layout:
        return Layout(np.uint8, (n_samples, n_classes))

    def in_range(self, labels: np.ndarray, n_classes: int) -> bool:
        return bool(labels.max() <= 1)

    def check_learnable(self, labels: np.ndarray, protocol: str) -> None:
        if (labels.min(axis=0) == labels.max(axis=0)).all():
            raise UserError(
                f"no label varies in the {len(labels)} train samples, so there is nothing to learn: use a larger "
                "partition"
            )

    def absent_classes(self, labels: np.ndarray, n_classes: int) -> list[int]:
        return np.flatnonzero(~labels.any(axis=0)).tolist()

    def loss_sum(self, outputs: "Tensor", labels: "Tensor", smoothing: float) -> "Tensor":
        """Binary cross-entropy of every label on its own."""
        from torch.nn import functional as F  # noqa: PLC0415 - whoever only reads labels must not wait for it

        targets = labels.float() * (1.0 - 2.0 * smoothing) + smoothing
        return F.binary_cross_entropy_with_logits(outputs, targets, reduction="sum")

    def count_terms(self, labels: np.ndarray) -> int:
        """Samples times labels."""
        return labels.size

    def predictions(self, outputs: "Tensor") -> np.ndarray:
        """(B, K) float64 probabilities, each label on its own."""
        return outputs.double().sigmoid().cpu().numpy()
