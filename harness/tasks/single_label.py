"""One class an image: a class index, held as (N,) int64."""

from typing import TYPE_CHECKING, Any

import numpy as np

from harness.errors import UserError
from harness.records.labels import LabelKind
from harness.tasks.classes import ClassTask
from harness.tasks.task import Layout, describe

if TYPE_CHECKING:
    from torch import Tensor

_SHOWN_BITS = 1_000
"""Of an integer that floating point can hold, and a message."""


class SingleLabel(ClassTask):
    """One class an image."""

    kind = LabelKind.SINGLE_LABEL
    headline = "accuracy"
    fewest_classes = 2

    def parse(self, raw: Any, n_classes: int, where: str) -> np.ndarray:
        """Returns a () int64 class index."""
        if type(raw) is not int:
            raise UserError(f"{where}: its label is {describe(raw)}; a class index of 0 to {n_classes - 1} is wanted")
        if not 0 <= raw < n_classes:
            shown = f"{raw:.6g}" if raw.bit_length() <= _SHOWN_BITS else f"of {raw.bit_length()} bits"
            raise UserError(f"{where}: its label {shown} is none of the classes 0 to {n_classes - 1} of task_specs.pkl")
        return np.array(raw, np.int64)

    def layout(self, n_samples: int, size_px: tuple[int, ...], n_classes: int) -> Layout:
        return Layout(np.int64, (n_samples,))

    def in_range(self, labels: np.ndarray, n_classes: int) -> bool:
        return bool(labels.min() >= 0 and labels.max() < n_classes)

    def check_learnable(self, labels: np.ndarray, protocol: str) -> None:
        if len(found := np.unique(labels)) < 2:
            raise UserError(
                f"train has only class {found[0]} ({len(labels)} samples); {protocol} needs at least two classes: use "
                "a larger partition"
            )

    def absent_classes(self, labels: np.ndarray, n_classes: int) -> list[int]:
        return sorted(set(range(n_classes)) - set(labels.tolist()))

    def loss_sum(self, outputs: "Tensor", labels: "Tensor", smoothing: float) -> "Tensor":
        """Cross-entropy."""
        from torch.nn import functional as F  # noqa: PLC0415 - whoever only reads labels must not wait for it

        return F.cross_entropy(outputs, labels.long(), label_smoothing=smoothing, reduction="sum")

    def count_terms(self, labels: np.ndarray) -> int:
        """Samples."""
        return len(labels)

    def predictions(self, outputs: "Tensor") -> np.ndarray:
        """(B, K) float64 probabilities."""
        return outputs.double().softmax(dim=1).cpu().numpy()
