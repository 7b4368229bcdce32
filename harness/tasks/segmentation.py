"""One class a pixel: a mask, held as (N, H, W) uint8 in which `IGNORED` has no label."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.errors import UserError
from harness.metrics import MASK_METRICS, ClassScore, Scored, evaluate_masks, headline_mask_value, per_class_masks
from harness.metrics.segmentation import confusion_matrices
from harness.records.labels import IGNORED, UNLABELLED, LabelKind
from harness.records.measured import is_measured
from harness.tasks.scoring import Rows
from harness.tasks.task import Layout, Task, describe
from leaderboards.schema import MaskRow

if TYPE_CHECKING:
    from torch import Tensor


class Segmentation(Task[np.ndarray]):
    """One class a pixel. Everything follows from the (n, K, K) confusion matrices of a split's images."""

    kind = LabelKind.SEGMENTATION
    headline = "miou"
    fewest_classes = 2
    per_pixel = True
    no_shots = "--shots of masks: one shows several classes, so they cannot be drawn class by class. Use --budgets"

    @property
    def metrics(self) -> tuple[str, ...]:
        return tuple(MASK_METRICS)

    def parse(self, raw: Any, n_classes: int, where: str) -> np.ndarray:
        """Returns an (H, W) uint8 mask of class indices. A pixel has no label that is masked (`numpy.ma`), is one of
        `UNLABELLED`, or, in floating point, NaN or what nobody can have measured."""
        if not isinstance(raw, np.ndarray) or raw.ndim != 2 or raw.dtype.kind not in "iuf":
            raise UserError(f"{where}: its label is {describe(raw)}; a mask of two dimensions is wanted")
        if n_classes > IGNORED:
            raise UserError(f"{where}: masks of {n_classes} classes; at most {IGNORED} can be held")
        raw, masked = np.ma.getdata(raw), np.ma.getmaskarray(raw)
        ignored = masked | np.isin(raw, UNLABELLED) | ~is_measured(raw)
        wrong = ~ignored & ~((raw >= 0) & (raw < n_classes) & (raw == np.floor(raw)))
        if wrong.any():
            raise UserError(
                f"{where}: its mask has the value {raw[wrong][0]}; classes are 0 to {n_classes - 1}, and "
                f"{' or '.join(map(str, UNLABELLED))} where a pixel has no label"
            )
        return np.where(ignored, IGNORED, raw).astype(np.uint8)

    def layout(self, n_samples: int, size_px: tuple[int, ...], n_classes: int) -> Layout:
        return Layout(np.uint8, (n_samples, *size_px))

    def in_range(self, labels: np.ndarray, n_classes: int) -> bool:
        # Image by image; one more makes 0 of 255, which is `IGNORED`.
        return all((mask + np.uint8(1)).max() <= n_classes for mask in labels)

    def weigh(self, targets: np.ndarray, scores: np.ndarray, n_classes: int) -> np.ndarray:
        return confusion_matrices(targets, scores, n_classes)

    def value(self, metric: str, evidence: np.ndarray) -> float | None:
        return headline_mask_value(metric, evidence)

    def evaluate(self, headline: str, evidence: np.ndarray, seed: int) -> list[Scored]:
        return evaluate_masks(headline, evidence, seed)

    def per_class(self, evidence: np.ndarray) -> list[ClassScore]:
        return per_class_masks(evidence)

    def keep(self, samples: Sequence[str], targets: np.ndarray, scores: np.ndarray, evidence: np.ndarray) -> Rows:
        return Rows(mask_counts=[_mask_row(name, counts) for name, counts in zip(samples, evidence, strict=True)])

    def check_learnable(self, labels: np.ndarray, protocol: str) -> None:
        if len(found := _classes(labels)) < 2:
            what = f"only class {found[0]}" if found else "no labelled pixel"
            raise UserError(
                f"train has {what} ({len(labels)} samples); {protocol} needs at least two classes: use a larger "
                "partition"
            )

    def absent_classes(self, labels: np.ndarray, n_classes: int) -> list[int]:
        return sorted(set(range(n_classes)) - set(_classes(labels)))

    def loss_sum(self, outputs: "Tensor", labels: "Tensor", smoothing: float) -> "Tensor":
        """Cross-entropy of labelled pixels."""
        from torch.nn import functional as F  # noqa: PLC0415 - whoever only reads labels must not wait for it

        return F.cross_entropy(outputs, labels.long(), ignore_index=IGNORED, label_smoothing=smoothing, reduction="sum")

    def count_terms(self, labels: np.ndarray) -> int:
        """Labelled pixels."""
        return int((labels != IGNORED).sum())

    def predictions(self, outputs: "Tensor") -> np.ndarray:
        """(B, H, W) uint8 likeliest classes."""
        return outputs.argmax(dim=1).byte().cpu().numpy()


def _classes(masks: np.ndarray) -> list[int]:
    return [value for value in np.unique(masks).tolist() if value != IGNORED]


def _mask_row(sample: str, confusion: np.ndarray) -> MaskRow:
    target, predicted = np.nonzero(confusion)
    return MaskRow(
        split="test",
        sample=sample,
        target=tuple(target.tolist()),
        predicted=tuple(predicted.tolist()),
        n_pixels=tuple(confusion[target, predicted].tolist()),
    )
